#ifndef OAKTREE_ATTEMPT_H_
#define OAKTREE_ATTEMPT_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <google/protobuf/message.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <memory>

#include "oaktree/place.h"

namespace oaktree::internal {

using google::protobuf::Message;

// Copies the place into a request that has none; an error if it has one, too, or if nothing can be
// asked there.
absl::Status Prepare(const Place& place, Message& request);

// One call, made once. Ends when this does, at the latest.
class Attempt final : public Cancellable {
 public:
  explicit Attempt(absl::Duration timeout);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  // Before it is made.
  grpc::ClientContext& context() { return context_; }

  // Answers at once.
  grpc::Status Unary(Connection& connection, const char* path, const Message& request,
                     Message& response);

  // Answers with a stream, to be read.
  void Open(const Connection& connection, const char* path, const Message& request);

  // Waits for the next response. False when there is none, and Finish() tells why.
  bool Read(Message& response);
  grpc::Status Finish();

  // From any thread.
  void Cancel() override { context_.TryCancel(); }

 private:
  using Call = grpc::ClientAsyncReaderWriter<Message, Message>;

  // Waits for the one operation that is under way; whether it succeeded.
  bool Await();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Call> call_;
  bool is_finished_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_ATTEMPT_H_
