#ifndef OAKTREE_CONFORMANCE_CALLS_H_
#define OAKTREE_CONFORMANCE_CALLS_H_

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <oaktree/call_options.h>
#include <oaktree/source.h>
#include <oaktree/stream.h>
#include <oaktree/target.h>
#include <oaktree/transfer_options.h>
#include <oaktree/v1/scope.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "show.h"

namespace driver {

// A command that makes a call, and how to tell how it goes.
class Job {
 public:
  explicit Job(Json command) : command_(std::move(command)) {}

  // A value of the command; null if it has none of that name.
  const Json& Get(const std::string& name) const;
  void Tell(const std::string& kind, const Json& what) const;

  oaktree::CallOptions options() const;
  oaktree::TransferOptions transfer_options() const;
  oaktree::Source source() const;
  oaktree::Target target() const;

  template <typename T>
  T Request() const {
    T request;
    const auto read = google::protobuf::util::JsonStringToMessage(Text(Get("request")), &request);
    if (!read.ok()) throw std::invalid_argument(read.ToString());
    return request;
  }

  void Finish(const absl::Status& status, const Json& result = Json()) const {
    if (status.ok() || *is_left_) {
      Tell("result", result);
    } else {
      Tell("error", ShowError(status));
    }
  }

  template <typename T>
  void Finish(const absl::StatusOr<T>& answer) const {
    if (answer.ok()) {
      Finish(answer.status(), Show(*answer));
    } else {
      Finish(answer.status());
    }
  }

  template <typename T>
  void Finish(oaktree::Stream<T> stream) const {
    const auto most = static_cast<int>(Get("take").number_value());
    Json last;
    int count = 0;
    for (const auto& one : stream) {
      if (!one.ok()) return Finish(one.status());
      last = Show(*one);
      Tell("item", last);
      if (++count == most) break;
    }
    Finish(absl::OkStatus(), Get("states").bool_value() ? last : Json());
  }

 private:
  // Tells of a transfer's progress, and leaves it where it is told to.
  oaktree::OnProgress Follow() const;

  const Json command_;
  // Whether it was left in the middle; shared with what may outlive this.
  const std::shared_ptr<std::atomic<bool>> is_left_ = std::make_shared<std::atomic<bool>>(false);
};

using Call = std::function<void(const oaktree::Scope&, const Job&)>;

// Moves a whole directory.
void UploadDirectory(const oaktree::Scope& at, const Job& job);
void DownloadDirectory(const oaktree::Scope& at, const Job& job);

// Every call there is, by collection and method: "servers.list". Generated.
const std::map<std::string, Call>& Calls();

}  // namespace driver

#endif  // OAKTREE_CONFORMANCE_CALLS_H_
