#include "oaktree/token_file.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <sys/stat.h>

#include <tuple>
#include <utility>

#include "oaktree/environment.h"
#include "oaktree/private_file.h"

namespace oaktree::internal {
namespace {

using Time = std::pair<time_t, long>;

Time ModifiedAt(const struct stat& found) { return {found.st_mtim.tv_sec, found.st_mtim.tv_nsec}; }

}  // namespace

absl::StatusOr<std::string> TokenFile::Take(const Waiter&, const std::string* refused) {
  const std::lock_guard lock(mutex_);
  if (token_ && (refused == nullptr || *token_ != *refused)) return *token_;
  auto read = Read();
  if (!read.ok()) return absl::UnauthenticatedError(read.status().message());
  // Where it is gone, none is no better than the one that was refused.
  if (refused == nullptr || !read->empty()) token_ = *std::move(read);
  return *token_;
}

std::string TokenFile::Hint() const {
  return absl::StrCat("no token was sent, for there is no file ", absl::StrJoin(Paths(), " nor "));
}

std::vector<std::string> TokenFile::Paths() const {
  std::vector<std::string> paths;
  const std::string runtime = FolderFromEnvironment("XDG_RUNTIME_DIR");
  if (!runtime.empty()) {
    paths.push_back(absl::StrCat(runtime, "/oaktree/", name_));
  }
  if (const std::string home = Home(); !home.empty()) {
    paths.push_back(absl::StrCat(home, "/.local/state/oaktree/", name_));
  }
  return paths;
}

absl::StatusOr<std::string> TokenFile::Read() const {
  std::string newest;
  Time modified;
  for (const std::string& path : Paths()) {
    struct stat found;
    if (::stat(path.c_str(), &found) != 0) continue;
    if (newest.empty() || modified < ModifiedAt(found)) {
      std::tie(newest, modified) = std::pair(path, ModifiedAt(found));
    }
  }
  if (newest.empty()) return "";
  const auto content = ReadPrivate(newest);
  // The oaktree may end just now.
  if (absl::IsNotFound(content.status())) return "";
  if (!content.ok()) return content.status();
  std::string token(absl::StripAsciiWhitespace(*content));
  if (!IsToken(token)) {
    return absl::InvalidArgumentError(absl::StrCat(newest, ": it holds no token"));
  }
  return token;
}

}  // namespace oaktree::internal
