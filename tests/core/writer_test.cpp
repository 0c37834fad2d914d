// The publisher's side: what fits, what waits, what becomes visible when.
#include "core_test.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace ringbolt::core::test {
namespace {

constexpr std::uint64_t kTwoTo32 = std::uint64_t{1} << 32;
constexpr std::uint64_t kTwoTo63 = std::uint64_t{1} << 63;

TEST(Record, TakesHeaderAndPayloadRoundedUpToEight) {
  EXPECT_EQ(record_bytes(0), 32U);
  EXPECT_EQ(record_bytes(1), 40U);
  EXPECT_EQ(record_bytes(8), 40U);
  EXPECT_EQ(record_bytes(9), 48U);
  EXPECT_EQ(record_bytes(kTwoTo32 - 1), kTwoTo32 + 32);
}

TEST(Record, ACapacityIsAPowerOfTwoWithinBounds) {
  EXPECT_TRUE(is_capacity(kMinCapacityBytes));
  EXPECT_TRUE(is_capacity(kDefaultCapacityBytes));
  EXPECT_TRUE(is_capacity(kMaxCapacityBytes));
  EXPECT_FALSE(is_capacity(0));
  EXPECT_FALSE(is_capacity(kMinCapacityBytes / 2));
  EXPECT_FALSE(is_capacity(kMaxCapacityBytes * 2));
  EXPECT_FALSE(is_capacity(kMinCapacityBytes + 1));
  EXPECT_FALSE(is_capacity(kMinCapacityBytes * 3));
}

TEST(Claim, ARecordOfAQuarterOfTheRingFitsAndOneByteMoreNever) {
  const TestRing ring(kMinCapacityBytes);
  Writer writer = ring.first_writer();
  const std::uint64_t most = largest_payload_bytes(ring.capacity());
  ASSERT_TRUE(writer.refill(record_bytes(most)));
  EXPECT_EQ(writer.try_claim(most), ClaimStatus::ok);
  EXPECT_EQ(writer.try_claim(most + 1), ClaimStatus::too_large);
}

TEST(Claim, ASizeThatWouldWrapIsTooLarge) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  ASSERT_TRUE(writer.refill(record_bytes(0)));
  for (const std::uint64_t size : {kTwoTo32 - 40, kTwoTo32 - 32, kTwoTo32 - 8, kTwoTo32 - 1, kTwoTo32, kTwoTo32 + 1,
                                   kTwoTo63 - 32, kTwoTo63, kTwoTo63 + 8}) {
    EXPECT_EQ(writer.try_claim(size), ClaimStatus::too_large) << size;
  }
}

// What a caller gets that has computed a size one below zero.
TEST(Claim, ASizeNearTwoTo64IsTooLarge) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  ASSERT_TRUE(writer.refill(record_bytes(0)));
  for (const std::uint64_t below : {1U, 7U, 8U, 31U, 32U, 33U, 38U, 39U, 40U, 64U}) {
    EXPECT_EQ(writer.try_claim(0 - below), ClaimStatus::too_large) << "2^64 - " << below;
  }
}

TEST(Claim, IsCheckedForItsSizeEvenWhereThereIsRoom) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  ASSERT_TRUE(writer.refill(largest_record_bytes(ring.capacity())));
  EXPECT_EQ(writer.try_claim(largest_payload_bytes(ring.capacity())), ClaimStatus::ok);
  EXPECT_EQ(writer.try_claim_bytes(largest_record_bytes(ring.capacity()) + 8), ClaimStatus::too_large);
}

TEST(Claim, ThatIsAbandonedPublishesNothingAndIsClaimedOver) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  ASSERT_TRUE(writer.publish(16));
  ASSERT_TRUE(writer.writer().refill(record_bytes(500)));
  ASSERT_EQ(writer.writer().try_claim(500), ClaimStatus::ok);
  std::memset(static_cast<void*>(writer.writer().payload()), 0x5a, 500);
  expect_sound(ring, log);
  ASSERT_TRUE(writer.publish(24));
  expect_sound(ring, log);
}

TEST(Claim, CommitsAShorterRecordThanWasClaimed) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  ASSERT_TRUE(writer.refill(record_bytes(800)));
  ASSERT_EQ(writer.try_claim(800), ClaimStatus::ok);
  std::memset(static_cast<void*>(writer.payload()), 0x5a, 800);
  EXPECT_EQ(writer.commit(3, 7, 0, 9), 1U);
  EXPECT_EQ(writer.position(), record_bytes(3));
  Reader reader(ring.view(), {0, 1});
  Record record;
  ASSERT_EQ(reader.peek(record), ReadStatus::event);
  EXPECT_EQ(record.size, 3U);
  reader.advance(record);
  EXPECT_EQ(reader.peek(record), ReadStatus::empty);
}

TEST(Claim, AfterTheLimitWasRevokedTakesTheSlowPath) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  ASSERT_TRUE(writer.refill(record_bytes(0)));
  ASSERT_EQ(writer.try_claim(0), ClaimStatus::ok);
  writer.revoke_limit();
  EXPECT_EQ(writer.try_claim(0), ClaimStatus::full);
  EXPECT_TRUE(writer.refill(record_bytes(0)));
  EXPECT_EQ(writer.try_claim(0), ClaimStatus::ok);
}

TEST(Commit, GivesEachFieldToTheReader) {
  const TestRing ring;
  Writer writer = ring.first_writer();
  ASSERT_TRUE(writer.refill(record_bytes(5)));
  ASSERT_EQ(writer.try_claim(5), ClaimStatus::ok);
  std::memcpy(static_cast<void*>(writer.payload()), "hello", 5);
  EXPECT_EQ(writer.next_sequence(), 1U);
  EXPECT_EQ(writer.commit(5, 0xfedcba98, kFlagAttributes, 1'700'000'000'000'000'001), 1U);
  EXPECT_EQ(writer.next_sequence(), 2U);
  const Reader reader(ring.view(), {0, 1});
  Record record;
  ASSERT_EQ(reader.peek(record), ReadStatus::event);
  EXPECT_EQ(record.position, 0U);
  EXPECT_EQ(record.sequence, 1U);
  EXPECT_EQ(record.timestamp_ns, 1'700'000'000'000'000'001U);
  EXPECT_EQ(record.type, 0xfedcba98U);
  EXPECT_EQ(record.flags, kFlagAttributes);
  ASSERT_EQ(record.size, 5U);
  EXPECT_EQ(std::memcmp(record.payload, "hello", 5), 0);
}

TEST(Commit, AReaderSeesNothingOfTheRecordBeforeItsSequenceAndNothingBehindItAfter) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  while (log.end().position < 3 * ring.capacity()) {  // into laps where old bytes lie behind every record
    const Place place = log.end();
    const AtEachStep each([&](Step step) {
      Reader reader(ring.view(), place);
      Record record;
      if (!is_published_at(step)) {
        EXPECT_EQ(reader.peek(record), ReadStatus::empty) << step_name(step);
        return;
      }
      ASSERT_EQ(reader.peek(record), ReadStatus::event) << step_name(step);
      EXPECT_TRUE(is_whole(record));
      reader.advance(record);
      EXPECT_EQ(reader.peek(record), ReadStatus::empty) << step_name(step);
    });
    ASSERT_TRUE(writer.publish(static_cast<std::uint32_t>(place.sequence * 13 % 700)));
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Commit, NeverStoresAtOrBeyondWhatWasAnnounced) {
  Random random(test_seed());
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  const AtEachStep each([&](Step step) {
    if (step != Step::zeroed_next && step != Step::batch_zeroed) return;
    const Published& last = writer.planned().back();
    EXPECT_LE(last.end() + sizeof(Word64), ring.intent()) << "the zero behind the record was not announced";
  });
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    ASSERT_TRUE(writer.publish(random.payload_bytes(ring.capacity())));
    log.keep_from(log.end().position);
  }
}

TEST(Batch, BecomesVisibleAllAtOnce) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  const std::array<std::uint32_t, 5> sizes{0, 17, 200, 8, 64};
  while (log.end().position < 4 * ring.capacity()) {
    const Place place = log.end();
    const AtEachStep each([&](Step step) {
      Reader reader(ring.view(), place);
      Record record;
      std::size_t seen = 0;
      while (reader.peek(record) == ReadStatus::event) {
        EXPECT_TRUE(is_whole(record));
        EXPECT_EQ(record.size, sizes[seen]);
        reader.advance(record);
        ++seen;
      }
      EXPECT_EQ(reader.peek(record), ReadStatus::empty);
      EXPECT_EQ(seen, is_published_at(step) ? sizes.size() : 0U) << step_name(step);
    });
    ASSERT_TRUE(writer.publish_batch(sizes));
    ASSERT_FALSE(HasFailure());
  }
  expect_sound(ring, log);
}

TEST(Batch, StagedAndNotCommittedIsNobodysEvent) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  while (log.end().position < 2 * ring.capacity()) ASSERT_TRUE(writer.publish(48));
  ASSERT_TRUE(writer.writer().refill(3 * record_bytes(8)));
  ASSERT_EQ(writer.writer().try_claim_bytes(3 * record_bytes(8)), ClaimStatus::ok);
  for (std::uint64_t i = 0; i < 3; ++i) {
    fill_payload(writer.writer().stage(i * record_bytes(8), 8, 1, 0, 2), 8, 3);
    expect_sound(ring, log);
  }
  ASSERT_TRUE(writer.publish(100));
  expect_sound(ring, log);
}

TEST(Batch, IsNeverNamedInTheMiddleByHintAnchorOrCheckpoint) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  const std::vector<std::uint32_t> sizes(7, 40);
  std::vector<std::uint64_t> boundaries;
  for (int i = 0; i < 200; ++i) {
    boundaries.push_back(log.end().position);
    ASSERT_TRUE(writer.publish_batch(sizes));
    const auto is_boundary = [&](std::uint64_t position) {
      return position == kNoPosition || std::binary_search(boundaries.begin(), boundaries.end(), position);
    };
    EXPECT_TRUE(is_boundary(ring.header().hint.load_relaxed()));
    for (const Boundary& anchor : ring.header().anchors) EXPECT_TRUE(is_boundary(anchor.position.load_relaxed()));
    for (const Boundary& checkpoint : ring.header().checkpoints) {
      EXPECT_TRUE(is_boundary(checkpoint.position.load_relaxed()));
    }
  }
}

// Entry 0 joins at the oldest event at which it is in time.
std::optional<Place> join_oldest(const TestRing& ring, const Log& log) {
  for (const Published& event : log.events) {
    if (join_gate(ring.registry(), ring.entry(0), 1, event.place.position, ring.view())) return event.place;
  }
  return std::nullopt;
}

TEST(Gating, ThePublisherStopsBeforeItWouldZeroTheFirstUnreadRecord) {
  const TestRing ring;
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  writer.publish_until_full(32);  // 64 bytes a record: the last one would end exactly where the first begins
  EXPECT_EQ(log.end().position, ring.capacity() - record_bytes(32));
  EXPECT_LE(ring.intent(), ring.capacity());
  expect_readable_by_gate(ring, log, {0, 1});
  for (int again = 0; again < 3; ++again) EXPECT_FALSE(writer.publish(32));
  EXPECT_TRUE(writer.publish(16)) << "what ends 8 bytes before the unread record still fits";
  EXPECT_FALSE(writer.publish(0));
  expect_readable_by_gate(ring, log, {0, 1});
}

TEST(Gating, RoomComesBackWithTheGate) {
  const TestRing ring;
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  std::size_t read = 0;
  for (int round = 0; round < 500; ++round) {
    writer.publish_until_full(static_cast<std::uint32_t>(mix(log.end().sequence) % 300));
    ASSERT_LE(log.end().position + sizeof(Word64), log.events[read].place.position + ring.capacity());
    expect_readable_by_gate(ring, log, log.events[read].place);
    ASSERT_FALSE(HasFailure());
    read += 1 + static_cast<std::size_t>(round % 3);
    ring.entry(0).gate.store_release(log.events[read].place.position);
  }
}

TEST(Gating, OneLookIsEnoughAfterTheGateHasMoved) {
  const TestRing ring;
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  for (int round = 0; round < 20; ++round) {
    writer.publish_until_full(24);
    ring.entry(0).gate.store_release(log.end().position);
    EXPECT_TRUE(writer.writer().refill(largest_record_bytes(ring.capacity())));
  }
}

// What was seen of an eviction comes before the fence of whatever is written next: proof 4 in `ring.hpp`.
TEST(Gating, AfterAnEntryHasGoneThePublisherFencesAgainBeforeItWrites) {
  for (const EntryState gone : {EntryState::evicted, EntryState::away, EntryState::free}) {
    const TestRing ring;
    Log log{.start = {0, 1}, .events = {}};
    LoggedWriter writer(ring, log);
    while (log.end().position < 2 * ring.capacity()) ASSERT_TRUE(writer.publish(24));
    ASSERT_TRUE(join_oldest(ring, log));
    writer.publish_until_full(24);
    bool looked = false;
    bool fenced_since = false;
    const AtEachStep each([&](Step step) {
      if (step == Step::gates_scanned && !looked) {
        looked = true;
      } else if (step == Step::intent_fenced && looked) {
        fenced_since = true;
      } else if (step == Step::zeroed_next) {
        EXPECT_TRUE(fenced_since);
      }
    });
    ASSERT_TRUE(change_state(ring.entry(0), ring.entry(0).state.load_relaxed(), gone));
    EXPECT_TRUE(writer.publish(24));
  }
}

// The steps of one look at the gates, from [W3] on.
std::vector<Step> steps_of_refill(Writer& writer, std::uint64_t bytes) {
  std::vector<Step> steps;
  const AtEachStep each([&](Step step) {
    if (step == Step::intent_fenced || step == Step::gates_scanned) steps.push_back(step);
  });
  EXPECT_TRUE(writer.refill(bytes));
  return steps;
}

TEST(Gating, ALookThatSeesSomebodyComeOrGoIsFollowedByAnotherFence) {
  const std::vector<Step> once{Step::intent_fenced, Step::gates_scanned};
  const std::vector<Step> twice{Step::intent_fenced, Step::gates_scanned, Step::intent_fenced, Step::gates_scanned};
  for (const EntryState gone : {EntryState::evicted, EntryState::away, EntryState::free}) {
    const TestRing ring;
    Log log{.start = {0, 1}, .events = {}};
    LoggedWriter writer(ring, log);
    while (log.end().position < 2 * ring.capacity()) ASSERT_TRUE(writer.publish(24));
    EXPECT_EQ(steps_of_refill(writer.writer(), 64), once) << "nobody is there";
    ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, log.end().position, ring.view()));
    EXPECT_EQ(steps_of_refill(writer.writer(), 64), twice) << "one came, and is in nobody's way";
    EXPECT_EQ(steps_of_refill(writer.writer(), 64), once) << "it is still there";
    ASSERT_TRUE(change_state(ring.entry(0), ring.entry(0).state.load_relaxed(), gone));
    EXPECT_EQ(steps_of_refill(writer.writer(), 64), twice) << "it has gone";
    EXPECT_EQ(steps_of_refill(writer.writer(), 64), once);
  }
}

// An announcement can reach beyond a gate: that of a consumer which joined too late and is about to choose a later place.
// Then there is room after an eviction without raising it, and only the second look brings the fence.
TEST(Gating, AnEvictionIsFollowedByAFenceThoughTheAnnouncementNeedNotBeRaised) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  while (log.end().position < 2 * ring.capacity()) ASSERT_TRUE(writer.publish(24));
  ASSERT_TRUE(writer.writer().refill(largest_record_bytes(ring.capacity())));
  const std::uint64_t announced = ring.intent();
  static_cast<void>(join_gate(ring.registry(), ring.entry(0), 1, announced - ring.capacity() - 512, ring.view()));
  writer.writer().revoke_limit();
  writer.publish_until_full(24);
  ASSERT_EQ(ring.intent(), announced);
  ASSERT_LE(log.end().position, announced - 512);

  bool seen = false;
  int fences_since = 0;
  const AtEachStep each([&](Step step) {
    if (step == Step::gates_scanned) seen = true;
    if (step == Step::intent_fenced && seen) ++fences_since;
    if (step == Step::zeroed_next) {
      EXPECT_EQ(fences_since, 1);
    }
  });
  ASSERT_TRUE(change_state(ring.entry(0), ring.entry(0).state.load_relaxed(), EntryState::evicted));
  EXPECT_TRUE(writer.publish(24));
  EXPECT_TRUE(seen);
}

TEST(Gating, ManyGatesAndTheSmallestCounts) {
  const TestRing ring;
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(join_gate(ring.registry(), ring.entry(i), 1, 0, ring.view()));
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  writer.publish_until_full(24);
  ring.entry(0).gate.store_release(log.end().position);
  ring.entry(1).gate.store_release(log.end().position);
  EXPECT_FALSE(writer.publish(24));
  ASSERT_TRUE(change_state(ring.entry(2), ring.entry(2).state.load_relaxed(), EntryState::evicted));
  EXPECT_TRUE(writer.publish(24));
}

// Whoever joined in time is waited for: the announcement that the publisher makes next may not go back on that.
TEST(Gating, AConsumerThatJoinedAtTheOldestPlaceIsNotOverwritten) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 100 + round; ++i) ASSERT_TRUE(writer.publish(24));
    const auto joined = join_oldest(ring, log);
    ASSERT_TRUE(joined);
    const Place place = *joined;
    writer.publish_until_full(24);
    ASSERT_LE(log.end().position + sizeof(Word64), place.position + ring.capacity());
    expect_readable_by_gate(ring, log, place);
    ASSERT_FALSE(HasFailure());
    ASSERT_TRUE(change_state(ring.entry(0), ring.entry(0).state.load_relaxed(), EntryState::away));
    log.keep_from(log.end().position - ring.capacity());
  }
}

// The same in the middle of the slow path: it joins after the publisher's last look at the gates, before any of its steps.
TEST(Gating, AConsumerThatJoinsBetweenAnyTwoStepsIsNotOverwrittenOrIsToldNo) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  std::optional<Place> joined;
  int joins = 0;
  int round = 0;
  int step_of_round = 0;
  const AtEachStep each([&](Step) {
    if (joined || ++step_of_round != round % 97) return;
    joined = join_oldest(ring, log);
    if (joined) ++joins;
  });
  for (round = 0; round < 1000; ++round) {
    step_of_round = 0;
    for (int i = 0; i < 60 && writer.publish(static_cast<std::uint32_t>(mix(log.end().sequence) % 200)); ++i) continue;
    if (!joined) continue;
    writer.publish_until_full(24);
    ASSERT_LE(log.end().position + sizeof(Word64), joined->position + ring.capacity());
    expect_readable_by_gate(ring, log, *joined);
    ASSERT_FALSE(HasFailure());
    joined.reset();
    ASSERT_TRUE(change_state(ring.entry(0), ring.entry(0).state.load_relaxed(), EntryState::away));
    log.keep_from(log.end().position - ring.capacity());
  }
  EXPECT_GT(joins, 500);
}

TEST(Closing, NamesTheSequenceThatTheStreamEndedBefore) {
  const TestRing ring;
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring, log);
  ASSERT_TRUE(writer.publish(8));
  ASSERT_TRUE(writer.publish(8));
  writer.writer().set_closed(true);
  EXPECT_EQ(ring.header().closed.load_relaxed(), 3U);
  writer.writer().set_closed(false);
  EXPECT_EQ(ring.header().closed.load_relaxed(), 0U);
}

// ---- laps --------------------------------------------------------------------------------------------------------------

struct Laps {
  std::uint64_t capacity;
  std::uint64_t first_sequence;
  std::uint64_t laps;
};

class Wrapping : public ::testing::TestWithParam<Laps> {};

// One gating reader in place, one copying at its heels, one that reads only now and then and is overrun.
TEST_P(Wrapping, RandomSizesAreReadAsTheyWerePublished) {
  const auto [capacity, first_sequence, laps] = GetParam();
  Random random(test_seed());
  const TestRing ring(capacity, first_sequence);
  Log log{.start = {0, first_sequence}, .events = {}};
  LoggedWriter writer(ring, log);
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  Reader gating(ring.view(), log.start);
  gating.gate_with(ring.entry(0).state, 1);
  Reader copying(ring.view(), log.start);
  Reader lazy(ring.view(), log.start);
  std::vector<std::uint64_t> buffer(largest_payload_bytes(capacity) / 8 + 1);
  auto* const bytes = reinterpret_cast<std::byte*>(buffer.data());
  std::uint64_t overruns = 0;
  Record record;

  const auto drain = [&](Reader& reader, std::uint64_t limit) {
    for (std::uint64_t i = 0; i < limit; ++i) {
      const ReadStatus status = &reader == &gating ? reader.peek(record) : reader.copy(record, bytes);
      if (status == ReadStatus::overrun) {
        ASSERT_EQ(&reader, &lazy);
        const Location halfway = Locator(ring.view()).halfway();
        ASSERT_EQ(halfway.found, Found::record);
        ASSERT_GT(halfway.place.sequence, reader.place().sequence);
        reader.go_to(halfway.place);
        ++overruns;
        continue;
      }
      if (status == ReadStatus::empty) return;
      ASSERT_EQ(status, ReadStatus::event);
      ASSERT_TRUE(is_whole(record)) << "sequence " << record.sequence;
      reader.advance(record);
    }
  };
  while (log.end().position < laps * capacity) {
    const auto size = static_cast<std::uint32_t>(random.payload_bytes(capacity));
    if (!writer.publish(size)) {
      const Place before = gating.place();
      drain(gating, 1 + random.below(40));
      ASSERT_NE(gating.place(), before) << "the publisher waits for a reader that finds nothing";
      ring.entry(0).gate.store_release(gating.place().position);
    }
    drain(copying, ~std::uint64_t{0});
    if (random.once_in(100)) drain(lazy, random.below(200));
    ASSERT_FALSE(HasFailure());
    log.keep_from(log.end().position);
  }
  drain(gating, ~std::uint64_t{0});
  drain(lazy, ~std::uint64_t{0});
  EXPECT_EQ(gating.place(), log.end());
  EXPECT_EQ(copying.place(), log.end());
  EXPECT_EQ(lazy.place(), log.end());
  EXPECT_GT(overruns, laps / 10);
}

INSTANTIATE_TEST_SUITE_P(ThousandsOfLaps, Wrapping,
                         ::testing::Values(Laps{TestRing::kSmall, 1, 5000}, Laps{kMinCapacityBytes, 1, 500},
                                           Laps{TestRing::kSmall, kTwoTo32 - 1000, 1000},
                                           Laps{TestRing::kSmall, kTwoTo63 - 1000, 1000}));

}  // namespace
}  // namespace ringbolt::core::test
