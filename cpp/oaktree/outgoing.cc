#include "oaktree/outgoing.h"

#include <algorithm>
#include <utility>

namespace oaktree::internal {
namespace {

// Bytes.
constexpr size_t kPart = 256 << 10;

}  // namespace

Outgoing::Outgoing(Content& content, int64_t size, const std::vector<const EVP_MD*>& kinds,
                   Check check, Told told)
    : content_(content), size_(size), check_(std::move(check)), told_(std::move(told)) {
  for (const EVP_MD* kind : kinds) digests_.emplace_back(kind);
}

absl::StatusOr<size_t> Outgoing::Read(char* to, size_t size) {
  if (read_ == size_ && !made_.empty()) return size_t{0};
  const auto wanted =
      static_cast<size_t>(std::min(size_ - read_, static_cast<int64_t>(std::min(size, kPart))));
  auto read = ReadAll(content_, read_, wanted);
  if (!read.ok()) return read.status();
  read->copy(to, wanted);
  for (auto& one : digests_) one.Add(*read);
  read_ += static_cast<int64_t>(wanted);
  if (read_ == size_) {
    for (auto& one : digests_) made_.push_back(one.Take());
    if (absl::Status changed = content_.Check(); !changed.ok()) return changed;
    if (check_) {
      if (absl::Status wrong = check_(made_); !wrong.ok()) return wrong;
    }
  }
  if (told_) {
    if (absl::Status over = told_(read_); !over.ok()) return over;
  }
  return wanted;
}

bool Outgoing::Rewind() {
  if (read_ == 0) return true;
  for (auto& one : digests_) one.Take();
  made_.clear();
  read_ = 0;
  return content_.Rewind();
}

absl::Status Outgoing::Drain() {
  std::string part(kPart, '\0');
  do {
    const auto count = Read(part.data(), part.size());
    if (!count.ok()) return count.status();
  } while (read_ < size_);
  return absl::OkStatus();
}

absl::StatusOr<size_t> Begun::Read(int64_t offset, char* to, size_t size) {
  if (content_.is_random()) return content_.Read(offset, to, size);
  const auto at = static_cast<size_t>(offset);
  const size_t count = at < head_.size() ? head_.copy(to, size, at) : 0;
  if (count == size) return count;
  is_consumed_ = true;
  auto more = content_.Read(offset + static_cast<int64_t>(count), to + count, size - count);
  return more.ok() ? *more + count : std::move(more);
}

bool Begun::Rewind() {
  if (!is_consumed_) return true;
  // What follows is not what was at hand, but after it.
  if (!content_.Rewind() || !ReadAll(content_, 0, head_.size()).ok()) return false;
  is_consumed_ = false;
  return true;
}

}  // namespace oaktree::internal
