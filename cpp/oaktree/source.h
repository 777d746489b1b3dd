#ifndef OAKTREE_SOURCE_H_
#define OAKTREE_SOURCE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace oaktree {
namespace internal {
class Content;
}  // namespace internal

// Where the bytes of an upload come from: one of the functions below says. It is for one upload at
// a time. An upload that breaks off begins again by itself only if the bytes can be read again.
class Source {
 public:
  explicit Source(std::shared_ptr<internal::Content> content) : content_(std::move(content)) {}

  internal::Content& content() const { return *content_; }

 private:
  std::shared_ptr<internal::Content> content_;
};

// A file. The upload is ABORTED if the file changes meanwhile.
Source FromFile(std::string path);

Source FromBytes(std::string bytes);

// What is in a stream from where it is now; the stream must outlive the upload. If `size_bytes`,
// which is all that is left in the stream, is absent, or they go in segments, they are written to a
// temporary file first.
Source FromStream(std::istream& stream, std::optional<int64_t> size_bytes = std::nullopt);

// What a function gives, some bytes at a time and none at the end. For `size_bytes` the same holds.
Source FromCallback(std::function<absl::StatusOr<std::string>()> next,
                    std::optional<int64_t> size_bytes = std::nullopt);

}  // namespace oaktree

#endif  // OAKTREE_SOURCE_H_
