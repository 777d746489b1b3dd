#include "oaktree/responses.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "oaktree/failures.h"

namespace oaktree::internal {

Responses::Responses(std::shared_ptr<const Place> place, const char* path,
                     std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                     const CallOptions& options, bool is_lasting)
    : place_(std::move(place)),
      path_(path),
      request_(std::move(request)),
      response_(std::move(response)),
      timeout_(options.timeout.value_or(absl::InfiniteDuration())),
      is_lasting_(is_lasting),
      authorization_(place_->connection.get(), path),
      registration_(place_->connection ? &place_->connection->running : nullptr, *this) {}

Responses::Told Responses::Next() {
  while (!has_ended_) {
    if (attempt_ == nullptr && !Begin()) break;
    if (unauthorized_.ok() && attempt_->Read(*response_)) {
      losses_.Hear();
      authorization_.Accept();
      return Told::kResponse;
    }
    if (const auto told = GoOn(Finish())) return *told;
  }
  return Told::kEnd;
}

absl::Status Responses::Finish() {
  absl::Status status = unauthorized_;
  if (status.ok()) status = FromCall(attempt_->Finish(), place_->connection->endpoint, "");
  const std::lock_guard lock(mutex_);
  attempt_.reset();
  return status;
}

std::optional<Responses::Told> Responses::GoOn(absl::Status status) {
  if ((is_lasting_ || !losses_.is_heard()) && authorization_.Renew(status, Left())) {
    next_pause_ = absl::ZeroDuration();
    is_renewed_ = true;
    status_ = std::move(status);
    return std::nullopt;
  }
  if (!losses_.is_heard()) {
    if (const auto pause = retries_.Pause(status)) {
      next_pause_ = *pause;
      status_ = std::move(status);
      return std::nullopt;
    }
  }
  if (!is_lasting_ || !losses_.was_heard() || !absl::IsUnavailable(status)) {
    return End(std::move(status));
  }
  status_ = std::move(status);
  next_pause_ = losses_.Pause();
  retries_ = Retries();
  if (losses_.is_heard()) return Told::kLost;
  return std::nullopt;
}

Responses::Told Responses::End(absl::Status status) {
  status_ = std::move(status);
  has_ended_ = true;
  return Told::kEnd;
}

bool Responses::Begin() {
  if (!begun_) {
    begun_ = Clock::now();
    if (absl::Status refused = Prepare(*place_, *request_); !refused.ok()) {
      End(std::move(refused));
      return false;
    }
  }
  std::unique_lock lock(mutex_);
  cancel_.wait_for(lock, absl::ToChronoNanoseconds(std::min(next_pause_, Left())),
                   [this] { return is_cancelled_; });
  if (is_cancelled_) {
    End(absl::CancelledError("the call was cancelled"));
    return false;
  }
  // gRPC may find first that the server is still away, and say that instead.
  if (!status_.ok() && Left() == absl::ZeroDuration()) {
    End(absl::DeadlineExceededError(
        absl::StrCat("the time for the call is over; before that: ", status_.message())));
    return false;
  }
  attempt_ = std::make_unique<Attempt>(Left());
  lock.unlock();
  if (retries_.is_first() && !std::exchange(is_renewed_, false)) losses_.Begin();
  attempt_->context().set_wait_for_ready(losses_.is_again());
  unauthorized_ = authorization_.AddTo(attempt_->context(), Left());
  if (unauthorized_.ok()) attempt_->Open(*place_->connection, path_, *request_);
  return true;
}

absl::Duration Responses::Left() const {
  return std::max(absl::ZeroDuration(), timeout_ - absl::FromChrono(Clock::now() - *begun_));
}

void Responses::Cancel() {
  authorization_.Cancel();
  const std::lock_guard lock(mutex_);
  is_cancelled_ = true;
  if (attempt_ != nullptr) attempt_->Cancel();
  cancel_.notify_all();
}

}  // namespace oaktree::internal
