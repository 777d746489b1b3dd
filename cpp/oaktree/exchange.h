#ifndef OAKTREE_EXCHANGE_H_
#define OAKTREE_EXCHANGE_H_

#include <absl/time/time.h>
#include <google/protobuf/message.h>

#include <optional>

#include "oaktree/client_call.h"

namespace oaktree::internal {

// One call that streams both ways.
class Exchange final : public ClientCall {
 public:
  enum class Event { kHeard, kWritten, kEnd };

  explicit Exchange(absl::Duration timeout) : ClientCall(timeout) {}

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
  // Has what comes next be read.
  void Listen();
  // What the end of an operation comes to; nothing where that is told by another.
  std::optional<Event> Heed(void* tag, bool ok);

  Message* response_ = nullptr;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_over_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_EXCHANGE_H_
