#include "oaktree/private_file.h"

#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace oaktree::internal {
namespace {

// Bytes. Far more than any file that is meant.
constexpr size_t kLargest = 1 << 20;

absl::Status Refuse(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

absl::Status Unreadable(const std::string& path) {
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file"));
  }
  return Refuse(path, absl::StrCat("it cannot be read: ", std::strerror(error)));
}

absl::Status CheckPrivate(const std::string& path, const struct stat& found) {
  if (found.st_uid != ::geteuid() && found.st_uid != 0) {
    return Refuse(path, "it belongs to another user, who must not say who you are");
  }
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Refuse(path, absl::StrCat("others may use it, and it holds a secret: chmod 600 ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Read(const std::string& path, bool is_private) {
  // What is no file, such as a pipe, must not be waited for.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return Unreadable(path);
  const absl::Cleanup close = [file] { ::close(file); };
  struct stat found;
  if (::fstat(file, &found) != 0) return Unreadable(path);
  if (!S_ISREG(found.st_mode)) return Refuse(path, "it is no file");
  if (is_private) {
    if (absl::Status refused = CheckPrivate(path, found); !refused.ok()) return refused;
  }
  std::string content;
  char part[4096];
  for (ssize_t count; (count = ::read(file, part, sizeof part)) != 0;) {
    if (count < 0) {
      if (errno == EINTR) continue;
      return Unreadable(path);
    }
    content.append(part, static_cast<size_t>(count));
    if (content.size() > kLargest) return Refuse(path, "it is too large");
  }
  return content;
}

}  // namespace

absl::StatusOr<std::string> ReadPrivate(const std::string& path) { return Read(path, true); }

absl::StatusOr<std::string> ReadFile(const std::string& path) { return Read(path, false); }

}  // namespace oaktree::internal
