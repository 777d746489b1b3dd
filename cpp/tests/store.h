#ifndef OAKTREE_TESTS_STORE_H_
#define OAKTREE_TESTS_STORE_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud.h"
#include "fake.h"
#include "oaktreemodel/v1/storage_object.pb.h"

namespace oaktree::testing {

// A container, as an oaktree before a cloud shows it: what is uploaded is there afterwards. Larger
// files than `segment_size` go in segments. Tests look into it when no call is under way.
class Store {
 public:
  // Straight to the cloud there is a way if one is given.
  explicit Store(Fake& fake, const Cloud* cloud = nullptr);
  // Stops the server first: of a call that its client has given up, it may still be at work.
  ~Store() { fake_.Stop(); }

  struct Object {
    std::string bytes;
    bool is_segmented = false;
    v1::UploadStorageObjectRequest request;
  };

  // Has tickets be numbered anew.
  void Renew() { signed_ = 0; }

  size_t segment_size = 1000;
  std::map<std::string, Object> objects;
  // What is left of uploads, by object and number.
  std::map<std::string, std::map<int, std::string>> segments;
  // Objects that no upload makes, and why.
  std::map<std::string, grpc::Status> refused;

 private:
  Answer Plan(const v1::PlanStorageObjectUploadsRequest& request);
  Answer Upload(const Call& call);
  Answer Commit(const v1::CommitStorageObjectRequest& request);
  Answer Download(const v1::DownloadStorageObjectRequest& request);
  Answer List(const v1::ListStorageObjectsRequest& request);
  Answer Sign(const v1::SignStorageObjectsRequest& request);
  // What the cloud was given under a name; nothing if nothing was.
  std::optional<std::string> Straight(const std::string& name) const;
  Answer Delete(const v1::DeleteManyStorageObjectsRequest& request);
  v1::UploadStep Step(const v1::UploadEntry& entry, const std::string& name, size_t segment);

  Fake& fake_;
  const Cloud* const cloud_;
  int signed_ = 0;
  std::mutex mutex_;
};

}  // namespace oaktree::testing

#endif  // OAKTREE_TESTS_STORE_H_
