#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fake.h"
#include "oaktree/address.h"
#include "oaktree/granted_tokens.h"
#include "oaktree/oaktree.h"
#include "oaktree/place.h"

namespace oaktree::testing {
namespace {

const grpc::Status kRefused =
    End(absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED", "the token has expired");
const grpc::Status kCredentialsRefused =
    End(absl::StatusCode::kUnauthenticated, "CREDENTIALS_REFUSED", "no such credential");
const grpc::Status kDown = End(absl::StatusCode::kInternal, "CLOUD_FAULT", "Keystone is down");

Credentials Application() {
  Credentials credentials;
  credentials.client_id = "id-1";
  credentials.client_secret = "very-secret";
  return credentials;
}

Answer Grants(const std::string& token, int64_t seconds = 3600) {
  v1::CreateTokenResponse response;
  response.mutable_access_token()->set_value(token);
  response.set_expires_in_seconds(seconds);
  return Says(response);
}

std::vector<std::string> Sent(const Fake& fake, const std::string& rpc) {
  std::vector<std::string> sent;
  for (const auto& call : fake.Calls(rpc)) {
    const auto found = call.metadata.find("authorization");
    sent.push_back(found == call.metadata.end() ? "nothing" : found->second);
  }
  return sent;
}

using Tokens = std::vector<std::string>;

const Answer kServer = Says(v1::GetServerResponse());

TEST(GrantedTokens, AreAskedForWithTheCredential) {
  Fake fake;
  fake.Set("CreateToken", {Grants("one")});
  fake.Set("GetServer", {kServer});
  Credentials credentials = Application();
  credentials.cloud = "mine";
  const Client client(fake.address(), credentials);
  EXPECT_TRUE(fake.Calls("CreateToken").empty());
  ASSERT_TRUE(client.servers().Get("web").ok());
  ASSERT_TRUE(client.servers().Get("web").ok());
  const auto asked = fake.OnlyCall("CreateToken");
  EXPECT_EQ(asked.Request<v1::CreateTokenRequest>().client_id(), "id-1");
  EXPECT_EQ(asked.Request<v1::CreateTokenRequest>().client_secret(), "very-secret");
  EXPECT_EQ(asked.Request<v1::CreateTokenRequest>().location().cloud(), "mine");
  EXPECT_EQ(asked.metadata.count("authorization"), 0u);
  EXPECT_EQ(Sent(fake, "GetServer"), (Tokens{"Bearer one", "Bearer one"}));
  EXPECT_EQ(fake.Calls("GetServer")[0].metadata.find("oaktree-cloud")->second, "mine");

  // Whoever asks for a token himself needs none.
  ASSERT_TRUE(client.auth().CreateToken({}).ok());
  EXPECT_EQ(fake.Calls("CreateToken")[1].metadata.count("authorization"), 0u);
}

TEST(GrantedTokens, AreAskedForOnceByManyThreads) {
  Fake fake;
  fake.Set("CreateToken", {Grants("one"), Grants("two")});
  fake.Set("GetServer", {kServer});
  fake.Set("ListServers", {Says(Batch({"a"}))});
  const Client client(fake.address(), Application());
  std::vector<std::thread> threads;
  std::atomic<int> count = 0;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      count += client.servers().Get("web").ok();
      for (const auto& one : client.cloud("one").servers().List()) count += one.ok();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 2 * 64);
  EXPECT_EQ(fake.Calls("CreateToken").size(), 1u);
  EXPECT_EQ(Sent(fake, "GetServer"), Tokens(64, "Bearer one"));
}

TEST(GrantedTokens, AreRenewedWhenTheyAreRefused) {
  Fake fake;
  fake.Set("CreateToken", {Grants("one"), Grants("two")});
  fake.Set("CreateServer", {Breaks(kRefused), Says(v1::CreateServerResponse())});
  const Client client(fake.address(), Application());
  const auto created = client.servers().Create({});
  EXPECT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(Sent(fake, "CreateServer"), (Tokens{"Bearer one", "Bearer two"}));
  const auto calls = fake.Calls("CreateServer");
  EXPECT_EQ(calls[0].request, calls[1].request);
  EXPECT_EQ(calls[1].metadata.count("oaktree-request-id"), 1u);
}

TEST(GrantedTokens, ThatAreRefusedTwiceAreAnError) {
  Fake fake;
  fake.Set("CreateToken", {Grants("one"), Grants("two")});
  fake.Set("GetServer", {Breaks(kRefused)});
  const auto got = Client(fake.address(), Application()).servers().Get("web");
  EXPECT_TRUE(absl::IsUnauthenticated(got.status()));
  EXPECT_EQ(got.status().message(), "the token has expired");
  EXPECT_EQ(Sent(fake, "GetServer"), (Tokens{"Bearer one", "Bearer two"}));
  EXPECT_EQ(fake.Calls("CreateToken").size(), 2u);
}

TEST(GrantedTokens, AreNotHadForRefusedCredentials) {
  Fake fake;
  fake.Set("CreateToken", {Breaks(kCredentialsRefused)});
  const Client client(fake.address(), Application());
  const auto got = client.servers().Get("web");
  EXPECT_EQ(Error(got.status()).reason, "CREDENTIALS_REFUSED");
  EXPECT_FALSE(absl::StrContains(got.status().ToString(), "very-secret"));
  absl::Status last;
  for (const auto& event : client.servers().Watch()) last = event.status();
  EXPECT_EQ(Error(last).reason, "CREDENTIALS_REFUSED");
  EXPECT_TRUE(fake.Calls("GetServer").empty());
  EXPECT_EQ(fake.Calls("CreateToken").size(), 2u);
}

TEST(GrantedTokens, ThatCannotBeSentAreAFault) {
  Fake fake;
  fake.Set("CreateToken", {Grants("two\nlines")});
  const auto got = Client(fake.address(), Application()).servers().Get("web");
  EXPECT_TRUE(absl::IsInternal(got.status())) << got.status();
  EXPECT_FALSE(absl::StrContains(got.status().ToString(), "lines"));
}

TEST(GrantedTokens, OfAWatchUnderWay) {
  Fake fake;
  fake.Set("CreateToken", {Grants("one"), Grants("two")});
  v1::WatchServersResponse reset;
  reset.set_mark(v1::WATCH_MARK_RESET);
  fake.Set("WatchServers", {Breaks(kRefused, reset), Endless(reset)});
  std::vector<EventKind> seen;
  for (const auto& event : Client(fake.address(), Application()).servers().Watch()) {
    ASSERT_TRUE(event.ok()) << event.status();
    seen.push_back(event->kind);
    if (seen.size() == 2) break;
  }
  EXPECT_EQ(seen, (std::vector{EventKind::kReset, EventKind::kReset}));
  EXPECT_EQ(Sent(fake, "WatchServers"), (Tokens{"Bearer one", "Bearer two"}));
}

TEST(GrantedTokens, OfAWaitUnderWayAreWaitedForWhileOaktreeIsAway) {
  const auto away = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");
  Fake fake;
  // gRPC itself asks four times.
  fake.Set("CreateToken",
           {Grants("one"), Breaks(away), Breaks(away), Breaks(away), Breaks(away), Grants("two")});
  fake.Set("WaitServer",
           {Breaks(kRefused, State(v1::STATE_PENDING)), Says(State(v1::STATE_READY))});
  const auto server = Client(fake.address(), Application()).servers().Wait("web");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(Sent(fake, "WaitServer"), (Tokens{"Bearer one", "Bearer two"}));
}

TEST(GrantedTokens, AreWaitedForUntilTheDeadline) {
  Fake fake;
  fake.Set("CreateToken", {Endless()});
  const auto servers = Client(fake.address(), Application()).servers();
  EXPECT_TRUE(absl::IsDeadlineExceeded(servers.Get("web", absl::Milliseconds(50)).status()));
  for (const auto& one : servers.List({}, absl::Milliseconds(50))) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(one.status())) << one.status();
  }
  fake.Await("CreateToken", 1);
  EXPECT_EQ(fake.Calls("CreateToken").size(), 1u);
}

TEST(GrantedTokens, AreNotWaitedForByWhatIsEnded) {
  Fake fake;
  fake.Set("CreateToken", {Endless()});
  const Client client(fake.address(), Application());
  auto list = client.servers().List();
  absl::Status listed, got;
  std::thread lister([&] {
    for (const auto& one : list) listed = one.status();
  });
  std::thread getter([&] { got = client.servers().Get("web").status(); });
  fake.Await("CreateToken", 1);
  list.Cancel();
  lister.join();
  EXPECT_TRUE(absl::IsCancelled(listed)) << listed;
  client.Close();
  getter.join();
  EXPECT_TRUE(absl::IsCancelled(got)) << got;
  EXPECT_TRUE(absl::IsCancelled(client.servers().Get("web").status()));
}

// Tokens whose clock a test sets.
class Aging : public ::testing::Test {
 protected:
  using Clock = internal::GrantedTokens::Clock;

  Aging() {
    connection_.endpoint = *internal::ParseAddress(fake_.address());
    connection_.channel =
        grpc::CreateChannel(connection_.endpoint.target, grpc::InsecureChannelCredentials());
    tokens_.emplace(connection_, v1::CreateTokenRequest(), [this] { return now_.load(); });
  }

  absl::StatusOr<std::string> Take(const std::string* refused = nullptr) {
    return tokens_->Take({Clock::now() + std::chrono::minutes(1), is_cancelled_}, refused);
  }

  void Pass(int seconds) { now_ = now_.load() + std::chrono::seconds(seconds); }

  Fake fake_;
  internal::Connection connection_;
  std::atomic<Clock::time_point> now_ = Clock::now();
  std::atomic<bool> is_cancelled_ = false;
  std::optional<internal::GrantedTokens> tokens_;
};

TEST_F(Aging, RenewsAMinuteBeforeTheEnd) {
  fake_.Set("CreateToken", {Grants("one", 3600), Grants("two", 3600)});
  EXPECT_EQ(*Take(), "one");
  Pass(3600 - 61);
  EXPECT_EQ(*Take(), "one");
  Pass(1);
  EXPECT_EQ(*Take(), "two");
  EXPECT_EQ(fake_.Calls("CreateToken").size(), 2u);
}

TEST_F(Aging, RenewsWhatLivesShortlyInTheSecondHalf) {
  fake_.Set("CreateToken", {Grants("one", 10), Grants("two", 0), Grants("three", -1)});
  EXPECT_EQ(*Take(), "one");
  Pass(4);
  EXPECT_EQ(*Take(), "one");
  Pass(1);
  EXPECT_EQ(*Take(), "two");
  EXPECT_EQ(*Take(), "three");
}

TEST_F(Aging, RenewsOnceWhatManyWereRefused) {
  fake_.Set("CreateToken", {Grants("one"), Grants("two"), Grants("three")});
  EXPECT_EQ(*Take(), "one");
  const std::string refused = "one";
  std::atomic<int> count = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) threads.emplace_back([&] { count += *Take(&refused) == "two"; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 64);
  EXPECT_EQ(fake_.Calls("CreateToken").size(), 2u);
}

TEST_F(Aging, UsesWhatIsStillGood) {
  fake_.Set("CreateToken",
            {Grants("one", 100), Breaks(kDown), Breaks(kDown), Breaks(kDown), Grants("two")});
  EXPECT_EQ(*Take(), "one");
  Pass(60);
  EXPECT_EQ(*Take(), "one");
  EXPECT_EQ(*Take(), "one");
  // Not with every call.
  EXPECT_EQ(fake_.Calls("CreateToken").size(), 2u);
  Pass(39);
  EXPECT_EQ(*Take(), "one");
  EXPECT_EQ(fake_.Calls("CreateToken").size(), 3u);
  Pass(1);
  EXPECT_TRUE(absl::IsInternal(Take().status()));
  EXPECT_EQ(*Take(), "two");
}

TEST_F(Aging, UsesNothingOfARefusedCredential) {
  fake_.Set("CreateToken", {Grants("one", 100), Breaks(kCredentialsRefused)});
  EXPECT_EQ(*Take(), "one");
  Pass(60);
  EXPECT_TRUE(absl::IsUnauthenticated(Take().status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Take().status()));
}

TEST(RawTokens, AreSentAsTheyAre) {
  Fake fake;
  fake.Set("GetServer", {kServer});
  Credentials credentials;
  credentials.token = "raw";
  ASSERT_TRUE(Client(fake.address(), credentials).servers().Get("web").ok());
  EXPECT_EQ(Sent(fake, "GetServer"), Tokens{"Bearer raw"});
  EXPECT_EQ(fake.Calls("GetServer")[0].metadata.count("oaktree-cloud"), 0u);
}

TEST(RawTokens, CannotBeRenewed) {
  Fake fake;
  fake.Set("GetServer", {Breaks(kRefused)});
  v1::WatchServersResponse reset;
  reset.set_mark(v1::WATCH_MARK_RESET);
  fake.Set("WatchServers", {Breaks(kRefused, reset)});
  Credentials credentials;
  credentials.token = "raw-secret";
  const auto servers = Client(fake.address(), credentials).servers();
  const auto got = servers.Get("web");
  EXPECT_TRUE(absl::IsUnauthenticated(got.status()));
  EXPECT_EQ(got.status().message(), "the token has expired");
  EXPECT_EQ(fake.Calls("GetServer").size(), 1u);
  absl::Status last;
  for (const auto& event : servers.Watch()) last = event.status();
  EXPECT_TRUE(absl::IsUnauthenticated(last)) << last;
  EXPECT_FALSE(absl::StrContains(last.ToString(), "raw-secret"));
  EXPECT_EQ(fake.Calls("WatchServers").size(), 1u);
}

}  // namespace
}  // namespace oaktree::testing
