#include "oaktree/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace oaktree::internal {

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string FolderFromEnvironment(const char* name) {
  std::string folder = FromEnvironment(name);
  return folder.empty() || folder[0] != '/' ? "" : folder;
}

std::string Home() {
  if (std::string home = FromEnvironment("HOME"); !home.empty()) return home;
  std::vector<char> buffer(16384);
  passwd entry, *found = nullptr;
  ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "" : found->pw_dir;
}

}  // namespace oaktree::internal
