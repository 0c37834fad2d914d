// Where a successor goes on: the end of the stream that a dead publisher left.
//
// The newest valid anchor is a record boundary with its sequence. A zero word there means that the stream ends at it; from
// it on every record carries the expected sequence until a zero word. Anything else is corruption: a publisher that dies
// between any two stores leaves exactly this (proof 5 in `ring.hpp`). The caller holds the lease, so nobody writes.
#pragma once

#include <ringbolt/core/locate.hpp>

namespace ringbolt::core {

struct StreamEnd {
  bool valid = false;  // false: the ring is damaged
  Place end;
  std::uint64_t newest_timestamp_ns = 0;  // of the last event; 0 if there is none to be found
};

// Of the last event, when it lies before the newest anchor. Nobody writes, so one search is enough. The hint need not lead
// to it: publishers that died before [H1], one after the other, leave it behind until it is overrun. But then the last
// checkpoint of an earlier chunk does: the stream went on from where it points to, and never more than a chunk and a
// record lie between two of them, so it is not overrun.
[[nodiscard]] inline std::uint64_t newest_timestamp(const RingView& ring) noexcept {
  const Locator locator(ring);
  const Location newest = locator.newest();
  Record record;
  return newest.found == Found::record && locator.published_at(newest.place, record) ? record.timestamp_ns : 0;
}

// Where no record follows the anchor, it alone says which number comes next, and no checksum guards it. Whoever starts from
// the hint or from a checkpoint comes to the same end, if one of them still leads to a record.
[[nodiscard]] inline bool consumers_agree(const RingView& ring, Place end) noexcept {
  const Location found = Locator(ring).end();
  return found.found != Found::end || found.place == end;
}

[[nodiscard]] inline StreamEnd find_stream_end(const RingView& ring) noexcept {
  // [A2] pairs with [A1]. Relaxed: the dead publisher's stores became visible before the kernel gave its lease away.
  Place anchor;
  bool found = false;
  for (const Boundary& candidate : ring.header->anchors) {
    const std::uint64_t position = candidate.position.load_relaxed();
    if (position == kNoPosition || position % kRecordAlignment != 0) continue;
    if (found && !beyond(position, anchor.position)) continue;
    anchor = {position, candidate.sequence.load_relaxed()};
    found = true;
  }
  if (!found || anchor.sequence < ring.first_sequence || anchor.sequence > kLargestSequence) return {};

  StreamEnd result;
  Record record;
  Reader reader(ring, anchor);
  const std::uint64_t furthest = anchor.position + ring.capacity;
  while (!beyond(reader.place().position, furthest)) {
    switch (reader.peek(record)) {
      case ReadStatus::event:
        result.newest_timestamp_ns = record.timestamp_ns;
        reader.advance(record);
        continue;
      case ReadStatus::empty:
        result.end = reader.place();
        if (result.end == anchor) {
          if (!consumers_agree(ring, anchor)) return {};
          result.newest_timestamp_ns = newest_timestamp(ring);
        }
        result.valid = true;
        return result;
      case ReadStatus::overrun:
      case ReadStatus::evicted:
      case ReadStatus::corrupt: return {};
    }
  }
  return {};
}

// Prepares the header of a new ring; the data region is zero. `header`'s fixed part is filled in by the caller.
inline void start_stream(EventsHeader& header, std::uint64_t first_sequence) noexcept {
  header.hint.store_relaxed(kNoPosition);  // relaxed: nobody else can see the ring yet
  for (Boundary& checkpoint : header.checkpoints) checkpoint.position.store_relaxed(kNoPosition);
  header.anchors[1].position.store_relaxed(kNoPosition);
  header.anchors[0].sequence.store_relaxed(first_sequence);
  header.anchors[0].position.store_relaxed(0);
}

}  // namespace ringbolt::core
