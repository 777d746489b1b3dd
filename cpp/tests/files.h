#ifndef OAKTREE_TESTS_FILES_H_
#define OAKTREE_TESTS_FILES_H_

#include <initializer_list>
#include <map>
#include <optional>
#include <string>

namespace oaktree::testing {

// A folder that goes with it.
class Folder {
 public:
  Folder();
  ~Folder();
  std::string operator/(const std::string& name) const { return path_ + ("/" + name); }

 private:
  char path_[32] = "/tmp/oaktree-XXXXXX";
};

std::string Contents(const std::string& path);

// Writes a file, and the folders that it is in, with these rights.
void Write(const std::string& path, const std::string& content, unsigned mode = 0600);

// Makes files of a key and of a certificate for 127.0.0.1 that it signs itself; false if that
// fails.
bool MakeCertificate(const std::string& key, const std::string& certificate);

// Variables of the environment while this lives; absent are those that are not to be set.
class Environment {
 public:
  using Variables = std::map<std::string, std::optional<std::string>>;

  explicit Environment(const Variables& variables);
  Environment(std::initializer_list<Variables::value_type> variables)
      : Environment(Variables(variables)) {}
  ~Environment();

 private:
  Variables before_;
};

// What the environment was before the tests were kept from what the user of this machine has there.
extern Environment::Variables outside;

}  // namespace oaktree::testing

#endif  // OAKTREE_TESTS_FILES_H_
