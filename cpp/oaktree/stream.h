#ifndef OAKTREE_STREAM_H_
#define OAKTREE_STREAM_H_

#include <absl/status/statusor.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

#include "oaktree/watch.h"

namespace oaktree {
namespace internal {

// Where a stream comes from, whatever it is of: a list, a wait or a watch.
class Feed {
 public:
  virtual ~Feed() = default;

  // Goes on to the next item, to be swapped out of where it is; of a watch, to the next event,
  // which may have none. False at the end; status() says then how it ended.
  virtual bool Next(google::protobuf::Message*& item, AnyEvent* event) = 0;

  virtual absl::Status status() const = 0;

  // From any thread.
  virtual void Cancel() = 0;
};

template <typename T>
bool Take(Feed& feed, T& taken) {
  google::protobuf::Message* item = nullptr;
  if (!feed.Next(item, nullptr)) return false;
  taken.Swap(static_cast<T*>(item));
  return true;
}

template <typename T>
bool Take(Feed& feed, Event<T>& taken) {
  google::protobuf::Message* item = nullptr;
  if (!feed.Next(item, &taken)) return false;
  if (item == nullptr) {
    taken.item.reset();
  } else {
    taken.item.emplace().Swap(static_cast<T*>(item));
  }
  return true;
}

}  // namespace internal

// What a call yields, one after the other, for one loop:
//
//   for (auto& server : servers.List()) {
//     if (!server.ok()) return server.status();
//     std::cout << server->name() << "\n";
//   }
//
// The call begins with begin(). An error is the last thing it yields. The call ends with the stream
// at the latest, so that leaving the loop ends it.
template <typename T>
class Stream {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::StatusOr<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    iterator() = default;
    explicit iterator(Stream* stream) : stream_(stream) { ++*this; }

    reference operator*() const { return stream_->slot_; }
    pointer operator->() const { return &stream_->slot_; }
    iterator& operator++() {
      if (!stream_->Advance()) stream_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, const iterator& b) { return a.stream_ == b.stream_; }
    friend bool operator!=(const iterator& a, const iterator& b) { return a.stream_ != b.stream_; }

   private:
    Stream* stream_ = nullptr;
  };

  explicit Stream(std::unique_ptr<internal::Feed> feed) : feed_(std::move(feed)) {}

  // Blocks until there is something to yield.
  iterator begin() { return iterator(this); }
  iterator end() { return iterator(); }

  // Ends the call, from any thread; a loop that is under way gets a CANCELLED. The stream must
  // outlive this.
  void Cancel() { feed_->Cancel(); }

 private:
  bool Advance() {
    if (has_ended_) return false;
    // In place, so that an item costs a swap and no copy.
    if (!slot_.ok()) slot_.emplace();
    if (internal::Take(*feed_, *slot_)) return true;
    has_ended_ = true;
    const absl::Status status = feed_->status();
    if (!status.ok()) slot_ = status;
    return !status.ok();
  }

  std::unique_ptr<internal::Feed> feed_;
  absl::StatusOr<T> slot_;
  bool has_ended_ = false;
};

namespace internal {

// The last thing that a stream yields, or the error.
template <typename T>
absl::StatusOr<T> Last(Stream<T> stream) {
  absl::StatusOr<T> last;
  for (auto& one : stream) last = std::move(one);
  return last;
}

}  // namespace internal
}  // namespace oaktree

#endif  // OAKTREE_STREAM_H_
