#include <absl/cleanup/cleanup.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "oaktree/attempt.h"
#include "oaktree/details.pb.h"
#include "oaktree/digest.h"
#include "oaktree/failures.h"
#include "oaktree/fields.h"
#include "oaktree/sink.h"
#include "oaktree/ticket.h"
#include "oaktree/transfer.h"
#include "oaktree/trial.h"
#include "oaktreemodel/v1/transfer.pb.h"

namespace oaktree::internal {
namespace {

namespace v1 = oaktreemodel::v1;

// How often bytes come straight from the cloud that break off.
constexpr int kMostBroken = 6;

// What of the whole is known, and what it must come to: the digest that was noted by who had the
// bytes in hand, else the one that is harder to meet by chance.
struct Known {
  const EVP_MD* kind = nullptr;
  std::string digest;
};

Known WhatIsKnown(const v1::DownloadContent& content) {
  if (!content.sha256().empty()) return {EVP_sha256(), content.sha256()};
  if (!content.sha512().empty()) return {EVP_sha512(), content.sha512()};
  if (!content.md5().empty()) return {EVP_md5(), content.md5()};
  return {};
}

class Downloading {
 public:
  Downloading(const Place& place, const char* path, Sink& sink, Message& request, Message& response,
              const TransferOptions& options, const Signer& sign)
      : connection_(*place.connection),
        path_(path),
        sink_(sink),
        request_(request),
        response_(response),
        on_progress_(options.on_progress),
        sign_(sign),
        asked_(*Part<v1::DownloadPart>(request, "part")),
        is_whole_(asked_.offset_bytes() == 0 && !asked_.has_length_bytes()),
        // Without a digest nothing would say that the right bytes came, and there is one of the
        // whole only.
        goes_straight_(!options.through_oaktree && is_whole_),
        heard_(response.New()),
        trial_(place, path, options) {
    progress_.name = Text(request, "name_or_id");
  }

  absl::Status Run() {
    return trial_.Run([this](absl::Duration left) { return Try(left); });
  }

 private:
  Trial::Outcome Try(absl::Duration left) {
    const int64_t before = received_;
    Trial::Outcome outcome = Ask(left);
    while (outcome.status.ok() && ticket_) {
      const auto reply = Fetch();
      outcome.has_gained = received_ > before;
      outcome.is_final = true;
      if (!reply.own.ok()) {
        outcome.status = reply.own;
      } else if (!reply.barred) {
        outcome.status = Check();
        ticket_.reset();
      } else {
        outcome = Ask(trial_.Left());
      }
    }
    outcome.has_gained = received_ > before;
    return outcome;
  }

  // Asks oaktree, which gives the bytes or a ticket.
  Trial::Outcome Ask(absl::Duration left) {
    Trial::Outcome outcome;
    ticket_.reset();
    GoOn();
    Attempt attempt(left);
    outcome.status = trial_.Enter(attempt.context());
    if (!outcome.status.ok()) return outcome;
    outcome.status = Receive(attempt, outcome);
    trial_.Leave();
    // Only the end of the stream was lost, and the cloud's own digest tells as well what they are.
    if (absl::IsUnavailable(outcome.status) && whole_ && expected_ == received_) {
      return {Check(), true, true, /*is_final=*/true};
    }
    // Without a name for these very bytes, the rest might be others'.
    if (received_ > 0 && content_.etag().empty()) outcome.is_final = true;
    return outcome;
  }

  // Asks for what has not come yet.
  void GoOn() {
    auto* part = Part<v1::DownloadPart>(request_, "part");
    *part = asked_;
    // Who began without a digest has nothing to compare one with that is told later.
    part->set_checks_content(is_whole_ && (received_ == 0 || whole_));
    Clear(request_, "accepts_ticket");
    if (goes_straight_) SetFlag(request_, "accepts_ticket");
    if (received_ == 0) return;
    part->set_offset_bytes(asked_.offset_bytes() + received_);
    if (asked_.has_length_bytes()) part->set_length_bytes(asked_.length_bytes() - received_);
    part->set_if_etag(content_.etag());
  }

  absl::Status Receive(Attempt& attempt, Trial::Outcome& outcome) {
    // Of one that broke off before.
    sent_.Take();
    bool is_finished = false;
    attempt.Open(connection_, path_, request_);
    while (attempt.Read(*heard_)) {
      trial_.Hear();
      outcome.was_reached = true;
      absl::Status status = Take(is_finished);
      if (!status.ok()) {
        outcome.is_final = true;
        return status;
      }
      // What would follow is not wanted.
      if (ticket_) return absl::OkStatus();
    }
    absl::Status status = FromCall(attempt.Finish(), connection_.endpoint, "");
    if (!status.ok()) return status;
    outcome.is_final = true;
    return is_finished ? Check() : BytesDiffer("the server ended the download before its end");
  }

  absl::Status Take(bool& is_finished) {
    if (Has(*heard_, "content")) {
      absl::Status status = Begin(*Part<v1::DownloadContent>(*heard_, "content"));
      if (!status.ok()) return status;
      FindTicket();
      if (ticket_) return absl::OkStatus();
    }
    std::string scratch;
    const auto* field = heard_->GetDescriptor()->FindFieldByName("chunk");
    const std::string& chunk =
        heard_->GetReflection()->GetStringReference(*heard_, field, &scratch);
    if (!chunk.empty()) {
      if (!whole_) sent_.Add(chunk);
      if (absl::Status status = Keep(chunk); !status.ok()) return status;
    }
    if (Has(*heard_, "finish")) {
      is_finished = true;
      if (!whole_ && Part<v1::DownloadFinish>(*heard_, "finish")->sha256() != sent_.Take()) {
        return BytesDiffer("what arrived is not what the server sent");
      }
    }
    return Tell();
  }

  absl::Status Keep(std::string_view chunk) {
    if (whole_) whole_->Add(chunk);
    if (absl::Status status = sink_.Write(chunk); !status.ok()) return status;
    received_ += static_cast<int64_t>(chunk.size());
    progress_.sent_bytes = received_;
    return absl::OkStatus();
  }

  absl::Status Tell() const {
    if (!on_progress_ || on_progress_(progress_)) return absl::OkStatus();
    return absl::CancelledError("the download was cancelled");
  }

  // Whether what follows comes straight from the cloud.
  void FindTicket() {
    if (Has(*heard_, "ticket")) {
      ticket_ = *Part<v1::Ticket>(*heard_, "ticket");
    } else if (sign_ && goes_straight_ && whole_ && expected_ &&
               *expected_ - received_ >= kStraightSize) {
      ticket_ = sign_(trial_.Left());
    }
  }

  // Gets what has not come yet by the ticket.
  Reply Fetch() {
    const v1::Ticket ticket = *ticket_;
    Reply reply;
    const int64_t before = received_;
    if (!whole_) {
      reply.barred = {"nothing says what the bytes are"};
    } else if (received_ != expected_) {
      Stretch of{sign_ ? content_.etag() : "", received_, expected_};
      reply = GetByTicket(trial_, connection_, ticket, Text(request_, "name_or_id"), of,
                          [this](std::string_view chunk) {
                            if (expected_ && received_ + Size(chunk) > *expected_) {
                              return BytesDiffer("more bytes arrived than there are");
                            }
                            absl::Status kept = Keep(chunk);
                            return kept.ok() ? Tell() : kept;
                          });
    }
    const bool is_short = expected_ && received_ < *expected_;
    if (reply.own.ok() && !reply.barred && is_short) {
      reply.barred = {"the cloud sent too few bytes"};
    }
    // What has brought some bytes is asked for once more, and given up after a while.
    goes_straight_ = received_ > before && ++broken_ < kMostBroken;
    return reply;
  }

  static int64_t Size(std::string_view chunk) { return static_cast<int64_t>(chunk.size()); }

  absl::Status Begin(const v1::DownloadContent& content) {
    if (received_ > 0) {
      if (content.etag() == content_.etag()) return absl::OkStatus();
      return BytesDiffer("the bytes changed while they were downloaded");
    }
    response_.CopyFrom(*heard_);
    Clear(response_, "chunk");
    Clear(response_, "ticket");
    content_ = content;
    if (content.has_size_bytes()) {
      expected_ = std::max(int64_t{0}, content.size_bytes() - asked_.offset_bytes());
      if (asked_.has_length_bytes()) expected_ = std::min(*expected_, asked_.length_bytes());
      progress_.total_bytes = *expected_;
    }
    known_ = WhatIsKnown(content);
    whole_.reset();
    if (is_whole_ && known_.kind != nullptr) whole_.emplace(known_.kind);
    return absl::OkStatus();
  }

  absl::Status Check() {
    if (expected_ && *expected_ != received_) {
      return BytesDiffer(
          absl::StrCat(received_, " bytes arrived of ", *expected_, " that there are"));
    }
    if (whole_ && whole_->Take() != known_.digest) {
      return BytesDiffer("what arrived is not what the cloud says it has");
    }
    return absl::OkStatus();
  }

  Connection& connection_;
  const char* const path_;
  Sink& sink_;
  Message& request_;
  Message& response_;
  const OnProgress on_progress_;
  const Signer& sign_;
  const v1::DownloadPart asked_;
  // Whether all was asked for, and so is compared with what the cloud says of all.
  const bool is_whole_;
  bool goes_straight_;
  // How often bytes that came straight broke off.
  int broken_ = 0;
  std::optional<v1::Ticket> ticket_;
  const std::unique_ptr<Message> heard_;
  Trial trial_;
  Progress progress_;
  v1::DownloadContent content_;
  // How many bytes are to come. Absent: nobody tells.
  std::optional<int64_t> expected_;
  int64_t received_ = 0;
  // Of what one call sends, where nothing is known of the whole.
  Digest sent_{EVP_sha256()};
  // Of everything, where that is known.
  std::optional<Digest> whole_;
  Known known_;
};

}  // namespace

absl::Status Download(const Place& place, const char* path, const Target& target, Message& request,
                      Message& response, const TransferOptions& options, const Signer& sign) {
  if (absl::Status refused = Prepare(place, request); !refused.ok()) return refused;
  Sink& sink = target.sink();
  if (absl::Status refused = sink.Open(); !refused.ok()) return refused;
  absl::Cleanup abandon = [&sink] { sink.Abandon(); };
  absl::Status status = Downloading(place, path, sink, request, response, options, sign).Run();
  if (!status.ok()) return status;
  std::move(abandon).Cancel();
  return sink.Commit();
}

absl::Status BytesDiffer(const std::string& why) {
  absl::Status status = absl::DataLossError(why);
  details::ErrorInfo info;
  info.set_reason("BYTES_DIFFER");
  SetDetail(status, "google.rpc.ErrorInfo", info);
  return status;
}

}  // namespace oaktree::internal
