// Where a consumer starts: every search gives a place from which reading succeeds, or says why not.
#include "core_test.hpp"

namespace ringbolt::core::test {
namespace {

TEST(Locating, OnAnEmptyRingGivesTheFirstPlace) {
  const TestRing ring(TestRing::kSmall, 1000);
  expect_searches_agree(ring, {.start = {0, 1000}, .events = {}});
}

TEST(Locating, AgreesWithThePublisherFromTheFirstLapOn) {
  Random random(test_seed());
  for (const std::uint64_t first : {std::uint64_t{1}, (std::uint64_t{1} << 32) - 300, (std::uint64_t{1} << 63) - 300}) {
    const TestRing ring(TestRing::kSmall, first);
    Log log{.start = {0, first}, .events = {}};
    LoggedWriter writer(ring, log);
    while (log.end().position < 30 * ring.capacity()) {
      ASSERT_TRUE(writer.publish(random.payload_bytes(ring.capacity())));
      expect_searches_agree(ring, log);
      ASSERT_FALSE(HasFailure());
      log.keep_from(log.end().position < 2 * ring.capacity() ? 0 : log.end().position - 2 * ring.capacity());
    }
  }
}

TEST(Locating, FindsEverySequenceThatIsThere) {
  const TestRing ring(kMinCapacityBytes);
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  Random random(test_seed());
  while (log.end().position < 5 * ring.capacity()) ASSERT_TRUE(writer.publish(random.payload_bytes(ring.capacity())));
  const Locator locator(ring.view());
  const Location oldest = locator.oldest();
  ASSERT_EQ(oldest.found, Found::record);
  for (const Published& event : log.events) {
    const Location found = locator.sequence(event.place.sequence);
    ASSERT_EQ(found.found, Found::record);
    ASSERT_EQ(found.place, event.place.sequence < oldest.place.sequence ? oldest.place : event.place);
  }
}

// What users type: 0, 1, and all ones; sequences only grow and never wrap.
TEST(Locating, ASequenceFarBeforeTheFirstIsTheOldestAndOneFarBehindTheLastIsTheEnd) {
  for (const std::uint64_t first : {std::uint64_t{1}, std::uint64_t{1} << 32, (std::uint64_t{1} << 63) - 2,
                                    (std::uint64_t{1} << 63) + 5, ~std::uint64_t{0} - 1000}) {
    const TestRing ring(TestRing::kSmall, first);
    Log log{.start = {0, first}, .events = {}};
    LoggedWriter writer(ring, log);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(writer.publish(8));
    const Locator locator(ring.view());
    for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{1}, first}) {
      const Location found = locator.sequence(sequence);
      EXPECT_EQ(found.found, Found::record) << sequence << " of a ring from " << first;
      EXPECT_EQ(found.place, log.start) << sequence << " of a ring from " << first;
    }
    for (const std::uint64_t sequence : {first + 10, ~std::uint64_t{0}}) {
      const Location found = locator.sequence(sequence);
      EXPECT_EQ(found.found, Found::end) << sequence << " of a ring from " << first;
      EXPECT_EQ(found.place, log.end()) << sequence << " of a ring from " << first;
    }
  }
}

TEST(Locating, ATimeIsFoundAtTheFirstOfThoseThatShareIt) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  std::vector<Place> places;
  for (std::uint64_t i = 0; i < 200; ++i) {
    while (writer.try_claim(0) != ClaimStatus::ok) ASSERT_TRUE(writer.refill(record_bytes(0)));
    places.push_back({writer.position(), writer.next_sequence()});
    writer.commit(0, 0, 0, 1000 + i / 50);  // 1000, 1001, 1002, 1003: fifty of each; a chunk holds eight
  }
  const Locator locator(ring.view());
  const std::uint64_t oldest = locator.oldest().place.sequence;
  for (const std::uint64_t wanted : {1002U, 1003U}) {
    const Location found = locator.time(wanted);
    ASSERT_EQ(found.found, Found::record);
    EXPECT_EQ(found.place.sequence, std::max(oldest, (wanted - 1000) * 50 + 1));
  }
  EXPECT_EQ(locator.time(0).place.sequence, oldest);
  EXPECT_EQ(locator.time(1004).found, Found::end);
}

TEST(Locating, HalfwayIsNeitherTheOldestNorFarBack) {
  const TestRing ring(kMinCapacityBytes);
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  while (log.end().position < 5 * ring.capacity()) ASSERT_TRUE(writer.publish(32));
  const Location halfway = Locator(ring.view()).halfway();
  ASSERT_EQ(halfway.found, Found::record);
  EXPECT_LE(log.end().position - halfway.place.position, ring.capacity() / 2 + record_bytes(32));
  EXPECT_GE(log.end().position - halfway.place.position, ring.capacity() / 4);
}

// ---- the header as it is between two stores, or damaged ------------------------------------------------------------------

class LocatingIn : public ::testing::Test {
 protected:
  void SetUp() override {
    LoggedWriter writer(ring_, log_);
    while (log_.end().position < 5 * ring_.capacity()) {
      ASSERT_TRUE(writer.publish(static_cast<std::uint32_t>(mix(log_.end().sequence) % 120)));
    }
  }
  [[nodiscard]] const Published& back(std::size_t n) const { return log_.events[log_.events.size() - 1 - n]; }
  [[nodiscard]] Boundary& checkpoint(std::size_t index) const { return ring_.header().checkpoints[index]; }
  void forget_checkpoints() const {
    for (Boundary& each : ring_.header().checkpoints) each.position.store_relaxed(kNoPosition);
  }

  TestRing ring_;
  Log log_{.start = {0, 1}, .events = {}};
};

TEST_F(LocatingIn, ARingWhoseHintIsBehind) {
  for (const std::size_t behind : {1U, 2U, 10U}) {
    ring_.header().hint.store_relaxed(back(behind).place.position);
    expect_searches_agree(ring_, log_);
  }
}

TEST_F(LocatingIn, ARingWhoseHintWasOverrun) {
  ring_.header().hint.store_relaxed(log_.events.front().place.position);
  expect_searches_agree(ring_, log_);
}

TEST_F(LocatingIn, ARingWithoutHint) {
  ring_.header().hint.store_relaxed(kNoPosition);
  expect_searches_agree(ring_, log_);
}

TEST_F(LocatingIn, ARingWithNothingButItsHint) {
  forget_checkpoints();
  EXPECT_EQ(Locator(ring_.view()).oldest().place, back(0).place);
  expect_searches_agree(ring_, log_);
}

TEST_F(LocatingIn, ARingWithACheckpointHalfWritten) {
  for (Boundary& each : ring_.header().checkpoints) {
    const std::uint64_t position = each.position.load_relaxed();
    const std::uint64_t sequence = each.sequence.load_relaxed();
    each.position.store_relaxed(kNoPosition);
    expect_searches_agree(ring_, log_);
    each.sequence.store_relaxed(log_.end().sequence);
    expect_searches_agree(ring_, log_);
    each.sequence.store_relaxed(sequence);
    each.position.store_relaxed(position);
  }
}

// What a consumer reads if the publisher passes between its two loads: the position of one lap, the sequence of the next.
TEST_F(LocatingIn, ARingWithACheckpointTornBetweenTwoLaps) {
  forget_checkpoints();
  for (std::size_t n = 0; n < 30; ++n) {
    const Place place = back(n).place;
    checkpoint(0).sequence.store_relaxed(place.sequence);
    checkpoint(0).position.store_relaxed(place.position - ring_.capacity());  // the same bytes, a lap ago
    expect_searches_agree(ring_, log_);
    checkpoint(0).position.store_relaxed(back(n + 1).place.position);
    expect_searches_agree(ring_, log_);
  }
}

TEST_F(LocatingIn, ARingWithACheckpointThatWasOverrun) {
  forget_checkpoints();
  for (std::size_t n = 0; n < 50; ++n) {
    const Place place = log_.events[n].place;
    checkpoint(1).sequence.store_relaxed(place.sequence);
    checkpoint(1).position.store_relaxed(place.position);
    expect_searches_agree(ring_, log_);
  }
}

TEST_F(LocatingIn, ARingWithMisalignedOrHugePositions) {
  for (const std::uint64_t position : {std::uint64_t{1}, log_.end().position + 4, back(3).place.position + 1,
                                       ~std::uint64_t{0} - 7, (std::uint64_t{1} << 63) + 3, kNoPosition - 1}) {
    checkpoint(2).sequence.store_relaxed(back(3).place.sequence);
    checkpoint(2).position.store_relaxed(position);
    expect_searches_agree(ring_, log_);
    if (position % kRecordAlignment == 0) continue;
    ring_.header().hint.store_relaxed(position);
    expect_searches_agree(ring_, log_);
  }
}

TEST_F(LocatingIn, ARingWithACheckpointOfSequenceZero) {
  // A zero word is nobody's event, whatever the checkpoint says.
  checkpoint(0).sequence.store_relaxed(0);
  checkpoint(0).position.store_relaxed(log_.end().position);
  expect_searches_agree(ring_, log_);
}

// Behind the last number comes zero, and each word that nobody has written yet would be the expected one.
TEST_F(LocatingIn, ARingWithARecordThatClaimsTheLastNumber) {
  const std::uint64_t last = ~std::uint64_t{0};
  const TestRing ring;
  ring.write_record({0, last}, 0);
  ring.header().checkpoints[0].sequence.store_relaxed(last);
  ring.header().checkpoints[0].position.store_relaxed(0);
  const Locator locator(ring.view());
  for (const Location& found :
       {locator.oldest(), locator.end(), locator.newest(), locator.halfway(), locator.sequence(last), locator.time(1)}) {
    EXPECT_EQ(found.found, Found::corrupt) << found.place.sequence;
  }
}

TEST_F(LocatingIn, ARingThatIsBeingOverrunAllTheTime) {
  ring_.set_intent(log_.end().position + 2 * ring_.capacity());
  const Locator locator(ring_.view());
  for (const Location& found : {locator.oldest(), locator.end(), locator.newest(), locator.halfway(),
                                locator.sequence(back(3).place.sequence), locator.time(1)}) {
    EXPECT_EQ(found.found, Found::overrun);
  }
  Record record;
  EXPECT_FALSE(locator.published_at(back(0).place, record));
}

TEST_F(LocatingIn, ARingWithADamagedRecord) {
  ring_.word_at(back(5).place.position).store_relaxed(0x4141414141414141);
  forget_checkpoints();
  checkpoint(0).sequence.store_relaxed(back(9).place.sequence);
  checkpoint(0).position.store_relaxed(back(9).place.position);
  ring_.header().hint.store_relaxed(back(5).place.position + 4);
  const Locator locator(ring_.view());
  EXPECT_EQ(locator.end().found, Found::corrupt);
  EXPECT_EQ(locator.newest().found, Found::corrupt);
  EXPECT_EQ(locator.sequence(back(2).place.sequence).found, Found::corrupt);
  EXPECT_EQ(locator.sequence(back(7).place.sequence).place, back(7).place) << "what lies before it can be found";
}

TEST_F(LocatingIn, AStreamWithoutEndGivesUp) {
  const TestRing ring;
  for (std::uint64_t place = 0; place < ring.capacity(); place += 32) ring.write_record({place, 1 + place / 32}, 0);
  // A publisher that keeps ahead of the search for two laps looks like this: each word the expected one, for ever.
  EXPECT_EQ(Locator(ring.view()).end().found, Found::corrupt) << "the second lap has the first one's numbers";
}

TEST_F(LocatingIn, AnyBytesInTheHeaderAndTheData) {
  Random random(test_seed());
  const TestRing damaged;
  for (int run = 0; run < 20'000; ++run) {
    if (run % 16 == 0) damaged.copy_from(ring_);
    const std::uint64_t value = random.once_in(2) ? random.below(8 * ring_.capacity()) : random.below(~std::uint64_t{0});
    Boundary& boundary = damaged.header().checkpoints[random.below(kChunksPerRing)];
    switch (random.below(6)) {
      case 0: boundary.position.store_relaxed(value); break;
      case 1: boundary.sequence.store_relaxed(value); break;
      case 2: damaged.header().hint.store_relaxed(value); break;
      case 3: damaged.set_intent(value); break;
      default: damaged.word_at(random.below(ring_.capacity()) & ~std::uint64_t{7}).store_relaxed(value); break;
    }
    const Locator locator(damaged.view());
    for (const Location& found : {locator.oldest(), locator.end(), locator.newest(), locator.halfway(),
                                  locator.sequence(value), locator.time(value)}) {
      ASSERT_EQ(found.place.position % kRecordAlignment, 0U);
    }
  }
}

TEST_F(LocatingIn, ARingForAPlaceThatSomebodyRemembers) {
  const Locator locator(ring_.view());
  Record record;
  EXPECT_TRUE(locator.published_at(back(4).place, record));
  EXPECT_EQ(record.sequence, back(4).place.sequence);
  EXPECT_FALSE(locator.published_at({back(4).place.position, back(5).place.sequence}, record));
  EXPECT_FALSE(locator.published_at({back(4).place.position + 4, back(4).place.sequence}, record));
  EXPECT_FALSE(locator.published_at(log_.end(), record)) << "not published yet";
  EXPECT_FALSE(locator.published_at({log_.end().position, 0}, record)) << "a zero word is no event";
  EXPECT_FALSE(locator.published_at(log_.events.front().place, record)) << "overrun";
}

TEST(Locating, AZeroWordIsNoEventWhateverPointsToIt) {
  const TestRing ring;
  ring.header().hint.store_relaxed(0);
  ring.header().checkpoints[0].sequence.store_relaxed(0);
  ring.header().checkpoints[0].position.store_relaxed(0);
  Record record;
  EXPECT_FALSE(Locator(ring.view()).published_at({0, 0}, record));
  expect_searches_agree(ring, {.start = {0, 1}, .events = {}});
}

// A payload may hold anything, also what looks like a record; but not where one can begin.
TEST(Locating, APlaceThatIsNotAMultipleOfEightIsNoEvent) {
  const TestRing ring;
  struct {
    std::uint64_t sequence = 9;
    std::uint64_t timestamp_ns = 1;
    std::uint32_t size = 0;
    std::uint32_t rest[3] = {};
  } const forged;
  static_assert(sizeof forged == sizeof(RecordHeader));
  std::memcpy(ring.data() + 64, &forged, sizeof forged);  // where a load for position 68 goes
  std::memcpy(ring.data() + 104, &forged, sizeof forged);
  Record record;
  EXPECT_FALSE(Locator(ring.view()).published_at({68, 9}, record));
  EXPECT_TRUE(Locator(ring.view()).published_at({104, 9}, record));
}

TEST(Locating, TheOldestWhereOnlyTheHintIsKnownIsTheBeginning) {
  TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.publish(40));
  for (Boundary& each : ring.header().checkpoints) each.position.store_relaxed(kNoPosition);
  EXPECT_EQ(Locator(ring.view()).oldest().place, log.events.front().place);
}

TEST(Locating, AnEventThatNothingPointsToYet) {
  // Between the first commit and its hint, and with its checkpoint invalidated.
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  ASSERT_TRUE(writer.publish(8));
  ring.header().hint.store_relaxed(kNoPosition);
  for (Boundary& each : ring.header().checkpoints) each.position.store_relaxed(kNoPosition);
  expect_searches_agree(ring, log);
}

}  // namespace
}  // namespace ringbolt::core::test
