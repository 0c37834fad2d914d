// The way from the journal back into the ring: from its gate on, record by record, and never on anybody's word alone.
#include <ringbolt/core/turn.hpp>

#include "core_test.hpp"

namespace ringbolt::core::test {
namespace {

// Three events of 64 bytes, the journal's gate at the first.
class WalkingFromTheGate : public testing::Test {
 protected:
  static constexpr std::uint64_t kBytes = record_bytes(32);
  WalkingFromTheGate() {
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) ring_.write_record({(sequence - 1) * kBytes, sequence}, 32);
    ring_.set_intent(4 * kBytes);
    journal().state.store_relaxed(state_word(1, EntryState::gating));
    journal().gate.store_relaxed(0);
  }
  [[nodiscard]] ConsumerEntry& journal() const { return ring_.entry(0); }
  [[nodiscard]] Place find(std::uint64_t next) const { return walk_from_gate(journal(), ring_.view(), next); }

  const TestRing ring_;
};

TEST_F(WalkingFromTheGate, LeadsToEachEventAndToTheNextOne) {
  for (std::uint64_t sequence = 1; sequence <= 4; ++sequence)
    EXPECT_EQ(find(sequence), (Place{(sequence - 1) * kBytes, sequence}));
}

TEST_F(WalkingFromTheGate, LeadsNoFurtherThanThePublisherHasCome) { EXPECT_EQ(find(5).sequence, 0U); }

TEST_F(WalkingFromTheGate, DoesNotLeadBack) {
  journal().gate.store_relaxed(kBytes);
  EXPECT_EQ(find(1).sequence, 0U);
  EXPECT_EQ(find(3), (Place{2 * kBytes, 3}));
}

TEST_F(WalkingFromTheGate, LeadsNowhereWhereTheJournalDoesNotGate) {
  for (const EntryState state : {EntryState::free, EntryState::joining, EntryState::away, EntryState::evicted}) {
    journal().state.store_relaxed(state_word(1, state));
    EXPECT_EQ(find(2).sequence, 0U);
  }
}

TEST_F(WalkingFromTheGate, DoesNotBelieveAGateThatIsNoPlace) {
  journal().gate.store_relaxed(4);
  EXPECT_EQ(find(2).sequence, 0U);
  journal().gate.store_relaxed(3 * kBytes);  // nothing was published there
  EXPECT_EQ(find(2).sequence, 0U);
}

TEST_F(WalkingFromTheGate, StopsWhereTheRingIsWrittenOver) {
  ring_.set_intent(ring_.capacity() + kBytes);  // the first event may be
  EXPECT_EQ(find(2).sequence, 0U);
  journal().gate.store_relaxed(kBytes);
  EXPECT_EQ(find(3), (Place{2 * kBytes, 3}));
}

}  // namespace
}  // namespace ringbolt::core::test
