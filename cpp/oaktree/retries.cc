#include "oaktree/retries.h"

#include <algorithm>
#include <cmath>

#include "oaktree/lasting.h"
#include "oaktree/service_config.h"

namespace oaktree::internal {

std::optional<absl::Duration> Retries::Pause(const absl::Status& status) {
  static const RetryPolicy policy = GetRetryPolicy();
  if (count_ >= policy.attempts || policy.codes.count(status.code()) == 0) return std::nullopt;
  const auto usual = policy.first * std::pow(policy.multiplier, count_ - 1);
  ++count_;
  // As gRPC varies its own pauses, so that not all who were refused come back at once.
  return std::min(usual, policy.longest) * RandomBetween(0.8, 1.2);
}

}  // namespace oaktree::internal
