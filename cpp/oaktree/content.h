#ifndef OAKTREE_CONTENT_H_
#define OAKTREE_CONTENT_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <openssl/evp.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace oaktree::internal {

// The bytes of a source.
class Content {
 public:
  virtual ~Content() = default;

  // Looks at what there is: how many bytes, or absent where only the end tells. The first that is
  // called, and again for each upload.
  virtual absl::StatusOr<std::optional<int64_t>> Open() = 0;

  // Of a file its path, and when it was last changed; known once it is open.
  virtual std::string path() const { return ""; }
  virtual std::optional<absl::Time> modified_at() const { return std::nullopt; }

  // Reads what comes at this place; fewer than asked for only at the end.
  virtual absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t size) = 0;

  // Whether any place may be read at any time, by any thread; else only one after the other.
  virtual bool is_random() const = 0;

  // Goes back to the first byte; false if that cannot be.
  virtual bool Rewind() = 0;

  // After the last byte: an error if it was not the last, or the bytes changed meanwhile.
  virtual absl::Status Check() = 0;
};

// Reads that many bytes or fails: ABORTED if there are not so many any more.
absl::StatusOr<std::string> ReadAll(Content& content, int64_t offset, size_t size);

// The digest of that many bytes. It ends without the rest of them as soon as it is told to.
absl::StatusOr<std::string> Hash(Content& content, int64_t offset, int64_t size, const EVP_MD* kind,
                                 const std::atomic<bool>* is_over = nullptr);

// A file, which must be one of its own and no symbolic link, unless it may be.
std::shared_ptr<Content> FileContent(std::string path, bool may_be_link);

// One that is open, which it closes.
std::shared_ptr<Content> OpenContent(int file);

// All that is in another, in a temporary file that has no name. INVALID_ARGUMENT if it is not as
// much as promised.
absl::StatusOr<std::shared_ptr<Content>> Spool(Content& content, std::optional<int64_t> promised);

// The error of a source that has more or fewer bytes than it was said to have.
absl::Status SizeDiffers(int64_t promised, int64_t found);

// The error of a source whose bytes do not have the digest that they were said to have.
absl::Status DigestDiffers(const std::string& kind);

// The error of a call of the system, about a file.
absl::Status FromErrno(const std::string& path);

}  // namespace oaktree::internal

#endif  // OAKTREE_CONTENT_H_
