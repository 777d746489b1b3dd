#ifndef OAKTREE_REQUEST_ID_H_
#define OAKTREE_REQUEST_ID_H_

#include <google/protobuf/message.h>

namespace oaktree::internal {

// Gives a change the request id that it lacks. Whether it lacked one: who gives an id himself may
// be repeating himself, and the server then looks for what was made before.
bool AddRequestId(google::protobuf::Message& request);

// What the server is told, with a call that was never made before.
constexpr char kRequestIdKey[] = "oaktree-request-id";
constexpr char kIsNew[] = "new";

}  // namespace oaktree::internal

#endif  // OAKTREE_REQUEST_ID_H_
