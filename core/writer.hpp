// The publisher's side of the ring: claim, commit, and the bookkeeping once a chunk. See `ring.hpp` for the protocol.
#pragma once

#include <ringbolt/core/gates.hpp>
#include <ringbolt/core/inline.hpp>

namespace ringbolt::core {

enum class ClaimStatus : std::uint8_t {
  ok,
  full,       // a gating consumer is in the way, or the limit needs `refill`
  too_large,  // more than a quarter of the ring; never fits
};

// Writes records into memory that is handed to it. One thread at a time. Waits for nothing, allocates nothing, asks no clock.
class Writer {
 public:
  Writer() noexcept = default;

  // `data` is mapped twice (`2 * capacity` bytes); `end` is where the stream goes on. The first claim takes the slow path.
  Writer(EventsHeader& header, std::byte* data, std::uint64_t capacity, Gates gates, Place end) noexcept
      : region_{data, capacity - 1},
        largest_(largest_record_bytes(capacity)),
        position_(end.position),
        sequence_(end.sequence),
        limit_(end.position),
        header_(&header),
        capacity_(capacity),
        gates_(gates),
        intent_(header.intent.load_relaxed()),                        // relaxed: only the publisher writes it
        smallest_gate_(intent_ > capacity ? intent_ - capacity : 0),  // announces nothing new before the first scan
        next_anchor_(older_anchor(header)) {}

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return sequence_; }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] const Gates& gates() const noexcept { return gates_; }

  // Room for one record of `payload_bytes`; its payload is then at `payload()`. A claim that is not committed changes
  // nothing but bytes that nobody looks at, and may be claimed over.
  [[nodiscard]] ClaimStatus try_claim(std::uint64_t payload_bytes) noexcept {
    return try_claim_bytes(record_bytes(payload_bytes));
  }

  // The same for a batch: `bytes` is the sum of `record_bytes` over its events.
  [[nodiscard]] ClaimStatus try_claim_bytes(std::uint64_t bytes) noexcept {
    if (bytes > largest_) [[unlikely]]
      return ClaimStatus::too_large;
    if (position_ + bytes + sizeof(std::uint64_t) > limit_) [[unlikely]]
      return ClaimStatus::full;
    RINGBOLT_STEP(claimed);
    return ClaimStatus::ok;
  }

  [[nodiscard]] std::byte* payload() const noexcept { return region_.payload(position_); }

  // Publishes the claimed record with the first `size` bytes of its payload, at most what was claimed. Returns its sequence.
  std::uint64_t commit(std::uint32_t size, std::uint32_t type, std::uint16_t flags, std::uint64_t timestamp_ns) noexcept {
    return fill_and_commit(size, type, flags, timestamp_ns, [](std::byte* /*payload*/) {});
  }
  // The same with a payload that `fill` writes on the way.
  template <class Fill>
  RINGBOLT_ALWAYS_INLINE std::uint64_t fill_and_commit(std::uint32_t size, std::uint32_t type, std::uint16_t flags,
                                                       std::uint64_t timestamp_ns, Fill fill) noexcept {
    // Copies, because the compiler must believe that the stores below might change the members.
    const Region region = region_;
    const Place here{position_, sequence_};
    EventsHeader* const header = header_;
    const std::uint64_t next = here.position + record_bytes(size);
    fill(region.payload(here.position));
    region.sequence_word(next).store_relaxed(0);  // [W1] relaxed: [W2] releases it, for whoever goes on from this record
    RINGBOLT_STEP(zeroed_next);
    region.write_header(here.position, size, type, flags, timestamp_ns);
    RINGBOLT_STEP(wrote_header);
    region.sequence_word(here.position).store_release(here.sequence);  // [W2] pairs with [R1]
    RINGBOLT_STEP(committed);
    header->hint.store_release(here.position);  // [H1] pairs with [H2]
    RINGBOLT_STEP(hinted);
    position_ = next;
    sequence_ = here.sequence + 1;
    return here.sequence;
  }

  // A batch inside a claim of `try_claim_bytes`: stage its events one behind the other, then commit them all at once.
  // `offset` starts at 0 and grows by `record_bytes` of each. Returns where the payload goes.
  [[nodiscard]] std::byte* stage(std::uint64_t offset, std::uint32_t size, std::uint32_t type, std::uint16_t flags,
                                 std::uint64_t timestamp_ns) noexcept {
    region_.write_header(position_ + offset, size, type, flags, timestamp_ns);
    return region_.payload(position_ + offset);
  }

  // Makes `count` staged events of `bytes` in all visible together; returns the first one's sequence. `count` is not 0.
  std::uint64_t commit_staged(std::uint64_t count, std::uint64_t bytes) noexcept {
    const std::uint64_t next = position_ + bytes;
    region_.sequence_word(next).store_relaxed(0);  // [W1] relaxed, as the inner words: [W2] releases them
    RINGBOLT_STEP(batch_zeroed);
    std::uint64_t place = position_;
    for (std::uint64_t i = 1; i < count; ++i) {
      place += record_bytes(region_.record(place).size.load_relaxed().size);  // relaxed: this thread wrote it in `stage`
      region_.sequence_word(place).store_relaxed(sequence_ + i);
      RINGBOLT_STEP(batch_inner_committed);
    }
    region_.sequence_word(position_).store_release(sequence_);  // [W2] the first one's word last: it makes all visible
    RINGBOLT_STEP(committed);
    header_->hint.store_release(position_);  // [H1] never a record inside a batch
    RINGBOLT_STEP(hinted);
    const std::uint64_t first = sequence_;
    position_ = next;
    sequence_ += count;
    return first;
  }

  // The slow path, about once a chunk: makes room for `bytes`, if the gates allow it. False: full for now; nothing is
  // lost by asking again. After an eviction or a reclaimed entry, ask again: that begins at [W3], as proof 4 needs.
  [[nodiscard]] bool refill(std::uint64_t bytes) noexcept {
    write_anchor();
    for (int round = 0; round < kMostRounds; ++round) {
      const std::uint64_t needed = position_ + bytes + sizeof(std::uint64_t);
      const std::uint64_t wanted = needed + chunk_bytes(capacity_);
      const std::uint64_t allowed = smallest_gate_ + capacity_;
      const std::uint64_t intent = beyond(wanted, allowed) ? allowed : wanted;
      if (beyond(intent, intent_)) {
        intent_ = intent;
        header_->intent.store_relaxed(intent_);  // [W3] relaxed: [W4] orders it; pairs with [R4], [J3]
      }
      RINGBOLT_STEP(intent_raised);
      fence_seq_cst();  // [W4] pairs with [R3], [J2]
      RINGBOLT_STEP(intent_fenced);
      const std::uint64_t floor = position_ > capacity_ ? position_ - capacity_ : 0;
      const Gates::Scan scan = gates_.scan(position_, floor);  // [G2]
      RINGBOLT_STEP(gates_scanned);
      const bool gates_moved = beyond(scan.smallest, smallest_gate_);
      smallest_gate_ = scan.smallest;
      if (scan.changed) continue;  // what was seen of an eviction must come before the fence of what is written next
      limit_ = beyond(intent_, smallest_gate_ + capacity_) ? smallest_gate_ + capacity_ : intent_;
      if (!beyond(needed, limit_)) {
        write_checkpoint();
        return true;
      }
      if (!gates_moved) return false;
    }
    return false;
  }

  // Ends the stream before the next sequence, or opens it again.
  void set_closed(bool closed) noexcept { header_->closed.store_release(closed ? sequence_ : 0); }

  // From now on every claim takes the slow path until a `refill` succeeds.
  void revoke_limit() noexcept { limit_ = position_; }

 private:
  static constexpr int kMostRounds = 64;  // of a slow path that finds the gates changed each time; then it is full for now

  // The data region, addressed by position.
  struct Region {
    std::byte* data = nullptr;
    std::uint64_t mask = 0;

    [[nodiscard]] std::byte* at(std::uint64_t position) const noexcept { return data + (position & mask); }
    [[nodiscard]] std::byte* payload(std::uint64_t position) const noexcept { return at(position) + sizeof(RecordHeader); }
    [[nodiscard]] Word64& sequence_word(std::uint64_t position) const noexcept {
      return *reinterpret_cast<Word64*>(at(position));
    }
    [[nodiscard]] RecordHeader& record(std::uint64_t position) const noexcept {
      return *reinterpret_cast<RecordHeader*>(at(position));
    }
    void write_header(std::uint64_t position, std::uint32_t size, std::uint32_t type, std::uint16_t flags,
                      std::uint64_t timestamp_ns) const noexcept {
      RecordHeader& header = record(position);  // relaxed stores: [W2] releases them
      header.timestamp_ns.store_relaxed(timestamp_ns);
      header.size.store_relaxed({.size = size, .checksum = 0});
      header.type.store_relaxed({.type = type, .flags = flags, .reserved = 0});
    }
  };

  static std::size_t older_anchor(const EventsHeader& header) noexcept {
    const std::uint64_t first = header.anchors[0].position.load_relaxed();  // relaxed: only the publisher writes anchors
    const std::uint64_t second = header.anchors[1].position.load_relaxed();
    if (first == kNoPosition) return 0;
    if (second == kNoPosition) return 1;
    return beyond(first, second) ? 1 : 0;
  }

  // [A1] Where a successor starts. The older slot is written, so a death in between leaves the newer one. Two anchors back
  // is never overwritten yet: between two of them lie at most a record and a chunk, together less than half the ring.
  // Relaxed but for the last store: until that is made, the other anchor is the newer one.
  void write_anchor() noexcept {
    if (anchored_ == position_) return;
    Boundary& anchor = header_->anchors[next_anchor_];
    anchor.position.store_relaxed(kNoPosition);
    RINGBOLT_STEP(anchor_invalidated);
    anchor.sequence.store_relaxed(sequence_);
    RINGBOLT_STEP(anchor_sequenced);
    anchor.position.store_release(position_);
    RINGBOLT_STEP(anchored);
    next_anchor_ ^= 1;
    anchored_ = position_;
  }

  // [C1] Where a consumer may start reading; at most one per chunk and lap. Pairs with [C2]. Relaxed: [W4] has just released
  // what lies there, and a position with the sequence of another lap is refused by [R1], or else by [R4].
  void write_checkpoint() noexcept {
    const std::uint64_t chunk = position_ / chunk_bytes(capacity_);
    if (chunk == checkpointed_chunk_) return;
    checkpointed_chunk_ = chunk;
    Boundary& checkpoint = header_->checkpoints[chunk % kChunksPerRing];
    checkpoint.position.store_relaxed(kNoPosition);
    RINGBOLT_STEP(checkpoint_invalidated);
    checkpoint.sequence.store_relaxed(sequence_);
    RINGBOLT_STEP(checkpoint_sequenced);
    checkpoint.position.store_relaxed(position_);
    RINGBOLT_STEP(checkpointed);
  }

  // Read with every event.
  Region region_;
  std::uint64_t largest_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t limit_ = 0;  // writes stay below it; <= intent, <= every gate + capacity
  EventsHeader* header_ = nullptr;
  // Read once a chunk.
  std::uint64_t capacity_ = 0;
  Gates gates_;
  std::uint64_t intent_ = 0;
  std::uint64_t smallest_gate_ = 0;  // of the last scan
  std::uint64_t anchored_ = kNoPosition;
  std::size_t next_anchor_ = 0;
  std::uint64_t checkpointed_chunk_ = kNoPosition;
};

}  // namespace ringbolt::core
