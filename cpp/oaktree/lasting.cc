#include "oaktree/lasting.h"

#include <algorithm>
#include <random>

namespace oaktree::internal {

double RandomBetween(double least, double most) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<>(least, most)(random);
}

void Losses::Begin() {
  begun_ = std::chrono::steady_clock::now();
  heard_ = false;
}

absl::Duration Losses::Pause() {
  // A server that is lost again and again is given more and more time.
  const auto lasted = absl::FromChrono(std::chrono::steady_clock::now() - begun_);
  count_ = lasted > kLongestPause ? 1 : count_ + 1;
  const auto most = std::min(kLongestPause, kShortestPause * (1 << std::min(count_ + 1, 10)));
  // At random, so that not all who lost it come back at once.
  return kShortestPause + (most - kShortestPause) * RandomBetween(0, 1);
}

}  // namespace oaktree::internal
