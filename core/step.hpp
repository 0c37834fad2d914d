// The one fault hook. `RINGBOLT_STEP(name)` stands between two stores to shared memory and is nothing unless the build
// defines RINGBOLT_STEPS; then it calls `ringbolt_on_step`, which a test defines to die, stop or count at exactly that place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringbolt::core {

// clang-format off
// A publisher's, on its way through any life.
#define RINGBOLT_EACH_PUBLISHER_STEP(X)                                                                                \
  X(claimed) X(zeroed_next) X(wrote_header) X(committed) X(hinted)                                                     \
  X(batch_zeroed) X(batch_inner_committed)                                                                             \
  X(anchor_invalidated) X(anchor_sequenced) X(anchored)                                                                \
  X(intent_raised) X(intent_fenced) X(gates_scanned)                                                                   \
  X(checkpoint_invalidated) X(checkpoint_sequenced) X(checkpointed)                                                    \
  X(lease_taken) X(end_found) X(alive_file_named) X(epoch_stored) X(taken_over)
// Everybody's: making and removing a ring, the registry, gates and cursors, sleeping and waking, the journal's page.
#define RINGBOLT_EACH_OTHER_STEP(X)                                                                                    \
  X(events_written) X(registry_written) X(journal_page_written) X(ring_named) X(epoch_before_unlinked)                 \
  X(removal_told) X(ring_hidden) X(ring_emptied)                                                                       \
  X(entry_freed) X(entry_wiped) X(owner_written) X(entry_joining)                                                      \
  X(gate_entered) X(gate_told) X(join_counted) X(start_entered) X(attached)                                            \
  X(cursor_begun) X(cursor_placed) X(cursor_stored) X(gate_moved) X(gap_counted)                                       \
  X(evicted) X(reclaimed) X(left)                                                                                      \
  X(bell_set) X(bell_cleared) X(sleep_flagged) X(sleep_fenced) X(flag_cleared) X(futex_changed)                                                    \
  X(durable_told) X(written_told) X(state_told) X(durable_stored) X(journal_gate_moved) X(journal_gate_kept)
#define RINGBOLT_EACH_STEP(X) RINGBOLT_EACH_PUBLISHER_STEP(X) RINGBOLT_EACH_OTHER_STEP(X)
// clang-format on

enum class Step : std::uint32_t {
#define RINGBOLT_STEP_NAME(name) name,
  RINGBOLT_EACH_STEP(RINGBOLT_STEP_NAME)
#undef RINGBOLT_STEP_NAME
      count
};
inline constexpr std::size_t kSteps = static_cast<std::size_t>(Step::count);
inline constexpr std::size_t kPublisherSteps = static_cast<std::size_t>(Step::events_written);

inline const char* step_name(Step step) noexcept {
  static constexpr const char* names[] = {
#define RINGBOLT_STEP_NAME(name) #name,
      RINGBOLT_EACH_STEP(RINGBOLT_STEP_NAME)
#undef RINGBOLT_STEP_NAME
  };
  return names[static_cast<std::size_t>(step)];
}

}  // namespace ringbolt::core

#if defined(RINGBOLT_STEPS)
extern "C" void ringbolt_on_step(ringbolt::core::Step step);
// Comes before each access to a word in shared memory, in every process. Weak: most tests have no use for it.
extern "C" [[gnu::weak]] void ringbolt_on_access();
#define RINGBOLT_STEP(name) ringbolt_on_step(::ringbolt::core::Step::name)
#define RINGBOLT_ACCESS() (ringbolt_on_access != nullptr ? ringbolt_on_access() : static_cast<void>(0))
#else
#define RINGBOLT_STEP(name) static_cast<void>(0)
#define RINGBOLT_ACCESS() static_cast<void>(0)
#endif
