#ifndef OAKTREE_PRIVATE_FILE_H_
#define OAKTREE_PRIVATE_FILE_H_

#include <absl/status/statusor.h>

#include <string>

namespace oaktree::internal {

// What is in a file with secrets. NOT_FOUND if there is none; INVALID_ARGUMENT, which says what to
// do, if others than its owner could read or write it, or it cannot be read.
absl::StatusOr<std::string> ReadPrivate(const std::string& path);

// What is in any small file; the same errors.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace oaktree::internal

#endif  // OAKTREE_PRIVATE_FILE_H_
