#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include "files.h"
#include "oaktree/oaktree.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

std::atomic<int> synced = 0;
std::atomic<bool> is_disk_broken = false;

}  // namespace
}  // namespace oaktree::testing

// In place of the C library's, for it is all that tells whether bytes are on a disk.
extern "C" int fsync(int file) {
  ++oaktree::testing::synced;
  if (oaktree::testing::is_disk_broken) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, file));
}

namespace oaktree::testing {
namespace {

namespace fs = std::filesystem;
const grpc::Status kAway = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");

using Request = v1::DownloadImageRequest;

class Downloading : public ::testing::Test {
 protected:
  absl::StatusOr<v1::Image> Download(Target target, TransferOptions options = {}) {
    return Client(fake_.address()).images().Download("i", target, options);
  }
  // What is in the folder, by its names.
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& one : fs::directory_iterator(folder_ / "")) {
      names.push_back(one.path().filename());
    }
    return names;
  }

  Fake fake_;
  Folder folder_;
  const std::string bytes_ = SomeBytes(10'000);
};

// An answer that ends early, after so many messages.
Answer Cut(Answer answer, size_t messages, const grpc::Status& end) {
  answer.messages.resize(messages);
  answer.end = end;
  return answer;
}

TEST_F(Downloading, BringsAFile) {
  fake_.Set("DownloadImage", {Downloads(bytes_)});
  std::vector<int64_t> told;
  TransferOptions options;
  options.on_progress = [&](const Progress& progress) {
    EXPECT_EQ(progress.name, "i");
    EXPECT_EQ(progress.total_bytes, 10'000);
    // Nothing is under the name before it is complete.
    EXPECT_FALSE(fs::exists(folder_ / "f"));
    told.push_back(progress.sent_bytes);
    return true;
  };
  const auto image = Download(ToFile(folder_ / "f"), options);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->id(), "1");
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  EXPECT_EQ(Names(), std::vector<std::string>{"f"});
  EXPECT_EQ(told.back(), 10'000);
  const auto call = fake_.OnlyCall("DownloadImage");
  EXPECT_EQ(call.Request<Request>().name_or_id(), "i");
  EXPECT_TRUE(call.Request<Request>().accepts_ticket());
  EXPECT_TRUE(call.Request<Request>().part().checks_content());
  struct stat made;
  ASSERT_EQ(::stat((folder_ / "f").c_str(), &made), 0);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(made.st_mode & 0777, 0666 & ~mask);
}

TEST_F(Downloading, BringsAFileInPlaceOfAnother) {
  Write(folder_ / "f", "old");
  fake_.Set("DownloadImage", {Downloads("new")});
  ASSERT_TRUE(Download(ToFile(folder_ / "f")).ok());
  EXPECT_EQ(Contents(folder_ / "f"), "new");
}

TEST_F(Downloading, KeepsTheRightsOfTheFileThatWasThere) {
  // One that the umask would not give, and one that it would cut.
  for (const mode_t rights : {0600u, 0666u}) {
    Write(folder_ / "f", "old", rights);
    fake_.Set("DownloadImage", {Downloads(bytes_)});
    TransferOptions options;
    options.on_progress = [&](const Progress&) {
      for (const auto& name : Names()) {
        struct stat half;
        EXPECT_EQ(::stat((folder_ / name).c_str(), &half), 0);
        EXPECT_EQ(half.st_mode & 0777, rights) << name;
      }
      return true;
    };
    ASSERT_TRUE(Download(ToFile(folder_ / "f"), options).ok());
    struct stat made;
    ASSERT_EQ(::stat((folder_ / "f").c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777, rights);
    EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  }
}

TEST_F(Downloading, ReplacesWhatALinkLeadsTo) {
  Write(folder_ / "under/old", "old");
  fs::create_symlink("under/old", folder_ / "link");
  fs::create_symlink(folder_ / "link", folder_ / "under/again");
  fs::create_symlink("absent", folder_ / "under/dangling");
  fs::create_symlink("/dev/null", folder_ / "device");
  fs::create_directory_symlink("under", folder_ / "folder");
  fake_.Set("DownloadImage", {Downloads("new")});
  for (const char* name : {"link", "under/again", "folder/dangling"}) {
    Write(folder_ / "under/old", "old");
    const auto status = Download(ToFile(folder_ / name)).status();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(fs::is_symlink(folder_ / name)) << name;
    EXPECT_EQ(Contents(folder_ / name), "new") << name;
  }
  EXPECT_EQ(Contents(folder_ / "under/old"), "old");
  EXPECT_EQ(Contents(folder_ / "under/absent"), "new");
  for (const char* name : {"device", "folder"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Download(ToFile(folder_ / name)).status())) << name;
    EXPECT_TRUE(fs::is_symlink(folder_ / name)) << name;
  }
}

TEST_F(Downloading, IsOnTheDiskBeforeItHasItsName) {
  fake_.Set("DownloadImage", {Downloads(bytes_)});
  synced = 0;
  ASSERT_TRUE(Download(ToFile(folder_ / "f")).ok());
  EXPECT_EQ(synced, 1);
  Write(folder_ / "f", "old");
  is_disk_broken = true;
  const auto status = Download(ToFile(folder_ / "f")).status();
  is_disk_broken = false;
  EXPECT_NE(status.message().find(folder_ / "f"), std::string::npos) << status;
  EXPECT_EQ(Contents(folder_ / "f"), "old");
  EXPECT_EQ(Names(), std::vector<std::string>{"f"});
}

TEST_F(Downloading, BringsNothingToo) {
  fake_.Set("DownloadImage", {Downloads("")});
  ASSERT_TRUE(Download(ToFile(folder_ / "f")).ok());
  EXPECT_TRUE(fs::exists(folder_ / "f"));
}

TEST_F(Downloading, FeedsStreamsAndCallbacks) {
  fake_.Set("DownloadImage", {Downloads(bytes_)});
  std::ostringstream stream;
  ASSERT_TRUE(Download(ToStream(stream)).ok());
  EXPECT_TRUE(stream.str() == bytes_);
  std::string taken;
  ASSERT_TRUE(Download(ToCallback([&taken](std::string_view bytes) {
                taken += bytes;
                return absl::OkStatus();
              })).ok());
  EXPECT_TRUE(taken == bytes_);
}

TEST_F(Downloading, FailsWithItsTarget) {
  fake_.Set("DownloadImage", {Downloads(bytes_)});
  EXPECT_TRUE(absl::IsResourceExhausted(Download(ToCallback([](std::string_view) {
                                          return absl::ResourceExhaustedError("full");
                                        })).status()));
  std::ostringstream stream;
  stream.setstate(std::ios::badbit);
  EXPECT_FALSE(Download(ToStream(stream)).ok());
  const size_t before = fake_.Calls("DownloadImage").size();
  EXPECT_TRUE(absl::IsNotFound(Download(ToFile(folder_ / "no/such/f")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Download(ToFile(folder_ / "")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Download(ToFile("/dev/null")).status()));
  EXPECT_EQ(fake_.Calls("DownloadImage").size(), before);
}

TEST_F(Downloading, TakesNothingThatIsWrong) {
  Answer wrong_byte = Downloads(bytes_);
  v1::DownloadImageResponse chunk;
  chunk.set_chunk(std::string(1000, 'x'));
  wrong_byte.messages[3] = chunk.SerializeAsString();
  // What the server read and sent is the same, and still not what the cloud has.
  Answer wrong_cloud = Downloads(bytes_);
  v1::DownloadImageResponse first;
  first.ParseFromString(wrong_cloud.messages[0]);
  first.mutable_content()->set_md5(Md5("other"));
  wrong_cloud.messages[0] = first.SerializeAsString();
  Answer no_end = Cut(Downloads(bytes_), 11, grpc::Status::OK);
  Answer too_short = Downloads(bytes_.substr(0, 9000));
  first.mutable_content()->set_md5("");
  too_short.messages[0] = first.SerializeAsString();
  for (const Answer& answer : {wrong_byte, wrong_cloud, no_end, too_short}) {
    fake_.Set("DownloadImage", {answer});
    const auto status = Download(ToFile(folder_ / "f")).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_EQ(Error(status).reason, "BYTES_DIFFER");
    EXPECT_TRUE(Names().empty());
  }
}

TEST_F(Downloading, GoesOnWhereItWas) {
  // By messages: what comes first, four chunks, and the rest.
  fake_.Set("DownloadImage", {Breaks(kAway), Cut(Downloads(bytes_), 5, kAway),
                              Cut(Downloads(bytes_, 4000), 2, kAway), Downloads(bytes_, 5000)});
  ASSERT_TRUE(Download(ToFile(folder_ / "f")).ok());
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  const auto calls = fake_.Calls("DownloadImage");
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_EQ(calls[1].Request<Request>().part().offset_bytes(), 0);
  EXPECT_EQ(calls[2].Request<Request>().part().offset_bytes(), 4000);
  EXPECT_EQ(calls[3].Request<Request>().part().offset_bytes(), 5000);
  EXPECT_EQ(calls[3].Request<Request>().part().if_etag(), "e");
}

TEST_F(Downloading, GoesOnWithinTheAskedPart) {
  Answer begun = Cut(Downloads(bytes_, 1000), 3, kAway);
  Answer rest = Downloads(bytes_.substr(0, 5000), 3000);
  rest.messages[0] = begun.messages[0];
  fake_.Set("DownloadImage", {begun, rest});
  Request request;
  request.set_name_or_id("i");
  request.mutable_part()->set_offset_bytes(1000);
  request.mutable_part()->set_length_bytes(4000);
  std::ostringstream stream;
  const auto image = Client(fake_.address()).images().Download(request, ToStream(stream));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_TRUE(stream.str() == bytes_.substr(1000, 4000));
  const auto part = fake_.Calls("DownloadImage")[1].Request<Request>().part();
  EXPECT_EQ(part.offset_bytes(), 3000);
  EXPECT_EQ(part.length_bytes(), 2000);
  EXPECT_FALSE(part.checks_content());
}

// An answer that says so of its bytes, at its beginning and at its end.
Answer Told(Answer answer, const std::string& md5, const std::string& sha256) {
  v1::DownloadImageResponse first, last;
  first.ParseFromString(answer.messages.front());
  first.mutable_content()->set_md5(md5);
  answer.messages.front() = first.SerializeAsString();
  last.mutable_finish()->set_sha256(sha256);
  answer.messages.back() = last.SerializeAsString();
  return answer;
}

TEST_F(Downloading, ComparesWithTheCloudsDigestOrElseWithOaktrees) {
  fake_.Set("DownloadImage", {Told(Downloads(bytes_), Md5(bytes_), "")});
  EXPECT_TRUE(Download(ToFile(folder_ / "f")).ok());
  fake_.Set("DownloadImage", {Told(Downloads(bytes_), "", Sha256(bytes_))});
  EXPECT_TRUE(Download(ToFile(folder_ / "f")).ok());
  for (const std::string& wrong : {std::string(), Sha256("other")}) {
    fake_.Set("DownloadImage", {Told(Downloads(bytes_), "", wrong)});
    EXPECT_TRUE(absl::IsDataLoss(Download(ToFile(folder_ / "f")).status()));
  }
}

TEST_F(Downloading, HasOaktreeCompareWhereADigestIsToldTooLate) {
  const Answer begun = Cut(Told(Downloads(bytes_), "", ""), 5, kAway);
  fake_.Set("DownloadImage", {begun, Downloads(bytes_, 4000)});
  ASSERT_TRUE(Download(ToFile(folder_ / "f")).ok());
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
  EXPECT_FALSE(fake_.Calls("DownloadImage")[1].Request<Request>().part().checks_content());
}

TEST_F(Downloading, EndsWhenTheBytesChangedMeanwhile) {
  const auto changed = End(absl::StatusCode::kFailedPrecondition, "CONTENT_CHANGED", "changed");
  fake_.Set("DownloadImage", {Cut(Downloads(bytes_), 5, kAway), Breaks(changed)});
  const auto status = Download(ToFile(folder_ / "f")).status();
  EXPECT_EQ(Error(status).reason, "CONTENT_CHANGED");
  EXPECT_TRUE(Names().empty());
}

TEST_F(Downloading, IsCompleteWhenOnlyItsEndIsLost) {
  fake_.Set("DownloadImage", {Cut(Downloads(bytes_), 11, kAway)});
  ASSERT_TRUE(Download(ToFile(folder_ / "f")).ok());
  EXPECT_TRUE(Contents(folder_ / "f") == bytes_);
}

TEST_F(Downloading, EndsWhenTheCallbackSaysSo) {
  Answer endless = Downloads(bytes_);
  endless.messages.resize(5);
  endless.is_endless = true;
  fake_.Set("DownloadImage", {endless});
  TransferOptions options;
  options.on_progress = [](const Progress& progress) { return progress.sent_bytes < 3000; };
  EXPECT_TRUE(absl::IsCancelled(Download(ToFile(folder_ / "f"), options).status()));
  fake_.OnlyCall("DownloadImage").over.wait();
  EXPECT_TRUE(Names().empty());
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(Download(ToFile(folder_ / "f"), absl::Milliseconds(50)).status()));
  EXPECT_TRUE(Names().empty());
}

}  // namespace
}  // namespace oaktree::testing
