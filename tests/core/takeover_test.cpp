// The publisher dies between any two of its stores, and a successor goes on: no number twice, no gap, nothing torn.
#include "core_test.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace ringbolt::core::test {
namespace {

constexpr std::array kCoreSteps{Step::claimed,
                                Step::zeroed_next,
                                Step::wrote_header,
                                Step::committed,
                                Step::hinted,
                                Step::batch_zeroed,
                                Step::batch_inner_committed,
                                Step::anchor_invalidated,
                                Step::anchor_sequenced,
                                Step::anchored,
                                Step::intent_raised,
                                Step::intent_fenced,
                                Step::gates_scanned,
                                Step::checkpoint_invalidated,
                                Step::checkpoint_sequenced,
                                Step::checkpointed};

std::vector<std::uint32_t> random_batch(Random& random, std::uint64_t capacity) {
  std::vector<std::uint32_t> sizes(1 + random.below(5));
  const std::uint64_t most = largest_record_bytes(capacity) / sizes.size() - sizeof(RecordHeader);
  for (std::uint32_t& size : sizes) size = static_cast<std::uint32_t>(random.below(most + 1) & ~std::uint64_t{7});
  return sizes;
}

[[nodiscard]] bool publish_something(LoggedWriter& writer, Random& random, std::uint64_t capacity) {
  if (random.once_in(4)) return writer.publish_batch(random_batch(random, capacity));
  return writer.publish(random.payload_bytes(capacity));
}

// What `log` becomes if the publisher dies at `step` while it publishes `planned`.
Log log_after_death(const Log& log, const std::vector<Published>& planned, Step step) {
  Log after = log;
  if (is_published_at(step)) after.events.insert(after.events.end(), planned.begin(), planned.end());
  return after;
}

// Goes on where `ring`'s publisher died, for a lap, and looks at the ring after each event.
void expect_successor_goes_on(const TestRing& ring, Log log, Random& random) {
  const StreamEnd end = find_stream_end(ring.view());
  ASSERT_TRUE(end.valid);
  ASSERT_EQ(end.end, log.end());
  std::uint64_t intent = ring.intent();
  LoggedWriter successor(ring, log);
  const std::uint64_t stop = log.end().position + ring.capacity() + ring.capacity() / 2;
  while (log.end().position < stop) {
    ASSERT_TRUE(publish_something(successor, random, ring.capacity()));
    ASSERT_GE(ring.intent(), intent) << "intent decreased";
    intent = ring.intent();
  }
  expect_sound(ring, log);
}

class DeathAtEveryStep : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(DeathAtEveryStep, LeavesAStreamThatASuccessorContinues) {
  Random random(test_seed());
  const TestRing ring(TestRing::kSmall, GetParam());
  const TestRing snapshot(TestRing::kSmall, GetParam());
  Log log{.start = {0, GetParam()}, .events = {}};
  LoggedWriter writer(ring, log);
  std::map<Step, int> hits;
  std::uint64_t intent = 0;

  const AtEachStep each([&](Step step) {
    if (::testing::Test::HasFailure()) return;
    SCOPED_TRACE(std::string("died at ") + step_name(step) + ", sequence " + std::to_string(log.end().sequence));
    ++hits[step];
    EXPECT_GE(ring.intent(), intent) << "intent decreased";
    intent = ring.intent();
    snapshot.copy_from(ring);
    const Log after = log_after_death(log, writer.planned(), step);
    expect_sound(snapshot, after);
    // A reader that the dead publisher has not overrun must not believe what its successor writes either: the searches
    // and readers of `expect_sound` run again after each of these.
    if (hits[step] % 8 == 1) expect_successor_goes_on(snapshot, after, random);
  });
  while (log.end().position < 12 * ring.capacity() && !HasFailure()) {
    ASSERT_TRUE(publish_something(writer, random, ring.capacity()));
    log.keep_from(log.end().position < 3 * ring.capacity() ? 0 : log.end().position - 3 * ring.capacity());
  }
  for (const Step step : kCoreSteps) EXPECT_GT(hits[step], 0) << step_name(step) << " was never reached";
}

INSTANTIATE_TEST_SUITE_P(FromSequence, DeathAtEveryStep,
                         ::testing::Values(1, (std::uint64_t{1} << 32) - 20, (std::uint64_t{1} << 63) - 20));

// Each publisher lives for a few steps only; whatever a death leaves behind meets what earlier deaths have left.
TEST(TakeOver, SurvivesThousandsOfDeathsInARow) {
  Random random(test_seed());
  TestRing rings[2];
  Log log{.start = {0, 1}, .events = {}};
  std::set<Step> died_at;
  int alive = 0;
  for (int life = 0; life < 6000; ++life) {
    const TestRing& ring = rings[alive];
    const TestRing& next = rings[1 - alive];
    std::uint64_t steps_to_live = 1 + random.below(random.once_in(3) ? 200 : 20);
    Log after;
    Step last = Step::count;
    {
      LoggedWriter writer(ring, log);
      const AtEachStep each([&](Step step) {
        if (steps_to_live == 0 || --steps_to_live != 0) return;
        next.copy_from(ring);  // the rest of what this publisher does happens to a copy that nobody sees
        after = log_after_death(log, writer.planned(), step);
        last = step;
      });
      while (steps_to_live != 0) ASSERT_TRUE(publish_something(writer, random, ring.capacity()));
    }
    ASSERT_GE(next.intent(), after.end().position);
    log = std::move(after);
    log.keep_from(log.end().position < 3 * ring.capacity() ? 0 : log.end().position - 3 * ring.capacity());
    SCOPED_TRACE("life " + std::to_string(life) + " ended at " + step_name(last));
    expect_sound(next, log);
    ASSERT_FALSE(HasFailure());
    died_at.insert(last);
    alive = 1 - alive;
  }
  for (const Step step : kCoreSteps) EXPECT_EQ(died_at.count(step), 1U) << step_name(step) << " ended no life";
}

TEST(TakeOver, AClaimFullOfGarbageIsNobodysEvent) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter first(ring, log);
  while (log.end().position < 3 * ring.capacity()) ASSERT_TRUE(first.publish(200));
  const std::uint64_t large = largest_payload_bytes(ring.capacity());
  ASSERT_TRUE(first.writer().try_claim(large) == ClaimStatus::ok || first.writer().refill(record_bytes(large)));
  ASSERT_EQ(first.writer().try_claim(large), ClaimStatus::ok);
  std::memset(static_cast<void*>(first.writer().payload()), 0x41, large);

  expect_sound(ring, log);
  LoggedWriter second(ring, log);
  ASSERT_TRUE(second.publish(8));  // a small one: what the dead publisher wrote behind it must not be believed
  expect_sound(ring, log);
}

TEST(TakeOver, TheFirstClaimOfASuccessorTakesTheSlowPath) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter first(ring, log);
  ASSERT_TRUE(first.publish(8));
  Writer second = ring.writer(log.end());
  EXPECT_EQ(second.try_claim(0), ClaimStatus::full);
  EXPECT_TRUE(second.refill(record_bytes(0)));
  EXPECT_EQ(second.try_claim(0), ClaimStatus::ok);
}

TEST(TakeOver, ASuccessorWaitsForAGateThatStoodInTheWayOfTheDeadPublisher) {
  const TestRing ring;
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter first(ring, log);
  first.publish_until_full(24);
  LoggedWriter second(ring, log);
  EXPECT_FALSE(second.publish(24)) << "wrote over what the gating consumer has not read";
  EXPECT_LE(ring.intent(), ring.capacity()) << "announced what it may not write";
  ring.entry(0).gate.store_release(log.events.front().end());
  LoggedWriter third(ring, log);
  EXPECT_TRUE(third.publish(24));
  EXPECT_FALSE(third.publish(24));
}

TEST(TakeOver, TheNewestTimestampIsKnownAfterADeathBeforeTheHintAndAnotherOneAfterTheNextAnchor) {
  TestRing rings[3];
  Log log{.start = {0, 1}, .events = {}};
  {
    LoggedWriter first(rings[0], log);
    ASSERT_TRUE(first.publish(8));
    ASSERT_TRUE(first.publish(8));
    const AtEachStep each([&](Step step) {
      if (step == Step::committed) rings[1].copy_from(rings[0]);
    });
    ASSERT_TRUE(first.publish(8));
  }
  EXPECT_EQ(find_stream_end(rings[1].view()).newest_timestamp_ns, timestamp_for(3));
  {
    Writer second = rings[1].writer(log.end());
    const AtEachStep each([&](Step step) {
      if (step == Step::anchored) rings[2].copy_from(rings[1]);
    });
    ASSERT_TRUE(second.refill(record_bytes(8)));
  }
  EXPECT_EQ(find_stream_end(rings[2].view()).end, log.end());
  EXPECT_EQ(find_stream_end(rings[2].view()).newest_timestamp_ns, timestamp_for(3));
}

// Publishers that all die between [W2] and [H1]: the event that the hint names is written over in the end, and the anchors
// lie at the end of the stream, because the last ones die before they publish.
class NewestTimestampBehindAnOverrunHint : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(NewestTimestampBehindAnOverrunHint, IsThatOfTheLastEvent) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter first(ring, log);
  ASSERT_TRUE(first.publish(8));
  const std::uint64_t stale = ring.header().hint.load_relaxed();
  TestRing dead;
  for (int life = 0; log.end().position < 3 * ring.capacity(); ++life) {
    LoggedWriter writer(ring, log);
    ASSERT_TRUE(writer.publish(GetParam()));
    ring.header().hint.store_relaxed(stale);
    for (const Step last : {Step::anchored, Step::checkpoint_invalidated, Step::checkpoint_sequenced, Step::checkpointed}) {
      SCOPED_TRACE("life " + std::to_string(life) + ", then two that end at " + step_name(last));
      const TestRing next;
      next.copy_from(ring);
      for (int idle = 0; idle < 2; ++idle) {  // so that no anchor is left before the end
        Writer successor = next.writer(log.end());
        const AtEachStep each([&](Step step) {
          if (step == last) dead.copy_from(next);
        });
        ASSERT_TRUE(successor.refill(record_bytes(GetParam())));
        next.copy_from(dead);
      }
      const StreamEnd end = find_stream_end(dead.view());
      EXPECT_EQ(end.end, log.end());
      EXPECT_EQ(end.newest_timestamp_ns, timestamp_for(log.events.back().place.sequence));
    }
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(OfEventsOf, NewestTimestampBehindAnOverrunHint, ::testing::Values(0, 8, 200, 500, 992));

// ---- anchors -----------------------------------------------------------------------------------------------------------

class Anchors : public ::testing::Test {
 protected:
  void SetUp() override {
    LoggedWriter writer(ring_, log_);
    while (log_.end().position < 3 * ring_.capacity()) ASSERT_TRUE(writer.publish(40));
  }
  [[nodiscard]] Boundary& newer() const { return ring_.header().anchors[beyond(position(1), position(0)) ? 1 : 0]; }
  [[nodiscard]] Boundary& older() const { return ring_.header().anchors[beyond(position(1), position(0)) ? 0 : 1]; }
  [[nodiscard]] StreamEnd end() const { return find_stream_end(ring_.view()); }

  TestRing ring_;
  Log log_{.start = {0, 1}, .events = {}};

 private:
  [[nodiscard]] std::uint64_t position(std::size_t slot) const {
    return ring_.header().anchors[slot].position.load_relaxed();
  }
};

TEST_F(Anchors, TheOlderOneIsEnough) {
  newer().position.store_relaxed(kNoPosition);
  EXPECT_TRUE(end().valid);
  EXPECT_EQ(end().end, log_.end());
}

TEST_F(Anchors, TheNewerOneIsEnough) {
  older().position.store_relaxed(kNoPosition);
  EXPECT_TRUE(end().valid);
  EXPECT_EQ(end().end, log_.end());
}

TEST_F(Anchors, WithoutAnyTheRingIsDamaged) {
  for (Boundary& anchor : ring_.header().anchors) anchor.position.store_relaxed(kNoPosition);
  EXPECT_FALSE(end().valid);
}

TEST_F(Anchors, AMisalignedOneIsPassedOver) {
  older().position.store_relaxed(log_.end().position + 4);
  EXPECT_TRUE(end().valid);
  EXPECT_EQ(end().end, log_.end());
}

TEST_F(Anchors, ASequenceThatIsNotThereIsDamage) {
  newer().sequence.store_relaxed(newer().sequence.load_relaxed() + 1);
  EXPECT_FALSE(end().valid);
}

TEST_F(Anchors, ASequenceBeforeTheFirstIsDamage) {
  newer().sequence.store_relaxed(0);
  EXPECT_FALSE(end().valid);
  const TestRing fresh(TestRing::kSmall, 100);
  EXPECT_TRUE(find_stream_end(fresh.view()).valid);
  for (const std::uint64_t sequence : {0U, 99U}) {
    fresh.header().anchors[0].sequence.store_relaxed(sequence);
    EXPECT_FALSE(find_stream_end(fresh.view()).valid) << sequence;
  }
}

TEST_F(Anchors, ASequenceBehindWhichTheNumbersWrapIsDamage) {
  const std::uint64_t last = ~std::uint64_t{0};
  const TestRing ring(TestRing::kSmall, kLargestFirstSequence);
  ring.write_record({0, last}, 0);
  ring.header().anchors[0].sequence.store_relaxed(last);
  EXPECT_FALSE(find_stream_end(ring.view()).valid);
}

TEST_F(Anchors, OneAtTheEndThatSaysAnotherPlaceThanConsumersFindIsDamage) {
  const Place last = log_.end();
  for (const Place wrong : {Place{last.position, last.sequence + 1}, Place{last.position, last.sequence - 1},
                            Place{last.position + ring_.capacity(), last.sequence}, last}) {
    for (Boundary& anchor : ring_.header().anchors) {
      anchor.sequence.store_relaxed(wrong.sequence);
      anchor.position.store_relaxed(wrong.position);
    }
    EXPECT_EQ(end().valid, wrong == last) << wrong.position << " " << wrong.sequence;
  }
}

TEST_F(Anchors, OneThatWasOverrunIsDamage) {
  for (Boundary& anchor : ring_.header().anchors) {
    anchor.sequence.store_relaxed(1);
    anchor.position.store_relaxed(0);
  }
  EXPECT_FALSE(end().valid);
}

TEST_F(Anchors, AWordThatIsNeitherZeroNorTheNextSequenceIsDamage) {
  ring_.word_at(log_.end().position).store_relaxed(0x4141414141414141);
  EXPECT_FALSE(end().valid);
}

TEST_F(Anchors, ASizeBeyondTheLargestIsDamage) {
  const Place last = log_.events.back().place;
  ring_.record_at(last.position).size.store_relaxed({.size = 0xfffffff0, .checksum = 0});
  newer().position.store_relaxed(last.position);
  newer().sequence.store_relaxed(last.sequence);
  EXPECT_FALSE(end().valid);
}

TEST_F(Anchors, AStreamWithoutEndIsDamageAndTheSearchForItIsBounded) {
  // Intent says that nothing is overrun, and every word of a lap and more carries the next sequence.
  ring_.set_intent(0);
  for (std::uint64_t place = 0; place < ring_.capacity(); place += 32) ring_.write_record({place, 0}, 0);
  for (Boundary& anchor : ring_.header().anchors) anchor.position.store_relaxed(kNoPosition);
  for (std::uint64_t place = 0; place < ring_.capacity(); place += 32) {
    ring_.word_at(place).store_relaxed(1 + place / 32);
  }
  ring_.header().anchors[0].sequence.store_relaxed(1);
  ring_.header().anchors[0].position.store_relaxed(0);
  EXPECT_FALSE(end().valid);
}

TEST_F(Anchors, AnyBytesInTheHeaderAndTheDataGiveAnAnswer) {
  Random random(test_seed());
  const TestRing damaged;
  for (int run = 0; run < 20'000; ++run) {
    if (run % 16 == 0) damaged.copy_from(ring_);
    const std::uint64_t value = random.once_in(2) ? random.below(4 * ring_.capacity()) : random.below(~std::uint64_t{0});
    Boundary& anchor = damaged.header().anchors[random.below(2)];
    switch (random.below(6)) {
      case 0: anchor.position.store_relaxed(value); break;
      case 1: anchor.sequence.store_relaxed(value); break;
      case 2: damaged.header().hint.store_relaxed(value); break;
      case 3: damaged.set_intent(value); break;
      default: damaged.word_at(random.below(ring_.capacity()) & ~std::uint64_t{7}).store_relaxed(value); break;
    }
    const StreamEnd found = find_stream_end(damaged.view());
    ASSERT_EQ(found.end.position % kRecordAlignment, 0U);
  }
}

// ---- the writer's side of it -------------------------------------------------------------------------------------------

TEST(TakeOver, TheNewerAnchorStandsWhileTheOlderSlotIsWritten) {
  TestRing rings[2];
  Log log{.start = {0, 1}, .events = {}};
  int alive = 0;
  for (int life = 0; life < 40; ++life) {  // each writes one anchor, so that each begins with the choice of the slot
    const TestRing& ring = rings[alive];
    const std::uint64_t newest = [&] {
      const auto& anchors = ring.header().anchors;
      const std::uint64_t a = anchors[0].position.load_relaxed();
      const std::uint64_t b = anchors[1].position.load_relaxed();
      return a == kNoPosition ? b : b == kNoPosition ? a : std::max(a, b);
    }();
    LoggedWriter writer(ring, log);
    const AtEachStep each([&](Step step) {
      if (step != Step::anchor_invalidated && step != Step::anchor_sequenced) return;
      const auto& anchors = ring.header().anchors;
      EXPECT_TRUE(anchors[0].position.load_relaxed() == newest || anchors[1].position.load_relaxed() == newest);
    });
    ASSERT_TRUE(writer.publish(300));
    rings[1 - alive].copy_from(ring);
    alive = 1 - alive;
  }
}

TEST(TakeOver, IntentOfADeadPublisherIsNeverTakenBack) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter first(ring, log);
  while (log.end().position < 2 * ring.capacity()) ASSERT_TRUE(first.publish(100));
  ASSERT_TRUE(first.writer().refill(largest_record_bytes(ring.capacity())));  // announces a large claim and dies
  const std::uint64_t announced = ring.intent();
  LoggedWriter second(ring, log);
  ASSERT_TRUE(second.publish(0));
  EXPECT_GE(ring.intent(), announced);
}

}  // namespace
}  // namespace ringbolt::core::test
