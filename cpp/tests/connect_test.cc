#include <absl/strings/match.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "fake.h"
#include "files.h"
#include "oaktree/address.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

using internal::ParseAddress;

TEST(Addresses, AreRead) {
  struct {
    const char* address;
    const char* target;
    bool is_local;
    bool is_secure;
  } const cases[] = {
      {"localhost", "dns:///localhost:50051", true, false},
      {"localhost:1", "dns:///localhost:1", true, false},
      {"localhost:01", "dns:///localhost:1", true, false},
      {"LOCALHOST", "dns:///localhost:50051", true, false},
      {"oak.localhost", "dns:///oak.localhost:50051", false, true},
      {"127.9.9.9:1", "dns:///127.9.9.9:1", true, false},
      {"[::1]:1", "dns:///[::1]:1", true, false},
      {"[::1]", "dns:///[::1]:50051", true, false},
      {"oak.example", "dns:///oak.example:50051", false, true},
      {"192.0.2.1:1", "dns:///192.0.2.1:1", false, true},
      {"[2001:db8::1]:1", "dns:///[2001:db8::1]:1", false, true},
      {"http://oak.example", "dns:///oak.example:80", false, false},
      {"https://oak.example", "dns:///oak.example:443", false, true},
      {"https://localhost:1/", "dns:///localhost:1", true, true},
      {"unix:/run/oak", "unix:/run/oak", true, false},
      {"unix:///run/oak", "unix:/run/oak", true, false},
  };
  for (const auto& one : cases) {
    const auto read = ParseAddress(one.address);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->address, one.address);
    EXPECT_EQ(read->target, one.target);
    EXPECT_EQ(read->is_local, one.is_local) << one.address;
    EXPECT_EQ(read->is_secure, one.is_secure) << one.address;
  }
}

TEST(Addresses, AreRefused) {
  for (const char* address : {"", ":1", "unix:", "unix://", "ftp://oak", "oak:port", "oak:65536",
                              "oak:-1", "oak:1:2", "a b:1", "http://", "http://oak/path",
                              "oak/path", "oak?x", "user@oak", "[::1", "[::1]x", "::1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(address).status())) << address;
  }
  const Client client("oak:port");
  const auto server = client.cloud("one").servers().Get("web");
  EXPECT_TRUE(absl::IsInvalidArgument(server.status()));
  EXPECT_TRUE(absl::StrContains(server.status().message(), "'oak:port'"));
  EXPECT_EQ(client.channel(), nullptr);
}

absl::Status Told(const Client& client) {
  return client.servers().Delete("web", absl::Seconds(60));
}

TEST(Connecting, WhereNothingListens) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in bound{};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof bound;
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&bound), length), 0);
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &length), 0);
  const auto status = Told(Client("127.0.0.1:" + std::to_string(ntohs(bound.sin_port))));
  ::close(socket);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "nothing listens there")) << status;
}

TEST(Connecting, WhereThereIsNoSocket) {
  const auto status = Told(Client("unix:/nowhere/oak"));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "there is no such socket")) << status;
}

TEST(Connecting, WhereThereIsNoHost) {
  const auto status = Told(Client("http://nowhere.invalid:1"));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "http://nowhere.invalid:1")) << status;
}

TEST(Connecting, WithTlsToWhatSpeaksNone) {
  Fake fake;
  const auto status = Told(Client("https://" + fake.address()));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "it does not speak TLS")) << status;
}

TEST(Connecting, ByASocket) {
  const Folder folder;
  Fake fake("unix:" + folder / "oak");
  fake.Set("DeleteServer", {Says(v1::DeleteServerResponse())});
  EXPECT_TRUE(Told(Client(fake.address())).ok());
}

TEST(Connecting, ByTls) {
  const Folder folder;
  const std::string key = folder / "key", certificate = folder / "certificate";
  ASSERT_TRUE(MakeCertificate(key, certificate));
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs = {{Contents(key), Contents(certificate)}};
  Fake fake("127.0.0.1:0", grpc::SslServerCredentials(options));
  fake.Set("DeleteServer", {Says(v1::DeleteServerResponse())});

  grpc::SslCredentialsOptions trusting;
  trusting.pem_root_certs = Contents(certificate);
  const auto trusted = Told(Client(fake.address(), grpc::SslCredentials(trusting)));
  EXPECT_TRUE(trusted.ok()) << trusted;

  Credentials knowing;
  knowing.ca = certificate;
  const auto known = Told(Client("https://" + fake.address(), knowing));
  EXPECT_TRUE(known.ok()) << known;
  // Whom to trust says that there is TLS.
  const auto meant = Told(Client(fake.address(), knowing));
  EXPECT_TRUE(meant.ok()) << meant;
  const auto contrary = Told(Client("http://" + fake.address(), knowing));
  EXPECT_TRUE(absl::IsInvalidArgument(contrary)) << contrary;
  knowing.ca = folder / "nothing";
  const auto absent = Told(Client(fake.address(), knowing));
  EXPECT_TRUE(absl::IsInvalidArgument(absent));
  EXPECT_TRUE(absl::StrContains(absent.message(), knowing.ca)) << absent;

  {
    // One of the environment trusts where there is TLS, and asks for it nowhere.
    const Environment set{{"OAKTREE_CA", certificate}};
    const auto found = Told(Client("https://" + fake.address()));
    EXPECT_TRUE(found.ok()) << found;
    Fake local;
    local.Set("DeleteServer", {Says(v1::DeleteServerResponse())});
    const auto own = Told(Client(local.address()));
    EXPECT_TRUE(own.ok()) << own;
  }

  const auto unknown = Told(Client("https://" + fake.address()));
  EXPECT_TRUE(absl::IsUnavailable(unknown));
  EXPECT_TRUE(absl::StrContains(unknown.message(), "certificate is not trusted")) << unknown;
  EXPECT_TRUE(absl::StrContains(unknown.message(), "Credentials::ca, OAKTREE_CA or ca:"))
      << unknown;

  const auto plain = Told(Client(fake.address()));
  EXPECT_TRUE(absl::IsUnavailable(plain));
  EXPECT_TRUE(absl::StrContains(plain.message(), "it may want https://")) << plain;
}

TEST(Connecting, WithCredentialsOfOnesOwn) {
  Fake fake;
  fake.Set("DeleteServer", {Says(v1::DeleteServerResponse())});
  EXPECT_TRUE(Told(Client("https://" + fake.address(), grpc::InsecureChannelCredentials())).ok());
}

TEST(Clients, EndWhatIsUnderWayWhenClosed) {
  Fake fake;
  fake.Set("GetServer", {Endless()});
  fake.Set("ListServers", {Endless(Batch({"a"}))});
  fake.Set("WaitServer", {Breaks(End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "away"),
                                 State(v1::STATE_PENDING)),
                          Breaks(End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "away"))});
  const Client client(fake.address());
  const auto servers = client.cloud("one").servers();
  absl::Status got, waited, listed;
  std::thread getter([&] { got = servers.Get("web").status(); });
  std::thread waiter([&] { waited = servers.Wait("web").status(); });
  std::thread lister([&] {
    for (const auto& one : servers.List()) listed = one.status();
  });
  fake.Await("GetServer", 1);
  fake.Await("WaitServer", 3);
  fake.Await("ListServers", 1);
  client.Close();
  getter.join();
  waiter.join();
  lister.join();
  EXPECT_TRUE(absl::IsCancelled(got)) << got;
  EXPECT_TRUE(absl::IsCancelled(waited)) << waited;
  EXPECT_TRUE(absl::IsCancelled(listed)) << listed;

  EXPECT_TRUE(absl::IsCancelled(servers.Get("web").status()));
  for (const auto& one : servers.List()) EXPECT_TRUE(absl::IsCancelled(one.status()));
  EXPECT_EQ(fake.Calls("ListServers").size(), 1u);
  Client("oak:port").Close();
}

TEST(Clients, AreSharedByThreads) {
  Fake fake;
  v1::GetServerResponse server;
  server.mutable_server()->set_name("web");
  fake.Set("GetServer", {Says(server)});
  fake.Set("ListServers", {Says(Batch({"a", "b"}))});
  fake.Set("CreateServer", {Says(v1::CreateServerResponse())});
  const Client client(fake.address());
  const auto servers = client.cloud("one").servers();
  std::vector<std::thread> threads;
  std::atomic<int> count = 0;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      const Client copy = client;
      count += servers.Get("web").ok() && servers.Create({}).ok();
      for (const auto& one : copy.servers().List()) count += one.ok();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(count, 3 * 64);
  std::set<std::string> ids;
  for (const auto& call : fake.Calls("CreateServer")) {
    ids.insert(call.Request<v1::CreateServerRequest>().request_id());
  }
  EXPECT_EQ(ids.size(), 64u);
}

}  // namespace
}  // namespace oaktree::testing
