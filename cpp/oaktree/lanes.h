#ifndef OAKTREE_LANES_H_
#define OAKTREE_LANES_H_

#include <absl/status/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "oaktree/transfer_options.h"

namespace oaktree::internal {

// Does jobs 0 to count - 1, so many at a time, until one fails; its error.
absl::Status InLanes(size_t count, int lanes, const std::function<absl::Status(size_t)>& job);

// The progress of several transfers that are parts of one.
class Sum {
 public:
  // To be told under that name, or each under its own if there is none.
  Sum(OnProgress told, std::string name, std::optional<int64_t> total_bytes)
      : told_(std::move(told)), progress_{std::move(name), 0, total_bytes} {}

  // What a part is to tell; `part` is one of its own. False once all have to end.
  OnProgress Of(size_t part);

  // So much of it needs no transfer.
  void Add(const std::string& name, int64_t bytes);

  // Has all parts end.
  void Stop() { is_stopped_ = true; }
  const std::atomic<bool>& is_stopped() const { return is_stopped_; }

 private:
  bool TellPart(size_t part, const Progress& progress);
  // With the mutex held.
  void Tell(const std::string& name);

  const OnProgress told_;
  std::atomic<bool> is_stopped_ = false;
  std::mutex mutex_;
  Progress progress_;
  std::map<size_t, int64_t> parts_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_LANES_H_
