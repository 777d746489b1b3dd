#ifndef OAKTREE_TESTS_FAKE_H_
#define OAKTREE_TESTS_FAKE_H_

#include <absl/status/status.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oaktreemodel/v1/error.pb.h"
#include "oaktreemodel/v1/server.pb.h"

namespace oaktree::testing {

namespace v1 = oaktreemodel::v1;
using google::protobuf::Message;

struct Call;

// What a test plays: messages, then an end. One is taken for each call, the last one for ever.
struct Answer {
  std::vector<std::string> messages;
  grpc::Status end;
  // Said as soon as the first message is heard; empty: nothing.
  std::string at_once;
  // Nothing more is said until the call is over.
  bool is_endless = false;
  // Played before anything is said.
  std::function<void()> first = [] {};
  // How many messages are heard before that, if so many come.
  size_t hears = 1;
  // Makes the answer of what was heard. Absent: it is this one.
  std::function<Answer(const Call&)> makes;
};

// What the server saw of a call.
struct Call {
  // The first message, and all that were heard.
  std::string request;
  std::vector<std::string> requests;
  std::multimap<std::string, std::string> metadata;
  std::optional<std::chrono::duration<double>> left;
  // Ready when it is over.
  std::shared_future<void> over;

  template <typename T>
  T Request() const {
    T message;
    message.ParseFromString(request);
    return message;
  }
};

// A server that answers as a test tells it to, over a real channel; by the names of rpcs.
class Fake {
 public:
  explicit Fake(const std::string& listen = "127.0.0.1:0",
                std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);
  ~Fake();

  std::string address() const { return address_; }

  void Set(const std::string& rpc, std::vector<Answer> answers);
  std::vector<Call> Calls(const std::string& rpc) const;
  Call OnlyCall(const std::string& rpc) const;
  // Waits for so many calls.
  void Await(const std::string& rpc, size_t count) const;

  // Ends it, and every call.
  void Stop();

 private:
  class Service;
  class Reactor;

  Answer Next(const std::string& rpc);
  void Add(const std::string& rpc, Call call);

  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Answer>> answers_;
  std::map<std::string, std::vector<Call>> calls_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

template <typename... Messages>
Answer Says(const Messages&... messages) {
  Answer answer;
  answer.messages = {messages.SerializeAsString()...};
  return answer;
}

template <typename... Messages>
Answer Endless(const Messages&... messages) {
  Answer answer = Says(messages...);
  answer.is_endless = true;
  return answer;
}

template <typename... Messages>
Answer Breaks(const grpc::Status& end, const Messages&... messages) {
  Answer answer = Says(messages...);
  answer.end = end;
  return answer;
}

// Hears the whole of what a call sends first.
inline Answer AtTheEnd(Answer answer) {
  answer.hears = SIZE_MAX;
  return answer;
}

// A status as an oaktree makes it.
google::rpc::Status Status(absl::StatusCode code, const std::string& reason,
                           const std::string& message,
                           const std::vector<std::pair<std::string, std::string>>& details = {});
grpc::Status AsEnd(const google::rpc::Status& status);
grpc::Status End(absl::StatusCode code, const std::string& reason, const std::string& message);

v1::Failure Failure(const std::string& cloud, const google::rpc::Status& status);

// A batch of servers whose ids are their names.
v1::ListServersResponse Batch(std::initializer_list<const char*> names);
v1::WaitServerResponse State(v1::State state, const std::string& id = "1");

}  // namespace oaktree::testing

#endif  // OAKTREE_TESTS_FAKE_H_
