#include "oaktree/exchange.h"

#include <absl/time/clock.h>

#include <chrono>
#include <utility>

namespace oaktree::internal {

Exchange::Exchange(absl::Duration timeout) {
  if (timeout != absl::InfiniteDuration()) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
}

Exchange::~Exchange() {
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

void Exchange::Open(const Connection& connection, const char* path, const Message& first,
                    bool is_last, Message& response) {
  Stub stub(connection.channel);
  call_ = stub.PrepareCall(&context_, path, &queue_);
  call_->StartCall(this);
  void* tag;
  is_over_ = !Await(tag);
  if (is_over_) return;
  response_ = &response;
  Write(first, is_last);
}

void Exchange::Write(const Message& message, bool is_last) {
  is_writing_ = true;
  if (is_last) {
    call_->WriteLast(message, grpc::WriteOptions(), &is_writing_);
  } else {
    call_->Write(message, &is_writing_);
  }
}

Exchange::Event Exchange::Next() {
  while (!is_over_) {
    Listen();
    void* tag;
    const bool ok = Await(tag);
    if (const auto event = Heed(tag, ok)) return *event;
  }
  return Event::kEnd;
}

std::optional<Exchange::Event> Exchange::Poll() {
  if (is_over_) return Event::kEnd;
  Listen();
  void* tag;
  bool ok = false;
  const auto got = queue_.AsyncNext(&tag, &ok, std::chrono::system_clock::now());
  if (got != grpc::CompletionQueue::GOT_EVENT) return std::nullopt;
  return Heed(tag, ok);
}

void Exchange::Listen() {
  if (std::exchange(is_reading_, true)) return;
  call_->Read(response_, &is_reading_);
}

std::optional<Exchange::Event> Exchange::Heed(void* tag, bool ok) {
  *static_cast<bool*>(tag) = false;
  if (tag == &is_writing_) {
    // What cannot be written any more is told by the end of what is read.
    if (ok) return Event::kWritten;
    return std::nullopt;
  }
  if (ok) return Event::kHeard;
  is_over_ = true;
  return Event::kEnd;
}

grpc::Status Exchange::Finish() {
  void* tag;
  while (is_reading_ || is_writing_) {
    Await(tag);
    *static_cast<bool*>(tag) = false;
  }
  grpc::Status status;
  call_->Finish(&status, this);
  Await(tag);
  is_finished_ = true;
  return status;
}

bool Exchange::Await(void*& tag) {
  bool ok = false;
  return queue_.Next(&tag, &ok) && ok;
}

}  // namespace oaktree::internal
