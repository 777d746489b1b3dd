#include "oaktree/client_call.h"

#include <absl/time/clock.h>

namespace oaktree::internal {

ClientCall::ClientCall(absl::Duration timeout) {
  if (timeout != absl::InfiniteDuration()) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
}

ClientCall::~ClientCall() {
  // Of one that is over it changes nothing.
  context_.TryCancel();
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

bool ClientCall::Start(const Connection& connection, const char* path) {
  Stub stub(connection.channel);
  stream_ = stub.PrepareCall(&context_, path, &queue_);
  stream_->StartCall(this);
  void* tag;
  return Await(tag);
}

grpc::Status ClientCall::End() {
  grpc::Status status;
  stream_->Finish(&status, this);
  void* tag;
  Await(tag);
  return status;
}

bool ClientCall::Await(void*& tag) {
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

}  // namespace oaktree::internal
