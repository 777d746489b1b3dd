#ifndef OAKTREE_PUT_FILE_H_
#define OAKTREE_PUT_FILE_H_

#include <cstdint>

#include "oaktree/content.h"
#include "oaktree/place.h"
#include "oaktree/transfer_options.h"
#include "oaktree/trial.h"
#include "oaktree/web.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree::internal {

// Sends a file straight to the cloud, which compares the bytes with their MD5 by itself: so they
// are hashed first.
Reply PutFile(Trial& trial, Connection& connection, const oaktreemodel::v1::Ticket& ticket,
              const oaktreemodel::v1::UploadStorageObjectRequest& request, Content& content,
              int64_t size, const TransferOptions& options);

}  // namespace oaktree::internal

#endif  // OAKTREE_PUT_FILE_H_
