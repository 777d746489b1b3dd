#ifndef OAKTREE_UPLOAD_IMAGE_H_
#define OAKTREE_UPLOAD_IMAGE_H_

#include <absl/status/status.h>

#include <memory>

#include "oaktree/place.h"
#include "oaktree/source.h"
#include "oaktree/transfer_options.h"
#include "oaktreemodel/v1/image.pb.h"

namespace oaktree::internal {

// As Upload, of what need not be sent if it is there: where it may be, the bytes are hashed first.
absl::Status UploadImage(const std::shared_ptr<const Place>& place, const char* path,
                         const Source& source, oaktreemodel::v1::UploadImageRequest& request,
                         oaktreemodel::v1::UploadImageResponse& response,
                         const TransferOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_UPLOAD_IMAGE_H_
