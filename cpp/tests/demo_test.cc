#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <set>

#include "files.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

// The made-up clouds of `oaktree demo`, served by whoever runs the tests.
class Demo : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* address = std::getenv("OAKTREE_DEMO");
    if (address == nullptr) GTEST_SKIP() << "OAKTREE_DEMO names no `oaktree demo` to try";
    environment_.emplace(outside);
    client_ = std::make_unique<Client>(address);
  }

  // Where the demo's token is.
  std::optional<Environment> environment_;
  std::unique_ptr<Client> client_;
};

TEST_F(Demo, ListsEveryCloud) {
  std::set<std::string> clouds;
  for (const auto& image : client_->images().List()) {
    ASSERT_TRUE(image.ok()) << Error(image.status()).ToString();
    clouds.insert(image->location().cloud());
  }
  EXPECT_GE(clouds.size(), 2u);
}

TEST_F(Demo, MakesAServerAndWatchesItGo) {
  const Scope cloud = client_->cloud("modern", "east");
  const auto servers = cloud.servers();
  v1::CreateServerRequest request;
  request.set_name("made-by-cpp");
  request.set_image("cirros");
  request.set_flavor("m1.tiny");
  auto server = servers.Create(request);
  ASSERT_TRUE(server.ok()) << Error(server.status()).ToString();
  server = servers.Wait(server->id(), absl::Minutes(1));
  ASSERT_TRUE(server.ok()) << Error(server.status()).ToString();
  EXPECT_EQ(server->state(), v1::STATE_READY);
  EXPECT_FALSE(server->interface_ip().empty());

  Mirror<v1::Server> mirror;
  bool is_deleted = false;
  for (const auto& event : servers.Watch({}, absl::Minutes(1))) {
    ASSERT_TRUE(event.ok()) << Error(event.status()).ToString();
    const auto gone = mirror.Apply(*event);
    if (event->kind == EventKind::kSynced) {
      EXPECT_EQ(mirror.items().count({"modern", "east", server->id()}), 1u);
      ASSERT_TRUE(servers.Delete(server->id()).ok());
    }
    is_deleted = !gone.empty() && gone[0].id() == server->id();
    if (is_deleted) break;
  }
  EXPECT_TRUE(is_deleted);
  EXPECT_TRUE(absl::IsNotFound(servers.Get(server->id()).status()));
}

TEST_F(Demo, SaysWhatIsWrong) {
  const auto server = client_->cloud("nowhere").servers().Get("web");
  EXPECT_TRUE(absl::IsInvalidArgument(server.status())) << server.status();
  EXPECT_EQ(Error(server.status()).reason, "CLOUD_UNKNOWN");
  EXPECT_EQ(Error(server.status()).fields.count("location.cloud"), 1u);
}

}  // namespace
}  // namespace oaktree::testing
