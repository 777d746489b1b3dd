#ifndef OAKTREE_SINK_H_
#define OAKTREE_SINK_H_

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <string_view>

namespace oaktree::internal {

// What takes the bytes of a target.
class Sink {
 public:
  virtual ~Sink() = default;

  // Before there is a byte, so that what is wrong shows.
  virtual absl::Status Open() = 0;

  virtual absl::Status Write(std::string_view bytes) = 0;

  // They were all of them, and right.
  virtual absl::Status Commit() = 0;

  // Nothing comes of them.
  virtual void Abandon() = 0;
};

// A file of that name in a folder, given by its descriptor, which it closes. The path is for
// errors. One that is synced is on its disk before it has its name.
std::shared_ptr<Sink> FileSink(int folder, std::string name, std::string path, bool is_synced);

}  // namespace oaktree::internal

#endif  // OAKTREE_SINK_H_
