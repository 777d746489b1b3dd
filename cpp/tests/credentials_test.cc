#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "fake.h"
#include "files.h"
#include "oaktree/identity.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

using internal::Identify;

constexpr char kWhole[] =
    "address: oak.example:1\n"
    "client_id: file-id\n"
    "client_secret: file-secret\n";

Credentials Token(const std::string& token) {
  Credentials credentials;
  credentials.token = token;
  return credentials;
}

Credentials File(const std::string& path) {
  Credentials credentials;
  credentials.file = path;
  return credentials;
}

// Who it is found to be, in short.
std::string Who(const std::string& address, const Credentials& given = {}) {
  const auto found = Identify(address, given);
  if (!found.ok()) return std::string(found.status().message());
  const Credentials& who = found->credentials;
  return absl::StrCat(found->endpoint.target.substr(7), " ", who.token, who.client_id,
                      who.client_secret.empty() ? "" : ":", who.client_secret,
                      who.cloud.empty() ? "" : " of ", who.cloud, who.ca.empty() ? "" : " by ",
                      who.ca);
}

class Identities : public ::testing::Test {
 protected:
  const Folder folder_;
  const Environment environment_{{"XDG_CONFIG_HOME", folder_ / "config"}};
  const std::string default_ = folder_ / "config/oaktree/credentials.yaml";
};

TEST_F(Identities, NeedNothing) {
  EXPECT_EQ(Who(""), "localhost:50051 ");
  EXPECT_EQ(Who("oak.example"), "oak.example:50051 ");
}

TEST_F(Identities, AreGivenOrSetOrInTheFile) {
  Write(default_, absl::StrCat(kWhole, "cloud: file-cloud\nca: ca.pem\n"));
  const std::string ca = folder_ / "config/oaktree/ca.pem";
  EXPECT_EQ(Who(""), "oak.example:1 file-id:file-secret of file-cloud by " + ca);
  EXPECT_EQ(Who("https://OAK.example:1/"),
            "oak.example:1 file-id:file-secret of file-cloud by " + ca);
  {
    const Environment set{{"OAKTREE_TOKEN", "set-token"}, {"OAKTREE_CLOUD", "set-cloud"}};
    // Without an address, the file is read for it, and says whom to trust there.
    EXPECT_EQ(Who(""), "oak.example:1 set-token of set-cloud by " + ca);
    EXPECT_EQ(Who("oak.example:1"), "oak.example:1 set-token of set-cloud");
    EXPECT_EQ(Who("oak.example:1", Token("given")), "oak.example:1 given of set-cloud");
    Credentials given;
    given.client_id = "given-id";
    given.client_secret = "given-secret";
    given.cloud = "given-cloud";
    given.ca = "given.pem";
    EXPECT_EQ(Who("oak.example:1", given),
              "oak.example:1 given-id:given-secret of given-cloud by given.pem");
  }
  const Environment set{{"OAKTREE_CLIENT_ID", "set-id"},
                        {"OAKTREE_CLIENT_SECRET", "set-secret"},
                        {"OAKTREE_CA", "set.pem"}};
  EXPECT_EQ(Who("oak.example:1"), "oak.example:1 set-id:set-secret by set.pem");
}

TEST_F(Identities, AreSentToTheirOwnAddressAlone) {
  Write(default_, kWhole);
  EXPECT_EQ(Who("oak.example:2"), "oak.example:2 ");
  const Environment set{{"OAKTREE_ADDRESS", "https://oak.example:3"},
                        {"OAKTREE_TOKEN", "set-token"},
                        {"OAKTREE_CLOUD", "set-cloud"}};
  EXPECT_EQ(Who(""), "oak.example:3 set-token of set-cloud");
  EXPECT_EQ(Who("oak.example:3"), "oak.example:3 set-token of set-cloud");
  EXPECT_EQ(Who("oak.example:2"), "oak.example:2 ");
  EXPECT_EQ(Who("oak.example:1"), "oak.example:1 file-id:file-secret");
}

TEST_F(Identities, OfAFileThatIsNamed) {
  const std::string path = folder_ / "mine.yaml";
  Write(path, kWhole);
  EXPECT_EQ(Who("", File(path)), "oak.example:1 file-id:file-secret");
  EXPECT_EQ(Who("oak.example:1", File(path)), "oak.example:1 file-id:file-secret");
  EXPECT_EQ(Who("oak.example:2", File(path)), path + " is for another address than oak.example:2");
  Credentials both = File(path);
  both.token = "given";
  EXPECT_EQ(Who("oak.example:2", both), path + " is for another address than oak.example:2");
  const Environment set{{"OAKTREE_CREDENTIALS", path}};
  EXPECT_EQ(Who(""), "oak.example:1 file-id:file-secret");
  EXPECT_EQ(Who("oak.example:2"), path + " is for another address than oak.example:2");
  EXPECT_EQ(Who("oak.example:2", Token("given")), "oak.example:2 given");
  EXPECT_EQ(Who("oak.example:1", File(folder_ / "none")),
            folder_ / "none" + ": there is no such file");
}

TEST_F(Identities, OfAFileThatIsGivenGoBeforeWhatIsSet) {
  const std::string path = folder_ / "mine.yaml";
  Write(path, absl::StrCat(kWhole, "cloud: file-cloud\nca: ca.pem\n"));
  const std::string found =
      "oak.example:1 file-id:file-secret of file-cloud by " + (folder_ / "ca.pem");
  Credentials given = File(path);
  given.token = "given";
  const Environment set{{"OAKTREE_CLOUD", "set-cloud"}, {"OAKTREE_CA", "set.pem"}};
  const Environment::Variables credentials[] = {
      {{"OAKTREE_TOKEN", "set-token"}},
      {{"OAKTREE_CLIENT_ID", "set-id"}, {"OAKTREE_CLIENT_SECRET", "set-secret"}},
      {{"OAKTREE_TOKEN", "set-token"}, {"OAKTREE_ADDRESS", "oak.example:2"}},
      {{"OAKTREE_CREDENTIALS", folder_ / "none"}}};
  for (const auto& one : credentials) {
    const Environment also(one);
    for (const char* address : {"", "https://oak.example:1"}) {
      EXPECT_EQ(Who(address, File(path)), found);
      EXPECT_EQ(Who(address, given),
                "oak.example:1 given of file-cloud by " + (folder_ / "ca.pem"));
    }
    EXPECT_EQ(Who("oak.example:2", File(path)),
              path + " is for another address than oak.example:2");
  }
  // What it lacks may be set, but not for another address.
  Write(path, kWhole);
  EXPECT_EQ(Who("", File(path)), "oak.example:1 file-id:file-secret of set-cloud by set.pem");
  const Environment also{{"OAKTREE_ADDRESS", "oak.example:2"}};
  EXPECT_EQ(Who("", File(path)), "oak.example:1 file-id:file-secret");
}

TEST_F(Identities, OfAFileThatIsSetGoAfterWhatElseIsSet) {
  const std::string path = folder_ / "mine.yaml";
  Write(path, absl::StrCat(kWhole, "cloud: file-cloud\n"));
  const Environment set{{"OAKTREE_CREDENTIALS", path},
                        {"OAKTREE_TOKEN", "set-token"},
                        {"OAKTREE_CLOUD", "set-cloud"}};
  EXPECT_EQ(Who(""), "oak.example:1 set-token of set-cloud");
}

TEST_F(Identities, ThatDoNotFitTogetherAreRefused) {
  Credentials both = Token("secret-token");
  both.client_id = "id";
  both.client_secret = "secret";
  EXPECT_EQ(Who("oak", both), "token and client_id are both given; give one");
  Credentials half;
  half.client_id = "id";
  EXPECT_EQ(Who("oak", half),
            "client_id and client_secret go together, and one of them is missing");
  for (const char* token : {"two words", "line\n", "\xc3\xbc"}) {
    EXPECT_EQ(Who("oak", Token(token)),
              "token holds what no token can, such as a space or the end of a line");
  }
  Credentials strange;
  strange.cloud = "a\nb";
  EXPECT_EQ(Who("oak", strange), "the cloud's name holds what no such name can");
  {
    const Environment set{{"OAKTREE_TOKEN", "t"}, {"OAKTREE_CLIENT_ID", "i"}};
    EXPECT_EQ(Who("oak"), "OAKTREE_TOKEN and OAKTREE_CLIENT_ID are both given; give one");
  }
  const Environment set{{"OAKTREE_CLIENT_SECRET", "s"}};
  EXPECT_EQ(Who("oak"),
            "OAKTREE_CLIENT_ID and OAKTREE_CLIENT_SECRET go together, and one of them is missing");
}

TEST_F(Identities, AreForAnAddressThatCanBeRead) {
  Write(default_, "SECRET");
  EXPECT_EQ(Who("oak:port"), "'oak:port' has no such port");
  const Environment set{{"OAKTREE_ADDRESS", "oak:far"}};
  EXPECT_EQ(Who(""), "OAKTREE_ADDRESS: 'oak:far' has no such port");
  EXPECT_EQ(Who("oak"), "OAKTREE_ADDRESS: 'oak:far' has no such port");
}

TEST_F(Identities, OfAFileWithFaults) {
  const struct {
    std::string content;
    const char* why;
  } cases[] = {
      {"", ": it is no mapping of keys to values"},
      {"- SECRET", ": it is no mapping of keys to values"},
      {"client_secret:SECRET", ": it is no mapping of keys to values"},
      {"client_secret: 'SECRET", ", line 1: it is no YAML"},
      {"address: oak\nclient_secret: *SECRET", ", line 2: it is no YAML"},
      {"address: oak\ntoken: SECRET", ", line 2: 'token' is no key"},
      {"address: oak\nSECRET/+: x", ", line 2: what is there is no key"},
      {"address: oak\n? [SECRET]\n: x", ", line 2: what is there is no key"},
      {"address: [SECRET]", ", line 1: 'address' is no text; put it in quotes"},
      {"client_secret:", ", line 1: 'client_secret' is no text; put it in quotes"},
      {"client_secret: ''", ", line 1: 'client_secret' is no text; put it in quotes"},
      {"client_id: 123", ", line 1: 'client_id' is no text; put it in quotes"},
      {"cloud: no", ", line 1: 'cloud' is no text; put it in quotes"},
      {"cloud: a\ncloud: SECRET", ", line 2: 'cloud' is there twice"},
      {"address: oak\nclient_secret: SECRET", ": it has no 'client_id'"},
      {"address: SECRET:port\nclient_id: a\nclient_secret: SECRET", ": 'address' is no address"},
  };
  for (const auto& one : cases) {
    Write(default_, one.content);
    EXPECT_EQ(Who("oak"), default_ + one.why) << one.content;
  }
  Write(default_, "address: oak\nclient_id: '123'\nclient_secret: !!str 5\n");
  EXPECT_EQ(Who("oak"), "oak:50051 123:5");
  // What is not needed hurts nobody.
  Write(default_, "SECRET");
  EXPECT_EQ(Who("oak", Token("given")), "oak:50051 given");
}

TEST_F(Identities, OfAFileThatOthersCanRead) {
  Write(default_, kWhole, 0644);
  const auto status = Client().servers().Delete("web");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "chmod 600 " + default_)) << status;
}

TEST_F(Identities, ThatAreNobodysSayWhereTheyWereLookedFor) {
  const auto found = Identify("oak.example", {});
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(absl::StrContains(found->hint, default_)) << found->hint;
}

TEST_F(Identities, AreNotSentInTheClear) {
  const auto told = [](const Client& client) {
    EXPECT_EQ(client.channel(), nullptr);
    grpc::ClientContext context;
    EXPECT_TRUE(absl::IsInvalidArgument(client.Authorize(context)));
    for (const auto& event : client.servers().Watch()) {
      EXPECT_TRUE(absl::IsInvalidArgument(event.status()));
    }
    return client.cloud("one").servers().Delete("web");
  };
  const auto plain = told(Client("http://oak.invalid:1", Token("secret-token")));
  EXPECT_TRUE(absl::IsInvalidArgument(plain));
  EXPECT_TRUE(absl::StrContains(plain.message(), "in the clear")) << plain;
  EXPECT_FALSE(absl::StrContains(plain.message(), "secret-token")) << plain;

  const auto unknown =
      told(Client("oak.invalid:1", Token("secret-token"), grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(absl::IsInvalidArgument(unknown));
  EXPECT_TRUE(absl::StrContains(unknown.message(), "is_channel_secure")) << unknown;
  {
    const Environment set{{"OAKTREE_TOKEN", "set-token"}};
    EXPECT_TRUE(
        absl::IsInvalidArgument(told(Client("oak.invalid:1", grpc::InsecureChannelCredentials()))));
  }

  Credentials promised = Token("secret-token");
  promised.is_channel_secure = true;
  // No promise makes http:// anything else.
  EXPECT_TRUE(absl::IsInvalidArgument(told(Client("http://oak.invalid:1", promised))));
  EXPECT_NE(Client("oak.invalid:1", promised, grpc::SslCredentials({})).channel(), nullptr);
  EXPECT_NE(Client("oak.invalid:1", Token("secret-token")).channel(), nullptr);
  EXPECT_NE(Client("http://oak.invalid:1").channel(), nullptr);
}

TEST_F(Identities, AreFoundWithoutAnAddress) {
  Fake fake;
  fake.Set("DeleteServer", {Says(v1::DeleteServerResponse())});
  const Environment set{{"OAKTREE_ADDRESS", fake.address()}, {"OAKTREE_TOKEN", "set-token"}};
  EXPECT_TRUE(Client().servers().Delete("web").ok());
  EXPECT_TRUE(Client("").servers().Delete("web").ok());
  for (const auto& call : fake.Calls("DeleteServer")) {
    EXPECT_EQ(call.metadata.find("authorization")->second, "Bearer set-token");
  }
  EXPECT_EQ(fake.Calls("DeleteServer").size(), 2u);
}

}  // namespace
}  // namespace oaktree::testing
