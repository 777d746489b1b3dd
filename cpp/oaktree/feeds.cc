#include <google/protobuf/util/message_differencer.h>

#include <utility>

#include "oaktree/call.h"
#include "oaktree/events.h"
#include "oaktree/failures.h"
#include "oaktree/fields.h"
#include "oaktree/responses.h"

namespace oaktree::internal {
namespace {

using Told = Responses::Told;

class ListFeed : public Feed {
 public:
  template <typename... Call>
  explicit ListFeed(const CallOptions& options, Call&&... call)
      : responses_(std::forward<Call>(call)..., options, /*is_lasting=*/false),
        failures_(options, "") {}

  bool Next(Message*& item, AnyEvent*) override {
    while (next_ == count_) {
      if (responses_.Next() != Told::kResponse) {
        status_ = responses_.status().ok() ? failures_.Finish() : responses_.status();
        return false;
      }
      const Message& response = responses_.response();
      failures_.Add(response);
      next_ = 0;
      count_ = response.GetReflection()->FieldSize(response, ResultOf(response));
    }
    Message& response = responses_.response();
    item = response.GetReflection()->MutableRepeatedMessage(&response, ResultOf(response), next_++);
    return true;
  }

  absl::Status status() const override { return status_; }
  void Cancel() override { responses_.Cancel(); }

 private:
  Responses responses_;
  Failures failures_;
  int next_ = 0;
  int count_ = 0;
  absl::Status status_;
};

class WaitFeed : public Feed {
 public:
  template <typename... Call>
  explicit WaitFeed(Call&&... call)
      : responses_(std::forward<Call>(call)..., /*is_lasting=*/true) {}

  bool Next(Message*& item, AnyEvent*) override {
    for (Told told; (told = responses_.Next()) != Told::kEnd;) {
      if (told == Told::kLost) continue;
      Message& response = responses_.response();
      Message* state = response.GetReflection()->MutableMessage(&response, ResultOf(response));
      // A server that is back tells the state again.
      if (last_ != nullptr && google::protobuf::util::MessageDifferencer::Equals(*last_, *state)) {
        continue;
      }
      if (last_ == nullptr) last_.reset(state->New());
      last_->CopyFrom(*state);
      StayWith(*state);
      item = state;
      return true;
    }
    return false;
  }

  absl::Status status() const override {
    if (!responses_.status().ok() || last_ != nullptr) return responses_.status();
    return absl::InternalError("the server ended the wait without telling a state");
  }

  void Cancel() override { responses_.Cancel(); }

 private:
  // Asks for this very thing from now on: another may have taken its name meanwhile.
  void StayWith(const Message& thing) {
    const std::string id = Text(thing, "id");
    if (!id.empty()) SetText(responses_.request(), "name_or_id", id);
  }

  Responses responses_;
  std::unique_ptr<Message> last_;
};

class WatchFeed : public Feed {
 public:
  template <typename... Call>
  explicit WatchFeed(Call&&... call)
      : responses_(std::forward<Call>(call)..., /*is_lasting=*/true) {}

  bool Next(Message*& item, AnyEvent* event) override {
    while (!events_.Next(item, *event)) {
      switch (responses_.Next()) {
        case Told::kResponse:
          events_.Take(responses_.response());
          break;
        case Told::kLost:
          events_.Lose(responses_.status(), responses_.place().location);
          break;
        case Told::kEnd:
          return false;
      }
    }
    return true;
  }

  absl::Status status() const override {
    if (!responses_.status().ok()) return responses_.status();
    return absl::InternalError("the server ended the watch, which has no end");
  }

  void Cancel() override { responses_.Cancel(); }

 private:
  Responses responses_;
  Events events_;
};

}  // namespace

std::unique_ptr<Feed> List(std::shared_ptr<const Place> place, const char* path,
                           std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                           const CallOptions& options) {
  return std::make_unique<ListFeed>(options, std::move(place), path, std::move(request),
                                    std::move(response));
}

std::unique_ptr<Feed> Wait(std::shared_ptr<const Place> place, const char* path,
                           std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                           const CallOptions& options) {
  return std::make_unique<WaitFeed>(std::move(place), path, std::move(request), std::move(response),
                                    options);
}

std::unique_ptr<Feed> Watch(std::shared_ptr<const Place> place, const char* path,
                            std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                            const CallOptions& options) {
  return std::make_unique<WatchFeed>(std::move(place), path, std::move(request),
                                     std::move(response), options);
}

}  // namespace oaktree::internal
