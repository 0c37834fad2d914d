// What a journal keeps: which of its oldest segments go. Used by the journal after each roll, and by `ringbolt trim`.
//
// Whole segments are unlinked, oldest first, each one on the disk before the next, so that a power cut never leaves a hole;
// never the last one, which is being written, and
// none that recovery would begin with or come to. Safe beside a live writer and beside readers: who has a segment open reads it
// to its end.
#pragma once

#include <ringbolt/ipc/segment.hpp>

#include <cstdint>
#include <string>

namespace ringbolt::ipc {

struct Keep {
  std::uint64_t bytes = 0;   // the sum of the segments' sizes; 0: no limit
  std::uint64_t age_ns = 0;  // of a segment's newest event; 0: no limit
  bool unread = true;        // what a named consumer has not committed, whatever the two say; see `keep_from`
};

struct Removed {
  std::uint64_t segments = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_sequence_now = 0;  // of the oldest segment that is left; 0: there is none
};

// The first event that no cursor beside the journal has behind it, all ones if there is no cursor. 0, so that everything is
// kept, where a cursor cannot be read.
[[nodiscard]] std::uint64_t oldest_unread(const std::string& journal_directory);
// What must stay for the sake of the consumers: `oldest_unread`, or all ones where it is not to matter.
[[nodiscard]] std::uint64_t keep_from(const std::string& journal_directory, const Keep& keep);

// Removes what is beyond the limits of `keep`, up to the segment that holds `keep_from_sequence`. The answer is an errno;
// `removed` says what went also then. Age is judged by when the next segment was begun.
[[nodiscard]] int remove_old_segments(Storage& storage, const Keep& keep, std::uint64_t keep_from_sequence,
                                      std::uint64_t now_ns, Removed& removed);
// Removes every segment that holds nothing from that sequence on.
[[nodiscard]] int remove_segments_before(Storage& storage, std::uint64_t sequence, Removed& removed);

}  // namespace ringbolt::ipc
