#include "oaktree/download_object.h"

#include <optional>

#include "oaktree/signed.h"
#include "oaktree/transfer.h"

namespace oaktree::internal {

namespace v1 = oaktreemodel::v1;

absl::Status DownloadObject(const std::shared_ptr<const Place>& place, const char* path,
                            const Target& target, v1::DownloadStorageObjectRequest& request,
                            v1::DownloadStorageObjectResponse& response,
                            const TransferOptions& options) {
  Signed way(place, request.location(), request.parent(), request.name_or_id(),
             /*is_upload=*/false);
  // A ticket that an attempt failed with is not used again.
  std::optional<v1::Ticket> last;
  return Download(*place, path, target, request, response, options, [&](absl::Duration timeout) {
    return last = way.Find(timeout, last ? &*last : nullptr);
  });
}

}  // namespace oaktree::internal
