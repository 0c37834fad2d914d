// When a consumer that has drained the ring leaves it alone, in a time of the test's own.
#include "core_test.hpp"

#include <ringbolt/core/spin.hpp>

namespace ringbolt::core {
namespace {

std::uint64_t now = 1;
std::uint64_t time_of_test() noexcept { return now; }
using TestedPace = PaceBy<time_of_test>;

// Looks that find `events` each; how many of them came behind a pause. With pauses a look finds `paused` in ten times the time.
int looks(TestedPace& pace, int count, std::size_t events, std::size_t paused) {
  int pauses = 0;
  for (int i = 0; i < count; ++i) {
    const bool behind_pause = pace.pauses();
    pauses += behind_pause ? 1 : 0;
    now += behind_pause ? 1'000 : 100;
    pace.drained(behind_pause ? paused : events);
  }
  return pauses;
}

TEST(Pace, NeverPausesWhereEventsComeOneAtATime) {
  TestedPace pace;
  EXPECT_EQ(looks(pace, 10'000, 1, 1), 0);
}

TEST(Pace, KeepsPausesThatBringMore) {
  TestedPace pace;
  EXPECT_GT(looks(pace, 10'000, 4, 100), 9'000) << "25 times as many in 10 times the time";
}

TEST(Pace, TriesLessAndLessOftenWhereTheyBringNothing) {
  TestedPace pace;
  const int first = looks(pace, 1'000, 4, 40);
  const int later = looks(pace, 10'000, 4, 40);
  EXPECT_GT(first, 0);
  EXPECT_LT(first, 500);
  EXPECT_LT(later, 500) << "as many again only in twice the time";
}

TEST(Pace, EndsWithThePauseThatBroughtNothing) {
  TestedPace pace;
  looks(pace, 1'000, 4, 100);
  ASSERT_TRUE(pace.pauses());
  pace.drained(0);
  EXPECT_FALSE(pace.pauses());
}

TEST(Pace, LeavesOutThePauseWhereMoreIsThere) {
  TestedPace pace;
  looks(pace, 1'000, 4, 100);
  pace.behind(256);
  EXPECT_FALSE(pace.pauses());
  pace.drained(100);
  EXPECT_TRUE(pace.pauses());
}

}  // namespace
}  // namespace ringbolt::core
