#include <gtest/gtest.h>

#include <thread>

#include "fake.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

const auto kUnreachable = Status(absl::StatusCode::kUnavailable, "CLOUD_UNREACHABLE", "no answer");
const auto kAbsent = Status(absl::StatusCode::kUnimplemented, "SERVICE_ABSENT", "no such service");

v1::ListServersResponse Failed(const std::string& cloud, const google::rpc::Status& status) {
  v1::ListServersResponse batch;
  *batch.add_failures() = Failure(cloud, status);
  return batch;
}

// The names that a list yields; its error is the last.
std::vector<std::string> Names(Stream<v1::Server> list) {
  std::vector<std::string> names;
  for (const auto& one : list) {
    names.push_back(one.ok() ? one->name() : std::string(one.status().message()));
  }
  return names;
}

TEST(Lists, AreFlat) {
  Fake fake;
  fake.Set("ListServers", {Says(Batch({"a", "b"}), Batch({}), Batch({"c"}))});
  EXPECT_EQ(Names(Client(fake.address()).servers().List()),
            (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Lists, MayBeEmpty) {
  Fake fake;
  fake.Set("ListServers", {Says()});
  EXPECT_TRUE(Names(Client(fake.address()).servers().List()).empty());
}

TEST(Lists, GiveTheirItemsAway) {
  Fake fake;
  fake.Set("ListServers", {Says(Batch({"a", "b", "c"}))});
  std::vector<v1::Server> kept;
  for (auto& one : Client(fake.address()).servers().List()) kept.push_back(*std::move(one));
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].name() + kept[1].name() + kept[2].name(), "abc");
}

TEST(Lists, BeginWithTheirLoop) {
  Fake fake;
  fake.Set("ListServers", {Says(Batch({"a"}))});
  auto list = Client(fake.address()).servers().List();
  EXPECT_TRUE(fake.Calls("ListServers").empty());
  EXPECT_EQ(Names(std::move(list)).size(), 1u);
}

TEST(Lists, EndTheCallWhenTheLoopIsLeft) {
  Fake fake;
  fake.Set("ListServers", {Endless(Batch({"a", "b"}))});
  for (const auto& one : Client(fake.address()).servers().List()) {
    EXPECT_EQ(one->name(), "a");
    break;
  }
  fake.OnlyCall("ListServers").over.wait();
}

TEST(Lists, AreEndedFromAnotherThread) {
  Fake fake;
  fake.Set("ListServers", {Endless(Batch({"a"}))});
  auto list = Client(fake.address()).servers().List();
  auto one = list.begin();
  ASSERT_TRUE(one->ok());
  std::thread other([&list] { list.Cancel(); });
  ++one;
  EXPECT_TRUE(absl::IsCancelled(one->status())) << one->status();
  ++one;
  EXPECT_TRUE(one == list.end());
  other.join();
}

TEST(Lists, AreNotBegunOnceCancelled) {
  Fake fake;
  auto list = Client(fake.address()).servers().List();
  list.Cancel();
  for (const auto& one : list) EXPECT_TRUE(absl::IsCancelled(one.status()));
  EXPECT_TRUE(fake.Calls("ListServers").empty());
}

TEST(Lists, TellOfPlacesThatFailAfterTheLastItem) {
  Fake fake;
  fake.Set("ListServers", {Says(Batch({"a"}), Failed("down", kUnreachable), Failed("bare", kAbsent),
                                Batch({"b"}))});
  absl::Status last;
  std::string names;
  for (const auto& one : Client(fake.address()).servers().List()) {
    if (one.ok()) names += one->name();
    last = one.status();
  }
  EXPECT_EQ(names, "ab");
  EXPECT_EQ(last.message(), "no answer (CLOUD_UNREACHABLE, in down)");
  const Error error(last);
  ASSERT_EQ(error.failures.size(), 1u);
  EXPECT_EQ(Error(error.failures[0]).cloud, "down");
  EXPECT_FALSE(absl::IsUnavailable(last));
}

TEST(Lists, TellOfPlacesThatFailWhoAsksForIt) {
  Fake fake;
  fake.Set("ListServers",
           {Says(Failed("down", kUnreachable), Failed("bare", kAbsent), Batch({"a"}))});
  std::vector<std::string> told;
  CallOptions options;
  options.on_failure = [&told](const absl::Status& status) { told.push_back(Error(status).cloud); };
  EXPECT_EQ(Names(Client(fake.address()).servers().List({}, options)),
            std::vector<std::string>{"a"});
  EXPECT_EQ(told, std::vector<std::string>{"down"});
}

TEST(Lists, ThatBreakOffNeverLookComplete) {
  Fake fake;
  fake.Set("ListServers", {Breaks(AsEnd(kUnreachable), Batch({"a"}))});
  EXPECT_EQ(Names(Client(fake.address()).servers().List()),
            (std::vector<std::string>{"a", "no answer"}));
  EXPECT_EQ(fake.Calls("ListServers").size(), 1u);
}

TEST(Lists, HoldBatchesOfManyMegabytes) {
  Fake fake;
  v1::ListServersResponse large;
  for (int i = 0; i < 8; ++i) {
    large.add_servers()->set_description(std::string(1 << 20, 'x'));
  }
  fake.Set("ListServers", {Says(large)});
  size_t bytes = 0;
  for (const auto& one : Client(fake.address()).servers().List()) {
    ASSERT_TRUE(one.ok()) << one.status();
    bytes += one->description().size();
  }
  EXPECT_EQ(bytes, 8u << 20);

  grpc::ChannelArguments narrow;
  narrow.SetMaxReceiveMessageSize(1 << 20);
  for (const auto& one : Client(fake.address(), nullptr, narrow).servers().List()) {
    EXPECT_TRUE(absl::IsResourceExhausted(one.status())) << one.status();
  }
}

TEST(Lists, SurviveTheirClient) {
  Fake fake;
  fake.Set("ListServers", {Says(Batch({"a"}))});
  auto client = std::make_unique<Client>(fake.address());
  auto list = client->servers().List();
  client.reset();
  EXPECT_EQ(Names(std::move(list)), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace oaktree::testing
