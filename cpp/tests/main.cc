#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "files.h"

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
  using oaktree::testing::Environment;
  const oaktree::testing::Folder home;
  Environment::Variables nobody = {{"HOME", home / ""},
                                   {"XDG_RUNTIME_DIR", std::nullopt},
                                   {"XDG_CONFIG_HOME", std::nullopt},
                                   {"OAKTREE_ADDRESS", std::nullopt},
                                   {"OAKTREE_TOKEN", std::nullopt},
                                   {"OAKTREE_CLIENT_ID", std::nullopt},
                                   {"OAKTREE_CLIENT_SECRET", std::nullopt},
                                   {"OAKTREE_CREDENTIALS", std::nullopt},
                                   {"OAKTREE_CLOUD", std::nullopt},
                                   {"OAKTREE_CA", std::nullopt}};
  for (const auto& [name, value] : nobody) {
    const char* set = std::getenv(name.c_str());
    oaktree::testing::outside[name] =
        set == nullptr ? std::nullopt : std::make_optional<std::string>(set);
  }
  const Environment alone(nobody);
  return RUN_ALL_TESTS();
}
