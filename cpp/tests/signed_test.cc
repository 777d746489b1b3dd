#include <gtest/gtest.h>

#include <filesystem>

#include "cloud.h"
#include "files.h"
#include "oaktree/oaktree.h"
#include "store.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

namespace fs = std::filesystem;

class SignedObjects : public ::testing::Test {
 protected:
  SignedObjects() { options_.segment_size_bytes = 1000; }

  absl::StatusOr<v1::StorageObject> Upload() {
    v1::UploadStorageObjectRequest request;
    request.set_parent("c");
    request.set_name("a/b");
    return Client(fake_.address()).storage_objects().Upload(FromBytes(bytes_), request, options_);
  }
  absl::StatusOr<DirectoryResult> UploadAll(bool through_oaktree = false) {
    UploadDirectoryOptions options;
    options.prefix = "p/";
    options.through_oaktree = through_oaktree;
    return UploadDirectory(Client(fake_.address()), folder_ / "d", "c", options);
  }
  absl::StatusOr<DirectoryResult> DownloadAll(bool through_oaktree = false) {
    DirectoryOptions options;
    options.through_oaktree = through_oaktree;
    return DownloadDirectory(Client(fake_.address()), "c", "p/", folder_ / "e", options);
  }
  size_t Count(const std::string& rpc) { return fake_.Calls(rpc).size(); }
  // Has the cloud answer so to the first ticket, or to all.
  void Refuse(int status, bool is_all = false) {
    cloud_.Set([=](const Asked& asked, Answered& given) {
      given.status = status;
      return is_all || asked.path.find("?sig=1") != std::string::npos;
    });
  }

  Fake fake_;
  Cloud cloud_;
  Store store_{fake_, &cloud_};
  Folder folder_;
  TransferOptions options_;
  const std::string bytes_ = SomeBytes(4500);
};

TEST_F(SignedObjects, GoInSegmentsStraightToTheCloud) {
  int64_t told = 0;
  options_.on_progress = [&](const Progress& progress) {
    told = progress.sent_bytes;
    return true;
  };
  const auto object = Upload();
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
  EXPECT_EQ(Count("UploadStorageObject"), 0u);
  EXPECT_EQ(cloud_.kept().size(), 5u);
  EXPECT_EQ(told, 4500);
  const auto sign = fake_.OnlyCall("SignStorageObjects").Request<v1::SignStorageObjectsRequest>();
  EXPECT_EQ(sign.parent(), "c");
  EXPECT_EQ(sign.prefix(), "segments/a/b/");
  EXPECT_TRUE(sign.is_upload());
}

TEST_F(SignedObjects, GoThroughOaktreeWhereThatIsWanted) {
  options_.through_oaktree = true;
  ASSERT_TRUE(Upload().ok());
  EXPECT_EQ(Count("SignStorageObjects"), 0u);
  EXPECT_EQ(Count("UploadStorageObject"), 5u);
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
}

TEST_F(SignedObjects, GoThroughOaktreeWhereThereIsNoTicket) {
  fake_.Set("SignStorageObjects",
            {Breaks(End(absl::StatusCode::kFailedPrecondition, "NOT_OFFERED", "no"))});
  ASSERT_TRUE(Upload().ok());
  EXPECT_EQ(Count("SignStorageObjects"), 1u);
  EXPECT_EQ(Count("UploadStorageObject"), 5u);
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
}

TEST_F(SignedObjects, AreSignedOnceMoreWhereTheTicketHasExpired) {
  for (const int status : {401, 403}) {
    Refuse(status);
    store_.Renew();
    ASSERT_TRUE(Upload().ok());
    EXPECT_EQ(Count("SignStorageObjects"), status == 401 ? 2u : 4u);
    EXPECT_EQ(Count("UploadStorageObject"), 0u);
    EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
    store_.objects.clear();
  }
}

TEST_F(SignedObjects, GoThroughOaktreeWhereTheCloudRefusesThem) {
  for (const int status : {401, 307, 500}) {
    Refuse(status, /*is_all=*/true);
    const size_t before = Count("UploadStorageObject");
    ASSERT_TRUE(Upload().ok());
    EXPECT_EQ(Count("UploadStorageObject") - before, 5u);
    EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
    store_.objects.clear();
  }
  EXPECT_TRUE(cloud_.kept().empty());
}

TEST_F(SignedObjects, ThatTheCloudHasOtherwiseGoThroughOaktree) {
  cloud_.Set([](const Asked& asked, Answered& given) {
    given.status = 201;
    given.headers["Etag"] = Md5("other");
    return asked.is_whole && asked.path.find("/2?") != std::string::npos;
  });
  ASSERT_TRUE(Upload().ok());
  EXPECT_EQ(Count("UploadStorageObject"), 1u);
  EXPECT_TRUE(store_.objects["a/b"].bytes == bytes_);
}

TEST_F(SignedObjects, EndWhenTheCallbackSaysSo) {
  options_.on_progress = [](const Progress& progress) { return progress.sent_bytes < 2000; };
  EXPECT_TRUE(absl::IsCancelled(Upload().status()));
  EXPECT_EQ(Count("CommitStorageObject"), 0u);
}

TEST_F(SignedObjects, OfADirectoryGoStraightToTheCloud) {
  Write(folder_ / "d/a", "1");
  Write(folder_ / "d/b/ü \n%?#", "22");
  Write(folder_ / "d/none", "");
  Write(folder_ / "d/large", SomeBytes(2500));
  const auto result = UploadAll();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 4);
  EXPECT_TRUE(result->failed.empty());
  EXPECT_EQ(Count("UploadStorageObject"), 0u);
  // One for all that are small, and one for the segments.
  EXPECT_EQ(Count("SignStorageObjects"), 2u);
  EXPECT_TRUE(store_.objects["p/large"].bytes == SomeBytes(2500));
  std::map<std::string, Asked> asked;
  for (const auto& one : cloud_.asked()) asked[one.path.substr(0, one.path.find('?'))] = one;
  EXPECT_EQ(asked.count("/c/p/none"), 1u);
  const Asked& one = asked["/c/p/b/%c3%bc%20%0a%25%3f%23"];
  EXPECT_EQ(one.body, "22");
  EXPECT_EQ(one.headers.at("etag"), Md5("22"));
  EXPECT_EQ(one.headers.at("x-object-meta-oaktree-sha256"), Sha256("22"));
  const auto& changed = one.headers.at("x-object-meta-mtime");
  EXPECT_EQ(changed.find('.'), changed.size() - 10) << changed;
}

TEST_F(SignedObjects, OfADirectoryGoThroughOaktreeWhereTheyCannot) {
  Write(folder_ / "d/a", "1");
  Write(folder_ / "d/b", "22");
  Refuse(422, /*is_all=*/true);
  ASSERT_TRUE(UploadAll().ok());
  EXPECT_EQ(store_.objects["p/a"].bytes, "1");
  EXPECT_EQ(store_.objects["p/b"].bytes, "22");
  store_.objects.clear();
  const size_t before = Count("SignStorageObjects");
  ASSERT_TRUE(UploadAll(/*through_oaktree=*/true).ok());
  EXPECT_EQ(store_.objects.size(), 2u);
  EXPECT_EQ(Count("SignStorageObjects"), before);
}

TEST_F(SignedObjects, OfADirectoryComeStraightFromTheCloud) {
  for (const std::string name : {"p/a", "p/b/c", "p/gone", "p/other"}) {
    store_.objects[name] = {"of " + name, false, {}};
    if (name != "p/gone") cloud_.Keep("/c/" + name + "?sig=1", "of " + name);
  }
  cloud_.Keep("/c/p/other?sig=1", "changed");
  store_.objects["p/parts"] = {"in segments", true, {}};
  const auto result = DownloadAll();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 5);
  EXPECT_TRUE(result->failed.empty());
  for (const auto& [name, object] : store_.objects) {
    EXPECT_EQ(Contents(folder_ / ("e/" + name.substr(2))), object.bytes);
  }
  // What the cloud has otherwise or tells no digest of.
  EXPECT_EQ(Count("DownloadStorageObject"), 3u);
  const auto sign = fake_.OnlyCall("SignStorageObjects").Request<v1::SignStorageObjectsRequest>();
  EXPECT_EQ(sign.prefix(), "p/");
  EXPECT_FALSE(sign.is_upload());
}

TEST_F(SignedObjects, OfADirectoryComeThroughOaktreeWhereThatIsWanted) {
  store_.objects["p/a"] = {"a", false, {}};
  ASSERT_TRUE(DownloadAll(/*through_oaktree=*/true).ok());
  EXPECT_EQ(Contents(folder_ / "e/a"), "a");
  EXPECT_EQ(Count("SignStorageObjects"), 0u);
}

TEST_F(SignedObjects, ThatAreLargeComeStraightFromTheCloud) {
  const std::string large = SomeBytes(8 << 20);
  store_.objects["l"] = {large, false, {}};
  cloud_.Keep("/c/l?sig=1", large);
  v1::DownloadStorageObjectRequest request;
  request.set_parent("c");
  request.set_name_or_id("l");
  const auto objects = Client(fake_.address()).storage_objects();
  ASSERT_TRUE(objects.Download(request, ToFile(folder_ / "f")).ok());
  EXPECT_TRUE(Contents(folder_ / "f") == large);
  EXPECT_EQ(cloud_.asked().size(), 1u);
  EXPECT_EQ(Count("SignStorageObjects"), 1u);
  // What is not asked for with a ticket comes at once.
  options_.through_oaktree = true;
  ASSERT_TRUE(objects.Download(request, ToFile(folder_ / "f"), options_).ok());
  EXPECT_EQ(cloud_.asked().size(), 1u);
  // The second ticket the cloud does not know.
  ASSERT_TRUE(objects.Download(request, ToFile(folder_ / "g")).ok());
  EXPECT_TRUE(Contents(folder_ / "g") == large);
  EXPECT_EQ(cloud_.asked().size(), 2u);
}

}  // namespace
}  // namespace oaktree::testing
