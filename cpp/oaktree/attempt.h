#ifndef OAKTREE_ATTEMPT_H_
#define OAKTREE_ATTEMPT_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <google/protobuf/message.h>

#include "oaktree/client_call.h"
#include "oaktree/running.h"

namespace oaktree::internal {

// Copies the place into a request that has none; an error if it has one, too, or if nothing can be
// asked there.
absl::Status Prepare(const Place& place, Message& request);

// One call that asks once.
class Attempt final : public ClientCall, public Cancellable {
 public:
  explicit Attempt(absl::Duration timeout) : ClientCall(timeout) {}

  // Answers at once.
  grpc::Status Unary(Connection& connection, const char* path, const Message& request,
                     Message& response);

  // Answers with a stream, to be read.
  void Open(const Connection& connection, const char* path, const Message& request);

  // Waits for the next response. False when there is none, and Finish() tells why.
  bool Read(Message& response);
  grpc::Status Finish() { return End(); }

  // From any thread.
  void Cancel() override { context_.TryCancel(); }

 private:
  // Waits for the one operation that is under way; whether it succeeded.
  bool Await();
};

}  // namespace oaktree::internal

#endif  // OAKTREE_ATTEMPT_H_
