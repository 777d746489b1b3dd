#include "oaktree/scan.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "oaktree/content.h"

namespace oaktree::internal {

Scan::Scan(std::string directory, const Ignored& ignored, bool follows_links, Tally& tally)
    : directory_(std::move(directory)),
      ignored_(ignored),
      follows_links_(follows_links),
      tally_(tally) {}

absl::Status Scan::Run() {
  struct stat found;
  if (::stat(directory_.c_str(), &found) != 0) return FromErrno(directory_);
  std::error_code error;
  const std::filesystem::directory_iterator whole(directory_, error);
  if (error) return absl::ErrnoToStatus(error.value(), directory_);
  absl::Status status = Walk({"", &found, nullptr});
  auto& out = tally_.result().left_out;
  std::sort(out.begin(), out.end());
  std::sort(files_.begin(), files_.end(),
            [](const Found& one, const Found& other) { return one.path < other.path; });
  return status;
}

absl::Status Scan::Walk(const Place& place) {
  std::error_code error;
  std::filesystem::directory_iterator one(absl::StrCat(directory_, "/", place.path), error);
  for (; !error && one != std::filesystem::directory_iterator(); one.increment(error)) {
    absl::Status status = Look(place, one->path().filename().string());
    if (!status.ok()) return status;
  }
  if (!error) return absl::OkStatus();
  return Fail(place.path, absl::ErrnoToStatus(error.value(), directory_ + "/" + place.path));
}

absl::Status Scan::Look(const Place& place, const std::string& name) {
  const std::string path = place.path + name;
  if (!IsUtf8(name)) {
    return Fail(absl::CHexEscape(path),
                absl::InvalidArgumentError("its name is not UTF-8, as objects' names are"));
  }
  const std::string whole = absl::StrCat(directory_, "/", path);
  struct stat found;
  if (::fstatat(AT_FDCWD, whole.c_str(), &found, follows_links_ ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
    absl::Status error = FromErrno(whole);
    return ignored_.Has(path) ? absl::OkStatus() : Fail(path, std::move(error));
  }
  const bool is_directory = S_ISDIR(found.st_mode);
  if (ignored_.Has(is_directory ? path + "/" : path)) return absl::OkStatus();
  if (!is_directory) {
    if (S_ISREG(found.st_mode)) {
      files_.push_back({path, found.st_size});
    } else {
      tally_.LeaveOut(path);
    }
    return absl::OkStatus();
  }
  // A link may lead back to where it is in.
  for (const Place* above = &place; above != nullptr; above = above->above) {
    if (above->found->st_dev == found.st_dev && above->found->st_ino == found.st_ino) {
      tally_.LeaveOut(path);
      return absl::OkStatus();
    }
  }
  return Walk({path + "/", &found, &place});
}

absl::Status Scan::Fail(const std::string& path, absl::Status error) {
  is_complete_ = false;
  return tally_.Fail(path, std::move(error));
}

bool IsUtf8(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    // By RFC 3629: the length, and the least that may be written with it.
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0 || at + length > text.size()) return false;
    unsigned value = length == 1 ? first : first & (0x7fu >> length);
    for (size_t next = 1; next < length; ++next) {
      const auto byte = static_cast<unsigned char>(text[at + next]);
      if ((byte & 0xc0) != 0x80) return false;
      value = value << 6 | (byte & 0x3f);
    }
    const bool is_surrogate = value >= 0xd800 && value < 0xe000;
    const bool is_too_long = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    if (is_surrogate || is_too_long || value > 0x10ffff) return false;
    at += length;
  }
  return true;
}

}  // namespace oaktree::internal
