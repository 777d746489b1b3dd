#include "fake.h"

#include <grpcpp/server_builder.h>

#include <atomic>
#include <thread>
#include <utility>

#include "oaktree/details.pb.h"

namespace oaktree::testing {
namespace {

grpc::ByteBuffer AsBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string AsString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const auto& one : slices)
    bytes.append(reinterpret_cast<const char*>(one.begin()), one.size());
  return bytes;
}

}  // namespace

// One call of any service.
class Fake::Reactor : public grpc::ServerGenericBidiReactor {
 public:
  Reactor(Fake& fake, grpc::GenericCallbackServerContext& context)
      : fake_(fake), context_(context) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    const std::string method = context_.method();
    const std::string rpc = method.substr(method.rfind('/') + 1);
    if (call_.requests.empty()) answer_ = fake_.Next(rpc);
    // A call that ends without a message is one all the same.
    if (ok) call_.requests.push_back(AsString(request_));
    if (ok && call_.requests.size() == 1 && !answer_.at_once.empty()) {
      is_early_ = true;
      response_ = AsBuffer(answer_.at_once);
      StartWrite(&response_);
      return;
    }
    if (ok && call_.requests.size() < answer_.hears) {
      StartRead(&request_);
      return;
    }
    if (!call_.requests.empty()) call_.request = call_.requests[0];
    for (const auto& [key, value] : context_.client_metadata()) {
      call_.metadata.emplace(std::string(key.data(), key.size()),
                             std::string(value.data(), value.size()));
    }
    const auto deadline = context_.deadline();
    if (deadline < std::chrono::system_clock::now() + std::chrono::hours(24 * 365)) {
      call_.left = deadline - std::chrono::system_clock::now();
    }
    call_.over = over_.get_future().share();
    fake_.Add(rpc, call_);
    if (answer_.makes) answer_ = answer_.makes(call_);
    answer_.first();
    GoOn();
  }

  void OnWriteDone(bool ok) override {
    if (ok && std::exchange(is_early_, false)) {
      StartRead(&request_);
    } else if (ok) {
      GoOn();
    } else {
      FinishOnce(grpc::Status::CANCELLED);
    }
  }

  void OnCancel() override { FinishOnce(grpc::Status::CANCELLED); }

  void OnDone() override {
    over_.set_value();
    delete this;
  }

 private:
  void GoOn() {
    if (is_finished_) return;
    if (next_ < answer_.messages.size()) {
      response_ = AsBuffer(answer_.messages[next_++]);
      StartWrite(&response_);
    } else if (!answer_.is_endless) {
      FinishOnce(answer_.end);
    }
  }

  void FinishOnce(const grpc::Status& status) {
    if (!is_finished_.exchange(true)) Finish(status);
  }

  Fake& fake_;
  grpc::GenericCallbackServerContext& context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  Call call_;
  Answer answer_;
  size_t next_ = 0;
  bool is_early_ = false;
  std::atomic<bool> is_finished_ = false;
  std::promise<void> over_;
};

class Fake::Service : public grpc::CallbackGenericService {
 public:
  explicit Service(Fake& fake) : fake_(fake) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Reactor(fake_, *context);
  }

 private:
  Fake& fake_;
};

Fake::Fake(const std::string& listen, std::shared_ptr<grpc::ServerCredentials> credentials)
    : service_(std::make_unique<Service>(*this)) {
  if (credentials == nullptr) credentials = grpc::InsecureServerCredentials();
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen, credentials, &port);
  builder.RegisterCallbackGenericService(service_.get());
  server_ = builder.BuildAndStart();
  address_ = listen.rfind("unix:", 0) == 0 ? listen : "127.0.0.1:" + std::to_string(port);
}

Fake::~Fake() { Stop(); }

void Fake::Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

void Fake::Set(const std::string& rpc, std::vector<Answer> answers) {
  const std::lock_guard lock(mutex_);
  answers_[rpc] = {answers.begin(), answers.end()};
}

std::vector<Call> Fake::Calls(const std::string& rpc) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(rpc);
  return found == calls_.end() ? std::vector<Call>() : found->second;
}

Call Fake::OnlyCall(const std::string& rpc) const {
  return Calls(rpc).size() == 1 ? Calls(rpc)[0] : Call();
}

void Fake::Await(const std::string& rpc, size_t count) const {
  while (Calls(rpc).size() < count) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

Answer Fake::Next(const std::string& rpc) {
  const std::lock_guard lock(mutex_);
  auto& answers = answers_[rpc];
  if (answers.empty()) {
    return Breaks({grpc::StatusCode::INTERNAL, "the test has no answer for " + rpc});
  }
  Answer answer = answers.front();
  if (answers.size() > 1) answers.pop_front();
  return answer;
}

void Fake::Add(const std::string& rpc, Call call) {
  const std::lock_guard lock(mutex_);
  calls_[rpc].push_back(std::move(call));
}

google::rpc::Status Status(absl::StatusCode code, const std::string& reason,
                           const std::string& message,
                           const std::vector<std::pair<std::string, std::string>>& details) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(message);
  details::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("oaktree");
  auto& first = *status.add_details();
  first.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  first.set_value(info.SerializeAsString());
  for (const auto& [name, value] : details) {
    auto& one = *status.add_details();
    one.set_type_url("type.googleapis.com/" + name);
    one.set_value(value);
  }
  return status;
}

grpc::Status AsEnd(const google::rpc::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message(),
          status.SerializeAsString()};
}

grpc::Status End(absl::StatusCode code, const std::string& reason, const std::string& message) {
  return AsEnd(Status(code, reason, message));
}

v1::Failure Failure(const std::string& cloud, const google::rpc::Status& status) {
  v1::Failure failure;
  failure.mutable_location()->set_cloud(cloud);
  *failure.mutable_status() = status;
  return failure;
}

v1::ListServersResponse Batch(std::initializer_list<const char*> names) {
  v1::ListServersResponse batch;
  for (const char* name : names) {
    auto& server = *batch.add_servers();
    server.set_id(name);
    server.set_name(name);
  }
  return batch;
}

v1::WaitServerResponse State(v1::State state, const std::string& id) {
  v1::WaitServerResponse response;
  response.mutable_server()->set_id(id);
  response.mutable_server()->set_state(state);
  return response;
}

}  // namespace oaktree::testing
