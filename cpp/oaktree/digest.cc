#include "oaktree/digest.h"

#include <absl/strings/escaping.h>

namespace oaktree::internal {

Digest::Digest(const EVP_MD* kind) : kind_(kind), context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), kind_, nullptr);
}

void Digest::Add(std::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Digest::Take() {
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  // Where the machine's policy forbids the digest there is none, and it fits nothing.
  if (EVP_DigestFinal_ex(context_.get(), made, &size) != 1) size = 0;
  EVP_DigestInit_ex(context_.get(), kind_, nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(made), size});
}

}  // namespace oaktree::internal
