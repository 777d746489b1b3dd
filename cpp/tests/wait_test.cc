#include <gtest/gtest.h>

#include <thread>

#include "fake.h"
#include "oaktree/oaktree.h"

namespace oaktree::testing {
namespace {

const grpc::Status kAway = End(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "shutting down");

TEST(Waits, GiveTheLastState) {
  Fake fake;
  fake.Set("WaitServer", {Says(State(v1::STATE_PENDING), State(v1::STATE_READY))});
  const auto server = Client(fake.address()).cloud("one").servers().Wait("web", absl::Hours(1));
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(server->state(), v1::STATE_READY);
  const auto call = fake.OnlyCall("WaitServer");
  EXPECT_EQ(call.Request<v1::WaitServerRequest>().name_or_id(), "web");
  EXPECT_EQ(call.Request<v1::WaitServerRequest>().location().cloud(), "one");
  EXPECT_GT(call.left->count(), 600);
}

TEST(Waits, ShowEachState) {
  Fake fake;
  fake.Set("WaitServer", {Says(State(v1::STATE_PENDING), State(v1::STATE_PENDING),
                               State(v1::STATE_UNSPECIFIED), State(v1::STATE_READY))});
  v1::WaitServerRequest request;
  request.set_name_or_id("web");
  std::vector<v1::State> seen;
  for (auto& one : Client(fake.address()).servers().WaitStates(request)) {
    ASSERT_TRUE(one.ok()) << one.status();
    // What becomes of it does not matter to what comes.
    seen.push_back(std::move(*one).state());
    one->Clear();
  }
  EXPECT_EQ(seen,
            (std::vector<v1::State>{v1::STATE_PENDING, v1::STATE_UNSPECIFIED, v1::STATE_READY}));
}

TEST(Waits, Fail) {
  Fake fake;
  fake.Set("WaitServer", {Breaks(End(absl::StatusCode::kFailedPrecondition, "RESOURCE_FAILED",
                                     "No valid host was found."),
                                 State(v1::STATE_PENDING))});
  const auto server = Client(fake.address()).servers().Wait("web");
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status()));
  EXPECT_EQ(Error(server.status()).reason, "RESOURCE_FAILED");
}

TEST(Waits, ThatTellNothingAreAFault) {
  Fake fake;
  fake.Set("WaitServer", {Says()});
  EXPECT_TRUE(absl::IsInternal(Client(fake.address()).servers().Wait("web").status()));
}

TEST(Waits, GoOnWhenOaktreeIsBack) {
  Fake fake;
  fake.Set("WaitServer", {Breaks(kAway, State(v1::STATE_PENDING, "id")), Breaks(kAway),
                          Says(State(v1::STATE_PENDING, "id"), State(v1::STATE_READY, "id"))});
  v1::WaitServerRequest request;
  request.set_name_or_id("web");
  std::vector<v1::State> seen;
  for (const auto& one : Client(fake.address()).servers().WaitStates(request, absl::Hours(1))) {
    ASSERT_TRUE(one.ok()) << one.status();
    seen.push_back(one->state());
  }
  EXPECT_EQ(seen, (std::vector<v1::State>{v1::STATE_PENDING, v1::STATE_READY}));
  // Another may have taken the name meanwhile.
  const auto calls = fake.Calls("WaitServer");
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0].Request<v1::WaitServerRequest>().name_or_id(), "web");
  EXPECT_EQ(calls[2].Request<v1::WaitServerRequest>().name_or_id(), "id");
  // gRPC rounds up what it sends, and long times to coarse steps.
  EXPECT_LE(calls[2].left->count(), 3700);
}

TEST(Waits, GoOnAtAnotherServer) {
  auto first = std::make_unique<Fake>();
  const std::string address = first->address();
  first->Set("WaitServer", {Endless(State(v1::STATE_PENDING))});
  const Client client(address);
  absl::StatusOr<v1::Server> waited;
  std::thread waiter([&] { waited = client.servers().Wait("web"); });
  first->Await("WaitServer", 1);
  first.reset();
  Fake second(address);
  second.Set("WaitServer", {Says(State(v1::STATE_READY))});
  waiter.join();
  ASSERT_TRUE(waited.ok()) << waited.status();
  EXPECT_EQ(waited->state(), v1::STATE_READY);
}

TEST(Waits, GiveUpWhereThereNeverWasAServer) {
  Fake fake;
  fake.Set("WaitServer", {Breaks(kAway)});
  EXPECT_TRUE(absl::IsUnavailable(Client(fake.address()).servers().Wait("web").status()));
}

TEST(Waits, EndAtTheirDeadlineWhileOaktreeIsAway) {
  Fake fake;
  fake.Set("WaitServer", {Breaks(kAway, State(v1::STATE_PENDING)), Breaks(kAway)});
  const auto server = Client(fake.address()).servers().Wait("web", absl::Seconds(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(server.status())) << server.status();
}

TEST(Waits, EndTheCallWhenTheLoopIsLeft) {
  Fake fake;
  fake.Set("WaitServer", {Endless(State(v1::STATE_PENDING))});
  v1::WaitServerRequest request;
  for (const auto& one : Client(fake.address()).servers().WaitStates(request)) {
    EXPECT_TRUE(one.ok());
    break;
  }
  fake.OnlyCall("WaitServer").over.wait();
}

TEST(Waits, AreEndedInAPause) {
  Fake fake;
  fake.Set("WaitServer", {Breaks(kAway, State(v1::STATE_PENDING)), Breaks(kAway)});
  auto states = Client(fake.address()).servers().WaitStates({});
  auto one = states.begin();
  ASSERT_TRUE(one->ok());
  std::thread other([&] {
    // By now there was a loss, and most of the time is spent between attempts.
    fake.Await("WaitServer", 3);
    states.Cancel();
  });
  ++one;
  EXPECT_TRUE(absl::IsCancelled(one->status())) << one->status();
  other.join();
}

}  // namespace
}  // namespace oaktree::testing
