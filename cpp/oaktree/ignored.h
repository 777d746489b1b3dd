#ifndef OAKTREE_IGNORED_H_
#define OAKTREE_IGNORED_H_

#include <string>
#include <string_view>
#include <vector>

namespace oaktree::internal {

// Paths that are left out, by patterns in the words of .gitignore.
class Ignored {
 public:
  explicit Ignored(const std::vector<std::string>& patterns);

  // Whether a path, or a directory that it is in, is left out. A directory's ends with a slash.
  bool Has(std::string_view path) const;

 private:
  struct Pattern {
    // Between slashes; `**` is any number of them.
    std::vector<std::string> steps;
    bool is_exception = false;
    bool is_for_directories = false;
  };

  bool HasOne(const std::vector<std::string>& steps, bool is_directory) const;

  std::vector<Pattern> patterns_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_IGNORED_H_
