#ifndef OAKTREE_INSIDE_H_
#define OAKTREE_INSIDE_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "oaktree/target.h"

namespace oaktree::internal {

// A folder that nothing leaves which is written into it: neither a name nor a link leads out.
class Inside {
 public:
  // Makes the folder where it is absent, and tries whether it ignores case, unless nothing is to
  // be changed.
  static absl::StatusOr<Inside> Of(const std::string& directory, bool may_make);
  ~Inside();
  Inside(Inside&& other) noexcept;
  Inside& operator=(Inside&&) = delete;

  // A file, by its path below, to be written; the folders that it is in are made. It takes the
  // place of a link that leads elsewhere in here. INVALID_ARGUMENT for what is no path of a file
  // here, and for a link that leads out.
  absl::StatusOr<Target> File(const std::string& path) const;

  // Makes a folder.
  absl::Status MakeFolder(const std::string& path) const;

  // Whether a file is there and has these bytes.
  bool Has(const std::string& path, int64_t size, const std::string& md5) const;

  // Whether a file could be called so.
  static absl::Status Check(const std::string& path);

  // The same for all paths that are one file here.
  std::string KeyOf(const std::string& path) const;

 private:
  Inside(std::string directory, int folder, bool ignores_case)
      : directory_(std::move(directory)), folder_(folder), ignores_case_(ignores_case) {}

  // Whether a link is there that leads out.
  bool LeadsOut(const std::string& place) const;

  // The folder that the last of some steps is in, opened; below 0 and errno if there is none.
  int Open(const std::vector<std::string>& steps, size_t count, bool may_make) const;

  const std::string directory_;
  // Below 0 where there is none.
  int folder_;
  const bool ignores_case_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_INSIDE_H_
