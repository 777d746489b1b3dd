#ifndef OAKTREE_OUTGOING_H_
#define OAKTREE_OUTGOING_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <openssl/evp.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "oaktree/content.h"
#include "oaktree/digest.h"

namespace oaktree::internal {

// Bytes on their way to a cloud, which hashes them as they go by.
class Outgoing {
 public:
  // Called with the digests of all before the last bytes are handed out, since it is these that
  // make a cloud keep the rest; its error holds them back.
  using Check = std::function<absl::Status(const std::vector<std::string>& digests)>;
  // Called with how many have been handed out; its error ends it.
  using Told = std::function<absl::Status(int64_t)>;

  Outgoing(Content& content, int64_t size, const std::vector<const EVP_MD*>& kinds,
           Check check = nullptr, Told told = nullptr);

  int64_t size() const { return size_; }

  // What comes next; none at the end. Of what has no bytes it is called, too.
  absl::StatusOr<size_t> Read(char* to, size_t size);

  // Goes back to the first byte; false if that cannot be.
  bool Rewind();

  // Reads all, for the digests.
  absl::Status Drain();

  // In the order of their kinds, once all has been read.
  const std::vector<std::string>& digests() const { return made_; }

 private:
  Content& content_;
  const int64_t size_;
  const Check check_;
  const Told told_;
  // They cannot be moved.
  std::deque<Digest> digests_;
  std::vector<std::string> made_;
  int64_t read_ = 0;
};

// Content some of whose bytes have been read, and are at hand.
class Begun final : public Content {
 public:
  Begun(Content& content, const std::string& head) : content_(content), head_(head) {}

  absl::StatusOr<std::optional<int64_t>> Open() override { return content_.Open(); }
  absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t size) override;
  bool is_random() const override { return content_.is_random(); }
  bool Rewind() override;
  absl::Status Check() override { return content_.Check(); }

  // Whether more of the content has been read than is at hand, where that makes a difference.
  bool is_consumed() const { return is_consumed_; }

 private:
  Content& content_;
  const std::string& head_;
  bool is_consumed_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_OUTGOING_H_
