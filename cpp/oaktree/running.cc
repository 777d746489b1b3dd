#include "oaktree/running.h"

namespace oaktree::internal {

void Running::Close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  // None of them can go meanwhile: it would have to take itself off first.
  for (Cancellable* call : calls_) call->Cancel();
}

Registration::Registration(Running* running, Cancellable& call) : running_(running), call_(call) {
  if (running_ == nullptr) return;
  const std::lock_guard lock(running_->mutex_);
  running_->calls_.insert(&call_);
  if (running_->is_closed_) call_.Cancel();
}

Registration::~Registration() {
  if (running_ == nullptr) return;
  const std::lock_guard lock(running_->mutex_);
  running_->calls_.erase(&call_);
}

}  // namespace oaktree::internal
