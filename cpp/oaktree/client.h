#ifndef OAKTREE_CLIENT_H_
#define OAKTREE_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "oaktree/v1/scope.h"

namespace oaktree {

// A connection to an oaktree. Its own collections span every cloud the caller can see.
//
// Copies are cheap and share the connection, which ends with the last of them, and of the scopes,
// collections and streams made from them. All but streams may be shared by threads.
class Client : public Scope {
 public:
  // Connects at the first call. The address is host:port, https://host:port, http://host:port or
  // unix:/path; the port of a bare host is 50051. One that cannot be read is an INVALID_ARGUMENT of
  // every call.
  //
  // Without credentials, TLS is spoken and the server's certificate checked against what the system
  // trusts, unless the address is on this machine or begins with http://. Credentials say
  // themselves what is spoken; with grpc::InsecureChannelCredentials() anyone on the way can read
  // and change what is sent. The arguments win over this library's own.
  explicit Client(const std::string& address,
                  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr,
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

  // The gRPC channel, for the stubs in oaktreemodel/v1/*.grpc.pb.h. Null if the address cannot be
  // read.
  std::shared_ptr<grpc::Channel> channel() const;
};

}  // namespace oaktree

#endif  // OAKTREE_CLIENT_H_
