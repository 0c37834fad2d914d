// What stands in the publisher's way: the smallest gate, and joining while it runs. The registry is memory that every
// consumer can write, so each word of it may be anything.
#include <array>
#include <limits>

#include "core_test.hpp"

namespace ringbolt::core::test {
namespace {

class GatesOf : public ::testing::Test {
 protected:
  // Joins without asking whether it was in time.
  void join(std::size_t index, std::uint64_t gate, std::uint64_t generation = 1) {
    static_cast<void>(join_gate(ring_.registry(), ring_.entry(index), generation, gate, ring_.view()));
  }
  void set_state(std::size_t index, EntryState state) {
    ring_.entry(index).state.store_release(state_word(generation_of(ring_.entry(index).state.load_relaxed()), state));
  }

  TestRing ring_;
  Gates gates_ = ring_.gates();
};

TEST_F(GatesOf, NobodyAreThePublishersPosition) {
  EXPECT_EQ(gates_.scan(0, 0).smallest, 0U);
  EXPECT_EQ(gates_.scan(12'345, 100).smallest, 12'345U);
  EXPECT_EQ(Gates().scan(12'345, 100).smallest, 12'345U);
  EXPECT_TRUE(gates_.gating().empty());
}

TEST_F(GatesOf, SeveralAreTheSmallestOne) {
  join(3, 700);
  join(0, 900);
  join(7, 800);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 700U);
  EXPECT_EQ(gates_.gating().size(), 3U);
  ring_.entry(3).gate.store_release(1000);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 800U);
}

TEST_F(GatesOf, ThoseWhoDoNotGateDoNotCount) {
  join(1, 900);
  for (const EntryState state :
       {EntryState::free, EntryState::joining, EntryState::attached, EntryState::evicted, EntryState::away}) {
    ring_.entry(2).gate.store_release(100);
    ring_.entry(2).state.store_release(state_word(1, state));
    ring_.registry().changes.fetch_add(1);
    EXPECT_EQ(gates_.scan(1000, 0).smallest, 900U) << static_cast<int>(state);
  }
  ring_.entry(2).state.store_release(0xfe);  // no state that exists
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 900U);
}

TEST_F(GatesOf, OneThatLeavesStopsCounting) {
  for (const EntryState left : {EntryState::away, EntryState::free, EntryState::evicted}) {
    join(0, 900);
    join(1, 500);
    EXPECT_EQ(gates_.scan(1000, 0).smallest, 500U);
    set_state(1, left);
    EXPECT_EQ(gates_.scan(1000, 0).smallest, 900U);
    EXPECT_EQ(gates_.gating().size(), 1U);
    EXPECT_EQ(gates_.gating()[0], 0U);
  }
}

TEST_F(GatesOf, AnEntryWithANewOwnerAreThatOnes) {
  join(1, 500, 1);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 500U);
  set_state(1, EntryState::away);
  set_state(1, EntryState::joining);
  join(1, 800, 2);  // the publisher has not looked since
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 800U);
  EXPECT_EQ(gates_.gating().size(), 1U);
  set_state(1, EntryState::joining);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 1000U);  // it has looked in between
  join(1, 900, 3);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 900U);
}

TEST_F(GatesOf, AJoinIsFoundByTheCounterOfChangesAndNotByLookingAtEveryEntry) {
  join(1, 500);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 500U);
  ring_.entry(2).gate.store_release(100);
  ring_.entry(2).state.store_release(state_word(1, EntryState::gating));
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 500U);
  ring_.registry().changes.fetch_add(1);
  EXPECT_EQ(gates_.scan(1000, 0).smallest, 100U);
}

TEST_F(GatesOf, SayWhetherSomebodyCameOrWent) {
  static_cast<void>(gates_.scan(1000, 0));
  EXPECT_FALSE(gates_.scan(1000, 0).changed);
  join(1, 500);
  EXPECT_TRUE(gates_.scan(1000, 0).changed);
  ring_.entry(1).gate.store_release(600);
  EXPECT_FALSE(gates_.scan(1000, 0).changed) << "a gate that moves is no change of who gates";
  for (const EntryState left : {EntryState::evicted, EntryState::away}) {
    join(1, 500);
    static_cast<void>(gates_.scan(1000, 0));
    set_state(1, left);
    EXPECT_TRUE(gates_.scan(1000, 0).changed);
    EXPECT_FALSE(gates_.scan(1000, 0).changed);
  }
}

TEST_F(GatesOf, TheCounterOfChangesMayHoldAnything) {
  join(1, 500);
  for (const std::uint64_t changes : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    ring_.registry().changes.store_release(changes);
    EXPECT_EQ(gates_.scan(1000, 0).smallest, 500U);
  }
}

TEST_F(GatesOf, HostileValuesStayWithinWhatIsPossible) {
  join(0, 0);
  constexpr std::uint64_t kFar = std::uint64_t{1} << 63;
  const std::uint64_t floor = 900'000;
  const std::uint64_t position = 1'000'000;
  for (const std::uint64_t near : {std::uint64_t{0}, floor, position, floor + kFar, position + kFar, ~std::uint64_t{0}}) {
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{8}, std::uint64_t{50'000},
                                       0 - std::uint64_t{1}, 0 - std::uint64_t{8}, 0 - std::uint64_t{50'000}}) {
      ring_.entry(0).gate.store_release(near + offset);
      const std::uint64_t smallest = gates_.scan(position, floor).smallest;
      EXPECT_GE(smallest, floor) << "gate " << near + offset;
      EXPECT_LE(smallest, position) << "gate " << near + offset;
    }
  }
  ring_.entry(0).gate.store_release(position + 8);
  EXPECT_EQ(gates_.scan(position, floor).smallest, position) << "ahead of the publisher: as if it had read everything";
  ring_.entry(0).gate.store_release(floor - 8);
  EXPECT_EQ(gates_.scan(position, floor).smallest, floor) << "far behind: as if it had read what is gone";
  ring_.entry(0).gate.store_release(floor + 3);
  EXPECT_EQ(gates_.scan(position, floor).smallest, floor + 3) << "misaligned, but possible";
}

TEST_F(GatesOf, AHostileGateNeverMakesThePublisherWriteBeyondItsAnnouncement) {
  Random random(test_seed());
  Log log{.start = {0, 1}, .events = {}};
  LoggedWriter writer(ring_, log);
  join(0, 0);
  const AtEachStep each([&](Step step) {
    if (step != Step::zeroed_next) return;
    EXPECT_LE(writer.planned().back().end() + sizeof(Word64), ring_.intent());
  });
  for (int run = 0; run < 50'000 && !HasFailure(); ++run) {
    const std::uint64_t near = random.once_in(2) ? log.end().position : random.below(~std::uint64_t{0});
    ring_.entry(0).gate.store_release(near + random.below(4 * ring_.capacity()) - 2 * ring_.capacity());
    static_cast<void>(writer.publish(random.payload_bytes(ring_.capacity())));
    log.keep_from(log.end().position);
  }
  EXPECT_GT(log.end().position, 100 * ring_.capacity());
}

// Against the simplest thing that could be right: look at every entry each time.
TEST_F(GatesOf, RandomComingAndGoingAreThoseOfAFullScan) {
  Random random(test_seed());
  std::uint64_t position = 100'000;
  for (int run = 0; run < 100'000; ++run) {
    const std::size_t index = random.below(TestRing::kSlots);
    ConsumerEntry& entry = ring_.entry(index);
    const std::uint64_t state = entry.state.load_relaxed();
    switch (random.below(5)) {
      case 0: join(index, position - random.below(4000), generation_of(state) + 1); break;
      case 1: set_state(index, static_cast<EntryState>(random.once_in(2) ? 5 : 1)); break;
      case 2:
        static_cast<void>(change_state(entry, state_word(generation_of(state), EntryState::gating), EntryState::evicted));
        break;
      case 3: entry.gate.store_release(position - random.below(4000)); break;
      default: position += 64; break;
    }
    if (random.once_in(3)) continue;  // the publisher looks only now and then
    const std::uint64_t floor = position - 3000;
    std::uint64_t expected = position;
    for (std::size_t i = 0; i < TestRing::kSlots; ++i) {
      if (state_of(ring_.entry(i).state.load_relaxed()) != EntryState::gating) continue;
      expected = std::min(expected, std::max(floor, ring_.entry(i).gate.load_relaxed()));
    }
    ASSERT_EQ(gates_.scan(position, floor).smallest, expected) << "step " << run;
  }
}

// ---- joining -----------------------------------------------------------------------------------------------------------

TEST(Joining, IsInTimeAsLongAsThePublisherHasNotAnnouncedToWriteThere) {
  const TestRing ring;
  ring.set_intent(10'000);
  const std::uint64_t oldest = 10'000 - ring.capacity();
  EXPECT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, oldest + 8, ring.view()));
  EXPECT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, oldest, ring.view()));
  EXPECT_FALSE(join_gate(ring.registry(), ring.entry(0), 1, oldest - 8, ring.view()));
  EXPECT_FALSE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
}

TEST(Joining, InTheFirstLapIsAlwaysInTime) {
  const TestRing ring;
  EXPECT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  ring.set_intent(ring.capacity());
  EXPECT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  ring.set_intent(ring.capacity() + 8);
  EXPECT_FALSE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
}

TEST(Joining, PutsGateStateAndGenerationThereAndCountsTheChange) {
  const TestRing ring;
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(2), 41, 640, ring.view()));
  EXPECT_EQ(ring.entry(2).gate.load_relaxed(), 640U);
  EXPECT_EQ(state_of(ring.entry(2).state.load_relaxed()), EntryState::gating);
  EXPECT_EQ(generation_of(ring.entry(2).state.load_relaxed()), 41U);
  EXPECT_EQ(ring.registry().changes.load_relaxed(), 1U);
}

TEST(Joining, AgainAfterANoIsSeenByThePublisher) {
  const TestRing ring;
  Gates gates = ring.gates();
  ring.set_intent(10'000);
  EXPECT_FALSE(join_gate(ring.registry(), ring.entry(0), 1, 100, ring.view()));
  EXPECT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 8000, ring.view()));
  EXPECT_EQ(gates.scan(9000, 5000).smallest, 8000U);
}

TEST(ChangingState, HappensOnlyFromWhatWasSeen) {
  const TestRing ring;
  ConsumerEntry& entry = ring.entry(0);
  entry.state.store_release(state_word(5, EntryState::gating));
  EXPECT_FALSE(change_state(entry, state_word(4, EntryState::gating), EntryState::evicted)) << "an earlier owner";
  EXPECT_FALSE(change_state(entry, state_word(5, EntryState::attached), EntryState::evicted)) << "another state";
  EXPECT_EQ(entry.state.load_relaxed(), state_word(5, EntryState::gating));
  EXPECT_TRUE(change_state(entry, state_word(5, EntryState::gating), EntryState::evicted));
  EXPECT_EQ(entry.state.load_relaxed(), state_word(5, EntryState::evicted));
}

TEST(StateWord, KeepsGenerationAndStateApart) {
  constexpr std::uint64_t kGeneration = (std::uint64_t{1} << 56) - 1;
  EXPECT_EQ(generation_of(state_word(kGeneration, EntryState::away)), kGeneration);
  EXPECT_EQ(state_of(state_word(kGeneration, EntryState::away)), EntryState::away);
  EXPECT_EQ(state_word(0, EntryState::free), 0U) << "a zeroed registry is one of free entries";
}

}  // namespace
}  // namespace ringbolt::core::test
