#include <google/protobuf/duration.pb.h>
#include <gtest/gtest.h>

#include "fake.h"
#include "oaktree/details.pb.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

absl::Status Got(const grpc::Status& end) {
  Fake fake;
  fake.Set("DeleteServer", {Breaks(end)});
  return Client(fake.address()).servers().Delete("web");
}

TEST(Errors, SayAllThatTheServerSays) {
  details::ErrorInfo info;
  info.set_reason("NAME_AMBIGUOUS");
  (*info.mutable_metadata())["cloud"] = "one";
  (*info.mutable_metadata())["region"] = "r";
  (*info.mutable_metadata())["cloud_request_id"] = "req-1";
  google::rpc::Status said;
  said.set_code(3);
  said.set_message("'web' is two");
  auto& detail = *said.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail.set_value(info.SerializeAsString());

  const absl::Status status = Got(AsEnd(said));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "'web' is two");
  const Error error(status);
  EXPECT_EQ(error.reason, "NAME_AMBIGUOUS");
  EXPECT_EQ(error.cloud, "one");
  EXPECT_EQ(error.region, "r");
  EXPECT_EQ(error.metadata.at("cloud_request_id"), "req-1");
  EXPECT_EQ(error.request_id.size(), 36u);
  EXPECT_EQ(error.ToString(),
            "'web' is two (NAME_AMBIGUOUS, in one/r, request id " + error.request_id + ")");
  EXPECT_TRUE(error.failures.empty());
  EXPECT_FALSE(error.quota);
  EXPECT_FALSE(error.retry_after);
}

TEST(Errors, HaveDetails) {
  v1::QuotaExceeded quota;
  quota.set_quota("instances");
  quota.set_max(10);
  const auto full =
      Got(AsEnd(Status(absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED", "full",
                       {{"oaktreemodel.v1.QuotaExceeded", quota.SerializeAsString()}})));
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  ASSERT_TRUE(Error(full).quota);
  EXPECT_EQ(Error(full).quota->quota(), "instances");
  EXPECT_EQ(Error(full).quota->max(), 10);
  EXPECT_FALSE(Error(full).quota->has_used());
  EXPECT_TRUE(Detail<v1::QuotaExceeded>(full));
  EXPECT_FALSE(Detail<v1::Failure>(full));

  details::BadRequest bad;
  auto& violation = *bad.add_field_violations();
  violation.set_field("flavor");
  violation.set_description("is needed");
  const auto invalid =
      Got(AsEnd(Status(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT", "bad",
                       {{"google.rpc.BadRequest", bad.SerializeAsString()}})));
  EXPECT_EQ(Error(invalid).fields.at("flavor"), "is needed");

  details::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(7);
  const auto slow = Got(AsEnd(Status(absl::StatusCode::kResourceExhausted, "RATE_LIMITED", "slow",
                                     {{"google.rpc.RetryInfo", retry.SerializeAsString()}})));
  EXPECT_EQ(Error(slow).retry_after, absl::Seconds(7));
}

TEST(Errors, OfEveryCode) {
  for (int code = 1; code <= 16; ++code) {
    if (code == static_cast<int>(absl::StatusCode::kUnavailable)) continue;
    const auto status = Got(End(static_cast<absl::StatusCode>(code), "REASON", "said"));
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "said");
    EXPECT_EQ(Error(status).reason, "REASON");
  }
}

TEST(Errors, SurviveDetailsThatCannotBeRead) {
  const auto broken = Got({grpc::StatusCode::NOT_FOUND, "gone", "\xff\xff"});
  EXPECT_TRUE(absl::IsNotFound(broken));
  EXPECT_EQ(broken.message(), "gone");
  const auto odd = Got(AsEnd(Status(absl::StatusCode::kNotFound, "NOT_FOUND", "gone",
                                    {{"google.rpc.BadRequest", "\xff"}, {"some.Other", "x"}})));
  EXPECT_EQ(Error(odd).reason, "NOT_FOUND");
  EXPECT_TRUE(Error(odd).fields.empty());
}

TEST(Errors, OfAnOlderOaktree) {
  const auto status = Got({grpc::StatusCode::UNIMPLEMENTED, "Method not found!"});
  EXPECT_TRUE(absl::IsUnimplemented(status));
  EXPECT_NE(status.message().find("does not know this call"), std::string::npos) << status;
}

TEST(Errors, OfAReadHaveNoRequestId) {
  Fake fake;
  fake.Set("GetServer", {Breaks(End(absl::StatusCode::kNotFound, "NOT_FOUND", "no such server"))});
  const auto server = Client(fake.address()).servers().Get("web");
  EXPECT_TRUE(absl::IsNotFound(server.status()));
  EXPECT_EQ(Error(server.status()).ToString(), "no such server (NOT_FOUND)");
}

TEST(Errors, CanBeOfAnythingElse) {
  const Error error(absl::NotFoundError("mine"));
  EXPECT_EQ(error.ToString(), "mine");
  EXPECT_EQ(Error(absl::OkStatus()).code, absl::StatusCode::kOk);
}

}  // namespace
}  // namespace oaktree::testing
