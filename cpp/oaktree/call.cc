#include "oaktree/call.h"

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>

#include <cstdint>
#include <random>
#include <string>

#include "oaktree/attempt.h"
#include "oaktree/authorization.h"
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

// Gives a change the request id that it lacks. Whether it lacked one: who gives an id himself may
// be repeating himself, and the server then looks for what was made before.
bool Identify(Message& request) {
  return Text(request, "request_id").empty() && SetText(request, "request_id", NewId());
}

// Makes the call, again where its token had to be renewed.
absl::Status Make(Connection& connection, const char* path, const Message& request, bool is_new,
                  Message& response, absl::Duration timeout) {
  Authorization authorization(&connection, path);
  const absl::Time deadline = absl::Now() + timeout;
  const auto left = [&] { return deadline - absl::Now(); };
  for (;;) {
    Attempt attempt(left());
    if (is_new) attempt.context().AddMetadata("oaktree-request-id", "new");
    absl::Status status = authorization.AddTo(attempt.context(), left());
    if (!status.ok()) return status;
    const grpc::Status said = attempt.Unary(connection, path, request, response);
    status = FromCall(said, connection.endpoint, Text(request, "request_id"));
    if (!authorization.Renew(status, left())) return status;
  }
}

}  // namespace

absl::Status Unary(const Place& place, const char* path, Message& request, Message& response,
                   absl::Duration limit, const CallOptions& options) {
  if (absl::Status refused = Prepare(place, request); !refused.ok()) return refused;
  const bool is_new = Identify(request);
  absl::Status status =
      Make(*place.connection, path, request, is_new, response, options.timeout.value_or(limit));
  if (!status.ok()) return status;
  Failures failures(options, Text(request, "request_id"));
  failures.Add(response);
  status = failures.Finish();
  // What was done must not be lost with it.
  if (!status.ok()) SetDetail(status, response.GetDescriptor()->full_name(), response);
  return status;
}

}  // namespace oaktree::internal
