#include "oaktree/exchange.h"

#include <absl/time/clock.h>

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
    if (!is_reading_) {
      is_reading_ = true;
      call_->Read(response_, &is_reading_);
    }
    void* tag;
    const bool ok = Await(tag);
    *static_cast<bool*>(tag) = false;
    if (tag == &is_writing_) {
      // What cannot be written any more is told by the end of what is read.
      if (ok) return Event::kWritten;
    } else if (ok) {
      return Event::kHeard;
    } else {
      is_over_ = true;
    }
  }
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
