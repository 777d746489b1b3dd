#include <gtest/gtest.h>
#include <unistd.h>

namespace {

// Seconds. Far more than any test takes, so that only what hangs is ended.
constexpr unsigned kBound = 120;

class Watchdog : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { alarm(kBound); }
  void OnTestEnd(const testing::TestInfo&) override { alarm(0); }
};

}  // namespace

// c-ares, which gRPC looks names up with, loses the name of a host that needs no looking up.
extern "C" const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() { return "leak:libcares"; }

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new Watchdog);
  return RUN_ALL_TESTS();
}
