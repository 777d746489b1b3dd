#include "oaktree/inside.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wctype.h>
#if __has_include(<xlocale.h>)
// Where macOS has what POSIX has in <locale.h> and <wctype.h>.
#include <xlocale.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <utility>

#include "oaktree/content.h"
#include "oaktree/real_path.h"
#include "oaktree/segments.h"
#include "oaktree/sink.h"

namespace oaktree::internal {
namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::vector<std::string> StepsOf(const std::string& path) { return absl::StrSplit(path, '/'); }

// Whether two names that differ in case are one file in a folder. False where it cannot be tried,
// for nothing is replaced where nothing can be made.
bool IgnoresCase(int folder) {
  std::random_device random;
  std::string name = absl::StrFormat(".oaktree-%08x%08x-a", random(), random());
  const int probe = ::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (probe < 0) return false;
  ::close(probe);
  std::string other = name;
  other.back() = 'A';
  const bool is_found = ::faccessat(folder, other.c_str(), F_OK, 0) == 0;
  ::unlinkat(folder, name.c_str(), 0);
  return is_found;
}

// Text of which nothing but its case is lost.
std::string WithoutCase(const std::string& text) {
  // Whatever the program's own locale is.
  static const locale_t kUtf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (kUtf8 == nullptr) return absl::AsciiStrToLower(text);
  std::wstring wide(text.size(), L'\0');
  const locale_t before = ::uselocale(kUtf8);
  const size_t count = std::mbstowcs(wide.data(), text.c_str(), wide.size());
  ::uselocale(before);
  if (count > wide.size()) return absl::AsciiStrToLower(text);
  std::string made;
  for (const wchar_t one : wide.substr(0, count)) {
    // Of some letters there are two small ones.
    const wint_t small = ::towlower_l(::towupper_l(static_cast<wint_t>(one), kUtf8), kUtf8);
    absl::StrAppend(&made, small, " ");
  }
  return made;
}

}  // namespace

absl::StatusOr<Inside> Inside::Of(const std::string& directory, bool may_make) {
  std::error_code error;
  if (may_make) std::filesystem::create_directories(directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), directory);
  const int folder = ::open(directory.c_str(), kFolder);
  if (folder < 0 && (may_make || errno != ENOENT)) return FromErrno(directory);
  return Inside(directory, folder, may_make && IgnoresCase(folder));
}

Inside::~Inside() {
  if (folder_ >= 0) ::close(folder_);
}

Inside::Inside(Inside&& other) noexcept
    : directory_(other.directory_),
      folder_(std::exchange(other.folder_, -1)),
      ignores_case_(other.ignores_case_) {}

absl::Status Inside::Check(const std::string& path) {
  for (const auto& step : StepsOf(path)) {
    if (step.empty() || step == "." || step == ".." || step.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError("no file below a directory can be called so");
    }
  }
  return absl::OkStatus();
}

std::string Inside::KeyOf(const std::string& path) const {
  return ignores_case_ && Check(path).ok() ? WithoutCase(path) : path;
}

bool Inside::LeadsOut(const std::string& place) const {
  std::error_code error;
  if (!std::filesystem::is_symlink(std::filesystem::symlink_status(place, error))) return false;
  const auto root = RealPath(directory_);
  const auto real = RealPath(place);
  return std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first != root.end();
}

int Inside::Open(const std::vector<std::string>& steps, size_t count, bool may_make) const {
  int folder = ::fcntl(folder_, F_DUPFD_CLOEXEC, 0);
  for (size_t at = 0; at < count && folder >= 0; ++at) {
    const char* name = steps[at].c_str();
    if (may_make && ::mkdirat(folder, name, 0777) != 0 && errno != EEXIST) {
      const int error = errno;
      ::close(folder);
      errno = error;
      return -1;
    }
    // A link there might lead anywhere.
    const int next = ::openat(folder, name, kFolder | O_NOFOLLOW);
    const int error = errno;
    ::close(folder);
    errno = error;
    folder = next;
  }
  return folder;
}

absl::StatusOr<Target> Inside::File(const std::string& path) const {
  if (absl::Status wrong = Check(path); !wrong.ok()) return wrong;
  const auto steps = StepsOf(path);
  const std::string whole = absl::StrCat(directory_, "/", path);
  const int folder = Open(steps, steps.size() - 1, /*may_make=*/true);
  if (folder < 0) return FromErrno(whole);
  if (LeadsOut(whole)) {
    ::close(folder);
    return absl::InvalidArgumentError("a symbolic link that is there leads out of the directory");
  }
  // What a crash takes of many files is found and fetched again.
  return Target(FileSink(folder, steps.back(), whole, /*is_synced=*/false));
}

absl::Status Inside::MakeFolder(const std::string& path) const {
  if (absl::Status wrong = Check(path); !wrong.ok()) return wrong;
  const auto steps = StepsOf(path);
  const int folder = Open(steps, steps.size(), /*may_make=*/true);
  if (folder < 0) return FromErrno(absl::StrCat(directory_, "/", path));
  ::close(folder);
  return absl::OkStatus();
}

bool Inside::Has(const std::string& path, int64_t size, const std::string& md5) const {
  if (folder_ < 0) return false;
  const auto steps = StepsOf(path);
  const int folder = Open(steps, steps.size() - 1, /*may_make=*/false);
  if (folder < 0) return false;
  const int file =
      ::openat(folder, steps.back().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  ::close(folder);
  if (file < 0) return false;
  const auto content = OpenContent(file);
  const auto found = content->Open();
  if (!found.ok() || *found != size) return false;
  oaktreemodel::v1::UploadEntry entry;
  entry.set_size_bytes(size);
  return AddMd5(*content, {}, entry).ok() && entry.md5() == md5;
}

}  // namespace oaktree::internal
