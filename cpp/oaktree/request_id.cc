#include "oaktree/request_id.h"

#include <absl/strings/str_format.h>

#include <cstdint>
#include <random>
#include <string>

#include "oaktree/fields.h"

namespace oaktree::internal {
namespace {

// A random UUID, as RFC 4122 has it in section 4.4.
std::string NewId() {
  std::random_device random;
  const auto bits = [&random] { return uint64_t{random()} << 32 | random(); };
  const uint64_t high = (bits() & ~uint64_t{0xf000}) | 0x4000;
  const uint64_t low = (bits() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, high >> 16 & 0xffff,
                         high & 0xffff, low >> 48, low & 0xffffffffffff);
}

}  // namespace

bool AddRequestId(Message& request) {
  return Text(request, "request_id").empty() && SetText(request, "request_id", NewId());
}

}  // namespace oaktree::internal
