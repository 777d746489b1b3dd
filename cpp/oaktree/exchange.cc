#include "oaktree/exchange.h"

#include <chrono>
#include <utility>

namespace oaktree::internal {

void Exchange::Open(const Connection& connection, const char* path, const Message& first,
                    bool is_last, Message& response) {
  is_over_ = !Start(connection, path);
  if (is_over_) return;
  response_ = &response;
  Write(first, is_last);
}

void Exchange::Write(const Message& message, bool is_last) {
  is_writing_ = true;
  if (is_last) {
    stream_->WriteLast(message, grpc::WriteOptions(), &is_writing_);
  } else {
    stream_->Write(message, &is_writing_);
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
  stream_->Read(response_, &is_reading_);
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
  while (is_reading_ || is_writing_) {
    void* tag;
    Await(tag);
    *static_cast<bool*>(tag) = false;
  }
  return End();
}

}  // namespace oaktree::internal
