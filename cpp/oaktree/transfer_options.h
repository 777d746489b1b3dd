#ifndef OAKTREE_TRANSFER_OPTIONS_H_
#define OAKTREE_TRANSFER_OPTIONS_H_

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "oaktree/call_options.h"

namespace oaktree {

// How far a transfer is.
struct Progress {
  // What is on its way: the path of the file that is sent, else the name of an image or an object.
  std::string name;
  // How many bytes are through, or need not be sent. Fewer than before when an upload that broke
  // off begins again.
  int64_t sent_bytes = 0;
  // How many there are in all. Absent as long as that is not known.
  std::optional<int64_t> total_bytes;
};

// Told again and again while bytes move, by one thread at a time. False ends the transfer with a
// CANCELLED.
using OnProgress = std::function<bool(const Progress&)>;

// How to upload or download. A transfer has no end of its own: `timeout` gives it one, and so does
// Client::Close().
struct TransferOptions : CallOptions {
  TransferOptions() = default;
  TransferOptions(absl::Duration limit) : CallOptions(limit) {}  // NOLINT(runtime/explicit)

  // Absent: nobody wants to know.
  OnProgress on_progress;

  // What is larger goes into object storage in segments of this size, several at a time, and goes
  // on where it was when it is uploaded again. 0: as the cloud likes.
  int64_t segment_size_bytes = 0;

  // Whether bytes go through oaktree also where they could go straight between this machine and the
  // cloud.
  bool through_oaktree = false;
};

}  // namespace oaktree

#endif  // OAKTREE_TRANSFER_OPTIONS_H_
