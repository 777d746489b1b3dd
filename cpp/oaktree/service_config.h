#ifndef OAKTREE_SERVICE_CONFIG_H_
#define OAKTREE_SERVICE_CONFIG_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <set>

namespace oaktree::internal {

// Which calls gRPC sends again by itself, and when; made from the proto tree.
extern const char kServiceConfig[];

// The same, for the calls that gRPC leaves to us.
struct RetryPolicy {
  int attempts;
  absl::Duration first;
  absl::Duration longest;
  double multiplier;
  std::set<absl::StatusCode> codes;
};
RetryPolicy GetRetryPolicy();

}  // namespace oaktree::internal

#endif  // OAKTREE_SERVICE_CONFIG_H_
