#include <gtest/gtest.h>

#include <algorithm>

#include "fake.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

// Whether it is a random UUID in hexadecimal.
bool IsUuid(const std::string& text) {
  const std::string form = "hhhhhhhh-hhhh-4hhh-vhhh-hhhhhhhhhhhh";
  return std::equal(text.begin(), text.end(), form.begin(), form.end(), [](char one, char wanted) {
    const std::string any = wanted == 'h'   ? "0123456789abcdef"
                            : wanted == 'v' ? "89ab"
                                            : std::string(1, wanted);
    return any.find(one) != std::string::npos;
  });
}

v1::GetServerResponse Server(const std::string& name) {
  v1::GetServerResponse response;
  response.mutable_server()->set_name(name);
  return response;
}

TEST(Calls, ReturnWhatTheyAreAbout) {
  Fake fake;
  fake.Set("GetServer", {Says(Server("web"))});
  const auto server = Client(fake.address()).servers().Get("web");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(server->name(), "web");
  const auto call = fake.OnlyCall("GetServer");
  EXPECT_EQ(call.Request<v1::GetServerRequest>().name_or_id(), "web");
  EXPECT_FALSE(call.Request<v1::GetServerRequest>().has_location());
  EXPECT_EQ(call.metadata.count("oaktree-request-id"), 0u);
  EXPECT_NE(call.metadata.find("user-agent")->second.find("oaktreemodel-cpp/" OAKTREE_VERSION),
            std::string::npos);
}

TEST(Calls, GoToTheirPlace) {
  Fake fake;
  fake.Set("GetServer", {Says(Server("web"))});
  const Client client(fake.address());
  v1::Location zone;
  zone.set_cloud("one");
  zone.set_zone("z");
  for (const Scope& scope :
       {client.cloud("one", "r"), client.at(zone), client.at({}), Scope(client)}) {
    ASSERT_TRUE(scope.servers().Get("web").ok());
    const auto request = fake.Calls("GetServer").back().Request<v1::GetServerRequest>();
    EXPECT_EQ(request.location().SerializeAsString(), scope.location().SerializeAsString());
  }
  EXPECT_EQ(client.cloud("one", "r").location().region(), "r");
}

TEST(Calls, ALocationOfTheirOwnWillDoWhereTheScopeHasNone) {
  Fake fake;
  fake.Set("GetServer", {Says(Server("web"))});
  const Client client(fake.address());
  v1::GetServerRequest request;
  request.mutable_location()->set_cloud("mine");
  ASSERT_TRUE(client.servers().Get(request).ok());
  EXPECT_EQ(fake.OnlyCall("GetServer").Request<v1::GetServerRequest>().location().cloud(), "mine");

  EXPECT_TRUE(absl::IsInvalidArgument(client.cloud("one").servers().Get(request).status()));
  EXPECT_EQ(fake.Calls("GetServer").size(), 1u);
}

TEST(Calls, OfNoCloudAreRefused) {
  Fake fake;
  const Scope nowhere = Client(fake.address()).cloud("");
  EXPECT_TRUE(absl::IsInvalidArgument(nowhere.servers().Delete("web")));
  for (const auto& one : nowhere.servers().List()) {
    EXPECT_TRUE(absl::IsInvalidArgument(one.status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(nowhere.servers().Wait("web").status()));
}

TEST(Calls, HaveDefaultDeadlines) {
  Fake fake;
  fake.Set("GetServer", {Says(Server("web"))});
  fake.Set("CreateServer", {Says(v1::CreateServerResponse())});
  fake.Set("ListServers", {Says(Batch({}))});
  const auto servers = Client(fake.address()).servers();
  ASSERT_TRUE(servers.Get("web").ok());
  ASSERT_TRUE(servers.Create({}).ok());
  for (const auto& one : servers.List()) ADD_FAILURE() << one.status();
  const auto get = fake.OnlyCall("GetServer").left;
  const auto create = fake.OnlyCall("CreateServer").left;
  ASSERT_TRUE(get && create);
  // gRPC rounds up what it sends.
  EXPECT_LE(get->count(), 62);
  EXPECT_GT(get->count(), 0);
  EXPECT_LE(create->count(), 302);
  EXPECT_GT(create->count(), 62);
  EXPECT_FALSE(fake.OnlyCall("ListServers").left);
}

TEST(Calls, TakeATimeout) {
  Fake fake;
  fake.Set("GetServer", {Says(Server("web"))});
  const auto servers = Client(fake.address()).servers();
  ASSERT_TRUE(servers.Get("web", absl::Hours(2)).ok());
  EXPECT_GT(fake.Calls("GetServer")[0].left->count(), 3600);
  ASSERT_TRUE(servers.Get("web", absl::InfiniteDuration()).ok());
  EXPECT_FALSE(fake.Calls("GetServer")[1].left);

  fake.Set("GetServer", {Endless()});
  fake.Set("ListServers", {Endless(Batch({"a"}))});
  EXPECT_TRUE(absl::IsDeadlineExceeded(servers.Get("web", absl::Milliseconds(50)).status()));
  std::vector<absl::Status> seen;
  for (const auto& one : servers.List({}, absl::Milliseconds(50))) seen.push_back(one.status());
  EXPECT_TRUE(absl::IsDeadlineExceeded(seen.back()));
}

TEST(Calls, GiveAChangeARequestId) {
  Fake fake;
  fake.Set("CreateServer", {Says(v1::CreateServerResponse())});
  const auto servers = Client(fake.address()).servers();
  v1::CreateServerRequest request;
  ASSERT_TRUE(servers.Create(request).ok());
  ASSERT_TRUE(servers.Create(request).ok());
  request.set_request_id("mine");
  ASSERT_TRUE(servers.Create(request).ok());

  std::vector<std::string> ids;
  for (const auto& call : fake.Calls("CreateServer")) {
    ids.push_back(call.Request<v1::CreateServerRequest>().request_id());
  }
  EXPECT_TRUE(IsUuid(ids[0])) << ids[0];
  EXPECT_TRUE(IsUuid(ids[1])) << ids[1];
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[2], "mine");
  EXPECT_EQ(fake.Calls("CreateServer")[0].metadata.find("oaktree-request-id")->second, "new");
  EXPECT_EQ(fake.Calls("CreateServer")[2].metadata.count("oaktree-request-id"), 0u);
}

TEST(Calls, HandOverSecretsToWhoAsks) {
  Fake fake;
  v1::CreateKeypairResponse made;
  made.mutable_keypair()->set_name("k");
  made.mutable_private_key()->set_value("secret");
  fake.Set("CreateKeypair", {Says(made)});
  const auto keypairs = Client(fake.address()).keypairs();
  const auto keypair = keypairs.Create({});
  ASSERT_TRUE(keypair.ok());
  EXPECT_EQ(keypair->name(), "k");
  const auto whole = keypairs.CreateWithSecrets({});
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->private_key().value(), "secret");
}

TEST(Calls, AnswerWithTextToo) {
  Fake fake;
  v1::GetServerConsoleOutputResponse said;
  said.set_output("login: ü");
  fake.Set("GetServerConsoleOutput", {Says(said)});
  v1::GetServerConsoleOutputRequest request;
  request.set_name_or_id("web");
  const auto output = Client(fake.address()).servers().GetConsoleOutput(request);
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "login: ü");
}

TEST(Calls, ThatChangeSeveralThingsTellWhatFailed) {
  Fake fake;
  v1::DeleteUnattachedFloatingIpsResponse done;
  done.add_floating_ips()->set_id("gone");
  *done.add_failures() =
      Failure("one", Status(absl::StatusCode::kUnavailable, "CLOUD_UNREACHABLE", "no answer"));
  fake.Set("DeleteUnattachedFloatingIps", {Says(done)});
  const auto ips = Client(fake.address()).floating_ips();

  const auto deleted = ips.DeleteUnattached({});
  ASSERT_FALSE(deleted.ok());
  const Error error(deleted.status());
  EXPECT_EQ(error.code, absl::StatusCode::kUnknown);
  ASSERT_EQ(error.failures.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(error.failures[0]));
  EXPECT_EQ(Error(error.failures[0]).cloud, "one");
  EXPECT_EQ(Error(error.failures[0]).request_id, error.request_id);
  const auto rest = Detail<v1::DeleteUnattachedFloatingIpsResponse>(deleted.status());
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->floating_ips(0).id(), "gone");

  std::vector<absl::Status> told;
  CallOptions options;
  options.on_failure = [&told](const absl::Status& status) { told.push_back(status); };
  const auto taken = ips.DeleteUnattached({}, options);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->at(0).id(), "gone");
  EXPECT_EQ(told.size(), 1u);
}

TEST(Calls, ByStubsShareTheChannel) {
  Fake fake;
  const Client client(fake.address());
  EXPECT_NE(client.channel(), nullptr);
  EXPECT_EQ(client.channel(), Client(client).channel());
}

}  // namespace
}  // namespace oaktree::testing
