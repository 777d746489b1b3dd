#ifndef OAKTREE_MIRROR_H_
#define OAKTREE_MIRROR_H_

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "oaktree/watch.h"

namespace oaktree {

// All that a watch has told and that is still there, by key; it is given each event. Not safe for
// several threads at once.
template <typename T>
class Mirror {
 public:
  // Takes an event in. Returns the items that are there no more, in their last known state.
  std::vector<T> Apply(const Event<T>& event) {
    const Key key = event.key();
    const Key place{key.cloud, key.region, ""};
    switch (event.kind) {
      case EventKind::kPresent:
      case EventKind::kChanged:
        if (event.item) items_[key] = *event.item;
        if (auto unseen = unseen_.find(place); unseen != unseen_.end()) unseen->second.erase(key);
        return {};
      case EventKind::kReset:
        unseen_[place] = KeysOf(place);
        return {};
      case EventKind::kSynced:
        return Drop(std::exchange(unseen_[place], {}));
      case EventKind::kRemoved:
        return Drop({key});
      case EventKind::kFailed:
        return {};
    }
    return {};
  }

  // What is there.
  const std::map<Key, T>& items() const { return items_; }

 private:
  std::set<Key> KeysOf(const Key& place) const {
    std::set<Key> keys;
    // A place is the least key of all that are in it.
    for (auto one = items_.lower_bound(place); one != items_.end(); ++one) {
      if (one->first.cloud != place.cloud || one->first.region != place.region) break;
      keys.insert(one->first);
    }
    return keys;
  }

  std::vector<T> Drop(const std::set<Key>& keys) {
    std::vector<T> gone;
    for (const Key& key : keys) {
      if (auto node = items_.extract(key)) gone.push_back(std::move(node.mapped()));
    }
    return gone;
  }

  std::map<Key, T> items_;
  // By place, which is a key without an id: what was there before a reset, and has not been seen
  // since.
  std::map<Key, std::set<Key>> unseen_;
};

}  // namespace oaktree

#endif  // OAKTREE_MIRROR_H_
