#ifndef OAKTREE_FAILURES_H_
#define OAKTREE_FAILURES_H_

#include <absl/status/status.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <string>
#include <utility>

#include "oaktree/address.h"
#include "oaktree/call_options.h"
#include "oaktree/details.pb.h"
#include "oaktreemodel/v1/error.pb.h"

namespace oaktree::internal {

// Adds a detail to an error, under the full name of a message.
void SetDetail(absl::Status& status, const std::string& name,
               const google::protobuf::Message& detail);

// The same error, with more to its message.
absl::Status Extend(const absl::Status& error, const std::string& more);

// The error of a call that failed as a whole, or OK.
absl::Status FromCall(const grpc::Status& status, const Endpoint& at,
                      const std::string& request_id);

// The error of one place inside a stream.
absl::Status FromFailure(const oaktreemodel::v1::Failure& failure, const std::string& request_id);

// Whether it is the one reason that is no failure of a list: a place that lacks a service has none
// of its things.
bool IsServiceAbsent(const absl::Status& status);

// The failures of one call, as they come in.
class Failures {
 public:
  Failures(const CallOptions& options, std::string request_id)
      : on_failure_(options.on_failure), request_id_(std::move(request_id)) {}

  // Takes the failures that a response tells of, if it can tell of any: to the callback, or to be
  // kept where there is none.
  void Add(const google::protobuf::Message& response);

  // OK unless any were kept.
  absl::Status Finish() const;

 private:
  const std::function<void(const absl::Status&)> on_failure_;
  const std::string request_id_;
  details::PartialFailure kept_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_FAILURES_H_
