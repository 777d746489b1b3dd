#ifndef OAKTREE_TRIAL_H_
#define OAKTREE_TRIAL_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "oaktree/authorization.h"
#include "oaktree/place.h"
#include "oaktree/retries.h"
#include "oaktree/running.h"
#include "oaktree/transfer_options.h"

namespace oaktree::internal {

// A transfer over all its attempts: when it is tried again, and what ends it.
class Trial final : public Cancellable {
 public:
  // What an attempt came to.
  struct Outcome {
    absl::Status status;
    // Whether it got as far as the server.
    bool was_reached = false;
    // Whether it brought the transfer further than those before.
    bool has_gained = false;
    // Whether there may be another.
    bool is_final = false;
  };

  Trial(const Place& place, const char* path, const TransferOptions& options);

  // Makes attempts, each within the time that is left, until one succeeds or none is to follow.
  absl::Status Run(const std::function<Outcome(absl::Duration left)>& attempt);

  // Has an attempt say who makes it, and be ended with the transfer until Leave().
  absl::Status Enter(grpc::ClientContext& context);
  void Leave();

  // The server has answered.
  void Hear() { authorization_.Accept(); }

  // An error once it is cancelled or its time is over, and nothing else ends it.
  absl::Status Look();

  // The token to show at a cloud; empty if there is none.
  absl::StatusOr<std::string> Token() { return authorization_.Token(Left()); }

  // Until its time is over.
  absl::Duration Left() const;

  // From any thread.
  void Cancel() override;

 private:
  // How long to wait before the next attempt; nothing if there is to be none.
  std::optional<absl::Duration> Pause(Outcome& outcome);

  const absl::Time deadline_;
  Authorization authorization_;
  Retries early_;
  int losses_ = 0;

  std::mutex mutex_;
  std::condition_variable cancel_;
  bool is_cancelled_ = false;
  grpc::ClientContext* context_ = nullptr;
  // The last, since it may be cancelled as soon as this is.
  const Registration registration_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_TRIAL_H_
