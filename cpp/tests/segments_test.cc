#include <gtest/gtest.h>

#include <sstream>

#include "files.h"
#include "oaktree/oaktree.h"
#include "store.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

const grpc::Status kAway = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");

class Segments : public ::testing::Test {
 protected:
  Segments() { options_.segment_size_bytes = 1000; }

  absl::StatusOr<v1::StorageObject> Upload(const Source& source, const std::string& name = "a/b") {
    v1::UploadStorageObjectRequest request;
    request.set_parent("c");
    request.set_name(name);
    return Client(fake_.address()).storage_objects().Upload(source, request, options_);
  }
  size_t Count(const std::string& rpc) { return fake_.Calls(rpc).size(); }

  Fake fake_;
  Store store_{fake_};
  Folder folder_;
  TransferOptions options_;
  const std::string bytes_ = SomeBytes(4500);
};

TEST_F(Segments, MakeALargeObject) {
  Write(folder_ / "f", bytes_);
  int64_t told = 0;
  options_.on_progress = [&](const Progress& progress) {
    EXPECT_EQ(progress.name, folder_ / "f");
    EXPECT_EQ(progress.total_bytes, 4500);
    EXPECT_GE(progress.sent_bytes, told);
    told = progress.sent_bytes;
    return true;
  };
  const auto object = Upload(FromFile(folder_ / "f"));
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->name(), "a/b");
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
  EXPECT_EQ(Count("UploadStorageObject"), 5u);
  EXPECT_EQ(told, 4500);
  const auto plan =
      fake_.OnlyCall("PlanStorageObjectUploads").Request<v1::PlanStorageObjectUploadsRequest>();
  EXPECT_EQ(plan.parent(), "c");
  EXPECT_EQ(plan.prefix(), "a/");
  EXPECT_EQ(plan.entries(0).path(), "b");
  const auto commit =
      fake_.OnlyCall("CommitStorageObject").Request<v1::CommitStorageObjectRequest>();
  EXPECT_EQ(commit.segment_size_bytes(), 1000);
  EXPECT_EQ(commit.segments(4).size_bytes(), 500);
  EXPECT_TRUE(commit.has_modified_at());
}

TEST_F(Segments, MakeNoSmallOne) {
  Write(folder_ / "f", "abc");
  ASSERT_TRUE(Upload(FromFile(folder_ / "f")).ok());
  EXPECT_EQ(Count("PlanStorageObjectUploads"), 0u);
  EXPECT_EQ(store_.objects["a/b"].bytes, "abc");
  EXPECT_TRUE(store_.objects["a/b"].request.has_modified_at());
}

TEST_F(Segments, MakeNoneOfANameThatNoFileHas) {
  for (const char* name : {"a/..", "a/."}) ASSERT_TRUE(Upload(FromBytes(bytes_), name).ok());
  EXPECT_EQ(Count("PlanStorageObjectUploads"), 0u);
}

TEST_F(Segments, AreMadeOfAnySource) {
  std::istringstream stream(bytes_);
  ASSERT_TRUE(Upload(FromStream(stream)).ok());
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
  EXPECT_TRUE(store_.objects["a/b"].is_segmented);
}

TEST_F(Segments, AreNotSentTwice) {
  store_.refused["a/b"] = End(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED", "full");
  store_.segments["a/b"] = {{0, bytes_.substr(0, 1000)}, {3, "other"}};
  const auto status = Upload(FromBytes(bytes_)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(Error(status).reason, "QUOTA_EXCEEDED");
  EXPECT_NE(status.message().find("kept"), std::string::npos);
  EXPECT_EQ(Count("CommitStorageObject"), 0u);

  store_.refused.clear();
  const size_t before = Count("UploadStorageObject");
  ASSERT_TRUE(Upload(FromBytes(bytes_)).ok());
  EXPECT_EQ(Count("UploadStorageObject") - before, 4u);
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
}

TEST_F(Segments, AreNotSentWhereTheObjectIsThere) {
  store_.objects["a/b"] = {bytes_, true, {}};
  const auto object = Upload(FromBytes(bytes_));
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->size_bytes(), 4500);
  EXPECT_EQ(Count("UploadStorageObject"), 0u);
  EXPECT_EQ(Count("PlanStorageObjectUploads"), 2u);
}

TEST_F(Segments, LeaveTheMetadataThatTheRequestHas) {
  store_.objects["a/b"] = {bytes_, true, {}};
  fake_.Set("UpdateStorageObject", {Says(v1::UpdateStorageObjectResponse())});
  v1::UploadStorageObjectRequest request;
  request.set_parent("c");
  request.set_name("a/b");
  const auto objects = Client(fake_.address()).storage_objects();
  request.set_content_type("text/plain");
  ASSERT_TRUE(objects.Upload(FromBytes(bytes_), request, options_).ok());
  (*request.mutable_metadata())["b"] = "2";
  ASSERT_TRUE(objects.Upload(FromBytes(bytes_), request, options_).ok());
  const auto calls = fake_.Calls("UpdateStorageObject");
  ASSERT_EQ(calls.size(), 2u);
  const auto typed = calls[0].Request<v1::UpdateStorageObjectRequest>();
  EXPECT_EQ(typed.content_type(), "text/plain");
  EXPECT_FALSE(typed.has_metadata());
  const auto noted = calls[1].Request<v1::UpdateStorageObjectRequest>().metadata();
  EXPECT_EQ(noted.set().at("b"), "2");
  EXPECT_TRUE(noted.replace());
}

TEST_F(Segments, AreCommittedAgainWhenOaktreeWasLost) {
  Answer commit;
  commit.makes = [](const Call&) {
    v1::CommitStorageObjectResponse response;
    response.mutable_storage_object()->set_name("a/b");
    return Says(response);
  };
  fake_.Set("CommitStorageObject", {Breaks(kAway), commit});
  ASSERT_TRUE(Upload(FromBytes(bytes_)).ok());
  const auto calls = fake_.Calls("CommitStorageObject");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].request, calls[1].request);
  EXPECT_FALSE(calls[0].Request<v1::CommitStorageObjectRequest>().request_id().empty());
}

TEST_F(Segments, AreOfOtherBytesWhereTheCloudSaysSo) {
  v1::UploadStorageObjectResponse response;
  response.mutable_storage_object()->set_etag("other");
  fake_.Set("UploadStorageObject", {AtTheEnd(Says(response))});
  const auto status = Upload(FromBytes(bytes_)).status();
  EXPECT_EQ(Error(status).reason, "BYTES_DIFFER") << status;
  EXPECT_EQ(Count("CommitStorageObject"), 0u);
}

TEST_F(Segments, EndWhenTheCallbackSaysSo) {
  options_.on_progress = [](const Progress& progress) { return progress.sent_bytes < 2000; };
  EXPECT_TRUE(absl::IsCancelled(Upload(FromBytes(bytes_)).status()));
  EXPECT_EQ(Count("CommitStorageObject"), 0u);
}

}  // namespace
}  // namespace oaktree::testing
