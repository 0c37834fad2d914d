// Where a consumer starts: finding a record in a ring that is being written at full speed, without the publisher's help.
//
// What is known are the checkpoints, the hint, and the beginning of the stream. None of them is trusted: each is believed
// only if the word at its position is its sequence and the publisher cannot have begun to write over it, checked after
// reading ([R3], [R4]). From the best of them the records are walked, header by header, each validated the same way.
#pragma once

#include <ringbolt/core/reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace ringbolt::core {

enum class Found : std::uint8_t {
  record,   // `place` is a published event
  end,      // `place` is where the next event will be
  overrun,  // the publisher overtook the search; try again
  corrupt,
};

struct Location {
  Found found = Found::overrun;
  Place place;
};

// Searches one ring. Cheap to make, keeps nothing.
class Locator {
 public:
  explicit Locator(RingView ring) noexcept : ring_(ring) {}

  // The oldest event that can be addressed, or the end of an empty stream.
  [[nodiscard]] Location oldest() const noexcept { return walk(candidates().at[0], any); }

  // Where the next event will be.
  [[nodiscard]] Location end() const noexcept { return walk(candidates().last(), none); }

  // The newest event. `end` if there has been none.
  [[nodiscard]] Location newest() const noexcept {
    Location last;
    const Location stopped = walk(candidates().last(), [&](const Record& record) {
      last = {Found::record, {record.position, record.sequence}};
      return false;
    });
    return last.found == Found::record && stopped.found != Found::corrupt ? last : stopped;
  }

  // The event `sequence`; the oldest one if that is gone (the caller compares); the end if it is still to come.
  [[nodiscard]] Location sequence(std::uint64_t sequence) const noexcept {
    const Candidates known = candidates();
    std::size_t best = 0;
    while (best + 1 < known.count && known.at[best + 1].place.sequence <= sequence) ++best;
    return walk(known.at[best], [&](const Record& record) { return record.sequence >= sequence; });
  }

  // The first event stamped at or after `timestamp_ns`; the end if there is none yet. Stamps never decrease within a ring.
  [[nodiscard]] Location time(std::uint64_t timestamp_ns) const noexcept {
    const Candidates known = candidates();
    std::size_t best = 0;
    while (best + 1 < known.count && known.at[best + 1].timestamp_ns < timestamp_ns) ++best;
    return walk(known.at[best], [&](const Record& record) { return record.timestamp_ns >= timestamp_ns; });
  }

  // Somewhere between the newest event and half a ring before it: far enough from the publisher not to be overrun again
  // before the first copy is done, as the oldest would be.
  [[nodiscard]] Location halfway() const noexcept {
    const Candidates known = candidates();
    const std::uint64_t newest = known.last().place.position;
    std::size_t best = 0;
    while (best + 1 < known.count && beyond(newest, known.at[best].place.position + ring_.capacity / 2)) ++best;
    return walk(known.at[best], any);
  }

  // Is there a published event with this sequence at this position, not being written over? Then the record's header.
  [[nodiscard]] bool published_at(Place place, Record& record) const noexcept {
    if (place.position % kRecordAlignment != 0 || place.sequence == 0 || place.sequence > kLargestSequence) return false;
    return Reader(ring_, place).peek(record) == ReadStatus::event;
  }

 private:
  struct Candidate {
    Place place;
    std::uint64_t timestamp_ns = 0;
  };
  // Ascending by sequence, at least one. Each is a published event; if none is known, the beginning of the stream, which is
  // empty, or so new that nothing points to it yet, or (only while the search is being overrun) written over.
  struct Candidates {
    std::array<Candidate, kChunksPerRing + 2> at;
    std::size_t count = 0;
    [[nodiscard]] const Candidate& last() const noexcept { return at[count - 1]; }
  };

  // From the newest to the oldest: what is found published later must not hide that something older was, too.
  [[nodiscard]] Candidates candidates() const noexcept {
    Candidates known;
    const auto consider = [&](Place place) {
      Record record;
      if (place.position == kNoPosition || !published_at(place, record)) return;
      known.at[known.count++] = {place, record.timestamp_ns};
    };
    if (const std::uint64_t hint = ring_.header->hint.load_acquire();  // [H2] pairs with [H1]
        hint != kNoPosition && hint % kRecordAlignment == 0) {
      consider({hint, ring_.record_at(hint).sequence.load_relaxed()});  // relaxed: a guess, validated like the others
    }
    for (const Boundary& checkpoint : ring_.header->checkpoints) {
      const std::uint64_t position = checkpoint.position.load_acquire();  // [C2] pairs with [C1]
      consider({position, checkpoint.sequence.load_relaxed()});           // relaxed: believed only after [R1]
    }
    const Place beginning{0, ring_.first_sequence};
    consider(beginning);
    if (known.count == 0) known.at[known.count++] = {beginning, 0};
    std::sort(known.at.begin(), known.at.begin() + static_cast<std::ptrdiff_t>(known.count),
              [](const Candidate& a, const Candidate& b) { return a.place.sequence < b.place.sequence; });
    return known;
  }

  static bool any(const Record& /*record*/) noexcept { return true; }
  static bool none(const Record& /*record*/) noexcept { return false; }

  // Reads on from `start` until `wanted` says yes. A publisher at full speed may keep ahead for long: after two laps the
  // search is given up as overrun.
  template <class Wanted>
  [[nodiscard]] Location walk(const Candidate& start, Wanted wanted) const noexcept {
    Reader reader(ring_, start.place);
    const std::uint64_t stop = start.place.position + 2 * ring_.capacity;
    Record record;
    while (!beyond(reader.place().position, stop)) {
      switch (reader.peek(record)) {
        case ReadStatus::event:
          if (wanted(record)) return {Found::record, reader.place()};
          reader.advance(record);
          continue;
        case ReadStatus::empty: return {Found::end, reader.place()};
        case ReadStatus::corrupt: return {Found::corrupt, reader.place()};
        case ReadStatus::overrun:
        case ReadStatus::evicted: return {Found::overrun, reader.place()};
      }
    }
    return {Found::overrun, reader.place()};
  }

  RingView ring_;
};

}  // namespace ringbolt::core
