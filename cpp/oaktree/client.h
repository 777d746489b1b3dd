#ifndef OAKTREE_CLIENT_H_
#define OAKTREE_CLIENT_H_

#include <absl/status/status.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "oaktree/credentials.h"
#include "oaktree/v1/scope.h"

namespace oaktree {

// A connection to an oaktree. Its own collections span every cloud the caller can see.
//
// Copies are cheap and share the connection, which ends with the last of them, and of the scopes,
// collections and streams made from them. All but streams may be shared by threads.
class Client : public Scope {
 public:
  // Connects at the first call. The address is host:port, https://host:port, http://host:port or
  // unix:/path; the port of a bare host is 50051. An empty one is what the file that
  // Credentials::file names says, else OAKTREE_ADDRESS, else the usual credentials file, else
  // localhost:50051. One that cannot be read is an INVALID_ARGUMENT of every call, and so is
  // whatever else is wrong with what is given or found.
  //
  // Without credentials, TLS is spoken and the server's certificate checked against what the system
  // trusts, unless the address is on this machine or begins with http://. Credentials say
  // themselves what is spoken; with grpc::InsecureChannelCredentials() anyone on the way can read
  // and change what is sent. The arguments win over this library's own.
  //
  // Who the caller is, is found as by the other constructor when nothing is given there.
  explicit Client(const std::string& address = "",
                  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr,
                  const grpc::ChannelArguments& arguments = grpc::ChannelArguments());

  // Connects as somebody: by these credentials, else by the file that they name, else by
  // OAKTREE_TOKEN, or OAKTREE_CLIENT_ID and OAKTREE_CLIENT_SECRET, else by the credentials file
  // that OAKTREE_CREDENTIALS names, or oaktree/credentials.yaml in $XDG_CONFIG_HOME or ~/.config,
  // if it is for this address, else, on this machine, by the token file of one's own oaktree.
  // OAKTREE_CLOUD and OAKTREE_CA stand in for `cloud` and `ca` where the file that they name has
  // none. What the environment says counts only where OAKTREE_ADDRESS is not another.
  //
  // Nothing secret is sent to another machine but by TLS that this library speaks itself, or by
  // channel credentials of which Credentials::is_channel_secure says that they do.
  Client(const std::string& address, const Credentials& credentials,
         std::shared_ptr<grpc::ChannelCredentials> channel_credentials = nullptr,
         const grpc::ChannelArguments& arguments = grpc::ChannelArguments());

  // The collections of one cloud, or of one of its regions. Whether there is such a cloud shows at
  // the first call; an empty name is refused there, since it would mean every cloud.
  Scope cloud(const std::string& name, const std::string& region = "") const;

  // The collections of a place: of a part of a cloud, or of where something is, as in
  // client.at(server.location()). An empty location is every place.
  Scope at(const oaktreemodel::v1::Location& location) const;

  // Ends every call that is under way on this connection with a CANCELLED, and whatever is called
  // later; from any thread. There is no need to, but where calls shall end before their time.
  void Close() const;

  // The gRPC channel, for the stubs in oaktreemodel/v1/*.grpc.pb.h. Null where every call of this
  // client is an INVALID_ARGUMENT.
  std::shared_ptr<grpc::Channel> channel() const;

  // Has a stub's call say who makes it, as every other call of this client does by itself. It may
  // have to ask the server for a token, until the context's deadline, and fails as calls do. Where
  // a call was refused, reason UNAUTHENTICATED, `is_again` brings a new token to the next one's
  // context, if there is a new one.
  absl::Status Authorize(grpc::ClientContext& context, bool is_again = false) const;
};

}  // namespace oaktree

#endif  // OAKTREE_CLIENT_H_
