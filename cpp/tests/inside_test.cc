#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <set>

#include "files.h"
#include "oaktree/oaktree.h"
#include "store.h"

namespace oaktree::testing {
namespace {

std::atomic<bool> is_case_ignored = false;

}  // namespace
}  // namespace oaktree::testing

// In place of the C library's: a file system that ignores case is not to be had everywhere.
extern "C" int faccessat(int folder, const char* name, int mode, int) noexcept {
  std::string asked = name;
  if (oaktree::testing::is_case_ignored && asked.back() == 'A') asked.back() = 'a';
  return static_cast<int>(::syscall(SYS_faccessat, folder, asked.c_str(), mode));
}

namespace oaktree::testing {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

class InsideAFolder : public ::testing::Test {
 protected:
  ~InsideAFolder() override { is_case_ignored = false; }

  // Downloads all that has the prefix into the folder d; the paths that failed.
  Names Failed(const std::string& prefix = "") {
    const auto result = DownloadDirectory(Client(fake_.address()), "c", prefix, folder_ / "d");
    EXPECT_TRUE(result.ok()) << result.status();
    Names names;
    if (!result.ok()) return names;
    sent_ = result->sent;
    for (const auto& one : result->failed) {
      names.insert(one.path);
      errors_[one.path] = std::string(one.error.message());
    }
    return names;
  }
  void Store(const std::string& name, const std::string& bytes) {
    store_.objects[name] = {bytes, false, {}};
  }
  // What is in a folder and below, but folders.
  Names Files(const std::string& folder) {
    Names names;
    for (const auto& one : fs::recursive_directory_iterator(folder_ / folder)) {
      if (!one.is_directory()) names.insert(fs::relative(one.path(), folder_ / folder));
    }
    return names;
  }

  Fake fake_;
  testing::Store store_{fake_};
  Folder folder_;
  int64_t sent_ = 0;
  std::map<std::string, std::string> errors_;
};

TEST_F(InsideAFolder, StayAllFiles) {
  fs::create_directory(folder_ / "outside");
  Write(folder_ / "victim", "safe");
  Write(folder_ / "d/there", "");
  fs::create_directory_symlink(folder_ / "outside", folder_ / "d/link");
  const Names bad = {
      "../victim",  "/victim", "a/../../victim",        "a//b",   "a/./b",    "..",
      ".",          "b/",      std::string("nul\0", 4), "link/x", "link/y/z", std::string(300, 'n'),
      "there/below"};
  for (const auto& name : bad) Store(name, "evil");
  Store("good", "1");
  EXPECT_EQ(Failed(), bad);
  EXPECT_EQ(sent_, 1);
  EXPECT_EQ(Files("d"), (Names{"good", "there"}));
  EXPECT_EQ(Contents(folder_ / "victim"), "safe");
  EXPECT_TRUE(Files("outside").empty());
}

TEST_F(InsideAFolder, NoFileTakesThePlaceOfALinkThatLeadsOut) {
  Write(folder_ / "victim", "safe");
  // It begins like the folder, and is another.
  Write(folder_ / "d2/victim", "safe");
  fs::create_directories(folder_ / "d/under");
  const std::map<std::string, std::string> links = {
      {"absolute", folder_ / "victim"}, {"dangling", folder_ / "absent"},
      {"like", folder_ / "d2/victim"},  {"nowhere", "/no/such/place"},
      {"relative", "../victim"},        {"twice", "relative"},
      {"under/up", "../../victim"}};
  Names bad;
  for (const auto& [name, to] : links) {
    fs::create_symlink(to, folder_ / ("d/" + name));
    Store(name, "evil");
    bad.insert(name);
  }
  EXPECT_EQ(Failed(), bad);
  for (const auto& [name, to] : links) {
    EXPECT_EQ(fs::read_symlink(folder_ / ("d/" + name)), to);
    EXPECT_NE(errors_[name].find("leads out"), std::string::npos) << name << ": " << errors_[name];
  }
  EXPECT_EQ(Contents(folder_ / "victim"), "safe");
  EXPECT_FALSE(fs::exists(folder_ / "absent"));
}

TEST_F(InsideAFolder, AFileTakesThePlaceOfALinkThatStays) {
  // The folder itself may be reached by a link.
  fs::create_directory(folder_ / "real");
  fs::create_directory_symlink("real", folder_ / "d");
  Write(folder_ / "real/own", "own");
  fs::create_symlink("own", folder_ / "d/link");
  fs::create_symlink(folder_ / "d/under/absent", folder_ / "d/dangling");
  for (const char* name : {"link", "dangling"}) Store(name, "new");
  EXPECT_EQ(Failed(), Names());
  EXPECT_EQ(Files("real"), (Names{"dangling", "link", "own"}));
  for (const char* name : {"real/link", "real/dangling"}) {
    EXPECT_FALSE(fs::is_symlink(folder_ / name)) << name;
    EXPECT_EQ(Contents(folder_ / name), "new") << name;
  }
  EXPECT_EQ(Contents(folder_ / "real/own"), "own");
}

TEST_F(InsideAFolder, OfTwoObjectsOfOnePathOneIsThere) {
  Store("p/a", "1");
  Store("pa", "2");
  EXPECT_EQ(Failed("p"), Names{"a"});
  EXPECT_EQ(sent_, 1);
  EXPECT_EQ(Contents(folder_ / "d/a"), "1");
}

TEST_F(InsideAFolder, NamesThatDifferInCaseAreOneFileWhereItIsIgnored) {
  is_case_ignored = true;
  const Names first = {"A", "B/x", "b/y", "Ä", "ö", "Σ"};
  // Of the last there are two small letters.
  const Names second = {"a", "b/X", "ä", "ς"};
  for (const Names& names : {first, second}) {
    for (const auto& name : names) Store(name, name);
  }
  EXPECT_EQ(Failed(), second);
  EXPECT_NE(errors_["a"].find("that of A"), std::string::npos) << errors_["a"];
  EXPECT_EQ(Files("d"), first);
}

TEST_F(InsideAFolder, NamesThatDifferInCaseAreTwoFilesElsewhere) {
  const Names all = {"A", "a", "Ä", "ä"};
  for (const auto& name : all) Store(name, name);
  EXPECT_EQ(Failed(), Names());
  EXPECT_EQ(Files("d"), all);
}

}  // namespace
}  // namespace oaktree::testing
