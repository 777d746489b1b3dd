#ifndef OAKTREE_CALL_OPTIONS_H_
#define OAKTREE_CALL_OPTIONS_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <functional>
#include <optional>

namespace oaktree {

// How to make a call. A duration alone will do: servers.Wait(id, absl::Minutes(5)).
struct CallOptions {
  CallOptions() = default;
  CallOptions(absl::Duration limit) : timeout(limit) {}  // NOLINT(runtime/explicit)

  // How long it may take; absl::InfiniteDuration() for no end. Absent: a minute for a single call,
  // five to create something, no end for lists, waits and watches.
  std::optional<absl::Duration> timeout;

  // Called with each failure of a call that tells of several places or changes, by the thread that
  // makes the call. Absent: they are an error after the last item, see Error::failures.
  std::function<void(const absl::Status&)> on_failure;
};

}  // namespace oaktree

#endif  // OAKTREE_CALL_OPTIONS_H_
