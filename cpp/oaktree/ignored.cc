#include "oaktree/ignored.h"

#include <absl/strings/str_split.h>
#include <fnmatch.h>

#include <cstddef>

namespace oaktree::internal {
namespace {

using Steps = std::vector<std::string>;

bool Fits(const Steps& pattern, size_t from, const Steps& path, size_t at) {
  if (from == pattern.size()) return at == path.size();
  if (pattern[from] == "**") {
    // At the end it is all that is inside, and not the directory itself.
    if (from + 1 == pattern.size()) return at < path.size();
    for (size_t next = at; next <= path.size(); ++next) {
      if (Fits(pattern, from + 1, path, next)) return true;
    }
    return false;
  }
  return at < path.size() && ::fnmatch(pattern[from].c_str(), path[at].c_str(), 0) == 0 &&
         Fits(pattern, from + 1, path, at + 1);
}

}  // namespace

Ignored::Ignored(const std::vector<std::string>& patterns) {
  for (std::string text : patterns) {
    Pattern pattern;
    while (!text.empty() && text.back() == ' ') text.pop_back();
    if (text.empty() || text[0] == '#') continue;
    pattern.is_exception = text[0] == '!';
    if (pattern.is_exception) text.erase(0, 1);
    pattern.is_for_directories = !text.empty() && text.back() == '/';
    if (pattern.is_for_directories) text.pop_back();
    const bool is_anchored = text.find('/') != std::string::npos;
    if (!text.empty() && text[0] == '/') text.erase(0, 1);
    if (text.empty()) continue;
    pattern.steps = absl::StrSplit(text, '/');
    // A bare name is meant wherever it is.
    if (!is_anchored) pattern.steps.insert(pattern.steps.begin(), "**");
    patterns_.push_back(std::move(pattern));
  }
}

bool Ignored::Has(std::string_view path) const {
  if (patterns_.empty()) return false;
  const bool is_directory = !path.empty() && path.back() == '/';
  if (is_directory) path.remove_suffix(1);
  const Steps steps = absl::StrSplit(absl::string_view(path.data(), path.size()), '/');
  for (size_t count = 1; count < steps.size(); ++count) {
    if (HasOne({steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(count)}, true)) {
      return true;
    }
  }
  return HasOne(steps, is_directory);
}

bool Ignored::HasOne(const Steps& steps, bool is_directory) const {
  for (auto one = patterns_.rbegin(); one != patterns_.rend(); ++one) {
    if (one->is_for_directories && !is_directory) continue;
    if (Fits(one->steps, 0, steps, 0)) return !one->is_exception;
  }
  return false;
}

}  // namespace oaktree::internal
