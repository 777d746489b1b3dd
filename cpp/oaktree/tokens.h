#ifndef OAKTREE_TOKENS_H_
#define OAKTREE_TOKENS_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <chrono>
#include <string>
#include <utility>

namespace oaktree::internal {

// Who waits for a token: until then, or until it is cancelled.
struct Waiter {
  std::chrono::steady_clock::time_point until;
  const std::atomic<bool>& is_cancelled;
};

// The tokens that a connection's calls carry, one after the other. For any thread.
class Tokens {
 public:
  virtual ~Tokens() = default;

  // The one to send now; empty where none is. Where one was refused, another, or the same if there
  // is no other.
  virtual absl::StatusOr<std::string> Take(const Waiter& waiter, const std::string* refused) = 0;

  // Where a token was looked for, for who is told that there was none.
  virtual std::string Hint() const { return ""; }

  // Has all who wait look whether they are cancelled.
  virtual void Wake() {}
};

// Always the same one, or none, of which the hint tells.
class FixedToken final : public Tokens {
 public:
  FixedToken(std::string token, std::string hint)
      : token_(std::move(token)), hint_(std::move(hint)) {}

  absl::StatusOr<std::string> Take(const Waiter&, const std::string*) override { return token_; }
  std::string Hint() const override { return hint_; }

 private:
  const std::string token_;
  const std::string hint_;
};

// Whether it can be sent: gRPC ends a program that sends what cannot be in a header.
inline bool IsToken(const std::string& text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return !text.empty();
}

}  // namespace oaktree::internal

#endif  // OAKTREE_TOKENS_H_
