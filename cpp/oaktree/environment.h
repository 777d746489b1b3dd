#ifndef OAKTREE_ENVIRONMENT_H_
#define OAKTREE_ENVIRONMENT_H_

#include <string>

namespace oaktree::internal {

// A variable of the environment; empty when it is not set.
std::string FromEnvironment(const char* name);

// The same of one that names a folder. By the rules for it, a path that is not absolute counts as
// none.
std::string FolderFromEnvironment(const char* name);

// The user's home; empty when nothing tells.
std::string Home();

}  // namespace oaktree::internal

#endif  // OAKTREE_ENVIRONMENT_H_
