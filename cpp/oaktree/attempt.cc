#include "oaktree/attempt.h"

#include <absl/time/clock.h>

namespace oaktree::internal {

absl::Status Prepare(const Place& place, Message& request) {
  if (!place.refused.ok()) return place.refused;
  if (place.location.ByteSizeLong() == 0) return absl::OkStatus();
  const auto* reflection = request.GetReflection();
  const auto* location = request.GetDescriptor()->FindFieldByName("location");
  if (reflection->GetMessage(request, location).ByteSizeLong() > 0) {
    return absl::InvalidArgumentError("the request has a location, and so has the scope; give one");
  }
  reflection->MutableMessage(&request, location)->CopyFrom(place.location);
  return absl::OkStatus();
}

Attempt::Attempt(absl::Duration timeout) {
  if (timeout != absl::InfiniteDuration()) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
}

Attempt::~Attempt() {
  if (call_ != nullptr && !is_finished_) {
    context_.TryCancel();
    Finish();
  }
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

grpc::Status Attempt::Unary(Connection& connection, const char* path, const Message& request,
                            Message& response) {
  Stub stub(connection.channel);
  auto call = stub.PrepareUnaryCall(&context_, path, request, &queue_);
  call->StartCall();
  const Registration registration(&connection.running, *this);
  grpc::Status status;
  call->Finish(&response, &status, this);
  Await();
  return status;
}

void Attempt::Open(const Connection& connection, const char* path, const Message& request) {
  Stub stub(connection.channel);
  call_ = stub.PrepareCall(&context_, path, &queue_);
  call_->StartCall(this);
  if (!Await()) return;
  call_->WriteLast(request, grpc::WriteOptions(), this);
  Await();
}

bool Attempt::Read(Message& response) {
  call_->Read(&response, this);
  return Await();
}

grpc::Status Attempt::Finish() {
  grpc::Status status;
  call_->Finish(&status, this);
  Await();
  is_finished_ = true;
  return status;
}

bool Attempt::Await() {
  void* tag;
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

}  // namespace oaktree::internal
