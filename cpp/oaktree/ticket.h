#ifndef OAKTREE_TICKET_H_
#define OAKTREE_TICKET_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "oaktree/outgoing.h"
#include "oaktree/place.h"
#include "oaktree/trial.h"
#include "oaktree/web.h"
#include "oaktreemodel/v1/transfer.pb.h"

// Bytes straight between this machine and a cloud, by a ticket. `name` is the object's, where the
// ticket is for several.
namespace oaktree::internal {

// Bytes. From so many on they go straight where that takes a ticket of their own.
constexpr int64_t kStraightSize = 8 << 20;

// The trial says until when, and who asks. With these headers (Name: value) beside the ticket's.
// `look` is asked in place of the trial whether it is to end, if there is one.
Reply PutByTicket(Trial& trial, Connection& connection, const oaktreemodel::v1::Ticket& ticket,
                  const std::string& name, const std::vector<std::string>& headers, Outgoing& body,
                  const std::function<absl::Status()>& look = nullptr);

// Hands over the bytes as they come.
Reply GetByTicket(Trial& trial, Connection& connection, const oaktreemodel::v1::Ticket& ticket,
                  const std::string& name, const Stretch& of,
                  const std::function<absl::Status(std::string_view)>& take);

}  // namespace oaktree::internal

#endif  // OAKTREE_TICKET_H_
