#ifndef OAKTREE_SIGNED_H_
#define OAKTREE_SIGNED_H_

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "oaktree/place.h"
#include "oaktree/trial.h"
#include "oaktree/web.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree::internal {

// The way straight to the cloud for the objects of one container whose names begin alike, where
// there is one. For any thread.
class Signed {
 public:
  // An empty location is that of the place.
  Signed(std::shared_ptr<const Place> place, const oaktreemodel::v1::Location& location,
         const std::string& container, const std::string& prefix, bool is_upload);

  // Has all go through oaktree.
  void Shut();

  // A ticket other than the one that has expired; nothing if there is none to be had.
  std::optional<oaktreemodel::v1::Ticket> Find(absl::Duration timeout,
                                               const oaktreemodel::v1::Ticket* expired = nullptr);

  // What is done with a ticket.
  using Work = std::function<Reply(Trial& trial, Connection& connection,
                                   const oaktreemodel::v1::Ticket& ticket)>;

  // Has it done; once more where the ticket has expired meanwhile. False where it is to be done
  // through oaktree.
  absl::StatusOr<bool> Use(absl::Duration timeout, const Work& work);

 private:
  const std::shared_ptr<const Place> place_;
  oaktreemodel::v1::SignStorageObjectsRequest request_;
  std::mutex mutex_;
  std::optional<oaktreemodel::v1::Ticket> ticket_;
  bool is_shut_ = false;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_SIGNED_H_
