#include "files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace oaktree::testing {
namespace {

std::optional<std::string> Get(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::make_optional<std::string>(value);
}

void Set(const std::string& name, const std::optional<std::string>& value) {
  if (value) {
    ::setenv(name.c_str(), value->c_str(), 1);
  } else {
    ::unsetenv(name.c_str());
  }
}

}  // namespace

Environment::Variables outside;

Folder::Folder() { EXPECT_NE(::mkdtemp(path_), nullptr); }

Folder::~Folder() { std::filesystem::remove_all(path_); }

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const std::string& path, const std::string& content, unsigned mode) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << content;
  EXPECT_EQ(::chmod(path.c_str(), mode), 0);
}

bool MakeCertificate(const std::string& key, const std::string& certificate) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
      " -subj /CN=oaktree -addext subjectAltName=IP:127.0.0.1 -keyout " +
      key + " -out " + certificate + " 2>/dev/null";
  return std::system(command.c_str()) == 0;
}

Environment::Environment(const Variables& variables) {
  for (const auto& [name, value] : variables) {
    before_[name] = Get(name);
    Set(name, value);
  }
}

Environment::~Environment() {
  for (const auto& [name, value] : before_) Set(name, value);
}

}  // namespace oaktree::testing
