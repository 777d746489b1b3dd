#include "oaktree/call.h"

#include <absl/strings/str_format.h>

#include <cstdint>
#include <random>
#include <string>

#include "oaktree/attempt.h"
#include "oaktree/error.h"
#include "oaktree/failures.h"
#include "oaktree/fields.h"
#include "oaktree/place.h"

namespace oaktree::internal {
namespace {

// A random UUID, as RFC 4122 has it in section 4.4.
std::string NewId() {
  std::random_device random;
  const auto bits = [&random] { return uint64_t{random()} << 32 | random(); };
  const uint64_t high = (bits() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (bits() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, high >> 16 & 0xffff,
                         high & 0xffff, low >> 48, low & 0xffffffffffff);
}

// Gives a change the request id that it lacks, and tells the server that it is new: who gives an id
// himself may be repeating himself, and the server then looks for what was made before.
void Identify(Message& request, grpc::ClientContext& context) {
  if (!Text(request, "request_id").empty()) return;
  if (SetText(request, "request_id", NewId())) context.AddMetadata("oaktree-request-id", "new");
}

}  // namespace

absl::Status Unary(const Place& place, const char* path, Message& request, Message& response,
                   absl::Duration limit, const CallOptions& options) {
  if (absl::Status refused = Prepare(place, request); !refused.ok()) return refused;
  Attempt attempt(options.timeout.value_or(limit));
  Identify(request, attempt.context());
  const grpc::Status said = attempt.Unary(*place.connection, path, request, response);
  const std::string id = Text(request, "request_id");
  if (!said.ok()) return FromCall(said, place.connection->endpoint, id);
  Failures failures(options, id);
  failures.Add(response);
  absl::Status status = failures.Finish();
  // What was done must not be lost with it.
  if (!status.ok()) SetDetail(status, response.GetDescriptor()->full_name(), response);
  return status;
}

}  // namespace oaktree::internal
