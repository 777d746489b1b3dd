#ifndef OAKTREE_UPLOAD_OBJECT_H_
#define OAKTREE_UPLOAD_OBJECT_H_

#include <absl/status/status.h>

#include <memory>

#include "oaktree/place.h"
#include "oaktree/source.h"
#include "oaktree/transfer_options.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree::internal {

// As Upload, of what may go in segments: a large object does, where the cloud wants it so.
absl::Status UploadObject(const std::shared_ptr<const Place>& place, const char* path,
                          const Source& source,
                          oaktreemodel::v1::UploadStorageObjectRequest& request,
                          oaktreemodel::v1::UploadStorageObjectResponse& response,
                          const TransferOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_UPLOAD_OBJECT_H_
