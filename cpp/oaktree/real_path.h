#ifndef OAKTREE_REAL_PATH_H_
#define OAKTREE_REAL_PATH_H_

#include <filesystem>

namespace oaktree::internal {

// The absolute path of what is or would be made at a path: it holds no link, whether the places
// that it goes by are there or not. Of links that lead to each other, one stays.
std::filesystem::path RealPath(const std::filesystem::path& path);

}  // namespace oaktree::internal

#endif  // OAKTREE_REAL_PATH_H_
