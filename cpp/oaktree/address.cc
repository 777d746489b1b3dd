#include "oaktree/address.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <absl/types/optional.h>
#include <arpa/inet.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace oaktree::internal {
namespace {

constexpr char kDefaultPort[] = "50051";

struct Scheme {
  const char* prefix;
  const char* port;
  bool is_secure;
};
constexpr Scheme kSchemes[] = {{"http://", "80", false}, {"https://", "443", true}};

// Cuts the host off; what is left is empty or begins with a colon.
absl::optional<std::string> TakeHost(std::string& rest) {
  const bool is_bracketed = absl::StartsWith(rest, "[");
  const size_t end = is_bracketed ? rest.find(']') : rest.find(':');
  if (is_bracketed && end == std::string::npos) return absl::nullopt;
  std::string host = is_bracketed ? rest.substr(1, end - 1) : rest.substr(0, end);
  rest = end == std::string::npos ? "" : rest.substr(end + (is_bracketed ? 1 : 0));
  return absl::AsciiStrToLower(host);
}

// A socket's path, as the name of a file.
std::string Escape(absl::string_view socket) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(std::string(socket), failed).lexically_normal();
  return absl::StrReplaceAll(path.string(), {{"%", "%25"}, {"/", "%2F"}});
}

}  // namespace

bool IsLocal(const std::string& host) {
  // Not what ends so: some systems ask a name server for that.
  if (host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::StatusOr<Endpoint> ParseAddress(const std::string& address) {
  const auto refuse = [&address](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("'", address, "' ", why));
  };
  absl::string_view socket = address;
  if (absl::ConsumePrefix(&socket, "unix:")) {
    absl::ConsumePrefix(&socket, "//");
    if (socket.empty()) return refuse("names no socket; write unix:/path/to/socket");
    return Endpoint{address, absl::StrCat("unix:", socket), true, false, Escape(socket)};
  }
  std::string rest = address;
  const char* port = kDefaultPort;
  const Scheme* scheme = nullptr;
  for (const Scheme& one : kSchemes) {
    if (!absl::StartsWith(address, one.prefix)) continue;
    scheme = &one;
    port = one.port;
    rest.erase(0, std::string(one.prefix).size());
  }
  if (absl::StrContains(rest, "://")) {
    return refuse("is not host:port, http://…, https://… or unix:/path");
  }
  if (scheme != nullptr && absl::EndsWith(rest, "/")) rest.pop_back();
  if (rest.find_first_of("/?#@") != std::string::npos) {
    return refuse("holds more than a host and a port");
  }
  const auto host = TakeHost(rest);
  if (!host || host->empty() || host->find_first_of(" \t\r\n") != std::string::npos) {
    return refuse("names no host; write host:port");
  }
  if (rest.empty() || rest == ":") rest = absl::StrCat(":", port);
  uint32_t number = 0;
  const bool is_number = rest.find_first_not_of("0123456789", 1) == std::string::npos;
  if (rest[0] != ':' || !is_number || !absl::SimpleAtoi(rest.substr(1), &number) ||
      number > 65535) {
    return refuse("has no such port");
  }
  const bool is_local = IsLocal(*host);
  const std::string shown =
      absl::StrContains(*host, ":") ? absl::StrCat("[", *host, "]") : *std::move(host);
  return Endpoint{address, absl::StrCat("dns:///", shown, ":", number), is_local,
                  scheme != nullptr ? scheme->is_secure : !is_local, absl::StrCat(number)};
}

bool IsSame(const Endpoint& one, const Endpoint& other) {
  // Of a socket the name of the file says it better: there the path is in order.
  return one.token_file == other.token_file &&
         (one.target == other.target || absl::StartsWith(one.token_file, "%2F"));
}

}  // namespace oaktree::internal
