#ifndef OAKTREE_TESTS_TRANSFERS_H_
#define OAKTREE_TESTS_TRANSFERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fake.h"
#include "oaktreemodel/v1/image.pb.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree::testing {

// Bytes that differ from one place to the next.
std::string SomeBytes(int64_t count);

// Digests, in hex.
std::string Sha256(const std::string& bytes);
std::string Md5(const std::string& bytes);

// What a call sent, put together.
template <typename Request>
std::string Received(const Call& call) {
  std::string bytes;
  for (const auto& one : call.requests) {
    Request message;
    message.ParseFromString(one);
    bytes += message.chunk();
  }
  return bytes;
}

// What the last message of a call says; nothing if it was ended before it sent any.
template <typename Request>
Request Last(const Call& call) {
  Request message;
  if (!call.requests.empty()) message.ParseFromString(call.requests.back());
  return message;
}

v1::UploadImageResponse Uploaded(const std::string& id);

// A download of these bytes from an offset on, in messages of `chunk` bytes, as an oaktree sends
// it.
Answer Downloads(const std::string& bytes, size_t offset = 0, size_t chunk = 1000);

}  // namespace oaktree::testing

#endif  // OAKTREE_TESTS_TRANSFERS_H_
