// Taking an entry of the registry, and whose it is. What two who do so at the same time see of each other is explored in
// `tests/model`.
#include <ringbolt/core/ownership.hpp>

#include "core_test.hpp"

namespace ringbolt::core {
namespace {

constexpr NameWords kName{7, 8};
constexpr NameWords kOther{9};

// Somebody else is faster, between the look at the entry and its byte.
struct LateByte {
  ConsumerEntry& entry;
  bool held = false;
  [[nodiscard]] bool try_lock() {
    free_entry(entry);
    wipe(entry);
    write_name(entry, kOther);
    set_state(entry, 9, EntryState::away);
    return held = true;
  }
  void unlock() { held = false; }
};

void name_it(ConsumerEntry& entry) {
  write_name(entry, kName);
  entry.state.store_relaxed(state_word(1, EntryState::away));
}

TEST(Taking, AnEntryThatIsAnothersByNowIsLetGo) {
  ConsumerEntry entry{};
  name_it(entry);
  LateByte byte{entry};
  EXPECT_FALSE(take_if(entry, byte, [](const ConsumerEntry& seen) { return is_called(seen, kName); }));
  EXPECT_FALSE(byte.held);
  EXPECT_TRUE(take_if(entry, byte, [](const ConsumerEntry& seen) { return is_called(seen, kOther); }));
  EXPECT_TRUE(byte.held);
}

TEST(Names, AreTheirsWhoAreNotFree) {
  ConsumerEntry entry{};
  EXPECT_FALSE(is_called(entry, {}));
  name_it(entry);
  EXPECT_TRUE(is_called(entry, kName));
  EXPECT_FALSE(is_called(entry, {7}));
  EXPECT_FALSE(is_called(entry, {7, 8, 1}));
  free_entry(entry);
  EXPECT_FALSE(is_called(entry, kName));
  EXPECT_EQ(generation_of(life_of(entry)), 2U);
}

TEST(Gate, OfTheDeadIsReleasedAndTheNameKept) {
  ConsumerEntry entry{};
  name_it(entry);
  EXPECT_FALSE(release_gate(entry));
  entry.state.store_relaxed(state_word(3, EntryState::gating));
  EXPECT_TRUE(release_gate(entry));
  EXPECT_EQ(life_of(entry), state_word(3, EntryState::away));
  write_name(entry, {});
  entry.state.store_relaxed(state_word(4, EntryState::gating));
  EXPECT_TRUE(release_gate(entry));
  EXPECT_EQ(life_of(entry), state_word(4, EntryState::free));
}

}  // namespace
}  // namespace ringbolt::core
