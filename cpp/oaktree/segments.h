#ifndef OAKTREE_SEGMENTS_H_
#define OAKTREE_SEGMENTS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>

#include "oaktree/content.h"
#include "oaktree/place.h"
#include "oaktree/transfer_options.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree {
class StorageObjects;
}  // namespace oaktree

namespace oaktree::internal {

// Has an entry hold the digests that a step of its plan asks for: of the whole, or of each segment.
absl::Status AddMd5(Content& content, const oaktreemodel::v1::UploadStep& step,
                    oaktreemodel::v1::UploadEntry& entry);

// Has an upload say when its file last changed, unless it says something else.
void NoteChange(const Content& content, oaktreemodel::v1::UploadStorageObjectRequest& request);

// What is to be done with one file, once the digests are told that are asked for. The plan has no
// entry but that one; `step` is what was said of it already, if anything was.
absl::StatusOr<oaktreemodel::v1::UploadStep> Settle(
    const StorageObjects& objects, Content& content,
    oaktreemodel::v1::PlanStorageObjectUploadsRequest plan, oaktreemodel::v1::UploadEntry& entry,
    std::optional<oaktreemodel::v1::UploadStep> step, const TransferOptions& options);

// Sends what a step says is missing, and has the object made. The content is one whose parts can be
// read in any order.
absl::StatusOr<oaktreemodel::v1::StorageObject> UploadSegments(
    const std::shared_ptr<const Place>& place, Content& content,
    const oaktreemodel::v1::UploadStorageObjectRequest& request,
    const oaktreemodel::v1::UploadStep& step, const oaktreemodel::v1::UploadEntry& entry,
    const TransferOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_SEGMENTS_H_
