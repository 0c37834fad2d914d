// Random histories of a journal, and a million images of what a crash would leave of it.
//
// The environment: SEED repeats a run (its first history has that very seed), RINGBOLT_IMAGES says how many images,
// RINGBOLT_SOAK_SECONDS goes on for so long.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "counts.hpp"
#include "history.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RINGBOLT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define RINGBOLT_SANITIZED 1
#endif
#endif

namespace ringbolt::ipc::test {
namespace {

#if defined(RINGBOLT_SANITIZED)
constexpr std::uint64_t kImages = 50'000;
#else
constexpr std::uint64_t kImages = 1'200'000;
#endif

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::uint64_t first_seed() {
  const std::uint64_t seed = number_from("SEED", std::random_device{}());
  std::printf("seed %llu (SEED=%llu repeats this run)\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(seed));
  return seed;
}

void print(const Totals& totals) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu images, %llu torn, %llu during recovery, %llu cut twice; %llu histories of %llu lives, %llu segments, "
      "%llu kills, %llu power cuts, %llu failed syncs and %llu other faults survived\n",
      number(totals.images), number(totals.torn), number(totals.cuts_in_recovery), number(totals.second_cuts),
      number(totals.histories), number(totals.lives), number(totals.rolls), number(totals.kills), number(totals.power_cuts),
      number(totals.syncs_failed), number(totals.other_faults));
  ::ringbolt::test::print_counts({{"crash images", totals.images}});
}

TEST(CrashImages, LoseAndChangeNothingThatWasDurable) {
  const std::uint64_t wanted = number_from("RINGBOLT_IMAGES", kImages);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(number_from("RINGBOLT_SOAK_SECONDS", 0));
  Totals totals;
  for (std::uint64_t seed = first_seed(); totals.images < wanted || std::chrono::steady_clock::now() < until; ++seed) {
    const std::string violation = History(seed, totals).run();
    ASSERT_EQ(violation, "") << "SEED=" << seed << " RINGBOLT_IMAGES=1 repeats this history";
  }
  print(totals);
  if (wanted < 10'000) return;
  EXPECT_GE(totals.torn, totals.images / 10);
  EXPECT_GT(totals.cuts_in_recovery, totals.images / 50);
  EXPECT_GT(totals.syncs_failed, 0U);
  EXPECT_GT(totals.rolls, totals.histories);
}

}  // namespace
}  // namespace ringbolt::ipc::test
