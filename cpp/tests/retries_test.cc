#include <gtest/gtest.h>

#include <set>

#include "fake.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

const grpc::Status kAway = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");

TEST(Retries, OfReads) {
  Fake fake;
  fake.Set("GetServer", {Breaks(kAway), Breaks(kAway), Says(v1::GetServerResponse())});
  EXPECT_TRUE(Client(fake.address()).servers().Get("web").ok());
  EXPECT_EQ(fake.Calls("GetServer").size(), 3u);
}

TEST(Retries, OfACreateAreTheSameOne) {
  Fake fake;
  fake.Set("CreateServer", {Breaks(kAway), Says(v1::CreateServerResponse())});
  EXPECT_TRUE(Client(fake.address()).servers().Create({}).ok());
  std::set<std::string> ids;
  for (const auto& call : fake.Calls("CreateServer")) {
    ids.insert(call.Request<v1::CreateServerRequest>().request_id());
  }
  EXPECT_EQ(fake.Calls("CreateServer").size(), 2u);
  EXPECT_EQ(ids.size(), 1u);
}

TEST(Retries, OfOtherChangesAreNone) {
  Fake fake;
  fake.Set("DeleteServer", {Breaks(kAway), Says(v1::DeleteServerResponse())});
  EXPECT_TRUE(absl::IsUnavailable(Client(fake.address()).servers().Delete("web")));
  EXPECT_EQ(fake.Calls("DeleteServer").size(), 1u);
}

TEST(Retries, OfStreamsThatHaveNotBegun) {
  Fake fake;
  fake.Set("ListServers", {Breaks(kAway), Breaks(kAway), Says(Batch({"a"}))});
  std::vector<absl::Status> seen;
  for (const auto& one : Client(fake.address()).servers().List()) seen.push_back(one.status());
  EXPECT_EQ(seen, std::vector<absl::Status>{absl::OkStatus()});
  EXPECT_EQ(fake.Calls("ListServers").size(), 3u);
}

TEST(Retries, GiveUp) {
  Fake fake;
  fake.Set("ListServers", {Breaks(kAway)});
  fake.Set("GetServer", {Breaks(kAway)});
  const auto servers = Client(fake.address()).servers();
  for (const auto& one : servers.List()) EXPECT_TRUE(absl::IsUnavailable(one.status()));
  EXPECT_TRUE(absl::IsUnavailable(servers.Get("web").status()));
  EXPECT_EQ(fake.Calls("ListServers").size(), 4u);
  EXPECT_EQ(fake.Calls("GetServer").size(), 4u);
}

TEST(Retries, OfOtherErrorsAreNone) {
  Fake fake;
  fake.Set("ListServers", {Breaks(End(absl::StatusCode::kNotFound, "CLOUD_UNKNOWN", "no"))});
  for (const auto& one : Client(fake.address()).servers().List()) {
    EXPECT_TRUE(absl::IsNotFound(one.status()));
  }
  EXPECT_EQ(fake.Calls("ListServers").size(), 1u);
}

TEST(Retries, EndWithTheDeadline) {
  Fake fake;
  fake.Set("ListServers", {Breaks(kAway)});
  for (const auto& one : Client(fake.address()).servers().List({}, absl::Milliseconds(100))) {
    EXPECT_TRUE(absl::IsDeadlineExceeded(one.status())) << one.status();
    EXPECT_NE(one.status().message().find("shutting down"), std::string::npos);
  }
}

}  // namespace
}  // namespace oaktree::testing
