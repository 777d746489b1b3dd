#ifndef OAKTREE_ERROR_H_
#define OAKTREE_ERROR_H_

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oaktreemodel/v1/error.pb.h"

namespace oaktree {

// What a status says, read: every call fails with an absl::Status, whose code tells what kind of
// failure it is (absl::IsNotFound and so on), and whose payloads hold the rest.
//
// Programs judge by code and reason; the message is for people. By reason, INVALID_ARGUMENT is an
// ambiguity where that is NAME_AMBIGUOUS or CHOICE_NEEDED, and RESOURCE_EXHAUSTED is a quota or a
// rate limit where it is QUOTA_EXCEEDED or RATE_LIMITED.
struct Error {
  explicit Error(const absl::Status& status);

  absl::StatusCode code;
  // What went wrong.
  std::string message;
  // Why: an oaktreemodel::v1::Reason without its prefix, such as "NAME_AMBIGUOUS". Empty when the
  // server gave none.
  std::string reason;
  // Where it happened. Empty when it is about no cloud, or none of its regions.
  std::string cloud;
  std::string region;
  // What else the server says of it: service, cloud_request_id.
  std::map<std::string, std::string> metadata;
  // The id of the change that failed, to find it in logs or to ask again. Empty for reads.
  std::string request_id;
  // The request's fields that are wrong, by path, and what is wrong with each.
  std::map<std::string, std::string> fields;
  // The quota that is used up. Absent when it is about none.
  std::optional<oaktreemodel::v1::QuotaExceeded> quota;
  // How long to wait before asking again. Absent when the cloud does not tell.
  std::optional<absl::Duration> retry_after;
  // Places, or some of several changes, that failed while the others' results were handed over. If
  // there are any, they are all that is wrong: the code is UNKNOWN, and there is no reason.
  std::vector<absl::Status> failures;

  // The message, the reason, the place and the request id, for people.
  std::string ToString() const;
};

// A detail of an error, as the message it is: Detail<oaktreemodel::v1::QuotaExceeded>(status). Of a
// call that made several changes some of which failed, its response is one, too. Absent when the
// status has none of this type.
template <typename Message>
std::optional<Message> Detail(const absl::Status& status) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Message::descriptor()->full_name()));
  Message message;
  if (!payload || !message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

}  // namespace oaktree

#endif  // OAKTREE_ERROR_H_
