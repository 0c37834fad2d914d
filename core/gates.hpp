// What stands between publisher and consumers: the gates that the publisher may not overtake.
//
// The publisher looks at them once a chunk, not once an event, and only at entries that gate: `changes` in the registry
// counts joins, so a scan of all entries is needed only when it has moved. A consumer that does not gate costs nothing.
#pragma once

#include <ringbolt/core/ring.hpp>

#include <span>

namespace ringbolt::core {

constexpr std::uint64_t state_word(std::uint64_t generation, EntryState state) noexcept {
  return generation << 8 | static_cast<std::uint64_t>(state);
}
constexpr EntryState state_of(std::uint64_t word) noexcept { return static_cast<EntryState>(word & 0xff); }
constexpr std::uint64_t generation_of(std::uint64_t word) noexcept { return word >> 8; }

// Moves an entry from one known state to another; false if it is no longer what was seen, and then nothing happened.
// [E1] when the new state is `evicted`.
inline bool change_state(ConsumerEntry& entry, std::uint64_t seen, EntryState to) noexcept {
  return entry.state.compare_exchange(seen, state_word(generation_of(seen), to));
}

// Forces a state on an entry whose byte the caller holds. Others may still evict it meanwhile, so by compare-and-swap.
inline void set_state(ConsumerEntry& entry, std::uint64_t generation, EntryState to) noexcept {
  std::uint64_t seen = entry.state.load_relaxed();  // relaxed: only what is expected
  while (!entry.state.compare_exchange(seen, state_word(generation, to))) {
  }
}

// Takes the gate from the owner that was seen, by its state word `life`, if it was in the way for as long as its budget.
[[nodiscard]] inline bool evict_if_spent(ConsumerEntry& entry, std::uint64_t life, std::uint64_t waited_ns) noexcept {
  const std::uint64_t budget_ns = entry.budget_ns.load_relaxed();  // relaxed: ordered by [E3], which `life` comes from
  if (state_of(life) != EntryState::gating || budget_ns == 0 || waited_ns < budget_ns) return false;
  return change_state(entry, life, EntryState::evicted);  // [E1] pairs with [E2]
}
// Whose entry this is, and behind it everything that its owner wrote there before it joined.
[[nodiscard]] inline std::uint64_t life_of(const ConsumerEntry& entry) noexcept {
  return entry.state.load_acquire();  // [E3] pairs with [J1]
}

// The consumer is done with all bytes before `position`.
inline void store_gate(ConsumerEntry& entry, std::uint64_t position) noexcept {
  entry.gate.store_release(position);  // [G1] pairs with [G2]
}

// The consumer is done with all events up to `sequence`, and so is everything that it did with them: for those who come after
// it, or wait until they are durable.
inline void store_cursor(ConsumerEntry& entry, std::uint64_t sequence) noexcept {
  entry.cursor_sequence.store_release(sequence);  // [F1] pairs with [F2]
}
[[nodiscard]] inline std::uint64_t cursor_of(const ConsumerEntry& entry) noexcept {
  return entry.cursor_sequence.load_acquire();  // [F2] pairs with [F1]
}

// The registry as the publisher uses it. Not thread-safe: the publisher's thread only.
class Gates {
 public:
  Gates() noexcept = default;
  // `list` is memory for one index per entry and, like the registry, outlives this object.
  Gates(const RegistryHeader& registry, std::span<const ConsumerEntry> entries, std::span<std::uint32_t> list) noexcept
      : registry_(&registry), entries_(entries), list_(list) {}

  struct Scan {
    std::uint64_t smallest = 0;  // position
    bool changed = false;        // somebody joined, left or was evicted since the last scan
  };

  // The smallest gate, within what is possible: not below `floor`, a capacity before `position`, since everything up to
  // there is written already (whoever joins there finds out at [J3]), and not beyond `position`. With nobody gating,
  // `position`.
  [[nodiscard]] Scan scan(std::uint64_t position, std::uint64_t floor) noexcept {
    Scan result{position, false};
    if (registry_ == nullptr) return result;
    if (const std::uint64_t changes = registry_->changes.load_acquire(); changes != seen_changes_) {  // pairs with [J1]
      collect();
      seen_changes_ = changes;
      result.changed = true;
    }
    for (std::uint32_t i = 0; i < count_;) {
      const ConsumerEntry& entry = entries_[list_[i]];
      // Neither this nor the gate below lets the publisher write before its next [W4], which acquires what was seen.
      // Not gating any more: it has left, has died or was evicted; a new join counts anew.
      if (state_of(entry.state.load_before_fence()) != EntryState::gating) {
        list_[i] = list_[--count_];
        result.changed = true;
        continue;
      }
      std::uint64_t gate = entry.gate.load_before_fence();  // [G2] pairs with [G1]
      if (beyond(floor, gate)) gate = floor;
      if (beyond(result.smallest, gate)) result.smallest = gate;
      ++i;
    }
    return result;
  }

  // Indices of the entries that gated at the last look.
  [[nodiscard]] std::span<const std::uint32_t> gating() const noexcept { return list_.first(count_); }

 private:
  void collect() noexcept {
    count_ = 0;
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
      if (state_of(entries_[i].state.load_before_fence()) == EntryState::gating) list_[count_++] = i;  // [J1] was seen
    }
  }

  const RegistryHeader* registry_ = nullptr;
  std::span<const ConsumerEntry> entries_;
  std::span<std::uint32_t> list_;
  std::uint32_t count_ = 0;
  std::uint64_t seen_changes_ = ~std::uint64_t{0};
};

// Joins the gates at `gate`: from here on the publisher waits for this consumer, if the answer is true. If it is false the
// publisher may already have written over that position; call again with a later one. The caller holds the entry's lock
// byte and has set its state to `joining` (or calls again after false, with the state already `gating`).
[[nodiscard]] inline bool join_gate(RegistryHeader& registry, ConsumerEntry& entry, std::uint64_t generation,
                                    std::uint64_t gate, const RingView& ring) noexcept {
  entry.gate.store_relaxed(gate);  // relaxed: the state releases it
  RINGBOLT_STEP(gate_entered);
  entry.state.store_release(state_word(generation, EntryState::gating));  // [J1] pairs with [E3]
  RINGBOLT_STEP(gate_told);
  registry.changes.fetch_add(1);  // [J1] pairs with the load in Gates::scan
  RINGBOLT_STEP(join_counted);
  fence_seq_cst();                                                           // [J2] pairs with [W4]
  return !beyond(ring.header->intent.load_relaxed(), gate + ring.capacity);  // [J3] relaxed: ordered by [J2]
}

}  // namespace ringbolt::core
