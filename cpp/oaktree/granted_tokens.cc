#include "oaktree/granted_tokens.h"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <utility>

#include "oaktree/attempt.h"
#include "oaktree/authorization.h"
#include "oaktree/error.h"
#include "oaktree/failures.h"
#include "oaktree/place.h"

namespace oaktree::internal {
namespace {

using std::chrono::seconds;

// As long as any single call.
constexpr absl::Duration kLongestExchange = absl::Minutes(1);
// Before its end a token is renewed, or, if it has a short life, in the second half of that.
constexpr seconds kAhead{60};
// While the old token is still good, a call is not held up longer by a new one,
constexpr seconds kPatience{10};
// and not again so soon when there was none to be had.
constexpr seconds kPause{5};

// Whether there will be no other token, either.
bool IsRefused(const absl::Status& status) { return Error(status).reason == "CREDENTIALS_REFUSED"; }

}  // namespace

GrantedTokens::~GrantedTokens() {
  connection_.running.Close();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::string> GrantedTokens::Take(const Waiter& waiter, const std::string* refused) {
  std::unique_lock lock(mutex_);
  if (refused != nullptr && newest_ && newest_->value == *refused) newest_.reset();
  if (newest_ && now_() < newest_->renewed_from) return newest_->value;
  if (exchange_ == nullptr) {
    if (absl::Status failed = Begin(); !failed.ok()) return failed;
  }
  const auto exchange = exchange_;
  const auto old = newest_;
  const auto is_good = [&] { return old && now_() < old->ends; };
  auto until = waiter.until;
  if (is_good()) {
    const auto now = Clock::now();
    until = std::min(until, now + std::min<Clock::duration>(kPatience, (until - now) / 2));
  }
  changed_.wait_until(lock, until, [&] { return exchange->is_over || waiter.is_cancelled; });
  if (exchange->is_over && exchange->token.ok()) return exchange->token->value;
  if (waiter.is_cancelled) return absl::CancelledError("the call was cancelled");
  if (is_good() && !(exchange->is_over && IsRefused(exchange->token.status()))) return old->value;
  if (exchange->is_over) return exchange->token.status();
  return absl::DeadlineExceededError("the time for the call is over, and there is no token yet");
}

void GrantedTokens::Wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

absl::Status GrantedTokens::Begin() {
  // The one before has said its last word.
  if (thread_.joinable()) thread_.join();
  const auto exchange = std::make_shared<Exchange>();
  try {
    thread_ = std::thread([this, exchange] {
      auto token = Ask();
      const std::lock_guard lock(mutex_);
      if (token.ok()) {
        newest_ = *token;
      } else if (newest_) {
        newest_->renewed_from = std::min<Clock::time_point>(now_() + kPause, newest_->ends);
        if (IsRefused(token.status())) newest_.reset();
      }
      exchange->token = std::move(token);
      exchange->is_over = true;
      exchange_ = nullptr;
      changed_.notify_all();
    });
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError("no thread can be had to ask for a token");
  }
  exchange_ = exchange;
  return absl::OkStatus();
}

absl::StatusOr<GrantedTokens::Token> GrantedTokens::Ask() {
  oaktreemodel::v1::CreateTokenResponse response;
  // Its life is counted from before it began, by a clock that nobody sets.
  const auto asked = now_();
  const grpc::Status said =
      Attempt(kLongestExchange).Unary(connection_, kCreateToken, request_, response);
  if (!said.ok()) return FromCall(said, connection_.endpoint, "");
  if (!IsToken(response.access_token().value())) {
    return absl::InternalError("the server made no token that could be sent");
  }
  // More than a year would be no less than for ever, and less than the clock can bear.
  const seconds life{std::clamp<int64_t>(response.expires_in_seconds(), 0, 366 * 86400)};
  const auto ends = asked + life;
  return Token{response.access_token().value(),
               ends - std::min<Clock::duration>(kAhead, Clock::duration(life) / 2), ends};
}

}  // namespace oaktree::internal
