#include "show.h"

#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <google/protobuf/util/json_util.h>
#include <oaktree/error.h>
#include <oaktree/oaktree.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace driver {
namespace {

namespace util = google::protobuf::util;

Json Bool(bool value) {
  Json json;
  json.set_bool_value(value);
  return json;
}

Json Number(double value) {
  Json json;
  json.set_number_value(value);
  return json;
}

Json ShowTexts(const std::map<std::string, std::string>& texts) {
  std::map<std::string, Json> fields;
  for (const auto& [key, value] : texts) fields[key] = Show(value);
  return Object(fields);
}

// What a program can tell it to be, in the names that all languages share.
std::vector<std::string> Kinds(const absl::Status& status, const oaktree::Error& error) {
  static const std::map<absl::StatusCode, std::string> by_code = {
      {absl::StatusCode::kCancelled, "Cancelled"},
      {absl::StatusCode::kInvalidArgument, "InvalidArgument"},
      {absl::StatusCode::kOutOfRange, "InvalidArgument"},
      {absl::StatusCode::kDeadlineExceeded, "DeadlineExceeded"},
      {absl::StatusCode::kNotFound, "NotFound"},
      {absl::StatusCode::kAlreadyExists, "AlreadyExists"},
      {absl::StatusCode::kPermissionDenied, "PermissionDenied"},
      {absl::StatusCode::kUnauthenticated, "Unauthenticated"},
      {absl::StatusCode::kResourceExhausted, "ResourceExhausted"},
      {absl::StatusCode::kFailedPrecondition, "Failed"},
      {absl::StatusCode::kAborted, "Conflict"},
      {absl::StatusCode::kUnimplemented, "Unimplemented"},
      {absl::StatusCode::kUnavailable, "Unavailable"},
      {absl::StatusCode::kDataLoss, "DataLoss"},
  };
  static const std::map<std::string, std::string> by_reason = {
      {"NAME_AMBIGUOUS", "Ambiguous"},
      {"CHOICE_NEEDED", "Ambiguous"},
      {"QUOTA_EXCEEDED", "QuotaExceeded"},
      {"RATE_LIMITED", "RateLimited"},
  };
  const auto code = by_code.find(status.code());
  std::vector<std::string> kinds = {code == by_code.end() ? "Internal" : code->second};
  const auto reason = by_reason.find(error.reason);
  if (reason != by_reason.end()) kinds.push_back(reason->second);
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

// What a call that made several changes returned beside its failures: field 1 of its response,
// which is a detail of the error.
Json Results(const absl::Status& status) {
  std::vector<Json> results;
  status.ForEachPayload([&results](absl::string_view url, const absl::Cord& value) {
    const std::string name(url.substr(url.rfind('/') + 1));
    const auto* kind =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
    if (kind == nullptr || !absl::EndsWith(name, "Response")) return;
    const std::unique_ptr<google::protobuf::Message> response(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(kind)->New());
    if (!response->ParseFromString(std::string(value))) return;
    const auto* things = response->GetReflection();
    const auto* field = kind->FindFieldByNumber(1);
    for (int i = 0; i < things->FieldSize(*response, field); ++i) {
      results.push_back(Show(things->GetRepeatedMessage(*response, field, i)));
    }
  });
  return List(results);
}

}  // namespace

std::string Text(const Json& json) {
  std::string text;
  const auto done = util::MessageToJsonString(json, &text);
  if (!done.ok()) throw std::runtime_error(done.ToString());
  return text;
}

Json Object(const std::map<std::string, Json>& fields) {
  Json json;
  auto& into = *json.mutable_struct_value()->mutable_fields();
  for (const auto& [name, value] : fields) into[name] = value;
  return json;
}

Json List(const std::vector<Json>& values) {
  Json json;
  auto* into = json.mutable_list_value();
  for (const auto& one : values) *into->add_values() = one;
  return json;
}

Json Show(const std::string& text) {
  Json json;
  json.set_string_value(text);
  return json;
}

Json Show(int64_t number) { return Number(static_cast<double>(number)); }

Json Show(const google::protobuf::Message& message) {
  util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  auto done = util::MessageToJsonString(message, &text, options);
  Json json;
  if (done.ok()) done = util::JsonStringToMessage(text, &json);
  if (!done.ok()) throw std::runtime_error(done.ToString());
  return json;
}

Json Show(const oaktree::Progress& progress) {
  std::map<std::string, Json> fields = {{"name", Show(progress.name)},
                                        {"sent_bytes", Show(progress.sent_bytes)}};
  if (progress.total_bytes) {
    fields["total_bytes"] = Show(*progress.total_bytes);
  }
  return Object(fields);
}

Json Show(const oaktree::DirectoryResult& result) {
  const auto shown = [](std::vector<std::string> paths) {
    std::sort(paths.begin(), paths.end());
    return Show(paths);
  };
  std::vector<std::string> failed;
  for (const auto& one : result.failed) failed.push_back(one.path);
  return Object({{"sent", Show(result.sent)},
                 {"sent_bytes", Show(result.sent_bytes)},
                 {"skipped", Show(result.skipped)},
                 {"deleted", Show(result.deleted)},
                 {"failed", shown(failed)},
                 {"left_out", shown(result.left_out)}});
}

Json ShowError(const absl::Status& status) {
  const oaktree::Error error(status);
  if (!error.failures.empty()) {
    std::vector<Json> failures;
    for (const auto& one : error.failures) failures.push_back(ShowError(one));
    return Object({{"kinds", List({Show(std::string("PartialFailure"))})},
                   {"failures", List(failures)},
                   {"results", Results(status)}});
  }
  std::vector<Json> details;
  status.ForEachPayload([&details](absl::string_view url, const absl::Cord& value) {
    details.push_back(ShowTexts({{"type", std::string(url.substr(url.rfind('/') + 1))},
                                 {"value", absl::Base64Escape(std::string(value))}}));
  });
  std::map<std::string, Json> fields = {
      {"kinds", Show(Kinds(status, error))},
      {"code", Show(absl::StatusCodeToString(error.code))},
      {"reason", Show(error.reason)},
      {"message", Show(error.message)},
      {"cloud", Show(error.cloud)},
      {"region", Show(error.region)},
      {"metadata", ShowTexts(error.metadata)},
      {"request_id", Show(error.request_id)},
      {"details", List(details)},
  };
  if (!error.fields.empty()) fields["fields"] = ShowTexts(error.fields);
  if (error.quota) fields["quota"] = Show(*error.quota);
  if (error.retry_after) fields["retry_after"] = Number(absl::ToDoubleSeconds(*error.retry_after));
  return Object(fields);
}

std::map<std::string, Json> ShowEvent(const oaktree::AnyEvent& event) {
  std::map<std::string, Json> fields = {
      {"kind", Show(std::string(oaktree::ToString(event.kind)))},
      {"location", Show(event.location)},
      {"id", Show(event.id)},
      {"name", Show(event.name)},
      {"deleted", Bool(event.deleted)},
      {"has_as_of", Bool(event.as_of.has_value())},
  };
  if (!event.failure.ok()) fields["failure"] = ShowError(event.failure);
  return fields;
}

}  // namespace driver
