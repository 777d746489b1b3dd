#include "oaktree/content.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "oaktree/digest.h"

namespace oaktree::internal {
namespace {

// Bytes.
constexpr size_t kPart = 256 << 10;

class File final : public Content {
 public:
  File(std::string path, bool may_be_link)
      : path_(std::move(path)), may_be_link_(may_be_link), is_named_(true) {}
  // One that is open already, and nobody else's.
  explicit File(int file) : path_("a temporary file"), is_named_(false), file_(file) {}
  ~File() override {
    if (file_ >= 0) ::close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::StatusOr<std::optional<int64_t>> Open() override {
    if (is_named_) {
      if (file_ >= 0) ::close(file_);
      // What is no file, such as a pipe, must not be waited for.
      file_ = ::open(path_.c_str(),
                     O_RDONLY | O_CLOEXEC | O_NONBLOCK | (may_be_link_ ? 0 : O_NOFOLLOW));
      if (file_ < 0) return FromErrno(path_);
    }
    if (::fstat(file_, &found_) != 0) return FromErrno(path_);
    if (!S_ISREG(found_.st_mode)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, S_ISDIR(found_.st_mode) ? ": it is a directory" : ": it is no file"));
    }
    return found_.st_size;
  }

  std::string path() const override { return is_named_ ? path_ : ""; }
  std::optional<absl::Time> modified_at() const override {
    if (!is_named_) return std::nullopt;
    return absl::TimeFromTimespec(found_.st_mtim);
  }

  absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t size) override {
    size_t count = 0;
    while (count < size) {
      const ssize_t part =
          ::pread(file_, to + count, size - count, offset + static_cast<int64_t>(count));
      if (part == 0) break;
      if (part > 0) {
        count += static_cast<size_t>(part);
      } else if (errno != EINTR) {
        return FromErrno(path_);
      }
    }
    return count;
  }

  bool is_random() const override { return true; }
  bool Rewind() override { return true; }

  absl::Status Check() override {
    struct stat now;
    if (::fstat(file_, &now) != 0) return FromErrno(path_);
    if (now.st_size == found_.st_size && now.st_mtim.tv_sec == found_.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == found_.st_mtim.tv_nsec) {
      return absl::OkStatus();
    }
    return absl::AbortedError(absl::StrCat(path_, ": it changed while it was read"));
  }

 private:
  const std::string path_;
  const bool may_be_link_ = false;
  const bool is_named_;
  int file_ = -1;
  struct stat found_ = {};
};

}  // namespace

absl::StatusOr<std::string> ReadAll(Content& content, int64_t offset, size_t size) {
  std::string read(size, '\0');
  const auto count = content.Read(offset, read.data(), size);
  if (!count.ok()) return count.status();
  if (*count == size) return read;
  // A file tells better what became of it.
  if (absl::Status changed = content.Check(); !changed.ok()) return changed;
  return absl::InvalidArgumentError("the source has fewer bytes than it was said to have");
}

absl::StatusOr<std::string> Hash(Content& content, int64_t offset, int64_t size, const EVP_MD* kind,
                                 const std::atomic<bool>* is_over) {
  Digest digest(kind);
  for (int64_t done = 0; done < size && (is_over == nullptr || !*is_over);) {
    const auto next = std::min(size - done, static_cast<int64_t>(kPart));
    const auto read = ReadAll(content, offset + done, static_cast<size_t>(next));
    if (!read.ok()) return read.status();
    digest.Add(*read);
    done += next;
  }
  return digest.Take();
}

std::shared_ptr<Content> FileContent(std::string path, bool may_be_link) {
  return std::make_shared<File>(std::move(path), may_be_link);
}

std::shared_ptr<Content> OpenContent(int file) { return std::make_shared<File>(file); }

absl::Status SizeDiffers(int64_t promised, int64_t found) {
  return absl::InvalidArgumentError(
      absl::StrCat("the source has ", found, " bytes, and was said to have ", promised));
}

absl::StatusOr<std::shared_ptr<Content>> Spool(Content& content, std::optional<int64_t> promised) {
  std::error_code error;
  std::string path = std::filesystem::temp_directory_path(error) / "oaktree-XXXXXX";
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return FromErrno(path);
  ::unlink(path.c_str());
  auto spooled = std::make_shared<File>(file);
  std::string part(kPart, '\0');
  for (int64_t offset = 0;;) {
    const auto count = content.Read(offset, part.data(), part.size());
    if (!count.ok()) return count.status();
    if (*count == 0) {
      if (promised && *promised != offset) return SizeDiffers(*promised, offset);
      return spooled;
    }
    offset += static_cast<int64_t>(*count);
    for (size_t written = 0; written < *count;) {
      const ssize_t more = ::write(file, part.data() + written, *count - written);
      if (more >= 0) {
        written += static_cast<size_t>(more);
      } else if (errno != EINTR) {
        return FromErrno(path);
      }
    }
  }
}

absl::Status DigestDiffers(const std::string& kind) {
  return absl::InvalidArgumentError(
      absl::StrCat("the source's bytes do not have the ", kind, " that they were said to have"));
}

absl::Status FromErrno(const std::string& path) { return absl::ErrnoToStatus(errno, path); }

}  // namespace oaktree::internal
