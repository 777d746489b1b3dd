#ifndef OAKTREE_ADDRESS_H_
#define OAKTREE_ADDRESS_H_

#include <absl/status/statusor.h>

#include <string>

namespace oaktree::internal {

// An address, read.
struct Endpoint {
  // As the caller wrote it.
  std::string address;
  // As gRPC wants it.
  std::string target;
  // Whether the way never leaves this machine.
  bool is_local = false;
  // Whether TLS is spoken, where the caller gives no credentials.
  bool is_secure = false;
  // What the token file of an oaktree that serves there is called.
  std::string token_file;
};

// Reads host:port, http://host:port, https://host:port or unix:/path; INVALID_ARGUMENT for anything
// else. TLS unless the address is local or begins with http://.
absl::StatusOr<Endpoint> ParseAddress(const std::string& address);

// Whether a host's name or address, in lower case, is of this machine.
bool IsLocal(const std::string& host);

// Whether both lead to the same oaktree, however they are written.
bool IsSame(const Endpoint& one, const Endpoint& other);

}  // namespace oaktree::internal

#endif  // OAKTREE_ADDRESS_H_
