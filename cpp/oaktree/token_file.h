#ifndef OAKTREE_TOKEN_FILE_H_
#define OAKTREE_TOKEN_FILE_H_

#include <absl/status/statusor.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oaktree/tokens.h"

namespace oaktree::internal {

// The token of one's own oaktree, which it writes to a file that only its owner can read. It is
// another one each time that oaktree starts.
class TokenFile final : public Tokens {
 public:
  // The name is that of an Endpoint.
  explicit TokenFile(std::string name) : name_(std::move(name)) {}

  absl::StatusOr<std::string> Take(const Waiter& waiter, const std::string* refused) override;
  std::string Hint() const override;

 private:
  // Wherever an oaktree may have written it: not every process of a user has a runtime directory.
  std::vector<std::string> Paths() const;
  absl::StatusOr<std::string> Read() const;

  const std::string name_;
  std::mutex mutex_;
  // Since it was read.
  std::optional<std::string> token_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_TOKEN_FILE_H_
