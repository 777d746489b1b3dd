#include "oaktree/web.h"

#include <gtest/gtest.h>

#include "cloud.h"
#include "fake.h"
#include "files.h"
#include "oaktree/content.h"
#include "oaktree/source.h"
#include "transfers.h"

namespace oaktree::testing {
namespace {

using internal::Outgoing;
using internal::ReadUrl;
using internal::Reply;
using internal::Web;
using internal::WebRequest;

class OfTheWeb : public ::testing::Test {
 protected:
  WebRequest Asking(const std::string& method, long status) const {
    return {method, cloud_.url() + "/a", {}, status, nullptr};
  }
  Reply Get(Web& web, const internal::Stretch& of = {}) {
    taken_.clear();
    return web.Get(Asking("GET", 200), of, [this](std::string_view bytes) {
      taken_ += bytes;
      return absl::OkStatus();
    });
  }
  Reply Put(Web& web, const std::string& bytes, Outgoing::Check check = nullptr) {
    const Source source = FromBytes(bytes);
    Outgoing body(source.content(), static_cast<int64_t>(bytes.size()), {EVP_md5()},
                  std::move(check));
    return web.Put(Asking("PUT", 201), body);
  }

  Cloud cloud_;
  std::string taken_;
};

TEST(UrlsOfTheWeb, SayWhereTheyLead) {
  EXPECT_TRUE(ReadUrl("https://a.example.com/x")->is_secure);
  EXPECT_FALSE(ReadUrl("https://a.example.com/x")->is_local);
  for (const char* local :
       {"http://localhost/", "http://LOCALHOST:1/", "http://127.9.0.1:8/x?y", "http://[::1]:8/"}) {
    EXPECT_TRUE(ReadUrl(local)->is_local) << local;
    EXPECT_FALSE(ReadUrl(local)->is_secure);
  }
  for (const char* other : {"http://localhost.example.com/", "http://127.0.0.1@example.com/",
                            "http://127.0.0.1.example.com/", "http://[::2]/"}) {
    EXPECT_FALSE(ReadUrl(other)->is_local) << other;
  }
  for (const char* none : {"", "a", "file:///etc/passwd", "ftp://localhost/", "http://"}) {
    EXPECT_FALSE(ReadUrl(none)) << none;
  }
}

TEST_F(OfTheWeb, BytesOfAnyNumberArePutAndGot) {
  Web web;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{3} << 20}) {
    const std::string bytes = SomeBytes(static_cast<int64_t>(size));
    const Reply put = Put(web, bytes);
    EXPECT_TRUE(put.own.ok() && !put.barred);
    EXPECT_EQ(put.etag, Md5(bytes));
    EXPECT_TRUE(cloud_.kept()["/a"] == bytes);
    EXPECT_EQ(cloud_.asked().back().headers.at("content-length"), std::to_string(size));
    const Reply got = Get(web);
    EXPECT_TRUE(got.own.ok() && !got.barred);
    EXPECT_TRUE(taken_ == bytes);
  }
}

TEST_F(OfTheWeb, BytesThatAreWrongAreHeldBack) {
  Web web;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{3} << 20}) {
    const Reply put = Put(web, SomeBytes(static_cast<int64_t>(size)),
                          [](const auto&) { return absl::AbortedError("changed"); });
    EXPECT_TRUE(absl::IsAborted(put.own));
  }
  EXPECT_TRUE(cloud_.kept().empty());
}

TEST_F(OfTheWeb, ASilentCloudIsGivenUp) {
  Web web(absl::Milliseconds(50));
  cloud_.Set([](const Asked&, Answered& given) { return given.is_silent = true; });
  const Reply got = Get(web);
  EXPECT_TRUE(got.own.ok());
  ASSERT_TRUE(got.barred);
  EXPECT_FALSE(got.barred->is_shut);
  EXPECT_EQ(got.barred->why, "the cloud is silent");
  // One that has all may work on it.
  int asked = 0;
  cloud_.Set([](const Asked& one, Answered& given) { return given.is_silent = one.is_whole; });
  const Source source = FromBytes("abc");
  Outgoing body(source.content(), 3, {EVP_md5()});
  WebRequest request = Asking("PUT", 201);
  request.look = [&asked] {
    return ++asked < 5 ? absl::OkStatus() : absl::CancelledError("enough");
  };
  const Reply put = web.Put(request, body);
  EXPECT_TRUE(absl::IsCancelled(put.own)) << put.own;
}

TEST_F(OfTheWeb, WhatIsNotReachedSaysSo) {
  WebRequest request = Asking("GET", 200);
  request.url = NobodysUrl() + "/a?secret";
  Web web;
  const Reply got =
      web.Get(request, {}, [](std::string_view) { return absl::InternalError("no bytes"); });
  EXPECT_TRUE(got.own.ok());
  ASSERT_TRUE(got.barred);
  EXPECT_TRUE(got.barred->is_shut);
  EXPECT_EQ(got.barred->status, 0);
  EXPECT_EQ(got.barred->why.find("secret"), std::string::npos);
}

TEST_F(OfTheWeb, ACloudThatNobodyVouchesForIsNotAsked) {
  const Folder folder;
  const std::string key = folder / "key", certificate = folder / "certificate";
  ASSERT_TRUE(MakeCertificate(key, certificate));
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs = {{Contents(key), Contents(certificate)}};
  const Fake other("127.0.0.1:0", grpc::SslServerCredentials(options));
  WebRequest request = Asking("GET", 200);
  request.url = "https://" + other.address() + "/a";
  Web web;
  const Reply got = web.Get(request, {}, [](std::string_view) { return absl::OkStatus(); });
  ASSERT_TRUE(got.barred);
  EXPECT_TRUE(got.barred->is_shut);
  EXPECT_NE(got.barred->why.find("certificate"), std::string::npos) << got.barred->why;
}

TEST_F(OfTheWeb, OtherBytesThanAreWantedAreNotTaken) {
  Web web;
  cloud_.Keep("/a", "abc");
  for (const internal::Stretch& of :
       {internal::Stretch{"other", 0, {}}, internal::Stretch{"", 0, 4}}) {
    EXPECT_TRUE(Get(web, of).barred);
    EXPECT_EQ(taken_, "");
  }
  EXPECT_FALSE(Get(web, {'"' + Md5("abc") + '"', 1, 3}).barred);
  EXPECT_EQ(taken_, "bc");
  // Of who does not know parts.
  cloud_.Set([](const Asked& asked, Answered& given) {
    given.body = "abc";
    return asked.is_whole;
  });
  EXPECT_EQ(Get(web, {"", 1, 3}).barred->status, 200);
  EXPECT_EQ(taken_, "");
}

TEST_F(OfTheWeb, WhatTakesTheBytesMayEndIt) {
  Web web;
  cloud_.Keep("/a", SomeBytes(1 << 20));
  const Reply got = web.Get(Asking("GET", 200), {}, [](std::string_view) {
    return absl::ResourceExhaustedError("the disk is full");
  });
  EXPECT_TRUE(absl::IsResourceExhausted(got.own));
  EXPECT_FALSE(got.barred);
}

}  // namespace
}  // namespace oaktree::testing
