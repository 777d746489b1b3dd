#ifndef OAKTREE_WATCH_H_
#define OAKTREE_WATCH_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <optional>
#include <string>
#include <tuple>

#include "oaktreemodel/v1/location.pb.h"

namespace oaktree {

// What happened in a watch. Each place begins with kReset and everything there is, and is kSynced
// then; after that come changes and removals. A place that was lost begins again with kReset.
enum class EventKind {
  // Everything that is in this place follows.
  kReset,
  // An item that is there.
  kPresent,
  // Everything has been told; what was not seen since the kReset is there no more.
  kSynced,
  // An item that is new or changed.
  kChanged,
  // An item that is there no more.
  kRemoved,
  // The place cannot be asked at present; what was told of it stands, until its next kReset.
  kFailed,
};

// "reset", "present" and so on.
const char* ToString(EventKind kind);

// What tells a thing from every other one in a watch: an id is unique in its place alone.
struct Key {
  std::string cloud;
  std::string region;
  std::string id;

  friend bool operator==(const Key& a, const Key& b) { return a.tied() == b.tied(); }
  friend bool operator!=(const Key& a, const Key& b) { return !(a == b); }
  friend bool operator<(const Key& a, const Key& b) { return a.tied() < b.tied(); }

 private:
  std::tuple<const std::string&, const std::string&, const std::string&> tied() const {
    return {cloud, region, id};
  }
};

// What is the same in the events of every resource.
struct AnyEvent {
  EventKind kind = EventKind::kFailed;
  // The place. When oaktree itself is lost, what was asked to be watched: empty is everywhere.
  oaktreemodel::v1::Location location;
  // The id of an item that is there, or was. Empty where it is about none.
  std::string id;
  // Its name, or the one it had.
  std::string name;
  // Whether what was removed is gone. False also for what is there and no longer fits `where`.
  bool deleted = false;
  // Why the place cannot be asked, of kFailed. OK for all others.
  absl::Status failure;
  // When the cloud was asked for this, by oaktree's clock. Absent where it was not.
  std::optional<absl::Time> as_of;

  // What to keep the item under, where several places are watched at once.
  Key key() const { return {location.cloud(), location.region(), id}; }
};

// Something that happened in a watch.
template <typename T>
struct Event : AnyEvent {
  // The newest state, of kPresent and kChanged. Absent for all others.
  std::optional<T> item;
};

}  // namespace oaktree

#endif  // OAKTREE_WATCH_H_
