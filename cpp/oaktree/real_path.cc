#include "oaktree/real_path.h"

#include <system_error>

namespace oaktree::internal {
namespace {

// What Linux follows in one path.
constexpr int kMostLinks = 40;

std::filesystem::path Resolve(const std::filesystem::path& path, int& links) {
  if (!path.has_relative_path()) return path;
  const auto parent = Resolve(path.parent_path(), links);
  const auto name = path.filename();
  if (name.empty() || name == ".") return parent;
  if (name == "..") return parent.parent_path();
  std::error_code error;
  const auto to = std::filesystem::read_symlink(parent / name, error);
  if (error || --links < 0) return parent / name;
  return Resolve(parent / to, links);
}

}  // namespace

std::filesystem::path RealPath(const std::filesystem::path& path) {
  int links = kMostLinks;
  std::error_code error;
  return Resolve(std::filesystem::absolute(path, error), links);
}

}  // namespace oaktree::internal
