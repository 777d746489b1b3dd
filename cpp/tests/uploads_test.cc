#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "files.h"
#include "oaktree/oaktree.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

constexpr int64_t kChunk = 256 << 10;
const grpc::Status kAway = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");

using Request = v1::UploadImageRequest;

Request Named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

class Uploads : public ::testing::Test {
 protected:
  Uploads() { fake_.Set("UploadImage", {AtTheEnd(Says(Uploaded("1")))}); }

  absl::StatusOr<v1::Image> Upload(Source source, TransferOptions options = {}) {
    return Client(fake_.address()).images().Upload(source, Named("i"), options);
  }
  Call OnlyCall() const { return fake_.OnlyCall("UploadImage"); }

  Fake fake_;
  Folder folder_;
};

TEST_F(Uploads, OfSmallThingsAreOneMessage) {
  const auto image = Upload(FromBytes("abc"));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->id(), "1");
  const auto call = OnlyCall();
  ASSERT_EQ(call.requests.size(), 1u);
  const auto sent = call.Request<Request>();
  EXPECT_EQ(sent.name(), "i");
  EXPECT_EQ(sent.chunk(), "abc");
  EXPECT_EQ(sent.content().size_bytes(), 3);
  EXPECT_EQ(sent.finish().sha256(), Sha256("abc"));
  EXPECT_EQ(sent.content().sha256(), Sha256("abc"));
  EXPECT_EQ(sent.content().md5(), Md5("abc"));
  EXPECT_FALSE(sent.accepts_ticket());
  EXPECT_FALSE(sent.request_id().empty());
  EXPECT_FALSE(call.left);
}

TEST_F(Uploads, OfNothingAreOneMessage) {
  ASSERT_TRUE(Upload(FromBytes("")).ok());
  const auto sent = OnlyCall().Request<Request>();
  EXPECT_TRUE(sent.content().has_size_bytes());
  EXPECT_EQ(sent.finish().sha256(), Sha256(""));
}

TEST_F(Uploads, OfAFileGoInChunks) {
  for (const int64_t size : {kChunk, kChunk + 1, 3 * kChunk}) {
    const std::string bytes = SomeBytes(size);
    Write(folder_ / "f", bytes);
    fake_.Set("UploadImage", {AtTheEnd(Says(Uploaded("1")))});
    ASSERT_TRUE(Upload(FromFile(folder_ / "f")).ok());
    const auto call = fake_.Calls("UploadImage").back();
    EXPECT_EQ(call.requests.size(), static_cast<size_t>((size + kChunk - 1) / kChunk));
    EXPECT_EQ(call.Request<Request>().content().size_bytes(), size);
    EXPECT_TRUE(Received<Request>(call) == bytes);
    EXPECT_EQ(Last<Request>(call).finish().sha256(), Sha256(bytes));
    EXPECT_EQ(Last<Request>(call).finish().md5(), Md5(bytes));
    EXPECT_EQ(call.Request<Request>().content().promises_md5(), size > kChunk);
  }
}

TEST_F(Uploads, TakeStreamsAndCallbacksOfAnyLength) {
  const std::string bytes = SomeBytes(kChunk + 7);
  const auto pieces = [&bytes](size_t size) {
    return [&bytes, size, at = size_t{0}]() mutable -> absl::StatusOr<std::string> {
      std::string piece = bytes.substr(at, size);
      at += piece.size();
      return piece;
    };
  };
  const auto size = static_cast<int64_t>(bytes.size());
  std::istringstream one(bytes), other(bytes);
  for (const Source& source :
       {FromStream(one, size), FromStream(other), FromCallback(pieces(1000), size),
        FromCallback(pieces(kChunk)), FromCallback(pieces(bytes.size()))}) {
    ASSERT_TRUE(Upload(source).ok());
    const auto call = fake_.Calls("UploadImage").back();
    EXPECT_EQ(call.Request<Request>().content().size_bytes(), size);
    EXPECT_TRUE(Received<Request>(call) == bytes);
  }
}

TEST_F(Uploads, BeginWhereAStreamIs) {
  std::istringstream stream("abcdef");
  stream.ignore(2);
  ASSERT_TRUE(Upload(FromStream(stream)).ok());
  EXPECT_EQ(Received<Request>(OnlyCall()), "cdef");
}

TEST_F(Uploads, OfMoreOrLessThanPromisedFail) {
  const auto upload = [this](const Source& source) { return Upload(source).status(); };
  for (const int64_t size : {2, 4}) {
    std::istringstream stream("abc");
    EXPECT_TRUE(absl::IsInvalidArgument(upload(FromStream(stream, size))));
    bool is_given = false;
    EXPECT_TRUE(absl::IsInvalidArgument(upload(FromCallback(
        [&is_given] { return std::exchange(is_given, true) ? std::string() : "abc"; }, size))));
  }
  Request request = Named("i");
  request.mutable_content()->set_size_bytes(5);
  const auto images = Client(fake_.address()).images();
  EXPECT_TRUE(absl::IsInvalidArgument(images.Upload(FromBytes("abc"), request).status()));
  for (const auto& call : fake_.Calls("UploadImage")) {
    EXPECT_FALSE(Last<Request>(call).has_finish());
  }
}

TEST_F(Uploads, OfWhatIsNoFileFailBeforeAnyCall) {
  EXPECT_TRUE(absl::IsNotFound(Upload(FromFile(folder_ / "absent")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Upload(FromFile(folder_ / "")).status()));
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(Upload(FromFile(folder_ / "pipe")).status()));
  EXPECT_TRUE(fake_.Calls("UploadImage").empty());
}

TEST_F(Uploads, OfAFileThatChangesFail) {
  Write(folder_ / "f", SomeBytes(3 * kChunk));
  TransferOptions options;
  options.on_progress = [this](const Progress& progress) {
    if (progress.sent_bytes == 2 * kChunk) std::ofstream(folder_ / "f", std::ios::app) << "more";
    return true;
  };
  const auto status = Upload(FromFile(folder_ / "f"), options).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  options.on_progress = [this](const Progress& progress) {
    if (progress.sent_bytes > 0) std::filesystem::resize_file(folder_ / "f", 1);
    return true;
  };
  EXPECT_TRUE(absl::IsAborted(Upload(FromFile(folder_ / "f"), options).status()));
}

TEST_F(Uploads, FailWithTheirSource) {
  const auto status = Upload(FromCallback([]() -> absl::StatusOr<std::string> {
                        return absl::PermissionDeniedError("no");
                      })).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
}

TEST_F(Uploads, TellHowFarTheyAre) {
  TransferOptions options;
  std::vector<int64_t> told;
  options.on_progress = [&told](const Progress& progress) {
    EXPECT_EQ(progress.name, "i");
    EXPECT_EQ(progress.total_bytes, 3 * kChunk);
    told.push_back(progress.sent_bytes);
    return true;
  };
  ASSERT_TRUE(Upload(FromBytes(SomeBytes(3 * kChunk)), options).ok());
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.front(), 2 * kChunk);
  EXPECT_EQ(told.back(), 3 * kChunk);
}

TEST_F(Uploads, EndWhenTheCallbackSaysSo) {
  TransferOptions options;
  options.on_progress = [](const Progress& progress) { return progress.sent_bytes < 2 * kChunk; };
  const auto status = Upload(FromBytes(SomeBytes(9 * kChunk)), options).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  fake_.Await("UploadImage", 1);
  const auto call = OnlyCall();
  call.over.wait();
  EXPECT_FALSE(Last<Request>(call).has_finish());
}

TEST_F(Uploads, EndWithTheirClientAndTheirTime) {
  fake_.Set("UploadImage", {Endless()});
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      Upload(FromBytes(SomeBytes(9 * kChunk)), absl::Milliseconds(50)).status()));
  const Client client(fake_.address());
  std::thread closer([&] {
    fake_.Await("UploadImage", 2);
    client.Close();
  });
  EXPECT_TRUE(absl::IsCancelled(client.images().Upload(FromBytes("abc"), Named("i")).status()));
  closer.join();
}

TEST_F(Uploads, AreNotSentWhereTheBytesAreThere) {
  v1::UploadImageResponse there;
  there.mutable_progress()->set_is_skipped(true);
  fake_.Set("UploadImage", {Says(there, Uploaded("old"))});
  int64_t told = 0;
  TransferOptions options;
  options.on_progress = [&told](const Progress& progress) {
    told = progress.sent_bytes;
    return true;
  };
  Request request = Named("i");
  const std::string bytes = SomeBytes(64 * kChunk);
  request.mutable_content()->set_sha256(Sha256(bytes));
  const auto image = Client(fake_.address()).images().Upload(FromBytes(bytes), request, options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->id(), "old");
  EXPECT_EQ(told, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(OnlyCall().Request<Request>().content().sha256(), Sha256(bytes));
}

TEST_F(Uploads, OfOtherBytesThanPromisedFail) {
  for (const int64_t size : {int64_t{3}, 2 * kChunk}) {
    Request request = Named("i");
    request.mutable_content()->set_md5(Md5("other"));
    const auto images = Client(fake_.address()).images();
    EXPECT_TRUE(
        absl::IsInvalidArgument(images.Upload(FromBytes(SomeBytes(size)), request).status()));
    request.mutable_content()->set_md5("");
    request.mutable_content()->set_sha256(Sha256("other"));
    EXPECT_TRUE(
        absl::IsInvalidArgument(images.Upload(FromBytes(SomeBytes(size)), request).status()));
  }
  for (const auto& call : fake_.Calls("UploadImage")) {
    EXPECT_FALSE(Last<Request>(call).has_finish());
  }
}

TEST_F(Uploads, TellTheirDigestWhereTheyMayBeThere) {
  v1::ListImagesResponse images;
  const std::string bytes = SomeBytes(kChunk + 1);
  images.add_images()->set_size_bytes(kChunk + 1);
  fake_.Set("ListImages", {Says(images)});
  ASSERT_TRUE(Upload(FromBytes(bytes)).ok());
  EXPECT_EQ(OnlyCall().Request<Request>().content().sha256(), Sha256(bytes));
  const auto list = fake_.OnlyCall("ListImages").Request<v1::ListImagesRequest>();
  EXPECT_EQ(list.where(0).path(0), "name");
  EXPECT_EQ(list.where(0).values(0), "i");
  ASSERT_TRUE(Upload(FromBytes(bytes + "more")).ok());
  EXPECT_EQ(fake_.Calls("UploadImage")[1].Request<Request>().content().sha256(), "");
  // One message tells it in any case.
  ASSERT_TRUE(Upload(FromBytes(SomeBytes(kChunk))).ok());
  EXPECT_EQ(fake_.Calls("ListImages").size(), 2u);
}

TEST_F(Uploads, BeginAgainWhenOaktreeWasLost) {
  const std::string bytes = SomeBytes(5 * kChunk);
  Answer lost = Breaks(kAway);
  lost.hears = 3;
  fake_.Set("UploadImage",
            {Breaks(kAway), lost, AtTheEnd(Breaks(kAway)), AtTheEnd(Says(Uploaded("1")))});
  std::istringstream stream(bytes);
  const auto image = Upload(FromStream(stream, static_cast<int64_t>(bytes.size())));
  ASSERT_TRUE(image.ok()) << image.status();
  const auto calls = fake_.Calls("UploadImage");
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_TRUE(Received<Request>(calls.back()) == bytes);
  EXPECT_EQ(Last<Request>(calls.back()).finish().sha256(), Sha256(bytes));
  for (const auto& call : calls) {
    EXPECT_EQ(call.Request<Request>().request_id(), calls[0].Request<Request>().request_id());
    EXPECT_EQ(call.metadata.count("oaktree-request-id"), &call == &calls[0] ? 1u : 0u);
  }
}

TEST_F(Uploads, OfWhatCanBeReadOnceBeginOnce) {
  Answer lost = Breaks(kAway);
  lost.hears = 2;
  fake_.Set("UploadImage", {lost, AtTheEnd(Says(Uploaded("1")))});
  const auto given = [] {
    return FromCallback(
        [left = 3]() mutable -> absl::StatusOr<std::string> {
          return left-- > 0 ? SomeBytes(kChunk) : "";
        },
        3 * kChunk);
  };
  EXPECT_TRUE(absl::IsUnavailable(Upload(given()).status()));
  EXPECT_EQ(fake_.Calls("UploadImage").size(), 1u);
}

TEST_F(Uploads, GiveUp) {
  fake_.Set("UploadImage", {Breaks(End(absl::StatusCode::kDataLoss, "BYTES_DIFFER", "differ"))});
  const auto status = Upload(FromBytes("abc")).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(Error(status).reason, "BYTES_DIFFER");
  EXPECT_FALSE(Error(status).request_id.empty());
  EXPECT_EQ(fake_.Calls("UploadImage").size(), 1u);
  fake_.Set("UploadImage", {Says()});
  EXPECT_TRUE(absl::IsInternal(Upload(FromBytes("abc")).status()));
}

}  // namespace
}  // namespace oaktree::testing
