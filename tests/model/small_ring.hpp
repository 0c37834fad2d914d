// A ring that is small enough for every order of its steps to be tried: three or four records long. Made anew for each
// execution. Its publisher and readers are those of production.
#pragma once

#include <ringbolt/core/locate.hpp>
#include <ringbolt/core/takeover.hpp>
#include <ringbolt/core/writer.hpp>

#include <array>
#include <cstring>

#include "explorer.hpp"

namespace ringbolt::model {

inline constexpr std::uint64_t kCapacity = 256;
inline constexpr std::uint32_t kPayloadBytes = 32;
inline constexpr std::uint64_t kRecordBytes = core::record_bytes(kPayloadBytes);
static_assert(kRecordBytes == core::largest_record_bytes(kCapacity));

constexpr std::uint64_t payload_word(std::uint64_t sequence, std::size_t index) { return sequence * 1'000 + index; }
constexpr core::Place place_of(std::uint64_t sequence) { return {(sequence - 1) * kRecordBytes, sequence}; }

class SmallRing {
 public:
  // Empty, and nobody gates.
  void begin(Scene& scene) {
    std::memset(static_cast<void*>(this), 0, sizeof *this);
    core::start_stream(header, 1);
    scene.mirror(data.data(), kCapacity);
    writer = core::Writer(header, data.data(), kCapacity, gates(), place_of(1));
  }
  [[nodiscard]] core::Gates gates() { return {registry, entries, list}; }
  [[nodiscard]] core::RingView view() const { return {&header, data.data(), kCapacity, 1}; }

  [[nodiscard]] const core::Word64& sequence_word(std::uint64_t sequence) const {
    return *reinterpret_cast<const core::Word64*>(data.data() + (place_of(sequence).position & (kCapacity - 1)));
  }

  // Entry 0 gates there, as if it had joined long ago.
  void gate_at(std::uint64_t sequence) {
    entries[0].gate.store_relaxed(place_of(sequence).position);
    entries[0].state.store_relaxed(core::state_word(1, core::EntryState::gating));
    registry.changes.store_relaxed(1);
  }

  // The next event, unless the ring stays full. Tries a few times, since each may see an older gate.
  bool publish() {
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (writer.try_claim(kPayloadBytes) != core::ClaimStatus::ok && !writer.refill(kRecordBytes)) continue;
      const std::uint64_t sequence = writer.next_sequence();
      std::array<std::uint64_t, kPayloadBytes / 8> words{};
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = payload_word(sequence, i);
      core::copy_to_shared(writer.payload(), reinterpret_cast<const std::byte*>(words.data()), kPayloadBytes);
      writer.commit(kPayloadBytes, static_cast<std::uint32_t>(sequence), 0, sequence);
      return true;
    }
    return false;
  }

  core::EventsHeader header;
  alignas(8) std::array<std::byte, 2 * kCapacity> data;
  core::RegistryHeader registry;
  std::array<core::ConsumerEntry, 1> entries;
  std::array<std::uint32_t, 1> list;
  core::Writer writer;
};

// What was read is the event that was published with that number.
inline void promise_whole(const core::Record& record, std::uint64_t sequence) {
  promise(record.sequence == sequence, "an event with another number");
  promise(record.size == kPayloadBytes && record.type == sequence && record.timestamp_ns == sequence,
          "a header that was never published");
  std::array<std::uint64_t, kPayloadBytes / 8> words{};
  std::memcpy(words.data(), record.payload, kPayloadBytes);
  for (std::size_t i = 0; i < words.size(); ++i) promise(words[i] == payload_word(sequence, i), "a torn event");
}

}  // namespace ringbolt::model
