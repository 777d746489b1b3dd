#ifndef OAKTREE_TARGET_H_
#define OAKTREE_TARGET_H_

#include <absl/status/status.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace oaktree {
namespace internal {
class Sink;
}  // namespace internal

// Where the bytes of a download go: one of the functions below says. It is for one download at a
// time.
class Target {
 public:
  explicit Target(std::shared_ptr<internal::Sink> sink) : sink_(std::move(sink)) {}

  internal::Sink& sink() const { return *sink_; }

 private:
  std::shared_ptr<internal::Sink> sink_;
};

// A file. It appears under its name, in place of what is there, when all bytes have come and are
// right; until then they are in another beside it, which a download that fails takes away. It has
// the rights of the file that it replaces, and of a link it replaces what that leads to.
Target ToFile(const std::string& path);

// A stream, which must outlive the download. What has come is there also when the download fails
// in the end, and must then not be used.
Target ToStream(std::ostream& stream);

// A function, which takes the bytes as they come; its error ends the download. The same holds.
Target ToCallback(std::function<absl::Status(std::string_view)> take);

}  // namespace oaktree

#endif  // OAKTREE_TARGET_H_
