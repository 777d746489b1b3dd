#ifndef OAKTREE_EXPLAIN_H_
#define OAKTREE_EXPLAIN_H_

#include <absl/status/status.h>

#include <string>

#include "oaktree/address.h"

namespace oaktree::internal {

// What to tell of an error that no oaktree made: its own words, or what they mean for an address.
std::string Explain(const absl::Status& status, const Endpoint& at);

}  // namespace oaktree::internal

#endif  // OAKTREE_EXPLAIN_H_
