// Events whose number says what is in them, and the two sides that know it: a `Source` publishes them in every way there
// is, a `Ledger` checks what a consumer receives and is told it has lost.
#pragma once

#include <ringbolt/core/ring.hpp>

#include "scenario/support.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace ringbolt::scenario {

// How large the events of a stream are, by their sequence: most up to `usual_bytes`, one in `large_every` up to
// `largest_bytes`; from 0 bytes on.
struct Shape {
  std::uint32_t usual_bytes = 100;
  std::uint32_t largest_bytes = 0;
  std::uint32_t large_every = 0;

  [[nodiscard]] std::uint32_t size_of(std::uint64_t sequence) const noexcept {
    const std::uint64_t chance = Random::mix(sequence + 0x5157);
    const bool large = large_every != 0 && chance % large_every == 0;
    return static_cast<std::uint32_t>((chance >> 32) % ((large ? largest_bytes : usual_bytes) + std::uint64_t{1}));
  }
  // Records of every size that fits into a ring of this capacity.
  static Shape up_to_a_quarter(std::uint64_t capacity_bytes) noexcept {
    return {200, static_cast<std::uint32_t>(core::largest_payload_bytes(capacity_bytes)), 8};
  }
};

inline std::uint32_t type_of(std::uint64_t sequence) noexcept {
  return static_cast<std::uint32_t>(Random::mix(sequence ^ 0x7e57));
}

// The payload of event `sequence`: words that depend on the sequence and on their place.
void fill_payload(std::span<std::byte> payload, std::uint64_t sequence) noexcept;

// Throws unless this is exactly what a Source publishes under this event's sequence, or a view that is no longer valid.
void check_event(const Event& event, const Shape& shape);

// Publishes events one after another. Whatever it dies of, what it has published is what `check_event` expects.
class Source {
 public:
  Source(Publisher& publisher, Shape shape, std::uint64_t seed)
      : publisher_(publisher), shape_(shape), random_(seed), buffer_(publisher.largest_payload_bytes()) {}

  // One event, as a copy. Returns its sequence.
  std::uint64_t publish();
  // One or more events by a way chosen at random: copied, claimed, claimed too large, claimed and abandoned before, as a
  // batch. Returns the last one's sequence.
  std::uint64_t publish_somehow();
  // Without waiting.
  PublishResult try_publish();
  PublishResult publish_for(std::chrono::nanoseconds timeout);

  // Up to eight events together, as many as fit.
  std::uint64_t publish_batch();
  // Claims the largest record, writes nonsense over all of it, and lets it go.
  void abandon_claim();

 private:
  std::span<const std::byte> next_payload();

  Publisher& publisher_;
  Shape shape_;
  Random random_;
  std::vector<std::byte> buffer_;
};

// What one consumer has received and was told that it lost: without hole, without overlap, in order.
class Ledger {
 public:
  // `next`: the first sequence that is to come; 0: whichever comes first.
  explicit Ledger(Shape shape, std::uint64_t next = 0) noexcept : shape_(shape), next_(next) {}

  void event(const Event& event) {
    if (next_ != 0 && event.sequence != next_) [[unlikely]]
      fail("event " + std::to_string(event.sequence) + " where " + std::to_string(next_) + " should come");
    if (event.timestamp_ns < newest_timestamp_ns_) [[unlikely]]
      fail("the timestamp of event " + std::to_string(event.sequence) + " is before its predecessor's");
    check_event(event, shape_);
    newest_timestamp_ns_ = event.timestamp_ns;
    next_ = event.sequence + 1;
    ++received_;
  }
  void gap(const Gap& gap) {
    require(gap.last + 1 - gap.first < std::uint64_t{1} << 63 && (gap.evicted || gap.last + 1 != gap.first),
            "a gap from " + std::to_string(gap.first) + " to " + std::to_string(gap.last));
    require(next_ == 0 || gap.first == next_,
            "a gap from " + std::to_string(gap.first) + " where " + std::to_string(next_) + " should come");
    next_ = gap.last + 1;
    lost_ += gap.count();
    gaps_ += gap.count() != 0 ? 1 : 0;
    evictions_ += gap.evicted ? 1 : 0;
  }

  // A handler for Consumer::poll that takes both.
  [[nodiscard]] auto handler() noexcept {
    return Handler{[this](const Event& value) { event(value); }, [this](const Gap& value) { gap(value); }};
  }

  // Reads until the stream is closed.
  void read_to_the_end(Consumer& consumer);
  // Reads what is there and waits a little if that is nothing. False: the stream is closed.
  bool read_some(Consumer& consumer, std::size_t limit = 256);

  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t gaps() const noexcept { return gaps_; }
  [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

 private:
  Shape shape_;
  std::uint64_t next_;
  std::uint64_t newest_timestamp_ns_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace ringbolt::scenario
