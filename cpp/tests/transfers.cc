#include "transfers.h"

#include <absl/strings/escaping.h>
#include <openssl/evp.h>

namespace oaktree::testing {
namespace {

std::string Hash(const std::string& bytes, const EVP_MD* kind) {
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), made, &size, kind, nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(made), size});
}

}  // namespace

std::string SomeBytes(int64_t count) {
  std::string bytes(static_cast<size_t>(count), '\0');
  unsigned state = 1;
  for (char& one : bytes) {
    state = state * 1103515245 + 12345;
    one = static_cast<char>(state >> 16);
  }
  return bytes;
}

std::string Sha256(const std::string& bytes) { return Hash(bytes, EVP_sha256()); }

std::string Md5(const std::string& bytes) { return Hash(bytes, EVP_md5()); }

v1::UploadImageResponse Uploaded(const std::string& id) {
  v1::UploadImageResponse response;
  response.mutable_image()->set_id(id);
  return response;
}

Answer Downloads(const std::string& bytes, size_t offset, size_t chunk) {
  Answer answer;
  v1::DownloadImageResponse first;
  first.mutable_image()->set_id("1");
  first.mutable_content()->set_size_bytes(static_cast<int64_t>(bytes.size()));
  first.mutable_content()->set_etag("e");
  first.mutable_content()->set_md5(Md5(bytes));
  answer.messages.push_back(first.SerializeAsString());
  for (size_t at = offset; at < bytes.size(); at += chunk) {
    v1::DownloadImageResponse next;
    next.set_chunk(bytes.substr(at, chunk));
    answer.messages.push_back(next.SerializeAsString());
  }
  v1::DownloadImageResponse last;
  last.mutable_finish()->set_sha256(Sha256(bytes.substr(offset)));
  answer.messages.push_back(last.SerializeAsString());
  return answer;
}

}  // namespace oaktree::testing
