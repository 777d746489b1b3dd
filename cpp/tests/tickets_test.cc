#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cloud.h"
#include "files.h"
#include "oaktree/oaktree.h"
#include "oaktree/ticket.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunk = 256 << 10;
constexpr char kPath[] = "/v2/images/1/file";

Cloud::Answerer Says(int status, bool is_whole = false) {
  return [=](const Asked& asked, Answered& given) {
    given.status = status;
    return asked.is_whole == is_whole;
  };
}

class Tickets : public ::testing::Test {
 protected:
  // Has an upload be answered by a ticket, and then by an image whatever has come.
  void Give(const v1::Ticket& ticket) {
    v1::UploadImageResponse first;
    *first.mutable_ticket() = ticket;
    Answer answer = AtTheEnd(testing::Says(Uploaded("1")));
    answer.at_once = first.SerializeAsString();
    fake_.Set("UploadImage", {answer});
  }
  absl::StatusOr<v1::Image> Upload(const Source& source, TransferOptions options = {},
                                   Credentials who = {}) {
    v1::UploadImageRequest request;
    request.set_name("i");
    return Client(fake_.address(), who).images().Upload(source, request, options);
  }
  Call LastCall() const { return fake_.Calls("UploadImage").back(); }
  // What came through oaktree.
  std::string Streamed() const { return Received<v1::UploadImageRequest>(LastCall()); }
  Source Given() {
    return FromCallback(
        [this, at = size_t{0}]() mutable -> absl::StatusOr<std::string> {
          std::string piece = bytes_.substr(at, 100'000);
          at += piece.size();
          return piece;
        },
        static_cast<int64_t>(bytes_.size()));
  }

  Fake fake_;
  Cloud cloud_;
  Folder folder_;
  const std::string bytes_ = SomeBytes((8 << 20) + 5);
};

TEST_F(Tickets, HaveAnUploadGoStraightToTheCloud) {
  Write(folder_ / "f", bytes_);
  std::istringstream stream(bytes_);
  v1::Ticket ticket = cloud_.PutTo(kPath);
  (*ticket.mutable_headers())["X-Mark"] = "here";
  (*ticket.mutable_headers())["X-Empty"] = "";
  int64_t told = 0;
  TransferOptions options;
  options.on_progress = [&](const Progress& progress) {
    told = progress.sent_bytes;
    return true;
  };
  for (const Source& source : {FromFile(folder_ / "f"), FromBytes(bytes_),
                               FromStream(stream, static_cast<int64_t>(bytes_.size())), Given()}) {
    Give(ticket);
    const auto image = Upload(source, options);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->id(), "1");
    const auto asked = cloud_.asked().back();
    EXPECT_TRUE(asked.body == bytes_);
    EXPECT_EQ(asked.method, "PUT");
    EXPECT_EQ(asked.path, kPath);
    EXPECT_EQ(asked.headers.at("x-mark"), "here");
    EXPECT_EQ(asked.headers.at("x-empty"), "");
    EXPECT_EQ(asked.headers.at("content-length"), std::to_string(bytes_.size()));
    EXPECT_EQ(asked.headers.count("x-auth-token"), 0u);
    const auto call = LastCall();
    EXPECT_TRUE(call.Request<v1::UploadImageRequest>().accepts_ticket());
    ASSERT_EQ(call.requests.size(), 2u);
    const auto last = Last<v1::UploadImageRequest>(call);
    EXPECT_EQ(last.chunk(), "");
    EXPECT_EQ(last.finish().sha256(), Sha256(bytes_));
    EXPECT_EQ(last.finish().md5(), Md5(bytes_));
    EXPECT_EQ(told, static_cast<int64_t>(bytes_.size()));
  }
  EXPECT_EQ(cloud_.asked().size(), 4u);
}

TEST_F(Tickets, AreNotAskedForWhereItIsNotWorthIt) {
  fake_.Set("UploadImage", {AtTheEnd(testing::Says(Uploaded("1")))});
  TransferOptions options;
  options.through_oaktree = true;
  ASSERT_TRUE(Upload(FromBytes(bytes_), options).ok());
  EXPECT_FALSE(LastCall().Request<v1::UploadImageRequest>().accepts_ticket());
  EXPECT_TRUE(Streamed() == bytes_);
  ASSERT_TRUE(Upload(FromBytes(bytes_.substr(0, 4 * kChunk))).ok());
  EXPECT_FALSE(LastCall().Request<v1::UploadImageRequest>().accepts_ticket());
}

TEST_F(Tickets, NeedNotBeGiven) {
  v1::UploadImageResponse first;
  first.mutable_progress()->set_sent_bytes(0);
  Answer answer = AtTheEnd(testing::Says(Uploaded("1")));
  answer.at_once = first.SerializeAsString();
  fake_.Set("UploadImage", {answer});
  ASSERT_TRUE(Upload(FromBytes(bytes_)).ok());
  EXPECT_TRUE(Streamed() == bytes_);
}

TEST_F(Tickets, ThatCannotBeUsedHaveAllGoThroughOaktree) {
  Write(folder_ / "f", bytes_);
  v1::Ticket of_caller = cloud_.PutTo(kPath);
  of_caller.set_auth(v1::TICKET_AUTH_CALLER_TOKEN);
  v1::Ticket no_url = of_caller;
  no_url.set_url("file:///etc/passwd");
  v1::Ticket two_headers = cloud_.PutTo(kPath);
  (*two_headers.mutable_headers())["X-Mark"] = "here\r\nX-Other: there";
  v1::Ticket gone = cloud_.PutTo(kPath);
  gone.set_url(NobodysUrl() + kPath);
  for (const auto& ticket : {gone, of_caller, no_url, two_headers}) {
    std::istringstream stream(bytes_);
    const auto size = static_cast<int64_t>(bytes_.size());
    for (const Source& source :
         {FromFile(folder_ / "f"), FromStream(stream, size), Given(), FromBytes(bytes_)}) {
      Give(ticket);
      const auto image = Upload(source);
      ASSERT_TRUE(image.ok()) << image.status();
      EXPECT_TRUE(Streamed() == bytes_);
      const auto finish = Last<v1::UploadImageRequest>(LastCall()).finish();
      EXPECT_EQ(finish.sha256(), Sha256(bytes_));
      EXPECT_EQ(finish.md5(), Md5(bytes_));
    }
  }
  EXPECT_TRUE(cloud_.asked().empty());
}

TEST_F(Tickets, ThatACloudRefusesHaveAllGoThroughOaktree) {
  Write(folder_ / "f", bytes_);
  for (const bool is_whole : {false, true}) {
    for (const int status : {302, 401, 500}) {
      cloud_.Set([=](const Asked& asked, Answered& given) {
        given.status = status;
        given.headers["Location"] = "/elsewhere";
        return asked.is_whole == is_whole;
      });
      std::istringstream stream(bytes_);
      for (const Source& source :
           {FromFile(folder_ / "f"), FromStream(stream, static_cast<int64_t>(bytes_.size()))}) {
        Give(cloud_.PutTo(kPath));
        const auto image = Upload(source);
        ASSERT_TRUE(image.ok()) << image.status();
        EXPECT_TRUE(Streamed() == bytes_);
        EXPECT_EQ(Last<v1::UploadImageRequest>(LastCall()).finish().sha256(), Sha256(bytes_));
      }
    }
  }
  for (const auto& one : cloud_.asked()) EXPECT_EQ(one.path, kPath);
}

TEST_F(Tickets, OfWhatIsReadOnceAreRefusedInTime) {
  cloud_.Set(Says(500));
  Give(cloud_.PutTo(kPath));
  // The cloud says so before it has bytes.
  ASSERT_TRUE(Upload(Given()).ok());
  EXPECT_TRUE(Streamed() == bytes_);
  cloud_.Set(Says(500, /*is_whole=*/true));
  const auto status = Upload(Given()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("cannot be read again"), std::string::npos) << status;
  EXPECT_EQ(status.message().find(cloud_.url()), std::string::npos);
}

TEST_F(Tickets, ShowTheCallersTokenWhereTheyAskForIt) {
  v1::Ticket ticket = cloud_.PutTo(kPath);
  ticket.set_auth(v1::TICKET_AUTH_CALLER_TOKEN);
  Give(ticket);
  Credentials who;
  who.token = "secret";
  ASSERT_TRUE(Upload(FromBytes(bytes_), {}, who).ok());
  ASSERT_EQ(cloud_.asked().size(), 1u);
  EXPECT_EQ(cloud_.asked()[0].headers.at("x-auth-token"), "secret");
}

TEST_F(Tickets, OfBytesThatWereNotPromisedAreNotUsedToTheEnd) {
  Give(cloud_.PutTo(kPath));
  v1::UploadImageRequest request;
  request.set_name("i");
  request.mutable_content()->set_sha256(Sha256("other"));
  const auto images = Client(fake_.address()).images();
  EXPECT_TRUE(absl::IsInvalidArgument(images.Upload(FromBytes(bytes_), request).status()));
  Write(folder_ / "f", bytes_);
  TransferOptions options;
  options.on_progress = [this](const Progress& progress) {
    if (progress.sent_bytes > 1 << 20) fs::last_write_time(folder_ / "f", {});
    return true;
  };
  EXPECT_TRUE(absl::IsAborted(Upload(FromFile(folder_ / "f"), options).status()));
  EXPECT_TRUE(cloud_.kept().empty());
  for (const auto& call : fake_.Calls("UploadImage")) {
    EXPECT_FALSE(Last<v1::UploadImageRequest>(call).has_finish());
  }
}

TEST_F(Tickets, EndWithTheirUpload) {
  cloud_.Set([](const Asked&, Answered& given) { return given.is_silent = true; });
  v1::UploadImageResponse first;
  *first.mutable_ticket() = cloud_.PutTo(kPath);
  fake_.Set("UploadImage",
            {Breaks(End(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED", "full"), first)});
  EXPECT_TRUE(absl::IsResourceExhausted(Upload(FromBytes(bytes_)).status()));
  fake_.Set("UploadImage", {Endless(first)});
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(Upload(FromBytes(bytes_), absl::Milliseconds(300)).status()));
  TransferOptions options;
  options.on_progress = [](const Progress& progress) { return progress.sent_bytes < 1 << 20; };
  cloud_.Set(nullptr);
  EXPECT_TRUE(absl::IsCancelled(Upload(FromBytes(bytes_), options).status()));
  cloud_.Set([](const Asked&, Answered& given) { return given.is_silent = true; });
  const size_t before = cloud_.asked().size();
  const Client client(fake_.address());
  std::thread closer([&] {
    while (cloud_.asked().size() == before) std::this_thread::yield();
    client.Close();
  });
  v1::UploadImageRequest request;
  request.set_name("i");
  EXPECT_TRUE(absl::IsCancelled(client.images().Upload(FromBytes(bytes_), request).status()));
  closer.join();
  EXPECT_TRUE(cloud_.kept().empty());
}

TEST(TicketsInTheClear, ShowNoToken) {
  internal::Place place;
  place.connection = std::make_shared<internal::Connection>();
  place.connection->tokens = std::make_unique<internal::FixedToken>("secret", "");
  internal::Trial trial(place, "", TransferOptions());
  v1::Ticket ticket;
  ticket.set_http_method("GET");
  ticket.set_url("http://cloud.example.com/a");
  ticket.set_expected_status(200);
  const auto why = [&](v1::TicketAuth auth) {
    ticket.set_auth(auth);
    const auto reply = internal::GetByTicket(trial, *place.connection, ticket, "", {},
                                             [](std::string_view) { return absl::OkStatus(); });
    EXPECT_TRUE(reply.own.ok() && reply.barred && reply.barred->is_shut);
    return reply.barred ? reply.barred->why : "";
  };
  const std::string clear = "the cloud would be asked in the clear";
  EXPECT_EQ(why(v1::TICKET_AUTH_CALLER_TOKEN), clear);
  EXPECT_EQ(why(v1::TICKET_AUTH_EMBEDDED), clear);
  // Who speaks TLS to his oaktree wants no less of the cloud.
  place.connection->endpoint.is_secure = true;
  EXPECT_EQ(why(v1::TICKET_AUTH_SIGNED), clear);
}

}  // namespace
}  // namespace oaktree::testing
