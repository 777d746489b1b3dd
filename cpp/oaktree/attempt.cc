#include "oaktree/attempt.h"

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
  if (!Start(connection, path)) return;
  stream_->WriteLast(request, grpc::WriteOptions(), this);
  Await();
}

bool Attempt::Read(Message& response) {
  stream_->Read(&response, this);
  return Await();
}

bool Attempt::Await() {
  void* tag;
  return ClientCall::Await(tag);
}

}  // namespace oaktree::internal
