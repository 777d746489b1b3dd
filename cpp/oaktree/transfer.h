#ifndef OAKTREE_TRANSFER_H_
#define OAKTREE_TRANSFER_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "oaktree/source.h"
#include "oaktree/target.h"
#include "oaktree/transfer_options.h"
#include "oaktreemodel/v1/transfer.pb.h"

// What the generated methods call that move bytes. As in call.h, none of it knows a resource, and
// the result is field 1 of the response.
namespace oaktree::internal {

struct Place;
using google::protobuf::Message;

// Bytes. How many of a transfer go in one message.
constexpr size_t kChunk = 256 << 10;

// Sends all bytes of the source, and waits for what the server makes of them.
absl::Status Upload(const Place& place, const char* path, const Source& source, Message& request,
                    Message& response, const TransferOptions& options);

// Gives a ticket for what a download is of; nothing if there is none.
using Signer = std::function<std::optional<oaktreemodel::v1::Ticket>(absl::Duration timeout)>;

// Has the bytes go to the target, which has them only if they are all there and right. `sign` is
// for what has to be signed to be fetched straight from the cloud.
absl::Status Download(const Place& place, const char* path, const Target& target, Message& request,
                      Message& response, const TransferOptions& options,
                      const Signer& sign = nullptr);

// The error of bytes that are not what they were.
absl::Status BytesDiffer(const std::string& why);

}  // namespace oaktree::internal

#endif  // OAKTREE_TRANSFER_H_
