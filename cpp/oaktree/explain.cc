#include "oaktree/explain.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

namespace oaktree::internal {
namespace {

// What gRPC's own words mean for an address, most telling first.
constexpr struct {
  const char* sign;
  const char* meaning;
} kSigns[] = {
    {"wrong version number", "it does not speak TLS; if that is meant, write http://"},
    {"certificate verify failed",
     "its certificate is not trusted; name its authority with Credentials::ca, OAKTREE_CA or "
     "ca: in the credentials file"},
    {"hostname verification", "its certificate is for another host name"},
    {"is not in peer certificate", "its certificate is for another host name"},
    {"lookup", "there is no such host"},
    {"no such file", "there is no such socket; is oaktree running?"},
    {"refused", "nothing listens there, or nothing that speaks gRPC; is oaktree running?"},
    {"http1", "a web server answers there"},
    {"settings frame", "what listens there says nothing; it may not speak gRPC"},
};
constexpr const char* kSignsOfAClosedDoor[] = {"socket closed", "reset by peer",
                                               "endpoint closing"};

}  // namespace

std::string Explain(const absl::Status& status, const Endpoint& at) {
  const absl::string_view message = status.message();
  if (absl::IsUnimplemented(status)) {
    return absl::StrCat("what answers at ", at.address,
                        " does not know this call: it is an older oaktree, or something else (",
                        message, ")");
  }
  if (!absl::IsUnavailable(status)) return std::string(message);
  // One library for TLS writes its words with underscores, another with spaces.
  const std::string words = absl::StrReplaceAll(absl::AsciiStrToLower(message), {{"_", " "}});
  if (!absl::StrContains(words, "failed to connect") && !absl::StrContains(words, "resol")) {
    return absl::StrCat("the connection to ", at.address, " broke (", message, ")");
  }
  const std::string unreachable = absl::StrCat("no oaktree can be reached at ", at.address);
  for (const auto& [sign, meaning] : kSigns) {
    if (absl::StrContains(words, sign)) return absl::StrCat(unreachable, ": ", meaning);
  }
  for (const char* sign : kSignsOfAClosedDoor) {
    if (!absl::StrContains(words, sign)) continue;
    return absl::StrCat(unreachable, ": it hung up; it may ",
                        at.is_secure ? "want a client certificate" : "want https://");
  }
  return absl::StrCat(unreachable, " (", message, ")");
}

}  // namespace oaktree::internal
