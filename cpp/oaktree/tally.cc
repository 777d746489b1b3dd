#include "oaktree/tally.h"

#include "oaktree/error.h"

namespace oaktree::internal {
namespace {

bool IsHopeless(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnimplemented:
      return true;
    case absl::StatusCode::kPermissionDenied:
      // What the cloud denies, it denies for all; one without a reason is of a file.
      return !Error(status).reason.empty();
    case absl::StatusCode::kResourceExhausted:
      // A quota, or a disk that is full.
      return Error(status).reason != "RATE_LIMITED";
    default:
      return false;
  }
}

}  // namespace

void Tally::Do(FileStep::Action action, const std::string& path, const std::string& why,
               int64_t size) {
  const std::lock_guard lock(mutex_);
  switch (action) {
    case FileStep::Action::kSend:
      ++result_.sent;
      result_.sent_bytes += size;
      break;
    case FileStep::Action::kSkip:
      ++result_.skipped;
      break;
    case FileStep::Action::kDelete:
      ++result_.deleted;
      break;
  }
  if (on_step_) on_step_({path, action, why, size});
}

void Tally::LeaveOut(const std::string& path) {
  const std::lock_guard lock(mutex_);
  result_.left_out.push_back(path);
}

absl::Status Tally::Fail(const std::string& path, absl::Status error) {
  if (IsHopeless(error)) return error;
  const std::lock_guard lock(mutex_);
  result_.failed.push_back({path, std::move(error)});
  return absl::OkStatus();
}

}  // namespace oaktree::internal
