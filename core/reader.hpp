// A consumer's side of the ring: read the next record, in place or as a copy. See `ring.hpp` for the protocol.
#pragma once

#include <ringbolt/core/copy.hpp>
#include <ringbolt/core/gates.hpp>
#include <ringbolt/core/inline.hpp>

namespace ringbolt::core {

enum class ReadStatus : std::uint8_t {
  event,
  empty,    // not published yet
  overrun,  // the publisher has overtaken this reader
  evicted,  // this reader gated and its entry says that it no longer does
  corrupt,  // bytes that no publisher writes
};

// A record that was read. `payload` points into the ring or into the reader's buffer; `size` bytes, not more than the
// largest payload of the ring.
struct Record {
  std::uint64_t position = 0;
  std::uint64_t sequence = 0;
  std::uint64_t timestamp_ns = 0;
  std::uint32_t size = 0;
  std::uint32_t type = 0;
  std::uint16_t flags = 0;
  const std::byte* payload = nullptr;
};

// Reads one stream from a place on. One thread at a time. Waits for nothing, allocates nothing.
class Reader {
 public:
  Reader() noexcept = default;
  // A reader that the publisher may overrun.
  Reader(RingView ring, Place start) noexcept
      : ring_(ring),
        largest_payload_(largest_payload_bytes(ring.capacity)),
        position_(start.position),
        expected_(start.sequence) {}

  // From here on the publisher waits for this reader, as long as `state` is `gating` of that generation.
  void gate_with(const Word64& state, std::uint64_t generation) noexcept {
    own_state_ = &state;
    own_gating_ = state_word(generation, EntryState::gating);
  }
  void go_to(Place place) noexcept {
    position_ = place.position;
    expected_ = place.sequence;
  }

  [[nodiscard]] Place place() const noexcept { return {position_, expected_}; }
  [[nodiscard]] bool gates() const noexcept { return own_state_ != nullptr; }

  // The next record, in place, without going past it. What the payload holds is believed only if `intact` says so after
  // its last use, unless this reader gates and cannot be evicted.
  [[nodiscard]] RINGBOLT_ALWAYS_INLINE ReadStatus peek(Record& record) const noexcept {
    const RecordHeader& header = ring_.record_at(position_);
    const std::uint64_t sequence = header.sequence.load_acquire();  // [R1] pairs with [W2]
    if (sequence != expected_) {
      if (const ReadStatus lost = disowned(position_); lost != ReadStatus::event) return lost;
      return sequence == 0 ? ReadStatus::empty : ReadStatus::corrupt;
    }
    record.timestamp_ns = header.timestamp_ns.load_relaxed();  // relaxed: ordered by [R1], validated below
    const SizeWord size = header.size.load_relaxed();
    const TypeWord type = header.type.load_relaxed();
    if (const ReadStatus lost = disowned(position_); lost != ReadStatus::event) return lost;  // before the size is used
    if (size.size > largest_payload_) return ReadStatus::corrupt;
    record.position = position_;
    record.sequence = sequence;
    record.size = size.size;
    record.type = type.type;
    record.flags = type.flags;
    record.payload = ring_.payload_at(position_);
    return ReadStatus::event;
  }

  // The next record with its payload copied to `buffer`, which has room for the largest payload and is aligned to 8.
  [[nodiscard]] ReadStatus copy(Record& record, std::byte* buffer) const noexcept {
    if (const ReadStatus status = peek(record); status != ReadStatus::event) return status;
    return copy_payload(record, buffer);
  }
  // The second half of it, for a record that `peek` has found.
  [[nodiscard]] ReadStatus copy_payload(Record& record, std::byte* buffer) const noexcept {
    copy_from_shared(buffer, record.payload, record.size);  // [R2]
    record.payload = buffer;
    return disowned(position_);
  }

  void advance(const Record& record) noexcept {
    position_ = record.position + record_bytes(record.size);
    expected_ = record.sequence + 1;
  }

  // This reader gated, and its entry says that it no longer does. [E2]
  [[nodiscard]] bool evicted() const noexcept { return own_state_ != nullptr && disowned(position_) == ReadStatus::evicted; }

  // Is what was read at `position` still what was published there?
  [[nodiscard]] bool intact(std::uint64_t position) const noexcept { return disowned(position) == ReadStatus::event; }

 private:
  // `event` if everything that was read at `position` before this call can be believed.
  [[nodiscard]] ReadStatus disowned(std::uint64_t position) const noexcept {
    if (own_state_ == nullptr) return ring_.overrun(position) ? ReadStatus::overrun : ReadStatus::event;
    fence_acquire();                                                                             // [R3] pairs with [W4]
    return own_state_->load_relaxed() == own_gating_ ? ReadStatus::event : ReadStatus::evicted;  // [E2] pairs with [E1]
  }

  RingView ring_;
  std::uint64_t largest_payload_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t expected_ = 0;
  const Word64* own_state_ = nullptr;
  std::uint64_t own_gating_ = 0;
};

}  // namespace ringbolt::core
