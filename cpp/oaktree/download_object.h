#ifndef OAKTREE_DOWNLOAD_OBJECT_H_
#define OAKTREE_DOWNLOAD_OBJECT_H_

#include <absl/status/status.h>

#include <memory>

#include "oaktree/place.h"
#include "oaktree/target.h"
#include "oaktree/transfer_options.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree::internal {

constexpr char kDownloadObject[] = "/oaktreemodel.v1.StorageObjectService/DownloadStorageObject";

// As Download, of what has to be signed to be fetched straight from the cloud.
absl::Status DownloadObject(const std::shared_ptr<const Place>& place, const char* path,
                            const Target& target,
                            oaktreemodel::v1::DownloadStorageObjectRequest& request,
                            oaktreemodel::v1::DownloadStorageObjectResponse& response,
                            const TransferOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_DOWNLOAD_OBJECT_H_
