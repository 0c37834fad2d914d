// What publisher and consumers hand to and take from the user: events, gaps, and the answers of the `try_` forms.
#pragma once

#include <ringbolt/core/attributes.hpp>
#include <ringbolt/core/layout.hpp>
#include <ringbolt/core/reader.hpp>
#include <ringbolt/ipc/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace ringbolt {

// The answer of every form that neither waits nor throws.
enum class Status : std::uint8_t {
  ok,
  empty,            // nothing to read yet
  full,             // a gating consumer is in the publisher's way
  journal_stalled,  // the journal is, and cannot write; only with OnStall::fail
  too_large,        // more than a quarter of the ring; never fits
  gap,              // events were lost; Consumer::last_gap says which; the next call goes on behind them
  evicted,  // the gate's budget was spent; last_gap says what was lost, if anything; the next call goes on, gating again
  closed,   // the publisher ended the stream and everything has been read
  timed_out,
};
[[nodiscard]] const char* status_name(Status status) noexcept;

// How somebody waits who has nothing to do. In an event loop of one's own: `Consumer::fd`.
enum class Wait : std::uint8_t {
  spin,   // never gives the processor away: lowest latency, one core each
  yield,  // spins briefly, then offers the processor to others
  backoff,  // spins briefly, then sleeps by the clock, 50 µs at first and twice as long each time up to 1 ms; wakers pay nothing
  park,  // spins briefly, then sleeps until woken; costs the waker one system call for all who sleep
};

using core::Policy;

// Names and values that go with an event: trace context, content type, a key. What they mean is the application's business, but
// for the names of `KnownAttribute`, which take no room.
using core::Attribute;
using core::Attributes;
using core::KnownAttribute;

// A value that can be published and read as its bytes.
template <class T>
concept Plain =
    std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_array_v<T> &&
    !std::is_convertible_v<const T&, std::string_view> && !std::is_convertible_v<const T&, std::span<const std::byte>>;

// Given with an event when it is published.
struct EventOptions {
  std::uint32_t type = 0;  // the application's own
  // Of an event that was stamped elsewhere, nanoseconds since 1970; 0: the clock. In a ring that stamps; a stamp that is lower
  // than the one before becomes that one, because stamps are searched.
  std::uint64_t timestamp_ns = 0;
  // In front of the payload, counted with it where a size is limited. Not owned: they are copied when the event is published.
  // Throws Error (bad_option) for a name that is none, and for a value of more than 65535 bytes.
  std::span<const Attribute> attributes{};
};

// One event as a consumer sees it. `payload` is valid until the next call on the consumer (in `poll`: until the handler
// returns). It points into the consumer's own buffer, or into the ring where the consumer reads in place.
struct Event {
  std::uint64_t sequence = 0;
  std::uint64_t timestamp_ns = 0;  // publisher's wall clock, nanoseconds since 1970; 0 in a ring without timestamps
  std::uint32_t type = 0;
  std::uint32_t attributes_bytes = 0;  // that lie in front of the payload; see `attributes`
  std::span<const std::byte> payload;  // without them

  // The payload as a `T`, copied out. Throws Error (bad_option) if the size differs.
  template <Plain T>
  [[nodiscard]] T as() const {
    if (payload.size() != sizeof(T)) throw_size_mismatch(sizeof(T));
    T value;
    std::memcpy(&value, payload.data(), sizeof(T));
    return value;
  }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(payload.data()), payload.size()};
  }
  // As valid as the payload. Most events have none.
  [[nodiscard]] Attributes attributes() const noexcept {
    return attributes_bytes == 0 ? Attributes() : Attributes({payload.data() - attributes_bytes, attributes_bytes});
  }
  // For events read in place by a consumer that may be overrun or evicted: is what was read so far what was published?
  // Ask after the last use. Always true for copies. Any thread that may use the consumer.
  [[nodiscard]] bool still_valid() const noexcept { return reader == nullptr || reader->intact(position); }

  // Set by the consumer for events read in place; not for users.
  const core::Reader* reader = nullptr;
  std::uint64_t position = 0;

 private:
  [[noreturn]] void throw_size_mismatch(std::size_t wanted_bytes) const;
};

// Sequences that were lost, both ends included. With `evicted` it may be empty: `last` is then `first` - 1.
struct Gap {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  bool evicted = false;  // lost because the gate's budget was spent
  [[nodiscard]] std::uint64_t count() const noexcept { return last + 1 - first; }
};

// Where a consumer starts.
struct Start {
  enum class Kind : std::uint8_t { earliest, latest, resume, sequence, time };
  Kind kind = Kind::resume;
  std::uint64_t value = 0;

  static const Start earliest;  // the oldest event the ring still holds
  static const Start latest;    // the first event published after attaching
  static const Start resume;    // after this name's last commit; `earliest` where there is none

  // That event; if the ring no longer holds it, what is missing is reported as a gap first. May be still to come.
  [[nodiscard]] static constexpr Start at(std::uint64_t sequence) noexcept { return {Kind::sequence, sequence}; }
  // The first event stamped at or after that wall-clock time, nanoseconds since 1970. May be still to come.
  [[nodiscard]] static constexpr Start at_time(std::uint64_t timestamp_ns) noexcept { return {Kind::time, timestamp_ns}; }
};
inline constexpr Start Start::earliest{Start::Kind::earliest, 0};
inline constexpr Start Start::latest{Start::Kind::latest, 0};
inline constexpr Start Start::resume{Start::Kind::resume, 0};

}  // namespace ringbolt
