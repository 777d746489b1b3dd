#ifndef OAKTREE_PLACE_H_
#define OAKTREE_PLACE_H_

#include <absl/status/status.h>
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <memory>
#include <string>

#include "oaktree/address.h"
#include "oaktree/running.h"
#include "oaktree/tokens.h"
#include "oaktree/web.h"
#include "oaktreemodel/v1/location.pb.h"

namespace oaktree::internal {

// Every call goes by its path and this one stub, whatever its messages are: so a resource adds no
// template to be compiled, and a scope costs nothing to make.
using Stub = grpc::TemplatedGenericStub<google::protobuf::Message, google::protobuf::Message>;

// A channel, where it leads, and what goes on there.
struct Connection {
  Endpoint endpoint;
  std::shared_ptr<grpc::Channel> channel;
  Running running;
  // For what goes straight to or from clouds.
  Web web;
  // What callers name as their cloud where they show who they are; empty: nothing.
  std::string cloud;
  // The last, since it may use the rest until it is gone.
  std::unique_ptr<Tokens> tokens;
};

// Where a scope's calls go, and on which connection. Never changes, so that threads may share it.
struct Place {
  std::shared_ptr<Connection> connection;
  oaktreemodel::v1::Location location;
  // Why nothing can be asked here.
  absl::Status refused;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_PLACE_H_
