#ifndef OAKTREE_RESPONSES_H_
#define OAKTREE_RESPONSES_H_

#include <absl/status/status.h>
#include <google/protobuf/message.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "oaktree/attempt.h"
#include "oaktree/authorization.h"
#include "oaktree/call_options.h"
#include "oaktree/lasting.h"
#include "oaktree/place.h"
#include "oaktree/retries.h"

namespace oaktree::internal {

// The responses of a stream. It is asked for again while the server is away, until it tells
// something; a lasting one, a wait or a watch, also when the server is lost or its token ends
// afterwards. The call begins at the first Next().
class Responses final : public Cancellable {
 public:
  enum class Told { kResponse, kLost, kEnd };

  Responses(std::shared_ptr<const Place> place, const char* path, std::unique_ptr<Message> request,
            std::unique_ptr<Message> response, const CallOptions& options, bool is_lasting);

  // Waits for the next response; kLost, once an outage, when a lasting stream has lost its server.
  Told Next();

  // May be changed between calls.
  Message& request() { return *request_; }
  // The last one told.
  Message& response() { return *response_; }
  // Why it was lost, or how it ended.
  const absl::Status& status() const { return status_; }
  const Place& place() const { return *place_; }

  // From any thread.
  void Cancel() override;

 private:
  using Clock = std::chrono::steady_clock;

  // How to go on after a failure: by what is told, or, if nothing is, by beginning again.
  std::optional<Told> GoOn(absl::Status status);
  Told End(absl::Status status);
  bool Begin();
  // Why there is nothing more to be read of this attempt.
  absl::Status Finish();
  absl::Duration Left() const;

  const std::shared_ptr<const Place> place_;
  const char* const path_;
  const std::unique_ptr<Message> request_;
  const std::unique_ptr<Message> response_;
  const absl::Duration timeout_;
  const bool is_lasting_;
  Authorization authorization_;
  // Why the attempt could not be made.
  absl::Status unauthorized_;
  // With another token, at once: that is no loss.
  bool is_renewed_ = false;
  Retries retries_;
  Losses losses_;
  absl::Status status_;
  bool has_ended_ = false;
  // Before the call is made again.
  absl::Duration next_pause_;
  // When it was first made.
  std::optional<Clock::time_point> begun_;

  std::mutex mutex_;
  std::condition_variable cancel_;
  bool is_cancelled_ = false;
  std::unique_ptr<Attempt> attempt_;
  // The last, since it may be cancelled as soon as this is.
  const Registration registration_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_RESPONSES_H_
