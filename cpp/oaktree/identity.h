#ifndef OAKTREE_IDENTITY_H_
#define OAKTREE_IDENTITY_H_

#include <absl/status/statusor.h>

#include <string>

#include "oaktree/address.h"
#include "oaktree/credentials.h"

namespace oaktree::internal {

// Where to, and as whom.
struct Identity {
  Endpoint endpoint;
  // A token, or a client id and its secret, or neither; files have been read, but for `ca`.
  Credentials credentials;
  // Where they were looked for.
  std::string hint;
};

// Whether there is something secret among them.
inline bool IsKnown(const Credentials& who) {
  return !who.token.empty() || !who.client_id.empty() || !who.client_secret.empty();
}

// Finds out by what the caller gives, then a credentials file that the caller names, then the
// environment, then another credentials file: a credential is taken whole from the first that has
// one, and so is each of the rest. INVALID_ARGUMENT if they do not fit together, or a file that the
// caller names or that is needed is not as it should be.
absl::StatusOr<Identity> Identify(const std::string& address, const Credentials& given);

}  // namespace oaktree::internal

#endif  // OAKTREE_IDENTITY_H_
