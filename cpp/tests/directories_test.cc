#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "files.h"
#include "oaktree/ignored.h"
#include "oaktree/oaktree.h"
#include "oaktree/scan.h"
#include "store.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

class Directories : public ::testing::Test {
 protected:
  absl::StatusOr<DirectoryResult> Upload(const UploadDirectoryOptions& options) {
    return UploadDirectory(Client(fake_.address()), folder_ / "d", "c", options);
  }
  absl::StatusOr<DirectoryResult> Upload() { return Upload(options_); }
  absl::StatusOr<DirectoryResult> Download(const std::string& prefix = "",
                                           const DirectoryOptions& options = {}) {
    return DownloadDirectory(Client(fake_.address()), "c", prefix, folder_ / "d", options);
  }
  void Have(const std::string& path, const std::string& bytes) {
    Write(folder_ / ("d/" + path), bytes);
  }
  void Store(const std::string& name, const std::string& bytes) {
    store_.objects[name] = {bytes, false, {}};
  }
  Names Objects() const {
    Names names;
    for (const auto& [name, object] : store_.objects) names.insert(name);
    return names;
  }
  // What is in a folder and below, but folders.
  Names Files(const std::string& folder) {
    Names names;
    for (const auto& one : fs::recursive_directory_iterator(folder_ / folder)) {
      if (!one.is_directory()) names.insert(fs::relative(one.path(), folder_ / folder));
    }
    return names;
  }
  static Names Paths(const DirectoryResult& result) {
    Names names;
    for (const auto& one : result.failed) names.insert(one.path);
    return names;
  }

  Fake fake_;
  testing::Store store_{fake_};
  Folder folder_;
  UploadDirectoryOptions options_;
};

TEST_F(Directories, GoUpAndStayThere) {
  Have("a", "1");
  Have("b/c", "22");
  Have("b.d", "");
  Have("b/ü \n%?#", "333");
  Have("large", SomeBytes(2500));
  options_.prefix = "p/";
  std::map<std::string, FileStep> steps;
  options_.on_step = [&steps](const FileStep& step) { steps[step.path] = step; };
  int64_t told = 0;
  Names named;
  options_.on_progress = [&](const Progress& progress) {
    EXPECT_EQ(progress.total_bytes, 2506);
    told = progress.sent_bytes;
    named.insert(progress.name);
    return true;
  };
  auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 5);
  EXPECT_EQ(result->sent_bytes, 2506);
  EXPECT_EQ(result->skipped, 0);
  EXPECT_TRUE(result->failed.empty());
  EXPECT_EQ(told, 2506);
  EXPECT_EQ(named, (Names{"a", "b/c", "b.d", "b/ü \n%?#", "large"}));
  EXPECT_EQ(steps.at("b/c").action, FileStep::Action::kSend);
  EXPECT_EQ(Objects(), (Names{"p/a", "p/b/c", "p/b.d", "p/b/ü \n%?#", "p/large"}));
  EXPECT_TRUE(store_.objects["p/large"].bytes == SomeBytes(2500));
  EXPECT_TRUE(store_.objects["p/large"].is_segmented);
  EXPECT_TRUE(store_.objects["p/a"].request.has_modified_at());
  const auto commit = fake_.OnlyCall("CommitStorageObject");
  EXPECT_TRUE(commit.Request<v1::CommitStorageObjectRequest>().has_modified_at());

  const size_t uploads = fake_.Calls("UploadStorageObject").size();
  Have("a", "x");
  result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 1);
  EXPECT_EQ(result->skipped, 4);
  EXPECT_EQ(fake_.Calls("UploadStorageObject").size(), uploads + 1);
  EXPECT_EQ(store_.objects["p/a"].bytes, "x");
  EXPECT_EQ(told, 2506);
}

TEST_F(Directories, AreAskedOfInBatchesByTheOrderOfBytes) {
  for (int one = 0; one < 5001; ++one) Have("f" + std::to_string(one), "");
  options_.dry_run = true;
  const auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 5001);
  const auto calls = fake_.Calls("PlanStorageObjectUploads");
  ASSERT_EQ(calls.size(), 2u);
  std::vector<std::string> paths;
  for (const auto& call : calls) {
    const auto plan = call.Request<v1::PlanStorageObjectUploadsRequest>();
    EXPECT_EQ(plan.after(), paths.empty() ? "" : paths.back());
    EXPECT_EQ(plan.is_last(), &call == &calls[1]);
    for (const auto& one : plan.entries()) paths.push_back(one.path());
  }
  EXPECT_EQ(paths.size(), 5001u);
  EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
  EXPECT_TRUE(fake_.Calls("UploadStorageObject").empty());
}

TEST_F(Directories, LeaveOutLinksAndWhatIsNoFile) {
  Have("a", "1");
  Have("under/b", "1");
  Write(folder_ / "secret", "s");
  fs::create_symlink(folder_ / "secret", folder_ / "d/link");
  fs::create_directory_symlink(folder_ / "d", folder_ / "d/under/loop");
  ASSERT_EQ(::mkfifo((folder_ / "d/pipe").c_str(), 0600), 0);
  Store("under/loop/x", "kept");
  options_.delete_extra = true;
  auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->left_out, (std::vector<std::string>{"link", "pipe", "under/loop"}));
  EXPECT_EQ(Objects(), (Names{"a", "under/b", "under/loop/x"}));

  options_.follow_symlinks = true;
  result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(store_.objects["link"].bytes, "s");
  EXPECT_EQ(Objects(), (Names{"a", "link", "under/b", "under/loop/x"}));
}

TEST_F(Directories, DeleteWhatIsExtraWhenAskedTo) {
  Have("a", "1");
  Have("ignored", "1");
  for (const char* name : {"p/gone", "p/z/gone", "p/ignored", "other"}) Store(name, "1");
  options_.prefix = "p/";
  options_.ignore = {"ignored"};
  auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->deleted, 0);
  EXPECT_EQ(Objects(), (Names{"other", "p/a", "p/gone", "p/ignored", "p/z/gone"}));
  options_.delete_extra = true;
  options_.dry_run = true;
  result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->deleted, 2);
  EXPECT_EQ(Objects().count("p/gone"), 1u);
  options_.dry_run = false;
  result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->deleted, 2);
  EXPECT_EQ(Objects(), (Names{"other", "p/a", "p/ignored"}));
}

TEST_F(Directories, DeleteAllWhenThereIsNoFile) {
  fs::create_directory(folder_ / "d");
  Store("a", "1");
  options_.delete_extra = true;
  const auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->deleted, 1);
  EXPECT_TRUE(Objects().empty());
}

TEST_F(Directories, GoOnWithoutAFileThatFails) {
  Have("a", "1");
  Have("b", "2");
  Have("c\xff", "3");
  Store("extra", "1");
  store_.refused["a"] = End(absl::StatusCode::kInvalidArgument, "ARGUMENT_INVALID", "no");
  options_.delete_extra = true;
  const auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 1);
  EXPECT_EQ(result->deleted, 0);
  EXPECT_EQ(Paths(*result), (Names{"", "a", "c\\xff"}));
  EXPECT_EQ(Objects(), (Names{"b", "extra"}));
}

TEST_F(Directories, EndWithWhatWouldBefallAll) {
  for (int one = 0; one < 50; ++one) {
    const std::string name = "f" + std::to_string(one);
    Have(name, "1");
    store_.refused[name] = End(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED", "full");
  }
  options_.parallel = 2;
  EXPECT_EQ(Error(Upload().status()).reason, "QUOTA_EXCEEDED");
  EXPECT_LE(fake_.Calls("UploadStorageObject").size(), 3u);
  UploadDirectoryOptions left;
  left.on_progress = [](const Progress&) { return false; };
  store_.refused.clear();
  EXPECT_TRUE(absl::IsCancelled(Upload(left).status()));
  const Client client(fake_.address());
  EXPECT_TRUE(absl::IsNotFound(UploadDirectory(client, folder_ / "absent", "c").status()));
  Write(folder_ / "file", "");
  EXPECT_FALSE(UploadDirectory(client, folder_ / "file", "c").ok());
}

TEST_F(Directories, TellOfAFileThatChanged) {
  Have("a", "1");
  Have("b", "1");
  Store("a", "x");
  // It is asked what the plan is after the directory was looked through.
  Answer plan;
  plan.makes = [this](const Call& call) {
    Have("a", "longer");
    v1::PlanStorageObjectUploadsResponse response;
    const auto asked = call.Request<v1::PlanStorageObjectUploadsRequest>();
    for (const auto& one : asked.entries()) {
      auto& step = *response.add_steps();
      step.set_path(one.path());
      step.set_name(one.path());
      step.set_action(v1::UPLOAD_ACTION_SEND);
    }
    return Says(response);
  };
  fake_.Set("PlanStorageObjectUploads", {plan});
  const auto result = Upload();
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(Paths(*result), Names{"a"});
  EXPECT_TRUE(absl::IsAborted(result->failed[0].error));
  EXPECT_EQ(store_.objects["a"].bytes, "x");
  EXPECT_EQ(store_.objects["b"].bytes, "1");
}

TEST_F(Directories, ComeDownAndStayThere) {
  Store("p/a", "1");
  Store("p/b/c", "22");
  Store("p/empty/", "");
  Store("p/large", SomeBytes(5000));
  Store("q", "no");
  auto result = Download("p/");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 3);
  EXPECT_EQ(result->sent_bytes, 5003);
  EXPECT_EQ(Files("d"), (Names{"a", "b/c", "large"}));
  EXPECT_TRUE(fs::is_directory(folder_ / "d/empty"));
  EXPECT_TRUE(Contents(folder_ / "d/large") == SomeBytes(5000));
  Have("a", "x");
  Have("own", "stays");
  result = Download("p");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 1);
  EXPECT_EQ(result->skipped, 2);
  EXPECT_EQ(Contents(folder_ / "d/a"), "1");
  EXPECT_EQ(Contents(folder_ / "d/own"), "stays");
}

TEST_F(Directories, AreNotMadeByADryRun) {
  Store("a", "1");
  DirectoryOptions options;
  options.dry_run = true;
  const auto result = Download("", options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 1);
  EXPECT_FALSE(fs::exists(folder_ / "d"));
}

TEST(IgnoredPaths, AreThoseThatGitIgnores) {
  const internal::Ignored ignored(
      {"# a comment", "*.o", "!keep.o", "build/", "/top", "doc/*.txt", "a/**/z", "x/**", "\\#odd"});
  for (const char* path : {"a.o", "deep/a.o", "build/", "build/x", "deep/build/y", "top", "top/x",
                           "doc/a.txt", "a/z", "a/b/c/z", "x/y", "#odd"}) {
    EXPECT_TRUE(ignored.Has(path)) << path;
  }
  for (const char* path : {"keep.o", "deep/keep.o", "build", "deep/top", "doc/sub/a.txt",
                           "deep/doc/a.txt", "z", "x/", "a.oo"}) {
    EXPECT_FALSE(ignored.Has(path)) << path;
  }
}

TEST(Utf8, IsToldFromWhatIsNone) {
  for (const char* text : {"", "a", "ü", "€", "\xf0\x9f\x8c\xb3", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(internal::IsUtf8(text)) << text;
  }
  for (const char* text : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\x80", "a\xe2\x82"}) {
    EXPECT_FALSE(internal::IsUtf8(text)) << text;
  }
}

}  // namespace
}  // namespace oaktree::testing
