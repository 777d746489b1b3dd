#include "oaktree/authorization.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "oaktree/error.h"
#include "oaktree/failures.h"
#include "oaktree/place.h"

namespace oaktree::internal {
namespace {

using Clock = std::chrono::steady_clock;

// When a wait ends; the longest ones before the clock does.
Clock::time_point After(absl::Duration timeout) {
  return Clock::now() + absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24 * 366)));
}

}  // namespace

Authorization::Authorization(Connection* connection, const char* path)
    : connection_(connection), is_needed_(path != absl::string_view(kCreateToken)) {}

absl::Status Authorization::AddTo(grpc::ClientContext& context, absl::Duration timeout,
                                  bool is_newest_refused) {
  if (!is_needed_) return absl::OkStatus();
  absl::Status failed = Take(timeout, nullptr);
  if (failed.ok() && is_newest_refused) {
    const std::string refused = token_;
    failed = Take(timeout, &refused);
  }
  if (!failed.ok()) return failed;
  if (!token_.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token_));
  if (!connection_->cloud.empty()) context.AddMetadata("oaktree-cloud", connection_->cloud);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Authorization::Token(absl::Duration timeout) {
  if (absl::Status failed = Take(timeout, nullptr); !failed.ok()) return failed;
  return token_;
}

bool Authorization::Renew(absl::Status& error, absl::Duration timeout) {
  if (!absl::IsUnauthenticated(error) || Error(error).reason != "UNAUTHENTICATED") return false;
  if (!is_needed_) return false;
  const std::string refused = token_;
  if (!is_renewed_) {
    if (absl::Status failed = Take(timeout, &refused); !failed.ok()) {
      error = std::move(failed);
      return false;
    }
    is_renewed_ = token_ != refused;
    if (is_renewed_) return true;
  }
  const std::string hint = connection_->tokens->Hint();
  if (token_.empty() && !hint.empty()) error = Extend(error, hint);
  return false;
}

void Authorization::Cancel() {
  is_cancelled_ = true;
  if (connection_ != nullptr) connection_->tokens->Wake();
}

absl::Status Authorization::Take(absl::Duration timeout, const std::string* refused) {
  auto taken = connection_->tokens->Take({After(timeout), is_cancelled_}, refused);
  if (!taken.ok()) return taken.status();
  token_ = *std::move(taken);
  return absl::OkStatus();
}

}  // namespace oaktree::internal
