#include "oaktree/upload_object.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "oaktree/content.h"
#include "oaktree/segments.h"
#include "oaktree/transfer.h"
#include "oaktree/v1/storage_object.h"

namespace oaktree::internal {
namespace {

// Bytes. What is no larger goes in one piece without oaktree being asked.
constexpr int64_t kSmall = 32 << 20;

// What an object is for the plan: a file of its last step's name, below the prefix of the others.
// False where such a file cannot be.
bool Split(const std::string& name, std::string& prefix, std::string& path) {
  const auto slash = name.rfind('/') + 1;
  prefix = name.substr(0, slash);
  path = name.substr(slash);
  return !path.empty() && path != "." && path != "..";
}

// The object that is there already, with what the request notes on it.
absl::StatusOr<v1::StorageObject> Keep(const StorageObjects& objects,
                                       const v1::UploadStorageObjectRequest& request) {
  if (request.only_if_absent()) {
    return absl::AlreadyExistsError(
        absl::StrCat(request.name(), " is in ", request.parent(), " already"));
  }
  if (request.content_type().empty() && request.metadata().empty() && !request.has_expires_at()) {
    v1::GetStorageObjectRequest get;
    *get.mutable_location() = request.location();
    get.set_parent(request.parent());
    get.set_name_or_id(request.name());
    return objects.Get(get);
  }
  v1::UpdateStorageObjectRequest update;
  *update.mutable_location() = request.location();
  update.set_request_id(request.request_id());
  update.set_parent(request.parent());
  update.set_name_or_id(request.name());
  if (!request.content_type().empty()) update.set_content_type(request.content_type());
  if (!request.metadata().empty()) {
    // Where bytes are sent, nothing of the old metadata stays either.
    *update.mutable_metadata()->mutable_set() = request.metadata();
    update.mutable_metadata()->set_replace(true);
  }
  if (request.has_expires_at()) *update.mutable_expires_at() = request.expires_at();
  return objects.Update(update);
}

}  // namespace

absl::Status UploadObject(const std::shared_ptr<const Place>& place, const char* path,
                          const Source& source, v1::UploadStorageObjectRequest& request,
                          v1::UploadStorageObjectResponse& response,
                          const TransferOptions& options) {
  const auto whole = [&](const Source& all) {
    return Upload(*place, path, all, request, response, options);
  };
  std::string prefix, file;
  if (request.has_segment() || !Split(request.name(), prefix, file)) return whole(source);
  auto size = source.content().Open();
  if (!size.ok()) return size.status();
  std::optional<int64_t> promised = *size;
  if (request.content().has_size_bytes()) promised = request.content().size_bytes();
  if (*size && **size != *promised) return SizeDiffers(*promised, **size);
  NoteChange(source.content(), request);
  const int64_t most = options.segment_size_bytes > 0 ? options.segment_size_bytes : kSmall;
  if (promised && *promised <= most) return whole(source);

  Source all = source;
  if (!source.content().is_random()) {
    auto spooled = Spool(source.content(), promised);
    if (!spooled.ok()) return spooled.status();
    all = Source(*std::move(spooled));
    size = all.content().Open();
    if (!size.ok()) return size.status();
    if (**size <= most) return whole(all);
  }
  const StorageObjects objects(place);
  v1::PlanStorageObjectUploadsRequest plan;
  *plan.mutable_location() = request.location();
  plan.set_parent(request.parent());
  plan.set_prefix(prefix);
  plan.set_segment_size_bytes(options.segment_size_bytes);
  v1::UploadEntry entry;
  entry.set_path(file);
  entry.set_size_bytes(**size);
  const auto step = Settle(objects, all.content(), plan, entry, std::nullopt, options);
  if (!step.ok()) return step.status();
  absl::StatusOr<v1::StorageObject> made;
  if (step->action() == v1::UPLOAD_ACTION_SKIP) {
    made = Keep(objects, request);
  } else if (step->segments().empty()) {
    return whole(all);
  } else {
    made = UploadSegments(place, all.content(), request, *step, entry, options);
  }
  if (made.ok()) *response.mutable_storage_object() = *std::move(made);
  return made.status();
}

}  // namespace oaktree::internal
