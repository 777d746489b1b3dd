#include "oaktree/signed.h"

#include <absl/time/clock.h>

#include <algorithm>
#include <utility>

#include "oaktree/v1/storage_object.h"

namespace oaktree::internal {
namespace {

constexpr char kSign[] = "/oaktreemodel.v1.StorageObjectService/SignStorageObjects";

bool IsSame(const v1::Ticket& one, const v1::Ticket& other) {
  return one.url() == other.url() && one.url_end() == other.url_end();
}

// Whether a signature was refused.
bool IsExpired(const Barred& barred) { return barred.status == 401 || barred.status == 403; }

}  // namespace

Signed::Signed(std::shared_ptr<const Place> place, const v1::Location& location,
               const std::string& container, const std::string& prefix, bool is_upload)
    : place_(std::move(place)) {
  *request_.mutable_location() = location;
  request_.set_parent(container);
  request_.set_prefix(prefix);
  request_.set_is_upload(is_upload);
}

void Signed::Shut() {
  const std::lock_guard lock(mutex_);
  is_shut_ = true;
}

std::optional<v1::Ticket> Signed::Find(absl::Duration timeout, const v1::Ticket* expired) {
  const std::lock_guard lock(mutex_);
  if (is_shut_) return std::nullopt;
  if (!ticket_ || (expired != nullptr && IsSame(*ticket_, *expired))) {
    auto made = StorageObjects(place_).Sign(request_, std::min(timeout, absl::Minutes(1)));
    // Whatever it is, oaktree tells of it, if it is asked for the bytes.
    is_shut_ = !made.ok();
    if (is_shut_) return std::nullopt;
    ticket_ = *std::move(made);
  }
  return ticket_;
}

absl::StatusOr<bool> Signed::Use(absl::Duration timeout, const Work& work) {
  const absl::Time deadline = absl::Now() + timeout;
  std::optional<v1::Ticket> expired;
  for (;;) {
    auto ticket = Find(deadline - absl::Now(), expired ? &*expired : nullptr);
    if (!ticket) return false;
    Trial trial(*place_, kSign, TransferOptions(deadline - absl::Now()));
    Reply reply = work(trial, *place_->connection, *ticket);
    if (!reply.own.ok()) return std::move(reply.own);
    if (!reply.barred) return true;
    if (reply.barred->is_shut) Shut();
    // What is refused twice is refused for another reason, which oaktree knows to tell.
    if (!IsExpired(*reply.barred) || expired) return false;
    expired = *std::move(ticket);
  }
}

}  // namespace oaktree::internal
