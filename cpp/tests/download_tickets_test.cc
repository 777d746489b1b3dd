#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "cloud.h"
#include "files.h"
#include "oaktree/oaktree.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kPath[] = "/v2/images/1/file";

class DownloadTickets : public ::testing::Test {
 protected:
  DownloadTickets() { cloud_.Keep(kPath, bytes_); }

  Answer Ticketed(const v1::Ticket& ticket) {
    v1::DownloadImageResponse first;
    first.ParseFromString(Downloads(bytes_).messages[0]);
    *first.mutable_ticket() = ticket;
    return Says(first);
  }
  absl::StatusOr<v1::Image> Download(TransferOptions options = {}) {
    return Client(fake_.address()).images().Download("i", ToFile(folder_ / "f"), options);
  }
  std::vector<v1::DownloadImageRequest> Requests() const {
    std::vector<v1::DownloadImageRequest> requests;
    for (const auto& call : fake_.Calls("DownloadImage")) {
      requests.push_back(call.Request<v1::DownloadImageRequest>());
    }
    return requests;
  }

  Fake fake_;
  Cloud cloud_;
  Folder folder_;
  const std::string bytes_ = SomeBytes(10'000);
};

TEST_F(DownloadTickets, HaveBytesComeStraightFromTheCloud) {
  fake_.Set("DownloadImage", {Ticketed(cloud_.GetFrom(kPath))});
  int64_t told = 0;
  TransferOptions options;
  options.on_progress = [&](const Progress& progress) {
    told = progress.sent_bytes;
    return true;
  };
  const auto image = Download(options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->id(), "1");
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  EXPECT_EQ(told, 10'000);
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_TRUE(Requests()[0].accepts_ticket());
  EXPECT_EQ(cloud_.asked().at(0).headers.count("range"), 0u);
  EXPECT_EQ(cloud_.asked().at(0).headers.at("accept-encoding"), "identity");
}

TEST_F(DownloadTickets, AreNotAskedForOfPartsOrThroughOaktree) {
  fake_.Set("DownloadImage", {Downloads(bytes_)});
  TransferOptions options;
  options.through_oaktree = true;
  ASSERT_TRUE(Download(options).ok());
  v1::DownloadImageRequest request;
  request.set_name_or_id("i");
  request.set_accepts_ticket(true);
  request.mutable_part()->set_length_bytes(10'000);
  std::ostringstream stream;
  ASSERT_TRUE(Client(fake_.address()).images().Download(request, ToStream(stream)).ok());
  for (const auto& one : Requests()) EXPECT_FALSE(one.accepts_ticket());
}

TEST_F(DownloadTickets, ThatCannotBeUsedHaveAllComeThroughOaktree) {
  v1::Ticket gone = cloud_.GetFrom(kPath);
  gone.set_url(NobodysUrl() + kPath);
  for (const auto& ticket : {gone, cloud_.GetFrom("/nothing")}) {
    fake_.Set("DownloadImage", {Ticketed(ticket), Downloads(bytes_)});
    const auto image = Download();
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
    EXPECT_FALSE(Requests().back().accepts_ticket());
    EXPECT_EQ(Requests().back().part().offset_bytes(), 0);
  }
  EXPECT_EQ(Requests().size(), 4u);
}

TEST_F(DownloadTickets, GoOnWhereTheyWere) {
  int count = 0;
  cloud_.Set([&](const Asked& asked, Answered& given) {
    given.body = bytes_.substr(0, 4000);
    given.missing = 6000;
    return asked.is_whole && count++ == 0;
  });
  fake_.Set("DownloadImage", {Ticketed(cloud_.GetFrom(kPath))});
  absl::Status status = Download().status();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  ASSERT_EQ(Requests().size(), 2u);
  EXPECT_EQ(Requests()[1].part().offset_bytes(), 4000);
  EXPECT_EQ(Requests()[1].part().if_etag(), "e");
  EXPECT_EQ(cloud_.asked().at(1).headers.at("range"), "bytes=4000-9999");

  // And through oaktree where that comes to nothing.
  cloud_.Set([&](const Asked& asked, Answered& given) {
    given.body = bytes_.substr(0, 4000);
    given.missing = asked.headers.count("range") == 0 ? 6000 : 0;
    return asked.is_whole;
  });
  fake_.Set("DownloadImage", {Ticketed(cloud_.GetFrom(kPath)), Ticketed(cloud_.GetFrom(kPath)),
                              Downloads(bytes_, 4000)});
  status = Download().status();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  EXPECT_FALSE(Requests().back().accepts_ticket());
  EXPECT_EQ(Requests().back().part().offset_bytes(), 4000);
}

TEST_F(DownloadTickets, BringNothingThatIsWrong) {
  std::string other = bytes_;
  other[5000] ^= 1;
  cloud_.Keep(kPath, other);
  fake_.Set("DownloadImage", {Ticketed(cloud_.GetFrom(kPath))});
  const auto status = Download().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(Error(status).reason, "BYTES_DIFFER");
  EXPECT_FALSE(fs::exists(folder_ / "f"));
}

TEST_F(DownloadTickets, EndWithTheirClientAndTheirTime) {
  cloud_.Set([](const Asked&, Answered& given) { return given.is_silent = true; });
  fake_.Set("DownloadImage", {Ticketed(cloud_.GetFrom(kPath))});
  EXPECT_TRUE(absl::IsDeadlineExceeded(Download(absl::Milliseconds(300)).status()));
  const size_t before = cloud_.asked().size();
  const Client client(fake_.address());
  std::thread closer([&] {
    while (cloud_.asked().size() == before) std::this_thread::yield();
    client.Close();
  });
  const auto status = client.images().Download("i", ToFile(folder_ / "f")).status();
  closer.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

}  // namespace
}  // namespace oaktree::testing
