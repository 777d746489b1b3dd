#include "oaktree/call.h"

#include <absl/time/clock.h>

#include <string>

#include "oaktree/attempt.h"
#include "oaktree/authorization.h"
#include "oaktree/error.h"
#include "oaktree/failures.h"
#include "oaktree/fields.h"
#include "oaktree/place.h"
#include "oaktree/request_id.h"

namespace oaktree::internal {
namespace {

// Makes the call, again where its token had to be renewed.
absl::Status Make(Connection& connection, const char* path, const Message& request, bool is_new,
                  Message& response, absl::Duration timeout) {
  Authorization authorization(&connection, path);
  const absl::Time deadline = absl::Now() + timeout;
  const auto left = [&] { return deadline - absl::Now(); };
  for (;;) {
    Attempt attempt(left());
    if (is_new) attempt.context().AddMetadata(kRequestIdKey, kIsNew);
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
  const bool is_new = AddRequestId(request);
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
