#include "oaktree/credentials_file.h"

#include <absl/strings/str_cat.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <map>
#include <utility>

#include "oaktree/environment.h"
#include "oaktree/private_file.h"

namespace oaktree::internal {
namespace {

constexpr struct {
  const char* key;
  bool is_needed;
} kKeys[] = {{"address", true},
             {"client_id", true},
             {"client_secret", true},
             {"ca", false},
             {"cloud", false}};

constexpr char kLetters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";

using Values = std::map<std::string, std::string>;

bool IsKey(const std::string& text) {
  for (const auto& one : kKeys) {
    if (text == one.key) return true;
  }
  return false;
}

// Whether it is a text also for YAML, and not a number or the like: then other programs, too, read
// the same.
bool IsText(const YAML::Node& node) {
  if (!node.IsScalar() || node.Scalar().empty()) return false;
  if (node.Tag() != "?") return true;
  bool as_bool;
  double as_number;
  return !YAML::convert<bool>::decode(node, as_bool) &&
         !YAML::convert<double>::decode(node, as_number);
}

// An unknown key, to be shown; not what may be a secret in the wrong place.
std::string Show(const std::string& key) {
  const bool is_word =
      !key.empty() && key.size() <= 40 && key.find_first_not_of(kLetters) == std::string::npos;
  return is_word ? absl::StrCat("'", key, "' is no key") : "what is there is no key";
}

// An error about what is in the file; at the line, of 0 and more, where that is known.
absl::Status Refuse(const std::string& path, const std::string& why, int line = -1) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, line < 0 ? "" : absl::StrCat(", line ", line + 1), ": ", why));
}

// yaml-cpp throws, and its words may hold what is in the file: only their place is told.
absl::StatusOr<Values> Parse(const std::string& path, const std::string& content) try {
  const YAML::Node whole = YAML::Load(content);
  if (!whole.IsMap()) return Refuse(path, "it is no mapping of keys to values");
  Values values;
  for (const auto& entry : whole) {
    const int line = entry.first.Mark().line;
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (!IsKey(key)) return Refuse(path, Show(key), line);
    if (!IsText(entry.second)) {
      return Refuse(path, absl::StrCat("'", key, "' is no text; put it in quotes"), line);
    }
    if (!values.emplace(key, entry.second.Scalar()).second) {
      return Refuse(path, absl::StrCat("'", key, "' is there twice"), line);
    }
  }
  return values;
} catch (const YAML::Exception& error) {
  return Refuse(path, "it is no YAML", error.mark.line);
}

}  // namespace

std::string DefaultCredentialsFile() {
  std::string folder = FolderFromEnvironment("XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = Home();
    if (home.empty()) return "";
    folder = absl::StrCat(home, "/.config");
  }
  return absl::StrCat(folder, "/oaktree/credentials.yaml");
}

absl::StatusOr<CredentialsFile> ReadCredentialsFile(const std::string& path) {
  const auto content = ReadPrivate(path);
  if (!content.ok()) return content.status();
  auto values = Parse(path, *content);
  if (!values.ok()) return values.status();
  for (const auto& one : kKeys) {
    if (one.is_needed && values->count(one.key) == 0) {
      return Refuse(path, absl::StrCat("it has no '", one.key, "'"));
    }
  }
  auto endpoint = ParseAddress(values->at("address"));
  // Nothing secret, but what is quoted might be: a value under the wrong key.
  if (!endpoint.ok()) return Refuse(path, "'address' is no address");
  Credentials credentials;
  credentials.client_id = values->at("client_id");
  credentials.client_secret = values->at("client_secret");
  credentials.cloud = (*values)["cloud"];
  if (const std::string& ca = (*values)["ca"]; !ca.empty()) {
    credentials.ca = (std::filesystem::path(path).parent_path() / ca).string();
  }
  return CredentialsFile{*std::move(endpoint), std::move(credentials)};
}

}  // namespace oaktree::internal
