#include "oaktree/source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "oaktree/content.h"

namespace oaktree {
namespace {

using internal::Content;

class Bytes final : public Content {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}

  absl::StatusOr<std::optional<int64_t>> Open() override {
    return static_cast<int64_t>(bytes_.size());
  }
  absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t size) override {
    return bytes_.copy(to, size, static_cast<size_t>(offset));
  }
  bool is_random() const override { return true; }
  bool Rewind() override { return true; }
  absl::Status Check() override { return absl::OkStatus(); }

 private:
  const std::string bytes_;
};

absl::Status TooMany() {
  return absl::InvalidArgumentError("the source has more bytes than it was said to have");
}

class Input final : public Content {
 public:
  Input(std::istream& stream, std::optional<int64_t> size)
      : stream_(stream), size_(size), begin_(stream.tellg()) {
    stream_.clear(stream_.rdstate() & ~std::ios::failbit);
  }

  absl::StatusOr<std::optional<int64_t>> Open() override { return size_; }
  absl::StatusOr<size_t> Read(int64_t, char* to, size_t size) override {
    stream_.read(to, static_cast<std::streamsize>(size));
    if (stream_.bad()) return absl::DataLossError("the source's stream cannot be read");
    return static_cast<size_t>(stream_.gcount());
  }
  bool is_random() const override { return false; }
  bool Rewind() override {
    if (begin_ == std::istream::pos_type(-1)) return false;
    stream_.clear();
    return stream_.seekg(begin_).good();
  }
  absl::Status Check() override {
    return stream_.good() && stream_.peek() != std::istream::traits_type::eof() ? TooMany()
                                                                                : absl::OkStatus();
  }

 private:
  std::istream& stream_;
  const std::optional<int64_t> size_;
  // -1 where it cannot go back.
  const std::istream::pos_type begin_;
};

class Given final : public Content {
 public:
  Given(std::function<absl::StatusOr<std::string>()> next, std::optional<int64_t> size)
      : next_(std::move(next)), size_(size) {}

  absl::StatusOr<std::optional<int64_t>> Open() override { return size_; }
  absl::StatusOr<size_t> Read(int64_t, char* to, size_t size) override {
    size_t count = 0;
    while (count < size) {
      if (absl::Status status = Fill(); !status.ok()) return status;
      if (has_ended_) break;
      const size_t part = std::min(size - count, left_.size() - taken_);
      std::memcpy(to + count, left_.data() + taken_, part);
      count += part;
      taken_ += part;
    }
    return count;
  }
  bool is_random() const override { return false; }
  bool Rewind() override { return false; }
  absl::Status Check() override {
    if (absl::Status status = Fill(); !status.ok()) return status;
    return has_ended_ ? absl::OkStatus() : TooMany();
  }

 private:
  // Has something left to be taken, unless there is no more.
  absl::Status Fill() {
    if (has_ended_ || taken_ < left_.size()) return absl::OkStatus();
    auto given = next_();
    if (!given.ok()) return given.status();
    left_ = *std::move(given);
    taken_ = 0;
    has_ended_ = left_.empty();
    return absl::OkStatus();
  }

  const std::function<absl::StatusOr<std::string>()> next_;
  const std::optional<int64_t> size_;
  std::string left_;
  size_t taken_ = 0;
  bool has_ended_ = false;
};

}  // namespace

Source FromFile(std::string path) {
  return Source(internal::FileContent(std::move(path), /*may_be_link=*/true));
}

Source FromBytes(std::string bytes) { return Source(std::make_shared<Bytes>(std::move(bytes))); }

Source FromStream(std::istream& stream, std::optional<int64_t> size_bytes) {
  return Source(std::make_shared<Input>(stream, size_bytes));
}

Source FromCallback(std::function<absl::StatusOr<std::string>()> next,
                    std::optional<int64_t> size_bytes) {
  return Source(std::make_shared<Given>(std::move(next), size_bytes));
}

}  // namespace oaktree
