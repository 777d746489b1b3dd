#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include "fake.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

using ServerEvent = Event<v1::Server>;
using Told = v1::WatchServersResponse;

const grpc::Status kAway = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");
const auto kUnreachable = Status(absl::StatusCode::kUnavailable, "CLOUD_UNREACHABLE", "no answer");

Told News(const std::string& cloud, std::initializer_list<const char*> names,
          v1::WatchMark mark = v1::WATCH_MARK_UNSPECIFIED) {
  Told told;
  told.mutable_location()->set_cloud(cloud);
  told.mutable_location()->set_region("r");
  told.set_mark(mark);
  for (const char* name : names) {
    auto& server = *told.add_servers();
    server.set_id(absl::StrCat(name, "-id"));
    server.set_name(name);
  }
  return told;
}

Told Reset(const std::string& cloud, std::initializer_list<const char*> names = {}) {
  return News(cloud, names, v1::WATCH_MARK_RESET);
}

Told Synced(const std::string& cloud, std::initializer_list<const char*> names = {}) {
  return News(cloud, names, v1::WATCH_MARK_SYNCED);
}

Told Gone(const std::string& cloud, const std::string& name, bool deleted) {
  Told told = News(cloud, {});
  auto& removal = *told.add_removals();
  removal.set_id(name + "-id");
  removal.set_name(name);
  removal.set_deleted(deleted);
  return told;
}

// Leaves the loop after so many events, or at an error.
std::vector<ServerEvent> Take(Stream<ServerEvent> watch, size_t count) {
  std::vector<ServerEvent> seen;
  for (auto& one : watch) {
    if (!one.ok()) {
      ADD_FAILURE() << one.status();
      break;
    }
    seen.push_back(*std::move(one));
    if (seen.size() == count) break;
  }
  return seen;
}

std::string Short(const std::vector<ServerEvent>& events) {
  return absl::StrJoin(events, ", ", [](std::string* out, const ServerEvent& event) {
    absl::StrAppend(out, ToString(event.kind), event.name.empty() ? "" : " ", event.name);
  });
}

TEST(Watches, TellEventsInOrder) {
  Fake fake;
  fake.Set("WatchServers",
           {Endless(Reset("one"), News("one", {"a", "b"}), Synced("one"), News("one", {"a", "c"}),
                    Gone("one", "b", true), Gone("one", "c", false))});
  const auto seen = Take(Client(fake.address()).servers().Watch(), 8);
  EXPECT_EQ(Short(seen),
            "reset, present a, present b, synced, changed a, changed c, removed b, removed c");
  EXPECT_EQ(seen[1].item->name(), "a");
  EXPECT_EQ(seen[1].key(), (Key{"one", "r", "a-id"}));
  EXPECT_FALSE(seen[0].item);
  EXPECT_FALSE(seen[6].item);
  EXPECT_EQ(seen[6].id, "b-id");
  EXPECT_TRUE(seen[6].deleted);
  EXPECT_FALSE(seen[7].deleted);
  EXPECT_TRUE(seen[7].failure.ok());
  EXPECT_FALSE(fake.OnlyCall("WatchServers").left);
  fake.OnlyCall("WatchServers").over.wait();
}

TEST(Watches, TellTheMarkBeforeTheRest) {
  Fake fake;
  fake.Set("WatchServers", {Endless(Reset("one", {"a"}), Synced("one", {"b"}))});
  EXPECT_EQ(Short(Take(Client(fake.address()).servers().Watch(), 4)),
            "reset, present a, synced, changed b");
}

TEST(Watches, SyncEachPlaceByItself) {
  Fake fake;
  fake.Set("WatchServers", {Endless(Reset("one"), Synced("one"), Reset("two", {"x"}),
                                    News("one", {"a"}), News("two", {"y"}))});
  EXPECT_EQ(Short(Take(Client(fake.address()).servers().Watch(), 6)),
            "reset, synced, reset, present x, changed a, present y");
}

TEST(Watches, SayWhenTheCloudWasAsked) {
  Fake fake;
  Told dated = News("one", {"a"});
  dated.mutable_as_of()->set_seconds(1'700'000'000);
  fake.Set("WatchServers", {Endless(dated, News("one", {"a"}))});
  const auto seen = Take(Client(fake.address()).servers().Watch(), 2);
  EXPECT_EQ(seen[0].as_of, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_FALSE(seen[1].as_of);
}

TEST(Watches, TellOfPlacesThatFail) {
  Fake fake;
  Told lost = News("two", {});
  *lost.add_failures() = Failure("two", kUnreachable);
  *lost.add_failures() = Failure(
      "bare", Status(absl::StatusCode::kUnimplemented, "SERVICE_ABSENT", "no such service"));
  fake.Set("WatchServers", {Endless(Reset("two", {"a"}), lost, Reset("two", {"b"}))});
  const auto seen = Take(Client(fake.address()).servers().Watch(), 5);
  EXPECT_EQ(Short(seen), "reset, present a, failed, reset, present b");
  EXPECT_EQ(seen[2].location.cloud(), "two");
  EXPECT_EQ(Error(seen[2].failure).reason, "CLOUD_UNREACHABLE");
}

TEST(Watches, GoOnWhenOaktreeIsBack) {
  Fake fake;
  fake.Set("WatchServers", {Breaks(kAway, Reset("one", {"a"}), Synced("one")), Breaks(kAway),
                            Breaks(kAway), Endless(Reset("one", {"b"}))});
  v1::WatchServersRequest request;
  request.set_all_projects(true);
  const auto seen = Take(Client(fake.address()).cloud("one").servers().Watch(request), 6);
  // Once an outage.
  EXPECT_EQ(Short(seen), "reset, present a, synced, failed, reset, present b");
  EXPECT_EQ(seen[3].location.cloud(), "one");
  EXPECT_TRUE(absl::IsUnavailable(seen[3].failure));
  for (const auto& call : fake.Calls("WatchServers")) {
    EXPECT_TRUE(call.Request<v1::WatchServersRequest>().all_projects());
    EXPECT_EQ(call.Request<v1::WatchServersRequest>().location().cloud(), "one");
  }
}

TEST(Watches, GoOnAtAnotherServer) {
  auto first = std::make_unique<Fake>();
  const std::string address = first->address();
  first->Set("WatchServers", {Endless(Reset("one", {"a"}))});
  auto watch = Client(address).servers().Watch();
  auto event = watch.begin();
  ++event;
  EXPECT_EQ(event->value().name, "a");
  first.reset();
  ++event;
  EXPECT_EQ(event->value().kind, EventKind::kFailed);
  EXPECT_TRUE(event->value().location.cloud().empty());
  Fake second(address);
  second.Set("WatchServers", {Endless(Reset("one"))});
  ++event;
  EXPECT_EQ(event->value().kind, EventKind::kReset);
}

TEST(Watches, EndWithWhatWillNotPass) {
  Fake fake;
  fake.Set("WatchServers", {Breaks(End(absl::StatusCode::kPermissionDenied, "POLICY_FORBIDS", "no"),
                                   Reset("one"))});
  std::vector<absl::Status> seen;
  for (const auto& one : Client(fake.address()).servers().Watch()) seen.push_back(one.status());
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_TRUE(absl::IsPermissionDenied(seen[1]));
}

TEST(Watches, HaveNoEnd) {
  Fake fake;
  fake.Set("WatchServers", {Says(Reset("one"))});
  absl::Status last;
  for (const auto& one : Client(fake.address()).servers().Watch()) last = one.status();
  EXPECT_TRUE(absl::IsInternal(last));
}

TEST(Mirrors, KeepWhatIsThere) {
  Mirror<v1::Server> mirror;
  Fake fake;
  fake.Set("WatchServers", {Endless(Reset("one", {"a", "b", "c"}), Reset("two", {"a"}),
                                    Synced("one"), Gone("one", "b", true), Reset("one", {"c"}),
                                    News("one", {"d"}), Synced("one"))});
  std::string gone;
  size_t count = 0;
  for (const auto& event : Client(fake.address()).servers().Watch()) {
    for (const auto& server : mirror.Apply(*event)) gone += server.name();
    if (++count == 12) break;
  }
  EXPECT_EQ(gone, "ba");
  std::string there;
  for (const auto& [key, server] : mirror.items()) there += key.cloud + " " + server.name() + " ";
  EXPECT_EQ(there, "one c one d two a ");
}

}  // namespace
}  // namespace oaktree::testing
