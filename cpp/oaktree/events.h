#ifndef OAKTREE_EVENTS_H_
#define OAKTREE_EVENTS_H_

#include <absl/status/status.h>
#include <google/protobuf/message.h>

#include <deque>
#include <set>
#include <string>
#include <utility>

#include "oaktree/watch.h"
#include "oaktreemodel/v1/location.pb.h"

namespace oaktree::internal {

using google::protobuf::Message;

// Makes events of one watch's responses.
class Events {
 public:
  // Takes in what a response tells; its items stay where they are.
  void Take(Message& response);

  // Takes in that oaktree itself is lost.
  void Lose(absl::Status why, oaktreemodel::v1::Location asked);

  // Hands over the next event, and its item or null. False when there is none.
  bool Next(Message*& item, AnyEvent& event);

 private:
  using Place = std::pair<std::string, std::string>;

  void Fail(absl::Status why, oaktreemodel::v1::Location where);

  std::deque<std::pair<AnyEvent, Message*>> events_;
  std::set<Place> synced_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_EVENTS_H_
