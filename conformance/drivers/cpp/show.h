#ifndef OAKTREE_CONFORMANCE_SHOW_H_
#define OAKTREE_CONFORMANCE_SHOW_H_

#include <absl/status/status.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <oaktree/directory.h>
#include <oaktree/transfer_options.h>
#include <oaktree/watch.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace driver {

// protobuf's own form of it, so that no other library is needed.
using Json = google::protobuf::Value;

std::string Text(const Json& json);

Json Show(const google::protobuf::Message& message);
Json Show(const std::string& text);
Json Show(int64_t number);
Json Show(const oaktree::Progress& progress);
Json Show(const oaktree::DirectoryResult& result);
Json ShowError(const absl::Status& status);
// What is the same in the events of every resource.
std::map<std::string, Json> ShowEvent(const oaktree::AnyEvent& event);

Json Object(const std::map<std::string, Json>& fields);
Json List(const std::vector<Json>& values);

template <typename T>
Json Show(const std::vector<T>& values) {
  std::vector<Json> shown;
  for (const auto& one : values) shown.push_back(Show(one));
  return List(shown);
}

template <typename T>
Json Show(const oaktree::Event<T>& event) {
  auto fields = ShowEvent(event);
  if (event.item) fields["item"] = Show(*event.item);
  return Object(fields);
}

}  // namespace driver

#endif  // OAKTREE_CONFORMANCE_SHOW_H_
