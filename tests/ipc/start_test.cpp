// Where a consumer starts: earliest, latest, resume, a sequence, a time; long gone, there, or still to come.
#include <ringbolt/ipc/clock.hpp>

#include "support.hpp"

namespace ringbolt::test {
namespace {

class Starting : public IpcTest {
 protected:
  // What a consumer that starts there is handed, a gap as its two ends negative.
  static std::vector<std::int64_t> seen_from(Start start, Policy policy = Policy::lossy, std::string name = {}) {
    auto consumer = Consumer::attach("orders", {.name = std::move(name), .policy = policy, .start = start});
    return seen_by(consumer);
  }
  static std::vector<std::int64_t> seen_by(Consumer& consumer) {
    std::vector<std::int64_t> seen;
    struct Handler {
      std::vector<std::int64_t>& seen;
      void operator()(const Event& event) const { seen.push_back(static_cast<std::int64_t>(event.sequence)); }
      void operator()(const Gap& gap) const {
        seen.push_back(-static_cast<std::int64_t>(gap.first));
        seen.push_back(-static_cast<std::int64_t>(gap.last));
      }
    };
    consumer.poll(Handler{seen}, 100'000);
    return seen;
  }
  static std::vector<std::int64_t> range(std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> all;
    for (; first <= last; ++first) all.push_back(first);
    return all;
  }

  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Starting, AtEarliestGetsEverythingThatTheRingHolds) {
  EXPECT_TRUE(seen_from(Start::earliest).empty());
  publish_numbered(publisher_, 20, 1'000);
  EXPECT_EQ(seen_from(Start::earliest), range(1, 20));
  publish_numbered(publisher_, 280, 1'000);
  const auto seen = seen_from(Start::earliest);
  ASSERT_FALSE(seen.empty());
  EXPECT_GT(seen.front(), 300 - 64) << "no gap is told where nothing was asked for";
  EXPECT_LT(seen.front(), 300 - 48) << "more than three quarters of the ring can be addressed";
  EXPECT_EQ(seen, range(seen.front(), 300));
  EXPECT_EQ(static_cast<std::uint64_t>(seen.front()), stat_ring("orders").oldest_sequence);
}

TEST_F(Starting, AtLatestGetsOnlyWhatIsPublishedAfterwards) {
  publish_numbered(publisher_, 20, 1'000);
  for (const Policy policy : {Policy::gate, Policy::lossy, Policy::latest}) {
    auto consumer = Consumer::attach("orders", {.policy = policy, .start = Start::latest});
    EXPECT_TRUE(seen_by(consumer).empty());
    const auto next = static_cast<std::int64_t>(publish_numbered(publisher_, 1, 8));
    EXPECT_EQ(seen_by(consumer), range(next, next));
    EXPECT_EQ(consumer.counters().skipped_events, 0U);
  }
}

TEST_F(Starting, ByDefaultResumesOrElseTakesTheEarliest) {
  publish_numbered(publisher_, 20, 8);
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  EXPECT_EQ(poll_sequences(consumer, 5), sequences(1, 5));
  consumer = Consumer::attach("orders", {.name = "other"});
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 20));
  consumer = Consumer::attach("orders", {.name = "billing"});
  EXPECT_EQ(poll_sequences(consumer), sequences(6, 20));
}

TEST_F(Starting, ElsewhereThanAtTheCursorIsPossibleForAName) {
  publish_numbered(publisher_, 20, 8);
  {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    EXPECT_EQ(poll_sequences(consumer, 10).size(), 10U);
  }
  EXPECT_EQ(seen_from(Start::at(3), Policy::lossy, "billing"), range(3, 20));
}

TEST_F(Starting, AtASequenceThatIsThere) {
  publish_numbered(publisher_, 60, 500);
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    for (const std::uint64_t first : {1U, 2U, 17U, 59U, 60U})
      EXPECT_EQ(seen_from(Start::at(first), policy), range(static_cast<std::int64_t>(first), 60));
  }
  EXPECT_EQ(seen_from(Start::at(0)), range(1, 60)) << "there is nothing before the first";
}

TEST_F(Starting, AtTheNextSequenceIsLikeLatest) {
  publish_numbered(publisher_, 10, 8);
  auto consumer = Consumer::attach("orders", {.start = Start::at(11)});
  publish_numbered(publisher_, 2, 8);
  EXPECT_EQ(seen_by(consumer), range(11, 12));
  EXPECT_EQ(consumer.counters().skipped_events, 0U);
}

TEST_F(Starting, AtASequenceLongGoneTellsTheGapFirst) {
  publish_numbered(publisher_, 300, 1'000);
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    const auto seen = seen_from(Start::at(7), policy);
    ASSERT_GT(seen.size(), 2U);
    EXPECT_EQ(seen[0], -7);
    EXPECT_EQ(-seen[1] + 1, seen[2]);
    EXPECT_EQ(std::vector(seen.begin() + 2, seen.end()), range(seen[2], 300));
  }
}

TEST_F(Starting, AtASequenceStillToComeSkipsWhatIsBeforeIt) {
  publish_numbered(publisher_, 10, 8);
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    const std::uint64_t next = publisher_.next_sequence();
    auto consumer = Consumer::attach("orders", {.policy = policy, .start = Start::at(next + 5)});
    EXPECT_TRUE(seen_by(consumer).empty());
    publish_numbered(publisher_, 3, 8);
    EXPECT_TRUE(seen_by(consumer).empty());
    EXPECT_EQ(consumer.wait_for(1ms), Status::timed_out) << "an event that is not wanted is not something to read";
    publish_numbered(publisher_, 4, 8);
    EXPECT_EQ(seen_by(consumer), range(static_cast<std::int64_t>(next + 5), static_cast<std::int64_t>(next + 6)));
    EXPECT_EQ(consumer.counters().skipped_events, 5U);
    EXPECT_EQ(consumer.counters().events, 2U);
  }
}

TEST_F(Starting, AtASequenceStillToComeDoesNotHoldTheRing) {
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate, .start = Start::at(500)});
  for (std::uint64_t sequence = 1; sequence < 500; ++sequence) {
    ASSERT_TRUE(publisher_.try_publish(numbered_payload(sequence, 1'000))) << sequence;
    ASSERT_TRUE(poll_sequences(consumer).empty());
  }
  publish_numbered(publisher_, 1, 8);
  EXPECT_EQ(poll_sequences(consumer), sequences(500, 500));
}

TEST_F(Starting, AtATimeTakesTheFirstEventStampedThenOrLater) {
  std::vector<std::uint64_t> stamps;
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t before = ipc::wall_ns();
    while (ipc::wall_ns() == before) {
    }
    publish_numbered(publisher_, 1, 700);
  }
  auto reader = Consumer::attach("orders");
  reader.poll([&](const Event& event) { stamps.push_back(event.timestamp_ns); });
  ASSERT_EQ(stamps.size(), 60U);
  for (std::size_t i = 1; i < stamps.size(); i += 7) {
    ASSERT_LT(stamps[i - 1], stamps[i]);
    const auto sequence = static_cast<std::int64_t>(i + 1);
    EXPECT_EQ(seen_from(Start::at_time(stamps[i])), range(sequence, 60));
    EXPECT_EQ(seen_from(Start::at_time(stamps[i] - 1)), range(sequence, 60));
    EXPECT_EQ(seen_from(Start::at_time(stamps[i] + 1)), range(sequence + 1, 60));
  }
}

TEST_F(Starting, AtATimeLongGoneTakesTheOldest) {
  publish_numbered(publisher_, 300, 1'000);
  for (const std::uint64_t time : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1'000'000}})
    EXPECT_EQ(seen_from(Start::at_time(time)), seen_from(Start::earliest));
}

TEST_F(Starting, AtATimeStillToComeSkipsWhatIsBeforeIt) {
  publish_numbered(publisher_, 10, 8);
  const std::uint64_t soon = ipc::wall_ns() + 30'000'000;
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    auto consumer = Consumer::attach("orders", {.policy = policy, .start = Start::at_time(soon)});
    Event event;
    while (consumer.try_next(event) != Status::ok) publish_numbered(publisher_, 1, 8);
    EXPECT_GE(event.timestamp_ns, soon);
    auto reader = Consumer::attach("orders", {.start = Start::at(event.sequence - 1)});
    EXPECT_LT(reader.next_for(0ns)->timestamp_ns, soon);
  }
  auto never = Consumer::attach("orders", {.start = Start::at_time(~std::uint64_t{0})});
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(poll_sequences(never).empty());
}

TEST_F(Starting, AtATimeIsRefusedWhereThereAreNoTimestamps) {
  auto plain = Publisher::open("plain", {.capacity_bytes = kSmall, .timestamps = false});
  expect_error([] { static_cast<void>(Consumer::attach("plain", {.name = "billing", .start = Start::at_time(1)})); },
               Code::bad_option, {"'plain'", "without timestamps", "start at a sequence"});
  EXPECT_TRUE(stat_ring("plain").consumers.empty()) << "a failed attach must leave nothing";
}

TEST_F(Starting, WorksOnARingThatNobodyHasEverPublishedTo) {
  create_ring("fresh", {.capacity_bytes = kSmall, .first_sequence = 50});
  auto earliest = Consumer::attach("fresh", {.start = Start::earliest});
  auto latest = Consumer::attach("fresh", {.start = Start::latest});
  auto at = Consumer::attach("fresh", {.start = Start::at(51)});
  auto timed = Consumer::attach("fresh", {.start = Start::at_time(1)});
  auto publisher = Publisher::open("fresh");
  publish_numbered(publisher, 3, 8);
  EXPECT_EQ(poll_sequences(earliest), sequences(50, 52));
  EXPECT_EQ(poll_sequences(latest), sequences(50, 52));
  EXPECT_EQ(poll_sequences(at), sequences(51, 52));
  EXPECT_EQ(poll_sequences(timed), sequences(50, 52));
}

// The oldest event that can be addressed lies at a checkpoint, so a gating consumer finds a record that is not about to go.
TEST_F(Starting, HoldsWhatItStartsFrom) {
  publish_numbered(publisher_, 300, 1'000);
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate, .start = Start::earliest});
  const std::uint64_t more = publish_until_full(publisher_, 1'000);
  const auto seen = poll_sequences(consumer);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back(), 300 + more);
  EXPECT_EQ(seen, sequences(seen.front(), seen.back()));
}

}  // namespace
}  // namespace ringbolt::test
