#include "oaktree/segments.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <utility>

#include "oaktree/digest.h"
#include "oaktree/failures.h"
#include "oaktree/lanes.h"
#include "oaktree/outgoing.h"
#include "oaktree/request_id.h"
#include "oaktree/retries.h"
#include "oaktree/signed.h"
#include "oaktree/ticket.h"
#include "oaktree/transfer.h"
#include "oaktree/v1/storage_object.h"

namespace oaktree::internal {
namespace {

constexpr int kLanes = 4;

// A part of other bytes, and its MD5 once it was read to its end.
class Slice final : public Content {
 public:
  Slice(Content& whole, int64_t offset, int64_t size)
      : whole_(whole), offset_(offset), size_(size) {}

  absl::StatusOr<std::optional<int64_t>> Open() override { return size_; }
  absl::StatusOr<size_t> Read(int64_t offset, char* to, size_t size) override {
    auto count = whole_.Read(offset_ + offset, to, size);
    if (count.ok()) md5_.Add({to, *count});
    return count;
  }
  bool is_random() const override { return false; }
  bool Rewind() override {
    md5_.Take();
    return true;
  }
  absl::Status Check() override { return whole_.Check(); }

  std::string TakeMd5() { return md5_.Take(); }

 private:
  Content& whole_;
  const int64_t offset_;
  const int64_t size_;
  Digest md5_{EVP_md5()};
};

// Sends the segments of one object, and has the object made of them.
class Segments {
 public:
  Segments(const std::shared_ptr<const Place>& place, Content& content,
           const v1::UploadStorageObjectRequest& request, const v1::UploadStep& step, int64_t size,
           const TransferOptions& options, absl::Time deadline)
      : objects_(place),
        way_(place, request.location(), request.parent(), FolderOf(step), /*is_upload=*/true),
        content_(content),
        size_(size),
        request_(request),
        deadline_(deadline),
        sum_(options.on_progress, content.path().empty() ? request.name() : content.path(), size) {
    if (options.through_oaktree || FolderOf(step).empty()) way_.Shut();
  }

  absl::StatusOr<v1::StorageObject> Send(const v1::UploadStep& step, const v1::UploadEntry& entry) {
    if (absl::Status wrong = Begin(step, entry); !wrong.ok()) return wrong;
    std::vector<const v1::PlannedSegment*> missing;
    for (const auto& one : step.segments()) {
      if (one.is_done()) {
        sum_.Add(request_.name(), one.size_bytes());
      } else {
        missing.push_back(&one);
      }
    }
    // The whole is hashed beside them, in its own lane and order.
    const absl::Status status = InLanes(missing.size() + 1, kLanes + 1, [&](size_t lane) {
      absl::Status done = lane == 0 ? HashWhole() : SendOne(step.upload_id(), *missing[lane - 1]);
      if (!done.ok()) sum_.Stop();
      return done;
    });
    if (!status.ok()) return Kept(status);
    auto made = Commit();
    return made.ok() ? std::move(made) : Kept(made.status());
  }

 private:
  // What the names of all segments begin with; empty if nothing is told of them.
  static std::string FolderOf(const v1::UploadStep& step) {
    const std::string name = step.segments().empty() ? "" : step.segments(0).name();
    return name.substr(0, name.rfind('/') + 1);
  }

  absl::Status Begin(const v1::UploadStep& step, const v1::UploadEntry& entry) {
    int64_t offset = 0;
    for (const auto& one : step.segments()) {
      if (one.offset_bytes() != offset || one.index() != commit_.segments_size()) break;
      auto& segment = *commit_.add_segments();
      segment.set_size_bytes(one.size_bytes());
      if (one.is_done() && one.index() < entry.segment_md5s_size()) {
        segment.set_md5(entry.segment_md5s(one.index()));
      } else if (one.is_done()) {
        auto md5 = Hash(content_, offset, one.size_bytes(), EVP_md5());
        if (!md5.ok()) return md5.status();
        segment.set_md5(*std::move(md5));
      }
      offset += one.size_bytes();
    }
    if (offset != size_) return absl::InternalError("the plan's segments are not the whole object");
    *commit_.mutable_location() = request_.location();
    commit_.set_request_id(request_.request_id());
    commit_.set_parent(request_.parent());
    commit_.set_name(request_.name());
    commit_.set_content_type(request_.content_type());
    *commit_.mutable_metadata() = request_.metadata();
    commit_.set_only_if_absent(request_.only_if_absent());
    if (request_.has_expires_at()) *commit_.mutable_expires_at() = request_.expires_at();
    if (request_.has_modified_at()) *commit_.mutable_modified_at() = request_.modified_at();
    commit_.set_upload_id(step.upload_id());
    commit_.set_segment_size_bytes(step.segments(0).size_bytes());
    return absl::OkStatus();
  }

  absl::Status HashWhole() {
    auto sha256 = Hash(content_, 0, size_, EVP_sha256(), &sum_.is_stopped());
    if (!sha256.ok()) return sha256.status();
    const std::string& promised = request_.content().sha256();
    if (!promised.empty() && !absl::EqualsIgnoreCase(promised, *sha256) && !sum_.is_stopped()) {
      return DigestDiffers("SHA-256");
    }
    commit_.set_sha256(*std::move(sha256));
    return absl::OkStatus();
  }

  absl::Status SendOne(const std::string& upload_id, const v1::PlannedSegment& segment) {
    const auto slice =
        std::make_shared<Slice>(content_, segment.offset_bytes(), segment.size_bytes());
    const auto told = sum_.Of(static_cast<size_t>(segment.index()));
    const auto is_there =
        way_.Use(Left(), [&](Trial& trial, Connection& connection, const v1::Ticket& ticket) {
          return PutOne(trial, connection, ticket, segment, *slice, told);
        });
    if (!is_there.ok()) return is_there.status();
    if (*is_there) return absl::OkStatus();
    slice->Rewind();
    v1::UploadStorageObjectRequest request;
    *request.mutable_location() = request_.location();
    request.set_parent(request_.parent());
    request.set_name(request_.name());
    auto& part = *request.mutable_segment();
    part.set_upload_id(upload_id);
    part.set_index(segment.index());
    part.set_object_size_bytes(size_);
    part.set_segment_size_bytes(commit_.segment_size_bytes());
    TransferOptions options(Left());
    options.on_progress = told;
    const auto made = objects_.Upload(Source(slice), std::move(request), std::move(options));
    if (!made.ok()) return made.status();
    auto md5 = slice->TakeMd5();
    if (made->etag() != md5) {
      return BytesDiffer(absl::StrCat("the cloud has other bytes than segment ", segment.index()));
    }
    commit_.mutable_segments(segment.index())->set_md5(std::move(md5));
    return absl::OkStatus();
  }

  // Sends one straight to the cloud.
  Reply PutOne(Trial& trial, Connection& connection, const v1::Ticket& ticket,
               const v1::PlannedSegment& segment, Slice& slice, const OnProgress& told) {
    slice.Rewind();
    Progress progress{request_.name(), 0, segment.size_bytes()};
    Outgoing body(slice, segment.size_bytes(), {EVP_md5()}, nullptr, [&](int64_t sent) {
      progress.sent_bytes = sent;
      return told(progress) ? absl::OkStatus() : absl::CancelledError("the upload was cancelled");
    });
    Reply reply = PutByTicket(trial, connection, ticket, segment.name(), {}, body);
    if (!reply.own.ok() || reply.barred) return reply;
    const std::string& md5 = body.digests()[0];
    if (reply.etag != md5) {
      reply.barred = {"the cloud has other bytes than were sent"};
    } else {
      commit_.mutable_segments(segment.index())->set_md5(md5);
    }
    return reply;
  }

  absl::StatusOr<v1::StorageObject> Commit() {
    if (absl::Status changed = content_.Check(); !changed.ok()) return changed;
    AddRequestId(commit_);
    for (Retries retries;;) {
      auto made = objects_.Commit(commit_, std::min(absl::Duration(absl::Minutes(5)), Left()));
      const auto pause = retries.Pause(made.status());
      if (made.ok() || !pause) return made;
      absl::SleepFor(std::min(*pause, Left()));
    }
  }

  static absl::Status Kept(const absl::Status& status) {
    return Extend(status,
                  "the segments that were sent are kept for when the same is uploaded again, or "
                  "until AbortUploads deletes them");
  }

  absl::Duration Left() const { return deadline_ - absl::Now(); }

  const StorageObjects objects_;
  Signed way_;
  Content& content_;
  const int64_t size_;
  const v1::UploadStorageObjectRequest& request_;
  const absl::Time deadline_;
  Sum sum_;
  v1::CommitStorageObjectRequest commit_;
};

// The one step of a plan for one file.
absl::StatusOr<v1::UploadStep> Plan(const StorageObjects& objects,
                                    const v1::PlanStorageObjectUploadsRequest& request,
                                    const TransferOptions& options) {
  CallOptions call;
  call.timeout = options.timeout;
  auto steps = objects.PlanUploads(request, call);
  if (!steps.ok()) return steps.status();
  if (steps->size() == 1) return std::move(steps->front());
  return absl::InternalError(
      absl::StrCat("the server plans ", steps->size(), " steps for one object"));
}

}  // namespace

absl::Status AddMd5(Content& content, const v1::UploadStep& step, v1::UploadEntry& entry) {
  if (step.segments().empty()) {
    auto md5 = Hash(content, 0, entry.size_bytes(), EVP_md5());
    if (!md5.ok()) return md5.status();
    entry.set_md5(*std::move(md5));
    return content.Check();
  }
  entry.clear_segment_md5s();
  std::vector<std::string> made(static_cast<size_t>(step.segments_size()));
  absl::Status status = InLanes(made.size(), kLanes, [&](size_t index) {
    const auto& one = step.segments(static_cast<int>(index));
    auto md5 = Hash(content, one.offset_bytes(), one.size_bytes(), EVP_md5());
    if (md5.ok()) made[index] = *std::move(md5);
    return md5.status();
  });
  if (!status.ok()) return status;
  for (auto& one : made) entry.add_segment_md5s(std::move(one));
  return content.Check();
}

void NoteChange(const Content& content, v1::UploadStorageObjectRequest& request) {
  const auto changed = content.modified_at();
  if (!changed || request.has_modified_at()) return;
  const int64_t seconds = absl::ToUnixSeconds(*changed);
  request.mutable_modified_at()->set_seconds(seconds);
  request.mutable_modified_at()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(*changed - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<v1::UploadStep> Settle(const StorageObjects& objects, Content& content,
                                      v1::PlanStorageObjectUploadsRequest plan,
                                      v1::UploadEntry& entry, std::optional<v1::UploadStep> step,
                                      const TransferOptions& options) {
  // Once for the whole, and once for the segments.
  for (int asked = 0; asked < 3; ++asked) {
    if (step) {
      if (step->action() != v1::UPLOAD_ACTION_NEED_CHECKSUM) break;
      if (absl::Status wrong = AddMd5(content, *step, entry); !wrong.ok()) return wrong;
    }
    plan.clear_entries();
    *plan.add_entries() = entry;
    auto told = Plan(objects, plan, options);
    if (!told.ok()) return told;
    step = *std::move(told);
  }
  return *std::move(step);
}

absl::StatusOr<v1::StorageObject> UploadSegments(const std::shared_ptr<const Place>& place,
                                                 Content& content,
                                                 const v1::UploadStorageObjectRequest& request,
                                                 const v1::UploadStep& step,
                                                 const v1::UploadEntry& entry,
                                                 const TransferOptions& options) {
  const auto deadline = absl::Now() + options.timeout.value_or(absl::InfiniteDuration());
  return Segments(place, content, request, step, entry.size_bytes(), options, deadline)
      .Send(step, entry);
}

}  // namespace oaktree::internal
