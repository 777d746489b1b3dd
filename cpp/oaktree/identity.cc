#include "oaktree/identity.h"

#include <absl/strings/str_cat.h>

#include <optional>
#include <utility>

#include "oaktree/credentials_file.h"
#include "oaktree/environment.h"
#include "oaktree/tokens.h"

namespace oaktree::internal {
namespace {

constexpr char kDefaultAddress[] = "localhost:50051";

std::string FirstOf(const std::string& one, const std::string& other) {
  return one.empty() ? other : one;
}

// What the environment says, by its names.
Credentials Environment() {
  Credentials set;
  set.token = FromEnvironment("OAKTREE_TOKEN");
  set.client_id = FromEnvironment("OAKTREE_CLIENT_ID");
  set.client_secret = FromEnvironment("OAKTREE_CLIENT_SECRET");
  set.file = FromEnvironment("OAKTREE_CREDENTIALS");
  set.cloud = FromEnvironment("OAKTREE_CLOUD");
  set.ca = FromEnvironment("OAKTREE_CA");
  return set;
}

// Fills in what is not there yet.
void Fill(Credentials& credentials, const Credentials& next) {
  if (!IsKnown(credentials)) {
    credentials.token = next.token;
    credentials.client_id = next.client_id;
    credentials.client_secret = next.client_secret;
  }
  credentials.file = FirstOf(credentials.file, next.file);
  credentials.cloud = FirstOf(credentials.cloud, next.cloud);
  credentials.ca = FirstOf(credentials.ca, next.ca);
}

// Refuses what does not fit together, by the names that things have where they come from.
absl::Status Check(const Credentials& who, const char* token, const char* id, const char* secret) {
  const auto refuse = [](const auto&... why) {
    return absl::InvalidArgumentError(absl::StrCat(why...));
  };
  if (!who.token.empty() && !(who.client_id.empty() && who.client_secret.empty())) {
    return refuse(token, " and ", id, " are both given; give one");
  }
  if (who.client_id.empty() != who.client_secret.empty()) {
    return refuse(id, " and ", secret, " go together, and one of them is missing");
  }
  // gRPC ends a program that sends what cannot be in a header.
  if (!who.token.empty() && !IsToken(who.token)) {
    return refuse(token, " holds what no token can, such as a space or the end of a line");
  }
  for (const char c : who.cloud) {
    if (c < ' ' || c > '~') return refuse("the cloud's name holds what no such name can");
  }
  return absl::OkStatus();
}

// The credentials file; nothing if there is none and nobody named one.
absl::StatusOr<std::optional<CredentialsFile>> Read(const std::string& named) {
  const std::string path = FirstOf(named, DefaultCredentialsFile());
  if (path.empty()) return std::nullopt;
  auto read = ReadCredentialsFile(path);
  if (read.ok()) return *std::move(read);
  if (absl::IsNotFound(read.status()) && named.empty()) return std::nullopt;
  return absl::InvalidArgumentError(read.status().message());
}

// Fills in what is not there yet from the credentials file, if it is for the same address.
absl::Status FillFromFile(const std::string& named, std::string& address, Credentials& who) {
  const auto file = Read(named);
  if (!file.ok()) return file.status();
  if (!*file) return absl::OkStatus();
  if (address.empty()) address = (*file)->endpoint.address;
  const auto endpoint = ParseAddress(address);
  if (!endpoint.ok()) return endpoint.status();
  if (IsSame((*file)->endpoint, *endpoint)) {
    Fill(who, (*file)->credentials);
  } else if (!named.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(named, " is for another address than ", address));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Identity> Identify(const std::string& address, const Credentials& given) {
  Credentials who = given;
  absl::Status wrong = Check(who, "token", "client_id", "client_secret");
  if (!wrong.ok()) return wrong;

  std::string chosen = address;
  if (!given.file.empty()) {
    wrong = FillFromFile(given.file, chosen, who);
    if (!wrong.ok()) return wrong;
  }

  const std::string set_address = FromEnvironment("OAKTREE_ADDRESS");
  const auto set_for = ParseAddress(set_address);
  if (!set_address.empty() && !set_for.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("OAKTREE_ADDRESS: ", set_for.status().message()));
  }
  chosen = FirstOf(chosen, set_address);
  const auto asked = ParseAddress(chosen);
  if (!chosen.empty() && !asked.ok()) return asked.status();
  // What is set for one oaktree is no other's business.
  if (set_address.empty() || IsSame(*set_for, *asked)) {
    const Credentials set = Environment();
    wrong = Check(set, "OAKTREE_TOKEN", "OAKTREE_CLIENT_ID", "OAKTREE_CLIENT_SECRET");
    if (!wrong.ok()) return wrong;
    Fill(who, set);
  }

  // Else nothing of it is needed, and a mistake in it hurts nobody.
  if (chosen.empty() || !IsKnown(who)) {
    wrong = FillFromFile(who.file, chosen, who);
    if (!wrong.ok()) return wrong;
  }
  chosen = FirstOf(chosen, kDefaultAddress);
  auto endpoint = ParseAddress(chosen);
  if (!endpoint.ok()) return endpoint.status();
  return Identity{*std::move(endpoint), who,
                  absl::StrCat("no token was sent, for there are no credentials for ", chosen,
                               " among what was given, in the environment or in ",
                               FirstOf(who.file, DefaultCredentialsFile()))};
}

}  // namespace oaktree::internal
