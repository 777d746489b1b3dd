#ifndef OAKTREE_CREDENTIALS_FILE_H_
#define OAKTREE_CREDENTIALS_FILE_H_

#include <absl/status/statusor.h>

#include <string>

#include "oaktree/address.h"
#include "oaktree/credentials.h"

namespace oaktree::internal {

// A credentials file, read: who the caller is at one address.
struct CredentialsFile {
  Endpoint endpoint;
  Credentials credentials;
};

// Where it is unless somebody says otherwise; empty when there is no such place.
std::string DefaultCredentialsFile();

// NOT_FOUND if there is none; INVALID_ARGUMENT, which names the file and the key or the line but
// never a value, if something is wrong with it.
absl::StatusOr<CredentialsFile> ReadCredentialsFile(const std::string& path);

}  // namespace oaktree::internal

#endif  // OAKTREE_CREDENTIALS_FILE_H_
