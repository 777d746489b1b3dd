#include "oaktree/upload_image.h"

#include <cstdint>

#include "oaktree/content.h"
#include "oaktree/digest.h"
#include "oaktree/transfer.h"
#include "oaktree/v1/image.h"

namespace oaktree::internal {
namespace {

// Whether there is an image of the same name and size: only then can it help to know the digest
// before the bytes are sent, for which they are read twice.
bool MayBeThere(const std::shared_ptr<const Place>& place, const v1::UploadImageRequest& request,
                int64_t size, const TransferOptions& options) {
  v1::ListImagesRequest list;
  *list.mutable_location() = request.location();
  auto& condition = *list.add_where();
  condition.add_path("name");
  condition.add_values(request.name());
  CallOptions call;
  call.timeout = options.timeout;
  for (const auto& one : Images(place).List(list, call)) {
    // What is wrong the upload itself will tell.
    if (!one.ok()) return false;
    if (one->has_size_bytes() && one->size_bytes() == size) return true;
  }
  return false;
}

}  // namespace

absl::Status UploadImage(const std::shared_ptr<const Place>& place, const char* path,
                         const Source& source, v1::UploadImageRequest& request,
                         v1::UploadImageResponse& response, const TransferOptions& options) {
  Content& content = source.content();
  auto& about = *request.mutable_content();
  const bool can_help =
      content.is_random() && about.sha256().empty() && !request.allow_duplicates();
  if (can_help) {
    const auto size = content.Open();
    if (!size.ok()) return size.status();
    // What goes in one message says its digests in any case.
    if (**size > static_cast<int64_t>(kChunk) && MayBeThere(place, request, **size, options)) {
      auto sha256 = Hash(content, 0, **size, EVP_sha256());
      if (!sha256.ok()) return sha256.status();
      about.set_sha256(*std::move(sha256));
    }
  }
  return Upload(*place, path, source, request, response, options);
}

}  // namespace oaktree::internal
