#include "oaktree/trial.h"

#include <absl/time/clock.h>

#include <algorithm>
#include <optional>

#include "oaktree/lasting.h"

namespace oaktree::internal {
namespace {

// How often a transfer is lost without getting further before it is given up: half a minute, in
// which an oaktree can be started again.
constexpr int kMostLosses = 8;

}  // namespace

Trial::Trial(const Place& place, const char* path, const TransferOptions& options)
    : deadline_(absl::Now() + options.timeout.value_or(absl::InfiniteDuration())),
      authorization_(place.connection.get(), path),
      registration_(place.connection ? &place.connection->running : nullptr, *this) {}

absl::Status Trial::Run(const std::function<Outcome(absl::Duration left)>& attempt) {
  for (;;) {
    Outcome outcome = attempt(Left());
    if (outcome.status.ok() || outcome.is_final) return outcome.status;
    const auto pause = Pause(outcome);
    if (!pause) return outcome.status;
    std::unique_lock lock(mutex_);
    cancel_.wait_for(lock, absl::ToChronoNanoseconds(std::min(*pause, Left())),
                     [this] { return is_cancelled_; });
  }
}

std::optional<absl::Duration> Trial::Pause(Outcome& outcome) {
  if (authorization_.Renew(outcome.status, Left())) {
    // One whose tokens all end before it does comes to nothing.
    losses_ = outcome.has_gained ? 0 : losses_ + 1;
    if (losses_ > kMostLosses) return std::nullopt;
    return absl::ZeroDuration();
  }
  if (!outcome.was_reached && losses_ == 0) return early_.Pause(outcome.status);
  if (!absl::IsUnavailable(outcome.status)) return std::nullopt;
  losses_ = outcome.has_gained ? 1 : losses_ + 1;
  if (losses_ > kMostLosses) return std::nullopt;
  const auto most = std::min(kLongestPause, kShortestPause * (1 << losses_));
  return kShortestPause + (most - kShortestPause) * RandomBetween(0, 1);
}

absl::Status Trial::Enter(grpc::ClientContext& context) {
  if (absl::Status status = authorization_.AddTo(context, Left()); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  if (is_cancelled_) return absl::CancelledError("the call was cancelled");
  context_ = &context;
  return absl::OkStatus();
}

void Trial::Leave() {
  const std::lock_guard lock(mutex_);
  context_ = nullptr;
}

absl::Status Trial::Look() {
  if (deadline_ <= absl::Now()) return absl::DeadlineExceededError("the time for it is over");
  const std::lock_guard lock(mutex_);
  return is_cancelled_ ? absl::CancelledError("the call was cancelled") : absl::OkStatus();
}

absl::Duration Trial::Left() const {
  return std::max(absl::ZeroDuration(), deadline_ - absl::Now());
}

void Trial::Cancel() {
  authorization_.Cancel();
  const std::lock_guard lock(mutex_);
  is_cancelled_ = true;
  if (context_ != nullptr) context_->TryCancel();
  cancel_.notify_all();
}

}  // namespace oaktree::internal
