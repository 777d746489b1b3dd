#include "oaktree/events.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/timestamp.pb.h>

#include "oaktree/failures.h"
#include "oaktree/fields.h"
#include "oaktreemodel/v1/error.pb.h"
#include "oaktreemodel/v1/watch.pb.h"

namespace oaktree {

const char* ToString(EventKind kind) {
  switch (kind) {
    case EventKind::kReset:
      return "reset";
    case EventKind::kPresent:
      return "present";
    case EventKind::kSynced:
      return "synced";
    case EventKind::kChanged:
      return "changed";
    case EventKind::kRemoved:
      return "removed";
    case EventKind::kFailed:
      return "failed";
  }
  return "";
}

namespace internal {
namespace {

using google::protobuf::Timestamp;
using oaktreemodel::v1::Failure;
using oaktreemodel::v1::Location;
using oaktreemodel::v1::Removal;
using oaktreemodel::v1::WatchMark;

// A field that every watch's response has, by its name.
const FieldDescriptor* FieldOf(const Message& response, const char* name) {
  return response.GetDescriptor()->FindFieldByName(name);
}

template <typename T>
const T& Get(const Message& response, const char* name) {
  return static_cast<const T&>(
      response.GetReflection()->GetMessage(response, FieldOf(response, name)));
}

template <typename T>
google::protobuf::RepeatedFieldRef<T> GetAll(const Message& response, const char* name) {
  return response.GetReflection()->GetRepeatedFieldRef<T>(response, FieldOf(response, name));
}

}  // namespace

void Events::Take(Message& response) {
  const auto* reflection = response.GetReflection();
  AnyEvent event;
  event.location = Get<Location>(response, "location");
  if (reflection->HasField(response, FieldOf(response, "as_of"))) {
    const auto& as_of = Get<Timestamp>(response, "as_of");
    event.as_of = absl::FromUnixSeconds(as_of.seconds()) + absl::Nanoseconds(as_of.nanos());
  }
  const Place place{event.location.cloud(), event.location.region()};
  // The mark comes before the rest of a response.
  const int mark = reflection->GetEnumValue(response, FieldOf(response, "mark"));
  if (mark == WatchMark::WATCH_MARK_RESET) {
    synced_.erase(place);
    event.kind = EventKind::kReset;
    events_.emplace_back(event, nullptr);
  } else if (mark == WatchMark::WATCH_MARK_SYNCED) {
    synced_.insert(place);
    event.kind = EventKind::kSynced;
    events_.emplace_back(event, nullptr);
  }
  event.kind = synced_.count(place) > 0 ? EventKind::kChanged : EventKind::kPresent;
  const auto* result = ResultOf(response);
  for (int i = 0; i < reflection->FieldSize(response, result); ++i) {
    Message* item = reflection->MutableRepeatedMessage(&response, result, i);
    event.id = Text(*item, "id");
    event.name = Text(*item, "name");
    events_.emplace_back(event, item);
  }
  event.kind = EventKind::kRemoved;
  for (const Removal& gone : GetAll<Removal>(response, "removals")) {
    event.id = gone.id();
    event.name = gone.name();
    event.deleted = gone.deleted();
    events_.emplace_back(event, nullptr);
  }
  for (const Failure& failure : GetAll<Failure>(response, "failures")) {
    Fail(FromFailure(failure, ""), failure.location());
  }
}

void Events::Lose(absl::Status why, Location asked) {
  synced_.clear();
  Fail(std::move(why), std::move(asked));
}

void Events::Fail(absl::Status why, Location where) {
  if (IsServiceAbsent(why)) return;
  AnyEvent event;
  event.location = std::move(where);
  event.failure = std::move(why);
  events_.emplace_back(std::move(event), nullptr);
}

bool Events::Next(Message*& item, AnyEvent& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front().first);
  item = events_.front().second;
  events_.pop_front();
  return true;
}

}  // namespace internal
}  // namespace oaktree
