#ifndef OAKTREE_CREDENTIALS_H_
#define OAKTREE_CREDENTIALS_H_

#include <string>

namespace oaktree {

// Who the caller is, for an oaktree that asks; what is left empty a Client looks for elsewhere. A
// token or a client id, not both.
struct Credentials {
  // A token of the cloud's identity service, as `openstack token issue` gives. Nothing renews it.
  std::string token;

  // An application credential of the cloud's identity service. It is exchanged for tokens, which
  // are renewed before they end. Neither goes without the other.
  std::string client_id;
  std::string client_secret;

  // The path of a credentials file, which must be for the address that is connected to. It says
  // what is left empty here, before the environment does.
  std::string file;

  // The name of the cloud, where the oaktree serves several.
  std::string cloud;

  // The path of a PEM file with the certificates to trust, in place of what the system trusts: then
  // TLS is spoken on this machine, too. Of no effect beside grpc::ChannelCredentials.
  std::string ca;

  // Promises of grpc::ChannelCredentials given beside these that nobody on the way can read what
  // is sent: they cannot be asked. Without it, nothing secret goes by them to another machine.
  bool is_channel_secure = false;
};

}  // namespace oaktree

#endif  // OAKTREE_CREDENTIALS_H_
