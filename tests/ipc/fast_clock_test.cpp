// The reckoned clock against a clock and a counter that the test turns by hand.
#include <ringbolt/ipc/fast_clock.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "ipc/support.hpp"

namespace ringbolt::ipc {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kHour = 3'600 * kSecond;
constexpr std::uint64_t kErrorNs = 1'100;

// Time goes on by what is asked for, and by what asking takes.
struct World {
  double true_ns = 1e12;  // small enough that a double has the nanoseconds
  double wall_ns = 1e15;
  double ticks = 5e12;
  double ticks_per_ns = 2.45;
  double wall_rate = 1;  // of the wall clock against true time, as NTP slews it
  double clock_takes_ns = 30;
  double reads_at = 0.5;  // after this part of it
  std::uint64_t asked = 0;

  // Inlined into the loops below, GCC 12 at -O2 gets these sums wrong.
  [[gnu::noinline]] void pass(double ns) {
    true_ns += ns;
    wall_ns += ns * wall_rate;
    ticks += ns * ticks_per_ns;
  }
};

struct HandTurned {
  World* world;
  [[nodiscard]] std::uint64_t ticks() const {
    world->pass(10);
    return static_cast<std::uint64_t>(world->ticks);
  }
  [[nodiscard]] std::uint64_t wall_ns() const {
    ++world->asked;
    world->pass(world->clock_takes_ns * world->reads_at);
    const auto now = static_cast<std::uint64_t>(world->wall_ns);
    world->pass(world->clock_takes_ns * (1 - world->reads_at));
    return now;
  }
};

class FastClockTest : public testing::Test {
 protected:
  // How far the answer is from what the wall clock showed meanwhile.
  std::uint64_t error_of_one() {
    const auto before = static_cast<std::uint64_t>(world.wall_ns);
    const std::uint64_t answer = clock.now_ns();
    const auto after = static_cast<std::uint64_t>(world.wall_ns);
    return answer < before ? before - answer : answer > after ? answer - after : 0;
  }
  // The largest error while stamping every `every_ns` for so long.
  std::uint64_t worst_during(std::uint64_t duration_ns, double every_ns = 103.7) {
    std::uint64_t worst = 0;
    const double until = world.true_ns + static_cast<double>(duration_ns);
    while (world.true_ns < until) {
      worst = std::max(worst, error_of_one());
      world.pass(every_ns);
    }
    return worst;
  }

  World world;
  ReckonedClock<HandTurned> clock{true, {&world}};
};

TEST_F(FastClockTest, AsksTheClockOnceAMillisecond) {
  EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs);
  world.asked = 0;
  EXPECT_LE(worst_during(kSecond), kErrorNs);
  EXPECT_GE(world.asked, 900U);
  EXPECT_LE(world.asked, 1'100U);
}

TEST_F(FastClockTest, IsTheClockForWhoeverStampsSeldom) { EXPECT_EQ(worst_during(kSecond, 3 * kMillisecond), 0U); }

TEST_F(FastClockTest, IsTheClockWhereTicksDoNotHold) {
  ReckonedClock<HandTurned> plain{false, {&world}};
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t asked = world.asked;
    (void)plain.now_ns();
    EXPECT_EQ(world.asked, asked + 1);
  }
}

TEST_F(FastClockTest, FollowsAClockThatIsSet) {
  for (const double step : {3.6e12, -3.6e12, 3e5, -3e5, 7e5, -7e5, 1.5e6, -1.5e6, -999'990.0}) {
    EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs) << step;
    world.wall_ns += step;
    EXPECT_LE(worst_during(2 * kMillisecond), static_cast<std::uint64_t>(std::abs(step)) + kErrorNs) << step;
    EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs) << step;
  }
}

TEST_F(FastClockTest, SurvivesACounterThatJumps) {
  for (const double step : {8e12, -4e12, 1e6, -1e6, 2e6, -2e6, 1e5, -1e5}) {  // in ticks
    EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs) << step;
    world.ticks += step;
    EXPECT_LE(worst_during(2 * kMillisecond), kMillisecond + kErrorNs) << step;
    EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs) << step;
  }
}

// The machine slept, or was moved to one with another counter.
TEST_F(FastClockTest, BeginsAnewBehindAPause) {
  EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs);
  world.pass(static_cast<double>(kHour));
  EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs);
  world.pass(static_cast<double>(kHour));
  world.ticks = 17;
  world.ticks_per_ns = 3.1;
  EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs);
}

TEST_F(FastClockTest, IsRightBehindPausesOfOneLength) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_LE(worst_during(kMillisecond / 10), kErrorNs) << i;
    world.pass(5e9);
  }
}

TEST_F(FastClockTest, DoesNotReckonFromAnAnswerThatTookLong) {
  EXPECT_LE(worst_during(10 * kMillisecond), kErrorNs);
  for (int i = 0; i < 20; ++i) {
    world.clock_takes_ns = 200'000;  // the thread was interrupted on the way
    world.reads_at = i % 2;
    EXPECT_LE(worst_during(2 * kMillisecond, 1'000), kErrorNs);
    world.clock_takes_ns = 30;
    EXPECT_LE(worst_during(2 * kMillisecond), kErrorNs);
  }
}

TEST_F(FastClockTest, IsRightWhateverTheClockDoesWithinItsBounds) {
  std::mt19937_64 random(test::test_seed());
  std::uniform_real_distribution<double> share(0, 1);
  for (int round = 0; round < 2'000; ++round) {
    world.wall_rate = 1 + (share(random) - 0.5) * 0.0004;
    world.reads_at = share(random);
    world.clock_takes_ns = 30 + (share(random) < 0.02 ? share(random) * 20'000 : share(random) * 20);
    const double every = share(random) < 0.1 ? share(random) * 2e6 : 100 + share(random) * 5'000;
    EXPECT_LE(worst_during(kMillisecond, every), kErrorNs) << "round " << round;
    if (HasFailure()) return;
  }
}

// On this machine, against its clock: nothing hangs on how far, but it is no other clock.
TEST(FastClock, StaysBesideTheClock) {
  if (!processor_ticks_hold()) GTEST_SKIP() << "the kernel does not keep time by the processor's counter";
  FastClock clock(true);
  std::vector<std::uint64_t> errors;
  for (int i = 0; i < 300'000; ++i) {
    const std::uint64_t before = wall_ns();
    const std::uint64_t answer = clock.now_ns();
    const std::uint64_t after = wall_ns();
    errors.push_back(answer < before ? before - answer : answer > after ? answer - after : 0);
  }
  std::ranges::sort(errors);
  std::printf("error of the fast clock: p50 %llu ns, p99.9 %llu ns, largest %llu ns\n",
              static_cast<unsigned long long>(errors[errors.size() / 2]),
              static_cast<unsigned long long>(errors[errors.size() / 1'000 * 999]),
              static_cast<unsigned long long>(errors.back()));
  EXPECT_LT(errors[errors.size() / 2], kMillisecond);
}

}  // namespace
}  // namespace ringbolt::ipc
