#ifndef OAKTREE_SCAN_H_
#define OAKTREE_SCAN_H_

#include <absl/status/status.h>

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "oaktree/ignored.h"
#include "oaktree/tally.h"

namespace oaktree::internal {

// A file, by its path below the directory, and its size when it was found.
struct Found {
  std::string path;
  int64_t size = 0;
};

// The files of a directory, in the order of their paths' bytes.
class Scan {
 public:
  Scan(std::string directory, const Ignored& ignored, bool follows_links, Tally& tally);

  // An error if the directory itself cannot be read, or what would befall all is found.
  absl::Status Run();

  const std::vector<Found>& files() const { return files_; }
  // Whether all there is was told: nothing could not be read.
  bool is_complete() const { return is_complete_; }

 private:
  // A directory that is being looked through, and those it is in.
  struct Place {
    std::string path;
    const struct stat* found;
    const Place* above;
  };

  absl::Status Walk(const Place& place);
  absl::Status Look(const Place& place, const std::string& name);
  absl::Status Fail(const std::string& path, absl::Status error);

  const std::string directory_;
  const Ignored& ignored_;
  const bool follows_links_;
  Tally& tally_;
  std::vector<Found> files_;
  bool is_complete_ = true;
};

// Whether an object can be called so.
bool IsUtf8(const std::string& text);

}  // namespace oaktree::internal

#endif  // OAKTREE_SCAN_H_
