// The turns of a consumer between the ring and its journal: the mark that says how far the journal may be read, and the way
// back into the ring. `ipc/journal_runner.cpp` is the one side, `ipc/consumer_journal.cpp` the other.
//
//   journal, once a round                               consumer that reads the journal
//   ---------------------                               -------------------------------
//        the records, in its files                      [T2] the mark                                  acq
//   [T1] the mark = the last of them            rel          the records up to it; behind them, the ring
//   [G1] its gate                               rel
//
// Why no event is skipped or repeated: both states of the consumer know one thing, the next sequence. What is up to the mark is
// whole in the files, since [T2] acquires what [T1] released. What is above it is in the ring, since [G1] comes after [T1] and the
// publisher goes no further than the gate; so who finds an event in neither looks at the mark once more.
#pragma once

#include <ringbolt/core/gates.hpp>
#include <ringbolt/core/journal_layout.hpp>
#include <ringbolt/core/locate.hpp>

namespace ringbolt::core {

// All events up to `sequence` are whole in the journal's files, and may be read there. The journal's thread only; before it
// moves its gate.
inline void store_written(JournalPage& page, std::uint64_t sequence) noexcept {
  page.written_sequence.store_release(sequence);  // [T1] pairs with [T2]
}
[[nodiscard]] inline std::uint64_t written_of(const JournalPage& page) noexcept {
  return page.written_sequence.load_acquire();  // [T2] pairs with [T1]
}

// Where the event `next` is, walking from the journal's gate: that is the oldest event that is sure to be in the ring, though
// no checkpoint need lead to it. Sequence 0: not from there, or no longer. `journal` is the journal's entry.
[[nodiscard]] inline Place walk_from_gate(const ConsumerEntry& journal, const RingView& ring, std::uint64_t next) noexcept {
  // Relaxed: where to look, no more. What is there is believed only where `peek`, or who reads on from here, says so.
  if (state_of(journal.state.load_relaxed()) != EntryState::gating) return {};
  Place gate{journal.gate.load_relaxed(), 0};
  if (gate.position % kRecordAlignment != 0) return {};
  gate.sequence = ring.record_at(gate.position).sequence.load_relaxed();
  if (gate.sequence == 0 || gate.sequence > next) return {};
  Reader reader(ring, gate);
  Record record;
  while (reader.place().sequence < next) {
    if (reader.peek(record) != ReadStatus::event) return {};
    reader.advance(record);
  }
  return reader.place();
}

}  // namespace ringbolt::core
