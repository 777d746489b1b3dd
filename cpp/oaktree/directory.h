#ifndef OAKTREE_DIRECTORY_H_
#define OAKTREE_DIRECTORY_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "oaktree/transfer_options.h"

namespace oaktree {

class Scope;

// What is done with one file.
struct FileStep {
  // Sent is what is moved, in either direction.
  enum class Action { kSend, kSkip, kDelete };

  // Its path below the directory, with slashes.
  std::string path;
  Action action = Action::kSend;
  // Why, in words.
  std::string why;
  int64_t size_bytes = 0;
};

// A file that was not moved, and why.
struct FileFailure {
  // Below the directory, with slashes; empty where it is about none alone.
  std::string path;
  absl::Status error;
};

// What became of a directory; of a dry run, what would have.
struct DirectoryResult {
  // How many files were moved, and how many bytes they have.
  int64_t sent = 0;
  int64_t sent_bytes = 0;
  // How many were there already, with the same bytes.
  int64_t skipped = 0;
  // How many objects were deleted that no file is of.
  int64_t deleted = 0;
  // The files that were not moved.
  std::vector<FileFailure> failed;
  // The paths of symbolic links and of what is neither a file nor a directory, which are not moved.
  std::vector<std::string> left_out;
};

// How to upload or download a directory. The timeout is for all of it.
struct DirectoryOptions : CallOptions {
  // True: nothing is changed, only told.
  bool dry_run = false;
  // Which files and directories to leave out, in the words of .gitignore.
  std::vector<std::string> ignore;
  // As in TransferOptions.
  bool through_oaktree = false;
  // How many files move at a time.
  int parallel = 10;
  // Told how far all of it is; false ends it.
  OnProgress on_progress;
  // Told what is done with each file, by one thread at a time.
  std::function<void(const FileStep&)> on_step;
};

struct UploadDirectoryOptions : DirectoryOptions {
  // What to put before the files' paths to make the objects' names, such as photos/.
  std::string prefix;
  // Whether to delete objects whose names begin with the prefix and that no file is of. Those that
  // are left out or ignored are kept, and all are where not all of the directory could be read.
  bool delete_extra = false;
  // Whether to upload what symbolic links lead to.
  bool follow_symlinks = false;
  // As in TransferOptions, of each file.
  int64_t segment_size_bytes = 0;
};

// Makes a container have the files of a directory. What it has already, by size and MD5, is not
// sent again: so whatever broke off goes on when it is called again.
//
// A file that cannot be read, changes while it is read or has a name that no object may have is
// told in the result, and the others are sent nevertheless. What would befall every other one, too,
// is the error of the whole: the directory cannot be read, oaktree or the cloud cannot be reached,
// the quota is used up, and so on.
absl::StatusOr<DirectoryResult> UploadDirectory(const Scope& scope, const std::string& directory,
                                                const std::string& container,
                                                const UploadDirectoryOptions& options = {});

// Makes a directory have the objects of a container as files, those whose names begin with the
// prefix, which is no part of the files' paths. Files that are there with the same bytes are left
// alone; what no object is of stays.
//
// Nothing is ever written outside the directory, whatever the names say and whatever links are in
// it: what leads out of it, or is no path here, is told in the result. A file appears under its
// name once all of it is there and right. What befalls a file and what befalls all is told as by
// UploadDirectory.
absl::StatusOr<DirectoryResult> DownloadDirectory(const Scope& scope, const std::string& container,
                                                  const std::string& prefix,
                                                  const std::string& directory,
                                                  const DirectoryOptions& options = {});

}  // namespace oaktree

#endif  // OAKTREE_DIRECTORY_H_
