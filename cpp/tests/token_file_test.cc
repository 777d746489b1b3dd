#include <absl/strings/match.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "fake.h"
#include "files.h"
#include "oaktree/oaktree.h"
#include "oaktreemodel/v1/server.grpc.pb.h"

namespace oaktree::testing {
namespace {

const grpc::Status kRefused =
    End(absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED", "no such token");

std::string PortOf(const Fake& fake) {
  return fake.address().substr(fake.address().rfind(':') + 1);
}

std::string Sent(const Call& call) {
  const auto found = call.metadata.find("authorization");
  return found == call.metadata.end() ? "nothing" : found->second;
}

std::vector<std::string> Sent(const Fake& fake, const std::string& rpc) {
  std::vector<std::string> sent;
  for (const auto& call : fake.Calls(rpc)) sent.push_back(Sent(call));
  return sent;
}

using Tokens = std::vector<std::string>;

// A user's folders, and an oaktree of his own.
class TokenFiles : public ::testing::Test {
 protected:
  std::string Runtime(const std::string& name) const { return folder_ / ("run/oaktree/" + name); }
  std::string State(const std::string& name) const {
    return folder_ / ("home/.local/state/oaktree/" + name);
  }
  std::string file() const { return Runtime(PortOf(fake_)); }

  absl::Status Delete() const { return Client(fake_.address()).servers().Delete("web"); }

  // Has the server start again.
  Answer Restarts(const std::string& token, Answer answer) const {
    answer.first = [path = file(), token] { Write(path, token); };
    return answer;
  }

  const Folder folder_;
  const Environment environment_{{"XDG_RUNTIME_DIR", folder_ / "run"}, {"HOME", folder_ / "home"}};
  Fake fake_;
  const Answer done_ = Says(v1::DeleteServerResponse());
};

TEST_F(TokenFiles, AreFound) {
  fake_.Set("DeleteServer", {done_});
  Write(file(), "first\n");
  EXPECT_TRUE(Delete().ok());
  EXPECT_EQ(Sent(fake_, "DeleteServer"), Tokens{"Bearer first"});
}

TEST_F(TokenFiles, AreFoundForASocket) {
  Fake fake("unix:" + folder_ / "o%k");
  fake.Set("DeleteServer", {done_});
  std::string name = folder_ / "o%25k";
  for (size_t at; (at = name.find('/')) != std::string::npos;) name.replace(at, 1, "%2F");
  Write(State(name), "first\n");
  EXPECT_TRUE(Client(fake.address()).servers().Delete("web").ok());
  EXPECT_TRUE(Client("unix:" + folder_ / ".//o%k").servers().Delete("web").ok());
  EXPECT_EQ(Sent(fake, "DeleteServer"), (Tokens{"Bearer first", "Bearer first"}));
}

TEST_F(TokenFiles, TheNewestCounts) {
  fake_.Set("DeleteServer", {done_});
  Write(State(PortOf(fake_)), "state\n");
  Write(file(), "runtime\n");
  const auto now = std::filesystem::last_write_time(file());
  std::filesystem::last_write_time(State(PortOf(fake_)), now + std::chrono::hours(1));
  EXPECT_TRUE(Delete().ok());
  std::filesystem::last_write_time(State(PortOf(fake_)), now - std::chrono::hours(1));
  EXPECT_TRUE(Delete().ok());
  EXPECT_EQ(Sent(fake_, "DeleteServer"), (Tokens{"Bearer state", "Bearer runtime"}));
}

TEST_F(TokenFiles, AreNotNeeded) {
  fake_.Set("DeleteServer", {done_});
  EXPECT_TRUE(Delete().ok());
  EXPECT_EQ(Sent(fake_, "DeleteServer"), Tokens{"nothing"});
}

TEST_F(TokenFiles, ThatAreMissedAreNamed) {
  fake_.Set("DeleteServer", {Breaks(kRefused)});
  const auto status = Delete();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "no such token; ")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), file())) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), State(PortOf(fake_)))) << status;
  EXPECT_EQ(Error(status).reason, "UNAUTHENTICATED");
  EXPECT_EQ(fake_.Calls("DeleteServer").size(), 1u);
}

TEST_F(TokenFiles, ThatOthersCanReadAreRefused) {
  for (const unsigned mode : {0640u, 0604u, 0620u}) {
    Write(file(), "very-private", mode);
    const auto status = Delete();
    EXPECT_TRUE(absl::IsUnauthenticated(status));
    EXPECT_TRUE(absl::StrContains(status.message(), "chmod 600 " + file())) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "very-private")) << status;
  }
  EXPECT_TRUE(fake_.Calls("DeleteServer").empty());
}

TEST_F(TokenFiles, OfOtherUsersAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  Write(file(), "very-private");
  ASSERT_EQ(::chown(file().c_str(), 12345, 12345), 0);
  const auto status = Delete();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_TRUE(absl::StrContains(status.message(), file() + ": it belongs to another")) << status;
  EXPECT_TRUE(fake_.Calls("DeleteServer").empty());
}

TEST_F(TokenFiles, ThatHoldNoTokenAreRefused) {
  for (const char* content : {"", "\n", "one two", "one\ntwo", "\xc3\xbc"}) {
    Write(file(), content);
    const auto status = Delete();
    EXPECT_TRUE(absl::IsUnauthenticated(status));
    EXPECT_TRUE(absl::StrContains(status.message(), file())) << status;
  }
  std::filesystem::remove(file());
  std::filesystem::create_directories(file());
  EXPECT_TRUE(absl::IsUnauthenticated(Delete()));
  EXPECT_TRUE(fake_.Calls("DeleteServer").empty());
}

TEST_F(TokenFiles, AreReadOnce) {
  fake_.Set("DeleteServer", {done_});
  Write(file(), "first");
  const Client client(fake_.address());
  EXPECT_TRUE(client.servers().Delete("web").ok());
  Write(file(), "second");
  EXPECT_TRUE(client.cloud("one").servers().Delete("web").ok());
  EXPECT_EQ(Sent(fake_, "DeleteServer"), (Tokens{"Bearer first", "Bearer first"}));
}

TEST_F(TokenFiles, AreReadAgainWhenOaktreeWasStartedAgain) {
  Write(file(), "first");
  fake_.Set("CreateServer",
            {Restarts("second", Breaks(kRefused)), Says(v1::CreateServerResponse())});
  const Client client(fake_.address());
  const auto created = client.servers().Create({});
  EXPECT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(Sent(fake_, "CreateServer"), (Tokens{"Bearer first", "Bearer second"}));
  const auto calls = fake_.Calls("CreateServer");
  EXPECT_EQ(calls[0].Request<v1::CreateServerRequest>().request_id(),
            calls[1].Request<v1::CreateServerRequest>().request_id());
  // Nothing was done, so that it is still new.
  EXPECT_EQ(calls[1].metadata.count("oaktree-request-id"), 1u);
}

TEST_F(TokenFiles, ThatAreRefusedTwiceAreAnError) {
  Write(file(), "first");
  fake_.Set("DeleteServer", {Restarts("second", Breaks(kRefused)), Breaks(kRefused)});
  const auto status = Delete();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_EQ(status.message(), "no such token");
  EXPECT_EQ(fake_.Calls("DeleteServer").size(), 2u);
}

TEST_F(TokenFiles, ThatAreTheSameOrGoneAreNotTriedAgain) {
  Write(file(), "first");
  fake_.Set("DeleteServer", {Breaks(kRefused)});
  EXPECT_TRUE(absl::IsUnauthenticated(Delete()));
  EXPECT_EQ(fake_.Calls("DeleteServer").size(), 1u);

  Answer ends = Breaks(kRefused);
  ends.first = [path = file()] { std::filesystem::remove(path); };
  fake_.Set("DeleteServer", {ends});
  EXPECT_TRUE(absl::IsUnauthenticated(Delete()));
  EXPECT_EQ(fake_.Calls("DeleteServer").size(), 2u);
}

TEST_F(TokenFiles, OtherRefusalsAreErrors) {
  Write(file(), "first");
  fake_.Set("DeleteServer",
            {Restarts("second", Breaks(End(absl::StatusCode::kUnauthenticated,
                                           "CREDENTIALS_REFUSED", "clouds.yaml is wrong")))});
  EXPECT_EQ(Error(Delete()).reason, "CREDENTIALS_REFUSED");
  EXPECT_EQ(fake_.Calls("DeleteServer").size(), 1u);
}

TEST_F(TokenFiles, OfStreamsThatHaveNotBegun) {
  Write(file(), "first");
  fake_.Set("ListServers", {Restarts("second", Breaks(kRefused)), Says(Batch({"a"}))});
  for (const auto& one : Client(fake_.address()).servers().List()) {
    EXPECT_TRUE(one.ok()) << one.status();
  }
  EXPECT_EQ(Sent(fake_, "ListServers"), (Tokens{"Bearer first", "Bearer second"}));

  fake_.Set("ListServers", {Restarts("third", Breaks(kRefused)), Breaks(kRefused)});
  absl::Status last;
  for (const auto& one : Client(fake_.address()).servers().List()) last = one.status();
  EXPECT_TRUE(absl::IsUnauthenticated(last));
  EXPECT_EQ(fake_.Calls("ListServers").size(), 4u);
}

TEST_F(TokenFiles, OfListsThatHaveBegun) {
  Write(file(), "first");
  fake_.Set("ListServers", {Restarts("second", Breaks(kRefused, Batch({"a"})))});
  std::vector<absl::StatusCode> seen;
  for (const auto& one : Client(fake_.address()).servers().List()) {
    seen.push_back(one.status().code());
  }
  EXPECT_EQ(seen, (std::vector{absl::StatusCode::kOk, absl::StatusCode::kUnauthenticated}));
}

v1::WatchServersResponse Reset() {
  v1::WatchServersResponse told;
  told.mutable_location()->set_cloud("one");
  told.set_mark(v1::WATCH_MARK_RESET);
  return told;
}

TEST_F(TokenFiles, OfAWatchUnderWay) {
  Write(file(), "first");
  fake_.Set("WatchServers", {Restarts("second", Breaks(kRefused, Reset())),
                             Restarts("third", Breaks(kRefused, Reset())), Breaks(kRefused)});
  std::vector<EventKind> seen;
  absl::Status last;
  for (const auto& event : Client(fake_.address()).servers().Watch()) {
    last = event.status();
    if (event.ok()) seen.push_back(event->kind);
  }
  // Nothing was lost, so that nothing is told of it.
  EXPECT_EQ(seen, (std::vector{EventKind::kReset, EventKind::kReset}));
  EXPECT_TRUE(absl::IsUnauthenticated(last)) << last;
  EXPECT_EQ(Sent(fake_, "WatchServers"), (Tokens{"Bearer first", "Bearer second", "Bearer third"}));
}

TEST_F(TokenFiles, OfAWatchThatIsLostMeanwhile) {
  const auto away = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");
  Write(file(), "first");
  fake_.Set("WatchServers", {Breaks(away, Reset()), Restarts("second", Breaks(kRefused)),
                             Breaks(away), Endless(Reset())});
  std::vector<EventKind> seen;
  for (const auto& event : Client(fake_.address()).servers().Watch()) {
    ASSERT_TRUE(event.ok()) << event.status();
    seen.push_back(event->kind);
    if (seen.size() == 3) break;
  }
  EXPECT_EQ(seen, (std::vector{EventKind::kReset, EventKind::kFailed, EventKind::kReset}));
  EXPECT_EQ(Sent(fake_, "WatchServers").back(), "Bearer second");
}

TEST_F(TokenFiles, OfAWatchThatIsLostAfterwards) {
  const auto away = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");
  Write(file(), "first");
  fake_.Set("WatchServers",
            {Restarts("second", Breaks(kRefused, Reset())), Breaks(away), Endless(Reset())});
  std::vector<EventKind> seen;
  for (const auto& event : Client(fake_.address()).servers().Watch()) {
    ASSERT_TRUE(event.ok()) << event.status();
    seen.push_back(event->kind);
    if (seen.size() == 3) break;
  }
  EXPECT_EQ(seen, (std::vector{EventKind::kReset, EventKind::kFailed, EventKind::kReset}));
}

TEST_F(TokenFiles, OfAWaitUnderWay) {
  Write(file(), "first");
  fake_.Set("WaitServer",
            {Restarts("second", Breaks(kRefused, testing::State(v1::STATE_PENDING, "id"))),
             Says(testing::State(v1::STATE_READY, "id"))});
  const auto server = Client(fake_.address()).servers().Wait("web");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(server->state(), v1::STATE_READY);
  EXPECT_EQ(Sent(fake_, "WaitServer"), (Tokens{"Bearer first", "Bearer second"}));
}

TEST_F(TokenFiles, OfAStub) {
  Write(file(), "first");
  const Client client(fake_.address());
  fake_.Set("GetServer", {Says(v1::GetServerResponse())});
  const auto stub = v1::ServerService::NewStub(client.channel());
  for (const bool is_again : {false, false, true}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
    ASSERT_TRUE(client.Authorize(context, is_again).ok());
    v1::GetServerResponse response;
    EXPECT_TRUE(stub->GetServer(&context, {}, &response).ok());
    Write(file(), "second");
  }
  EXPECT_EQ(Sent(fake_, "GetServer"), (Tokens{"Bearer first", "Bearer first", "Bearer second"}));
}

}  // namespace
}  // namespace oaktree::testing
