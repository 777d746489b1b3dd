#ifndef OAKTREE_GRANTED_TOKENS_H_
#define OAKTREE_GRANTED_TOKENS_H_

#include <absl/status/statusor.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "oaktree/tokens.h"
#include "oaktreemodel/v1/auth.pb.h"

namespace oaktree::internal {

struct Connection;

// The tokens that an oaktree gives for an application credential. However many want one, it is
// asked for once at a time, by a thread of its own: so nobody's deadline is another's.
class GrantedTokens final : public Tokens {
 public:
  using Clock = std::chrono::steady_clock;

  // The connection must outlive this, and is closed by the end of it. By `now` tokens grow old.
  GrantedTokens(Connection& connection, oaktreemodel::v1::CreateTokenRequest request,
                std::function<Clock::time_point()> now = Clock::now)
      : connection_(connection), request_(std::move(request)), now_(std::move(now)) {}
  ~GrantedTokens() override;

  absl::StatusOr<std::string> Take(const Waiter& waiter, const std::string* refused) override;
  void Wake() override;

 private:
  struct Token {
    std::string value;
    Clock::time_point renewed_from;
    Clock::time_point ends;
  };

  // One exchange, and what came of it.
  struct Exchange {
    bool is_over = false;
    absl::StatusOr<Token> token;
  };

  // With the lock.
  absl::Status Begin();
  // Without.
  absl::StatusOr<Token> Ask();

  Connection& connection_;
  const oaktreemodel::v1::CreateTokenRequest request_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Token> newest_;
  // The one under way; null when there is none.
  std::shared_ptr<Exchange> exchange_;
  std::thread thread_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_GRANTED_TOKENS_H_
