#ifndef OAKTREE_SEGMENTS_H_
#define OAKTREE_SEGMENTS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "oaktree/content.h"
#include "oaktree/transfer_options.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree {
class StorageObjects;
}  // namespace oaktree

namespace oaktree::internal {

// Has an entry hold the digests that a step of its plan asks for: of the whole, or of each segment.
absl::Status AddMd5(Content& content, const oaktreemodel::v1::UploadStep& step,
                    oaktreemodel::v1::UploadEntry& entry);

// Sends what a step says is missing, and has the object made. The content is one whose parts can be
// read in any order.
absl::StatusOr<oaktreemodel::v1::StorageObject> UploadSegments(
    const StorageObjects& objects, Content& content,
    const oaktreemodel::v1::UploadStorageObjectRequest& request,
    const oaktreemodel::v1::UploadStep& step, const oaktreemodel::v1::UploadEntry& entry,
    const TransferOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_SEGMENTS_H_
