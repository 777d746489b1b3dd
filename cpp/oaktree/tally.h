#ifndef OAKTREE_TALLY_H_
#define OAKTREE_TALLY_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "oaktree/directory.h"

namespace oaktree::internal {

// Counts what becomes of a directory. For any thread.
class Tally {
 public:
  explicit Tally(std::function<void(const FileStep&)> on_step) : on_step_(std::move(on_step)) {}

  void Do(FileStep::Action action, const std::string& path, const std::string& why, int64_t size);
  void LeaveOut(const std::string& path);

  // The error itself if it would befall every other file, too; else it is kept.
  absl::Status Fail(const std::string& path, absl::Status error);

  // When all is done.
  DirectoryResult& result() { return result_; }

 private:
  const std::function<void(const FileStep&)> on_step_;
  std::mutex mutex_;
  DirectoryResult result_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_TALLY_H_
