#include "oaktree/target.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <utility>

#include "oaktree/content.h"
#include "oaktree/real_path.h"
#include "oaktree/sink.h"

namespace oaktree {
namespace internal {
namespace {

class File final : public Sink {
 public:
  File(int folder, std::string name, std::string path, bool is_synced)
      : folder_(folder),
        folder_error_(errno),
        name_(std::move(name)),
        path_(std::move(path)),
        is_synced_(is_synced) {}
  ~File() override {
    Abandon();
    if (folder_ >= 0) ::close(folder_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::Status Open() override {
    Abandon();
    if (folder_ < 0) return absl::ErrnoToStatus(folder_error_, path_);
    struct stat there;
    const bool is_there = ::fstatat(folder_, name_.c_str(), &there, 0) == 0;
    // What is no file, such as a device, must not be replaced by one.
    if (is_there && !S_ISREG(there.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path_, S_ISDIR(there.st_mode) ? ": it is a directory" : ": there is something else"));
    }
    // Who may not read the old file must not read the new one, from its first byte on.
    const mode_t rights = is_there ? there.st_mode & 0777 : 0666;
    // Short, whatever the name is.
    std::random_device random;
    part_ = absl::StrFormat(".oaktree-%08x%08x.part", random(), random());
    file_ = ::openat(folder_, part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, rights);
    if (file_ < 0) return FromErrno(path_);
    // The umask is for new files.
    if (!is_there || ::fchmod(file_, rights) == 0) return absl::OkStatus();
    absl::Status status = FromErrno(path_);
    Abandon();
    return status;
  }

  absl::Status Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_, bytes.data(), bytes.size());
      if (count >= 0) {
        bytes.remove_prefix(static_cast<size_t>(count));
      } else if (errno != EINTR) {
        return FromErrno(path_);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Commit() override {
    if (is_synced_ && ::fsync(file_) != 0) {
      absl::Status status = FromErrno(path_);
      Abandon();
      return status;
    }
    // Some file systems tell only now that they are full.
    const bool is_closed = ::close(std::exchange(file_, -1)) == 0;
    if (is_closed && ::renameat(folder_, part_.c_str(), folder_, name_.c_str()) == 0) {
      return absl::OkStatus();
    }
    absl::Status status = FromErrno(path_);
    ::unlinkat(folder_, part_.c_str(), 0);
    return status;
  }

  void Abandon() override {
    if (file_ < 0) return;
    ::close(std::exchange(file_, -1));
    ::unlinkat(folder_, part_.c_str(), 0);
  }

 private:
  const int folder_;
  const int folder_error_;
  const std::string name_;
  const std::string path_;
  const bool is_synced_;
  std::string part_;
  int file_ = -1;
};

class Callback final : public Sink {
 public:
  explicit Callback(std::function<absl::Status(std::string_view)> take) : take_(std::move(take)) {}

  absl::Status Open() override { return absl::OkStatus(); }
  absl::Status Write(std::string_view bytes) override { return take_(bytes); }
  absl::Status Commit() override { return absl::OkStatus(); }
  void Abandon() override {}

 private:
  const std::function<absl::Status(std::string_view)> take_;
};

class Output final : public Sink {
 public:
  explicit Output(std::ostream& stream) : stream_(stream) {}

  absl::Status Open() override { return Look(); }
  absl::Status Write(std::string_view bytes) override {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return Look();
  }
  absl::Status Commit() override {
    stream_.flush();
    return Look();
  }
  void Abandon() override {}

 private:
  absl::Status Look() const {
    if (stream_.good()) return absl::OkStatus();
    return absl::FailedPreconditionError("the target's stream takes nothing");
  }

  std::ostream& stream_;
};

}  // namespace

std::shared_ptr<Sink> FileSink(int folder, std::string name, std::string path, bool is_synced) {
  return std::make_shared<File>(folder, std::move(name), std::move(path), is_synced);
}

}  // namespace internal

Target ToFile(const std::string& path) {
  std::filesystem::path whole(path);
  std::error_code error;
  // A device's link may lead to what has no path, and is told as one under its own name.
  if (whole.has_filename() && !std::filesystem::is_other(whole, error)) {
    whole = internal::RealPath(whole);
  }
  const std::string folder = whole.has_parent_path() ? whole.parent_path().string() : ".";
  // Of `folder/` this is a name, too, and one that is a directory.
  const std::string name = whole.has_filename() ? whole.filename().string() : ".";
  const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return Target(internal::FileSink(opened, name, path, /*is_synced=*/true));
}

Target ToStream(std::ostream& stream) { return Target(std::make_shared<internal::Output>(stream)); }

Target ToCallback(std::function<absl::Status(std::string_view)> take) {
  return Target(std::make_shared<internal::Callback>(std::move(take)));
}

}  // namespace oaktree
