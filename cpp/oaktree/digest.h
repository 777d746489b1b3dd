#ifndef OAKTREE_DIGEST_H_
#define OAKTREE_DIGEST_H_

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace oaktree::internal {

// A digest of bytes as they come by.
class Digest {
 public:
  // EVP_sha256(), EVP_sha512() or EVP_md5().
  explicit Digest(const EVP_MD* kind);

  void Add(std::string_view bytes);

  // In hex, and begins anew.
  std::string Take();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  const EVP_MD* const kind_;
  const std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_DIGEST_H_
