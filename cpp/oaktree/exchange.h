#ifndef OAKTREE_EXCHANGE_H_
#define OAKTREE_EXCHANGE_H_

#include <absl/time/time.h>
#include <google/protobuf/message.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <memory>
#include <optional>

#include "oaktree/place.h"

namespace oaktree::internal {

using google::protobuf::Message;

// One call that streams both ways, made once. Ends when this does, at the latest.
class Exchange final {
 public:
  enum class Event { kHeard, kWritten, kEnd };

  explicit Exchange(absl::Duration timeout);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Before it is made.
  grpc::ClientContext& context() { return context_; }

  // Makes the call, and sends the first message. What is heard is read into `response`, which must
  // outlive this.
  void Open(const Connection& connection, const char* path, const Message& first, bool is_last,
            Message& response);

  // Waits: for a response, for the last message to be gone, or for the end of the call, which
  // Finish() tells of. A message may be written only after the one before is gone.
  Event Next();
  // The same without waiting; nothing if nothing has happened.
  std::optional<Event> Poll();
  void Write(const Message& message, bool is_last);
  grpc::Status Finish();

 private:
  using Call = grpc::ClientAsyncReaderWriter<Message, Message>;

  // Has what comes next be read.
  void Listen();
  // What the end of an operation comes to; nothing where that is told by another.
  std::optional<Event> Heed(void* tag, bool ok);

  // Waits for an operation; true with its tag if it succeeded.
  bool Await(void*& tag);

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Call> call_;
  Message* response_ = nullptr;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_over_ = false;
  bool is_finished_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_EXCHANGE_H_
