// Who owns an entry of the registry. An owner holds the entry's lock byte, which the kernel gives to one process at a time and
// takes back at its death. Whoever holds the byte may set the entry up; it is free meanwhile, so a death leaves it free.
// Everybody else reads it, or changes its state by compare-and-swap (`gates.hpp`).
#pragma once

#include <ringbolt/core/gates.hpp>

#include <array>

namespace ringbolt::core {

using NameWords = std::array<std::uint64_t, kNameBytes / 8>;  // zero-padded

[[nodiscard]] inline NameWords name_of(const ConsumerEntry& entry) noexcept {
  NameWords words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = entry.name[i].load_relaxed();  // relaxed: see `is_called`
  return words;
}

// The entry is free, or has that name already.
inline void write_name(ConsumerEntry& entry, const NameWords& words) noexcept {
  // [N1] pairs with [N2]: whoever sees one of them sees that the entry has been free.
  for (std::size_t i = 0; i < words.size(); ++i) entry.name[i].store_release(words[i]);
}

// Is this the entry of that name? Believed only if it has had one owner from before the name was read until after.
[[nodiscard]] inline bool is_called(const ConsumerEntry& entry, const NameWords& words) noexcept {
  constexpr int kMostLooks = 8;  // more than one only while a consumer of that name attaches
  for (int look = 0; look < kMostLooks; ++look) {
    const std::uint64_t life = life_of(entry);
    if (state_of(life) == EntryState::free) return false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (entry.name[i].load_relaxed() != words[i]) return false;  // relaxed: the fence orders it
    }
    fence_acquire();                                                                    // [N2] pairs with [N1]
    if (generation_of(entry.state.load_relaxed()) == generation_of(life)) return true;  // relaxed: the fence orders it
  }
  return false;
}

// Takes the entry's byte if the entry is what is wanted, before and behind it: somebody else may have had it meanwhile.
template <class Byte, class Wanted>
[[nodiscard]] bool take_if(const ConsumerEntry& entry, Byte&& byte, Wanted wanted) {
  if (!wanted(entry) || !byte.try_lock()) return false;
  if (wanted(entry)) return true;
  byte.unlock();
  return false;
}

// Makes an entry whose byte is held nobody's.
inline void free_entry(ConsumerEntry& entry) noexcept {
  set_state(entry, generation_of(entry.state.load_relaxed()) + 1, EntryState::free);  // relaxed: behind the byte's lock
}

// A new owner starts with nothing but a name, which it writes itself. The caller holds the byte and the entry is free.
inline void wipe(ConsumerEntry& entry) noexcept {
  for (Word64* word :
       {&entry.gate, &entry.cursor_sequence, &entry.cursor_position, &entry.policy, &entry.options, &entry.gap_events,
        &entry.gaps, &entry.skipped_events, &entry.evictions, &entry.blocked_count, &entry.blocked_ns}) {
    word->store_relaxed(0);  // relaxed: the state that follows releases it
  }
  // Relaxed: changed only by who holds the byte. [F1] of its commits releases it, so whoever comes after them sees it.
  entry.lineage.store_relaxed(entry.lineage.load_relaxed() + 1);
}

// The owner has died and the caller holds its byte: nobody waits for its gate any more. False if it had none.
[[nodiscard]] inline bool release_gate(ConsumerEntry& entry) noexcept {
  const std::uint64_t life = entry.state.load_relaxed();  // relaxed: behind the byte's lock
  if (state_of(life) != EntryState::gating) return false;
  return change_state(entry, life, name_of(entry)[0] == 0 ? EntryState::free : EntryState::away);
}

}  // namespace ringbolt::core
