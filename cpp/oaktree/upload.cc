#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oaktree/attempt.h"
#include "oaktree/content.h"
#include "oaktree/digest.h"
#include "oaktree/exchange.h"
#include "oaktree/failures.h"
#include "oaktree/fields.h"
#include "oaktree/outgoing.h"
#include "oaktree/request_id.h"
#include "oaktree/ticket.h"
#include "oaktree/transfer.h"
#include "oaktree/trial.h"
#include "oaktreemodel/v1/transfer.pb.h"

namespace oaktree::internal {
namespace {

namespace v1 = oaktreemodel::v1;

class Uploading {
 public:
  Uploading(const Place& place, const char* path, Content& content, int64_t size, Message& request,
            Message& response, const TransferOptions& options)
      : connection_(*place.connection),
        path_(path),
        content_(content),
        request_(request),
        response_(response),
        on_progress_(options.on_progress),
        size_(size),
        asks_ticket_(Has(request, "accepts_ticket")),
        progress_{content.path().empty() ? Text(request, "name") : content.path(), 0, size},
        more_(request.New()),
        heard_(response.New()),
        trial_(place, path, options) {}

  absl::Status Run(bool is_new) {
    is_new_ = is_new;
    return trial_.Run([this](absl::Duration left) { return Try(left); });
  }

 private:
  Trial::Outcome Try(absl::Duration left) {
    Trial::Outcome outcome;
    // The first message can be sent again as it is, whatever the source can.
    if (!has_first_) {
      absl::Status begun = Begin();
      if (!begun.ok()) return {std::move(begun), false, false, /*is_final=*/true};
    }
    Exchange exchange(left);
    if (std::exchange(is_new_, false)) exchange.context().AddMetadata(kRequestIdKey, kIsNew);
    outcome.status = trial_.Enter(exchange.context());
    if (!outcome.status.ok()) return outcome;
    outcome.status = Send(exchange, outcome);
    trial_.Leave();
    const bool is_consumed = read_ > first_size_;
    if (outcome.status.ok() || !is_consumed) return outcome;
    has_first_ = false;
    outcome.is_final |= !content_.Rewind();
    return outcome;
  }

  // Readies the first message.
  absl::Status Begin() {
    read_ = 0;
    // What an attempt before has left.
    sha256_.Take();
    md5_.Take();
    auto filled = Fill(request_);
    if (!filled.ok()) return filled.status();
    first_is_last_ = *filled;
    first_size_ = read_;
    has_first_ = true;
    auto& about = *Part<v1::UploadContent>(request_, "content");
    // Else oaktree computes it, which costs it more than all the rest.
    about.set_promises_md5(about.md5().empty() && !first_is_last_);
    if (!first_is_last_) return absl::OkStatus();
    // Of what is in one message all is known beforehand.
    const auto& finish = *Part<v1::UploadFinish>(request_, "finish");
    if (about.sha256().empty()) about.set_sha256(finish.sha256());
    if (about.md5().empty()) about.set_md5(finish.md5());
    return absl::OkStatus();
  }

  // Has a message hold what comes next; whether it is the last.
  absl::StatusOr<bool> Fill(Message& message) {
    // Of an attempt before.
    Clear(message, "finish");
    const auto left = static_cast<size_t>(size_ - read_);
    auto chunk = ReadAll(content_, read_, std::min(kChunk, left));
    if (!chunk.ok()) return chunk.status();
    sha256_.Add(*chunk);
    md5_.Add(*chunk);
    read_ += static_cast<int64_t>(chunk->size());
    SetText(message, "chunk", *std::move(chunk));
    if (read_ < size_) return false;
    if (absl::Status changed = content_.Check(); !changed.ok()) return changed;
    auto& finish = *Part<v1::UploadFinish>(message, "finish");
    finish.set_sha256(sha256_.Take());
    finish.set_md5(md5_.Take());
    const auto& about = *Part<v1::UploadContent>(request_, "content");
    if (!Fits(about.sha256(), finish.sha256())) return DigestDiffers("SHA-256");
    if (!Fits(about.md5(), finish.md5())) return DigestDiffers("MD5");
    return true;
  }

  // Whether it is what the caller promised, if he promised anything.
  static bool Fits(const std::string& promised, const std::string& found) {
    return promised.empty() || absl::EqualsIgnoreCase(promised, found);
  }

  absl::Status Send(Exchange& exchange, Trial::Outcome& outcome) {
    bool is_last = first_is_last_;
    // Whether nothing is being written.
    bool is_free = false;
    // A server that gives tickets says what it wants before it waits for more.
    bool is_awaited = asks_ticket_ && !is_last;
    is_skipped_ = is_over_ = false;
    ticket_.reset();
    exchange.Open(connection_, path_, request_, is_last, *heard_);
    progress_.sent_bytes = 0;
    for (;;) {
      const auto event = exchange.Next();
      if (event == Exchange::Event::kEnd) return End(exchange);
      outcome.was_reached = true;
      if (event == Exchange::Event::kHeard) {
        Hear();
        is_awaited = false;
      }
      if (event == Exchange::Event::kWritten) {
        is_free = true;
        progress_.sent_bytes = read_;
      }
      if (is_skipped_) progress_.sent_bytes = size_;
      // The first message goes to gRPC whether or not the server takes it; the next one does not.
      const bool is_taken = event == Exchange::Event::kHeard || is_last || read_ > first_size_;
      absl::Status stop = is_taken ? Tell() : absl::OkStatus();
      if (stop.ok() && is_free && !is_awaited && !is_last && !is_skipped_) {
        const auto filled = ticket_ ? FillByTicket(exchange, *more_) : Fill(*more_);
        if (filled.ok() && is_over_) continue;
        if (filled.ok()) {
          is_last = *filled;
          is_free = false;
          exchange.Write(*more_, is_last);
        }
        stop = filled.status();
      }
      if (!stop.ok()) {
        outcome.is_final = true;
        return stop;
      }
    }
  }

  void Hear() {
    trial_.Hear();
    if (Has(*heard_, "progress")) {
      is_skipped_ |= Part<v1::UploadProgress>(*heard_, "progress")->is_skipped();
    }
    if (Has(*heard_, "ticket")) ticket_ = *Part<v1::Ticket>(*heard_, "ticket");
    if (heard_->GetReflection()->HasField(*heard_, ResultOf(*heard_))) {
      response_.CopyFrom(*heard_);
    }
  }

  // Sends all straight to the cloud, and has a message tell so; or, where that cannot be, hold the
  // bytes that come next. Whether it is the last.
  absl::StatusOr<bool> FillByTicket(Exchange& exchange, Message& message) {
    const v1::Ticket ticket = *std::exchange(ticket_, std::nullopt);
    std::string head = Text(request_, "chunk");
    Begun begun(content_, head);
    const auto& about = *Part<v1::UploadContent>(request_, "content");
    Outgoing body(
        begun, size_, {EVP_sha256(), EVP_md5()},
        [&about](const std::vector<std::string>& digests) {
          if (!Fits(about.sha256(), digests[0])) return DigestDiffers("SHA-256");
          return Fits(about.md5(), digests[1]) ? absl::OkStatus() : DigestDiffers("MD5");
        },
        [this](int64_t sent) {
          progress_.sent_bytes = sent;
          return Tell();
        });
    const Reply reply = PutByTicket(trial_, connection_, ticket, "", {}, body, [&] {
      while (const auto event = exchange.Poll()) {
        is_over_ = event == Exchange::Event::kEnd;
        if (is_over_) return absl::CancelledError("the server has ended the upload");
        Hear();
      }
      return absl::OkStatus();
    });
    if (begun.is_consumed()) read_ = size_;
    if (is_over_) return false;
    if (!reply.own.ok()) return reply.own;
    if (!reply.barred) {
      read_ = size_;
      Clear(message, "chunk");
      auto& finish = *Part<v1::UploadFinish>(message, "finish");
      finish.set_sha256(body.digests()[0]);
      finish.set_md5(body.digests()[1]);
      return true;
    }
    if (!begun.Rewind()) {
      return absl::UnavailableError(
          absl::StrCat("the bytes could not be sent straight to the cloud, and cannot be read "
                       "again: ",
                       reply.barred->why));
    }
    read_ = first_size_;
    progress_.sent_bytes = read_;
    return Fill(message);
  }

  absl::Status Tell() const {
    if (!on_progress_ || on_progress_(progress_)) return absl::OkStatus();
    return absl::CancelledError("the upload was cancelled; what was sent of it is dropped");
  }

  absl::Status End(Exchange& exchange) {
    absl::Status status =
        FromCall(exchange.Finish(), connection_.endpoint, Text(request_, "request_id"));
    if (!status.ok()) return status;
    if (response_.GetReflection()->HasField(response_, ResultOf(response_))) return status;
    return absl::InternalError("the server ended the upload without telling what came of it");
  }

  Connection& connection_;
  const char* const path_;
  Content& content_;
  Message& request_;
  Message& response_;
  const OnProgress on_progress_;
  const int64_t size_;
  // Whether the request says that a ticket is welcome.
  const bool asks_ticket_;
  Progress progress_;
  const std::unique_ptr<Message> more_;
  // What an attempt is reading into, also while it is ended.
  const std::unique_ptr<Message> heard_;
  Trial trial_;
  Digest sha256_{EVP_sha256()};
  Digest md5_{EVP_md5()};
  int64_t read_ = 0;
  int64_t first_size_ = 0;
  bool has_first_ = false;
  bool first_is_last_ = false;
  bool is_new_ = false;
  // What an attempt has heard.
  std::optional<v1::Ticket> ticket_;
  bool is_skipped_ = false;
  bool is_over_ = false;
};

}  // namespace

absl::Status Upload(const Place& place, const char* path, const Source& source, Message& request,
                    Message& response, const TransferOptions& options) {
  if (absl::Status refused = Prepare(place, request); !refused.ok()) return refused;
  const bool is_new = AddRequestId(request);
  // What way the bytes take is the client's own business.
  Clear(request, "accepts_ticket");
  auto* about = Part<v1::UploadContent>(request, "content");
  std::optional<int64_t> promised;
  if (about->has_size_bytes()) promised = about->size_bytes();

  auto found = source.content().Open();
  if (!found.ok()) return found.status();
  if (promised && *found && *promised != **found) return SizeDiffers(*promised, **found);
  std::shared_ptr<Content> spooled;
  if (!promised && !*found) {
    auto all = Spool(source.content(), std::nullopt);
    if (!all.ok()) return all.status();
    spooled = *std::move(all);
    found = spooled->Open();
    if (!found.ok()) return found.status();
  }
  const int64_t size = promised ? *promised : **found;
  about->set_size_bytes(size);
  if (!options.through_oaktree && size >= kStraightSize) SetFlag(request, "accepts_ticket");
  Content& content = spooled == nullptr ? source.content() : *spooled;
  return Uploading(place, path, content, size, request, response, options).Run(is_new);
}

}  // namespace oaktree::internal
