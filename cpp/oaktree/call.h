#ifndef OAKTREE_CALL_H_
#define OAKTREE_CALL_H_

#include <absl/status/status.h>
#include <absl/time/time.h>
#include <google/protobuf/message.h>

#include <memory>

#include "oaktree/call_options.h"
#include "oaktree/stream.h"

// What every generated method calls. None of it knows a resource: a method says the path of its
// call and brings the messages. A request is filled in with the place and, of a change, with a
// request id. The result of a call is field 1 of its response.
namespace oaktree::internal {

struct Place;
using google::protobuf::Message;

// A call that answers at once; `limit` is how long it may take unless the options say otherwise.
// The response is complete also when some of what it was to do failed, which is an error then.
absl::Status Unary(const Place& place, const char* path, Message& request, Message& response,
                   absl::Duration limit, const CallOptions& options);

// The items of a stream's batches, one by one.
std::unique_ptr<Feed> List(std::shared_ptr<const Place> place, const char* path,
                           std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                           const CallOptions& options);

// Each state that a wait sees.
std::unique_ptr<Feed> Wait(std::shared_ptr<const Place> place, const char* path,
                           std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                           const CallOptions& options);

// What happens in a watch.
std::unique_ptr<Feed> Watch(std::shared_ptr<const Place> place, const char* path,
                            std::unique_ptr<Message> request, std::unique_ptr<Message> response,
                            const CallOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_CALL_H_
