#include "oaktree/lanes.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace oaktree::internal {

absl::Status InLanes(size_t count, int lanes, const std::function<absl::Status(size_t)>& job) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> is_over = false;
  std::mutex mutex;
  absl::Status first;
  const auto run = [&] {
    for (size_t one; !is_over && (one = next++) < count;) {
      absl::Status status = job(one);
      if (status.ok()) continue;
      is_over = true;
      const std::lock_guard lock(mutex);
      if (first.ok()) first = std::move(status);
    }
  };
  const size_t wanted = std::min(count, static_cast<size_t>(std::max(1, lanes)));
  std::vector<std::thread> others;
  for (size_t one = 1; one < wanted; ++one) others.emplace_back(run);
  run();
  for (auto& one : others) one.join();
  return first;
}

OnProgress Sum::Of(size_t part) {
  return [this, part](const Progress& progress) { return TellPart(part, progress); };
}

void Sum::Add(const std::string& name, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  progress_.sent_bytes += bytes;
  Tell(name);
}

bool Sum::TellPart(size_t part, const Progress& progress) {
  if (is_stopped_) return false;
  const std::lock_guard lock(mutex_);
  int64_t& before = parts_[part];
  progress_.sent_bytes += progress.sent_bytes - before;
  before = progress.sent_bytes;
  Tell(progress.name);
  return !is_stopped_;
}

void Sum::Tell(const std::string& name) {
  if (!told_ || is_stopped_) return;
  Progress told = progress_;
  if (told.name.empty()) told.name = name;
  if (!told_(told)) is_stopped_ = true;
}

}  // namespace oaktree::internal
