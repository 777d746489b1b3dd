#include "oaktree/put_file.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <utility>

#include "oaktree/outgoing.h"
#include "oaktree/ticket.h"
#include "oaktree/transfer.h"

namespace oaktree::internal {
namespace {

namespace v1 = oaktreemodel::v1;

// A file that is small enough to be read once.
class Small final : public Content {
 public:
  explicit Small(Content& file) : file_(file) {}

  absl::Status Load(int64_t size) {
    auto bytes = ReadAll(file_, 0, static_cast<size_t>(size));
    if (bytes.ok()) bytes_ = *std::move(bytes);
    return bytes.status();
  }

  absl::StatusOr<std::optional<int64_t>> Open() override {
    return static_cast<int64_t>(bytes_.size());
  }
  absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t size) override {
    return bytes_.copy(to, size, static_cast<size_t>(offset));
  }
  bool is_random() const override { return true; }
  bool Rewind() override { return true; }
  absl::Status Check() override { return file_.Check(); }

 private:
  Content& file_;
  std::string bytes_;
};

}  // namespace

Reply PutFile(Trial& trial, Connection& connection, const v1::Ticket& ticket,
              const v1::UploadStorageObjectRequest& request, Content& content, int64_t size,
              const TransferOptions& options) {
  Reply reply;
  Small small(content);
  const bool is_small = size <= static_cast<int64_t>(kChunk);
  if (is_small) reply.own = small.Load(size);
  if (!reply.own.ok()) return reply;
  Content& bytes = is_small ? static_cast<Content&>(small) : content;
  Outgoing first(bytes, size, {EVP_sha256(), EVP_md5()});
  reply.own = first.Drain();
  if (!reply.own.ok()) return reply;
  const std::string& sha256 = first.digests()[0];
  const auto& changed = request.modified_at();
  const std::vector<std::string> headers = {
      absl::StrCat("ETag: ", first.digests()[1]),
      absl::StrFormat("X-Object-Meta-Mtime: %d.%09d", changed.seconds(), changed.nanos()),
      absl::StrCat("X-Object-Meta-Oaktree-Sha256: ", sha256)};
  Progress progress{request.name(), 0, size};
  Outgoing body(
      bytes, size, {EVP_sha256()},
      [&sha256](const std::vector<std::string>& digests) {
        return digests[0] == sha256 ? absl::OkStatus()
                                    : absl::AbortedError("it changed while it was read");
      },
      [&](int64_t sent) {
        progress.sent_bytes = sent;
        return options.on_progress(progress) ? absl::OkStatus()
                                             : absl::CancelledError("the upload was cancelled");
      });
  return PutByTicket(trial, connection, ticket, request.name(), headers, body);
}

}  // namespace oaktree::internal
