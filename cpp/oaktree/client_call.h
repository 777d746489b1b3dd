#ifndef OAKTREE_CLIENT_CALL_H_
#define OAKTREE_CLIENT_CALL_H_

#include <absl/time/time.h>
#include <google/protobuf/message.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <memory>

#include "oaktree/place.h"

namespace oaktree::internal {

using google::protobuf::Message;

// One call, made once, whose operations end in a queue of its own. Ends when this does, at the
// latest, and waits for what is under way.
class ClientCall {
 public:
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  // Before it is made.
  grpc::ClientContext& context() { return context_; }

 protected:
  explicit ClientCall(absl::Duration timeout);
  ~ClientCall();

  // Makes it, as one that streams; whether it could be made.
  bool Start(const Connection& connection, const char* path);

  // Tells its end, once nothing else is under way.
  grpc::Status End();

  // Waits for an operation; true with its tag if it succeeded.
  bool Await(void*& tag);

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Message, Message>> stream_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_CLIENT_CALL_H_
