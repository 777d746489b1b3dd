#ifndef OAKTREE_AUTHORIZATION_H_
#define OAKTREE_AUTHORIZATION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <string>

namespace oaktree::internal {

struct Connection;

// The one call that needs no token, since it gives one.
constexpr char kCreateToken[] = "/oaktreemodel.v1.AuthService/CreateToken";

// Who makes a call, over all its attempts.
class Authorization {
 public:
  // The connection must outlive this; null where there is none, and nothing to be called.
  Authorization(Connection* connection, const char* path);

  // Has an attempt say who makes it, with the newest token, which may have to be waited for.
  // Another than the newest, where that is known to be refused.
  absl::Status AddTo(grpc::ClientContext& context, absl::Duration timeout,
                     bool is_newest_refused = false);

  // The newest token, which may have to be waited for; empty if none is sent.
  absl::StatusOr<std::string> Token(absl::Duration timeout);

  // Whether the call is to be made again: its token was refused, and there is another. Once, until
  // a token is accepted. Where that fails, the error becomes what is to be told.
  bool Renew(absl::Status& error, absl::Duration timeout);

  // The server has answered.
  void Accept() { is_renewed_ = false; }

  // Ends waiting, from any thread.
  void Cancel();

 private:
  absl::Status Take(absl::Duration timeout, const std::string* refused);

  Connection* const connection_;
  const bool is_needed_;
  std::string token_;
  bool is_renewed_ = false;
  std::atomic<bool> is_cancelled_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_AUTHORIZATION_H_
