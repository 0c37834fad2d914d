// The ring: one publisher's endless stream of records in a power-of-two region of memory, read by any number of consumers.
// This file has the protocol and its proof; `writer.hpp` and `reader.hpp` are the two sides, `gates.hpp` what stands
// between them, `locate.hpp` how a consumer finds where to start, `takeover.hpp` how a successor finds where to go on.
//
// A *position* is a byte position in the endless stream; the place in memory is `position % capacity`. The region
// is mapped twice, back to back, so a record is contiguous wherever it begins; it is addressed from the first mapping.
// A *sequence* numbers the events. Both only grow. All comparisons of positions are sums: `intent - capacity` would
// underflow in the first lap.
//
//   publisher, per event                                consumer, per event
//   --------------------                                -------------------
//   [W1] sequence word of the NEXT record = 0   rlx     [R1] sequence word == the one I expect?        acq
//        payload, timestamp, size, type                      timestamp, size, type
//   [W2] sequence word of this record = N       rel     [R2] copy, or hand out a view
//   [H1] hint = position                        rel     [R3] fence                                     acq
//                                                       [R4] intent > my position + capacity?  then overrun
//   publisher, once a chunk                             [E2] or, if I gate: my entry still says so?
//   -----------------------
//   [A1] anchor = (position, sequence)          rel     consumer, once a batch
//   [W3] intent = what I may write below        rlx     ----------------------
//   [W4] fence                                  sc      [G1] my gate = first byte I still need         rel
//   [G2] smallest gate of all that gate         rlx     [F1] my cursor = last event committed          rel
//   [C1] checkpoint = (position, sequence)      rlx
//                                                       consumer, joining a gate
//   whoever evicts                                      ------------------------
//   --------------                                      [J1] gate; state = gating; changes + 1         rel
//   [E3] whose entry, then its budget           acq     [J2] fence                                     sc
//   [E1] state: gating -> evicted               rel     [J3] intent > gate + capacity?  choose a later one
//   consumer that comes after others
//   --------------------------------
//   [F2] is the event below all their cursors?  acq     whoever looks for a name
//                                                       ------------------------
//   whoever takes an entry                              [E3] the entry's state, and its name           acq
//   ----------------------                              [N2] fence                                     acq
//   [N1] state = free; then its name            rel          the state again: the same owner?          rlx
//
// Why it is right:
//
//  1. No partial event. [W2] releases everything before it and [R1] acquires it: whoever sees N sees the whole record.
//     [W1] comes before [W2], so a consumer that goes on to the next record finds 0 there until that one is complete,
//     and never the bytes of an earlier lap. That is why consumers need no shared tail counter.
//  2. No torn event. The publisher writes only below `limit` <= intent, and every such write comes after [W4] and so after
//     [W3]. If a copy [R2] met a byte that was written over it, then that write is at a position beyond mine + capacity,
//     so the intent stored before it is beyond that too; [W4] and [R3] are fences around the byte that was met, so [R4]
//     sees that intent. The size is checked the same way before it is used.
//  3. A gating consumer is not overrun. `limit` <= gate + capacity for every gate seen at [G2]; [G1] is a release, so what
//     the consumer did with the bytes before is over. [G2] need not acquire it: what a gate allows is written only after the
//     next [W4], since `limit` <= intent, which is made of gates seen before. Joining is a store-load (Dekker) pair: either
//     [G2], after [W4], sees the gate of [J1], or [J3], after [J2], sees the intent of [W3] and chooses a later record.
//  4. Eviction: a write over an evicted consumer's bytes comes after a [W3]/[W4] that follows [E1] (the publisher begins
//     again at [W3]), so [R3] and then [E2] see it, by the argument of 2.
//  5. A publisher that dies between any two of these stores leaves a stream that ends at a zero word: before [W2] the
//     record's own word is 0 (the predecessor's [W1]), after it the next one's is. Intent never decreases, so a reader
//     never believes bytes that the dead publisher may have been writing. A successor begins with `limit` = position.
//
// What remains outside the C++ standard: the bytes of a payload are stored by the user, or by memcpy, not as atomics, and
// a consumer that may be overrun reads them while they change. It reads them as relaxed atomic words and throws away what
// [R4] disowns. On every processor that Linux runs on, a plain store of up to 8 aligned bytes or a string of them is
// ordered by the fences like atomic ones, and nothing is derived from the bytes before they are validated.
//
// The idea of announcing an intent before overwriting is that of Aeron's broadcast buffer (Thompson, Montgomery); that of
// polling the record itself is found in many single-producer queues; the combination, the anchors and the gates are ours.
#pragma once

#include <ringbolt/core/layout.hpp>
#include <ringbolt/core/step.hpp>

#include <algorithm>

namespace ringbolt::core {

// A record boundary: where an event begins, and its number.
struct Place {
  std::uint64_t position = 0;
  std::uint64_t sequence = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

// Bytes that a record with this payload takes in the stream. 64-bit throughout, and saturated, so that no size wraps: what
// has a payload of 2^32 - 1 bytes or more is larger than any ring's largest record.
constexpr std::uint64_t record_bytes(std::uint64_t payload_bytes) noexcept {
  constexpr std::uint64_t unit = kRecordAlignment;
  return (sizeof(RecordHeader) + std::min(payload_bytes, std::uint64_t{0xffff'ffff}) + unit - 1) & ~(unit - 1);
}
constexpr std::uint64_t largest_record_bytes(std::uint64_t capacity_bytes) noexcept {
  return capacity_bytes / kLargestRecordShare;
}
static_assert(record_bytes(~std::uint64_t{0}) > largest_record_bytes(kMaxCapacityBytes));
constexpr std::uint64_t largest_payload_bytes(std::uint64_t capacity_bytes) noexcept {
  return largest_record_bytes(capacity_bytes) - sizeof(RecordHeader);
}
constexpr std::uint64_t chunk_bytes(std::uint64_t capacity_bytes) noexcept { return capacity_bytes / kChunksPerRing; }
constexpr bool is_capacity(std::uint64_t bytes) noexcept {
  return bytes >= kMinCapacityBytes && bytes <= kMaxCapacityBytes && (bytes & (bytes - 1)) == 0;
}

// Is `a` beyond `b`? By signed difference, so that nonsense from shared memory gives an answer and not undefined behaviour.
constexpr bool beyond(std::uint64_t a, std::uint64_t b) noexcept { return static_cast<std::int64_t>(a - b) > 0; }

// The memory of a ring as a consumer sees it. Does not own it; copied freely. The capacity is what the mapping was made
// with, never read again from shared memory.
struct RingView {
  const EventsHeader* header = nullptr;
  const std::byte* data = nullptr;  // mapped twice: `2 * capacity` readable bytes
  std::uint64_t capacity = 0;
  std::uint64_t first_sequence = 1;

  // For any position, also one that nobody wrote: what lies there is readable and aligned, though it may be no record.
  [[nodiscard]] const RecordHeader& record_at(std::uint64_t position) const noexcept {
    return *reinterpret_cast<const RecordHeader*>(data + offset_of(position));
  }
  [[nodiscard]] const std::byte* payload_at(std::uint64_t position) const noexcept {
    return data + offset_of(position) + sizeof(RecordHeader);
  }
  // May the publisher have begun to write over the record at `position`?
  // Everything that was read of it before this call is worth nothing if the answer is yes.
  [[nodiscard]] bool overrun(std::uint64_t position) const noexcept {
    fence_acquire();                                                    // [R3] pairs with [W4]
    return beyond(header->intent.load_relaxed(), position + capacity);  // [R4] relaxed: the fence above orders it
  }

 private:
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t position) const noexcept {
    return position & (capacity - kRecordAlignment);  // both powers of two
  }
};

}  // namespace ringbolt::core
