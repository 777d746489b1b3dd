#ifndef OAKTREE_RETRIES_H_
#define OAKTREE_RETRIES_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <optional>

namespace oaktree::internal {

// When a stream is asked for again that has told nothing yet: one that has begun would tell its
// items twice. gRPC does that by itself for calls that answer at once. Of streams that it may send
// again, its core loses the end when a connection breaks with many open, so that they would hang
// for ever.
class Retries {
 public:
  bool is_first() const { return count_ == 1; }

  // How long to wait after this failure before the next time; nothing if there is to be none. What
  // the failure itself asks for is not heeded, as gRPC does not.
  std::optional<absl::Duration> Pause(const absl::Status& status);

 private:
  int count_ = 1;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_RETRIES_H_
