#include "oaktree/error.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/reflection.h>
#include <google/rpc/status.pb.h>

#include <utility>

#include "oaktree/details.pb.h"
#include "oaktree/explain.h"
#include "oaktree/failures.h"

namespace oaktree {
namespace {

constexpr char kPrefix[] = "type.googleapis.com/";
constexpr char kErrorInfo[] = "google.rpc.ErrorInfo";
constexpr char kBadRequest[] = "google.rpc.BadRequest";
constexpr char kRetryInfo[] = "google.rpc.RetryInfo";
constexpr char kRequestInfo[] = "google.rpc.RequestInfo";
constexpr char kPartialFailure[] = "oaktree.details.PartialFailure";

// The detail that travels under a name; empty when there is none.
template <typename T>
T Read(const absl::Status& status, const char* name) {
  T detail;
  if (const auto payload = status.GetPayload(absl::StrCat(kPrefix, name))) {
    // What cannot be read must not hide the error.
    if (!detail.ParseFromString(std::string(*payload))) detail.Clear();
  }
  return detail;
}

}  // namespace

Error::Error(const absl::Status& status) : code(status.code()), message(status.message()) {
  const auto info = Read<details::ErrorInfo>(status, kErrorInfo);
  reason = info.reason();
  metadata = {info.metadata().begin(), info.metadata().end()};
  if (const auto at = metadata.find("cloud"); at != metadata.end()) cloud = at->second;
  if (const auto at = metadata.find("region"); at != metadata.end()) region = at->second;
  request_id = Read<details::RequestInfo>(status, kRequestInfo).request_id();
  const auto refused = Read<details::BadRequest>(status, kBadRequest);
  for (const auto& one : refused.field_violations()) {
    fields[one.field()] = one.description();
  }
  quota = Detail<oaktreemodel::v1::QuotaExceeded>(status);
  if (const auto retry = Read<details::RetryInfo>(status, kRetryInfo); retry.has_retry_delay()) {
    retry_after = absl::Seconds(retry.retry_delay().seconds()) +
                  absl::Nanoseconds(retry.retry_delay().nanos());
  }
  const auto partial = Read<details::PartialFailure>(status, kPartialFailure);
  for (const auto& one : partial.failures()) {
    failures.push_back(internal::FromFailure(one, request_id));
  }
}

std::string Error::ToString() const {
  std::vector<std::string> notes;
  if (!reason.empty()) notes.push_back(reason);
  if (!cloud.empty() || !region.empty()) {
    notes.push_back(absl::StrCat("in ", cloud, cloud.empty() || region.empty() ? "" : "/", region));
  }
  if (!request_id.empty()) notes.push_back(absl::StrCat("request id ", request_id));
  if (notes.empty()) return message;
  return absl::StrCat(message, " (", absl::StrJoin(notes, ", "), ")");
}

namespace internal {
namespace {

absl::Status FromStatus(const google::rpc::Status& said, const std::string& request_id) {
  auto code = static_cast<absl::StatusCode>(said.code());
  // An error whose code says that there is none, or nothing that anyone knows.
  if (said.code() <= 0 || said.code() > 16) code = absl::StatusCode::kUnknown;
  absl::Status made(code, said.message().empty() ? absl::StatusCodeToString(code) : said.message());
  for (const auto& one : said.details()) {
    const auto& url = one.type_url();
    made.SetPayload(absl::StrCat(kPrefix, url.substr(url.rfind('/') + 1)), absl::Cord(one.value()));
  }
  if (!request_id.empty()) {
    details::RequestInfo info;
    info.set_request_id(request_id);
    SetDetail(made, kRequestInfo, info);
  }
  return made;
}

}  // namespace

void SetDetail(absl::Status& status, const std::string& name,
               const google::protobuf::Message& detail) {
  status.SetPayload(absl::StrCat(kPrefix, name), absl::Cord(detail.SerializeAsString()));
}

absl::Status Extend(const absl::Status& error, const std::string& more) {
  absl::Status extended(error.code(), absl::StrCat(error.message(), "; ", more));
  error.ForEachPayload([&extended](absl::string_view url, const absl::Cord& payload) {
    extended.SetPayload(url, payload);
  });
  return extended;
}

absl::Status FromCall(const grpc::Status& status, const Endpoint& at,
                      const std::string& request_id) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status said;
  said.set_code(status.error_code());
  said.set_message(status.error_message());
  // A server's mistake there must not hide its error.
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) said.MergeFrom(details);
  absl::Status made = FromStatus(said, request_id);
  // Every error that an oaktree makes has a reason; what has none comes from the way there.
  if (Read<details::ErrorInfo>(made, kErrorInfo).reason().empty()) {
    said.set_message(Explain(made, at));
    made = FromStatus(said, request_id);
  }
  return made;
}

absl::Status FromFailure(const oaktreemodel::v1::Failure& failure, const std::string& request_id) {
  absl::Status made = FromStatus(failure.status(), request_id);
  auto info = Read<details::ErrorInfo>(made, kErrorInfo);
  auto& metadata = *info.mutable_metadata();
  if (metadata["cloud"].empty()) metadata["cloud"] = failure.location().cloud();
  if (metadata["region"].empty()) metadata["region"] = failure.location().region();
  SetDetail(made, kErrorInfo, info);
  return made;
}

bool IsServiceAbsent(const absl::Status& status) {
  return Read<details::ErrorInfo>(status, kErrorInfo).reason() == "SERVICE_ABSENT";
}

void Failures::Add(const google::protobuf::Message& response) {
  const auto* field = response.GetDescriptor()->FindFieldByName("failures");
  if (field == nullptr) return;
  const auto failures =
      response.GetReflection()->GetRepeatedFieldRef<oaktreemodel::v1::Failure>(response, field);
  for (const oaktreemodel::v1::Failure& one : failures) {
    const absl::Status status = FromFailure(one, request_id_);
    if (IsServiceAbsent(status)) continue;
    if (on_failure_) {
      on_failure_(status);
    } else {
      *kept_.add_failures() = one;
    }
  }
}

absl::Status Failures::Finish() const {
  if (kept_.failures().empty()) return absl::OkStatus();
  std::vector<std::string> told;
  for (const auto& one : kept_.failures()) {
    told.push_back(Error(FromFailure(one, request_id_)).ToString());
  }
  absl::Status status = absl::UnknownError(absl::StrJoin(told, "; "));
  SetDetail(status, kPartialFailure, kept_);
  if (!request_id_.empty()) {
    details::RequestInfo info;
    info.set_request_id(request_id_);
    SetDetail(status, kRequestInfo, info);
  }
  return status;
}

}  // namespace internal
}  // namespace oaktree
