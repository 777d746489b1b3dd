#ifndef OAKTREE_LASTING_H_
#define OAKTREE_LASTING_H_

#include <absl/time/time.h>

#include <chrono>

namespace oaktree::internal {

// Bounds of a pause before a call is made again. gRPC's own pauses between attempts to connect come
// on top.
constexpr absl::Duration kShortestPause = absl::Milliseconds(250);
constexpr absl::Duration kLongestPause = absl::Seconds(10);

// At random, and for any thread.
double RandomBetween(double least, double most);

// When a call that outlives its connection is made again: a wait or a watch. Both change nothing,
// and begin by saying what there is now, so that making them again is safe.
class Losses {
 public:
  void Begin();

  // The server has said something: the address is right, and the call is one it can do.
  void Hear() { heard_ = was_heard_ = true; }

  // Whether there ever was a server.
  bool was_heard() const { return was_heard_; }

  // Whether there was this time: then its loss is news.
  bool is_heard() const { return heard_; }

  // Whether it is not the first time. Then it waits for the server to come back.
  bool is_again() const { return count_ > 0; }

  // Counts a loss, and says how long to wait.
  absl::Duration Pause();

 private:
  std::chrono::steady_clock::time_point begun_;
  int count_ = 0;
  bool heard_ = false;
  bool was_heard_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_LASTING_H_
