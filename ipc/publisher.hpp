// The door for whoever publishes: one live Publisher per ring, in one process.
//
//   auto publisher = ringbolt::Publisher::open("orders", {.capacity_bytes = 64 << 20});
//   publisher.publish(bytes, {.type = kOrderPlaced});
//
// What runs per event is inline and stands on `core/writer.hpp`; everything else is compiled. A Publisher is used by one
// thread at a time. It is never started, watched or slowed down by a consumer, except by those that gate.
#pragma once

#include <ringbolt/core/copy.hpp>
#include <ringbolt/core/inline.hpp>
#include <ringbolt/core/wake.hpp>
#include <ringbolt/core/writer.hpp>
#include <ringbolt/ipc/event.hpp>
#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/share_options.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ringbolt {

// How a ring is made and opened. What is left at its default takes the default for a new ring, and whatever it is for an
// existing one; what is set and differs from an existing ring is refused (options_differ).
struct PublisherOptions {
  std::uint64_t capacity_bytes = 0;  // power of two, at least 64 KiB; 16 MiB by default
  std::optional<bool> timestamps{};  // stamp each event with the wall clock; on by default
  std::uint32_t consumer_slots = 0;  // how many consumers can be registered; 256 by default
  bool huge_pages = false;           // 2 MiB pages where the mount or the kernel offers them
  bool prefault = false;             // map every page now, so that the first lap has no page faults
  bool lock_memory = false;          // mlock: never paged out
  int numa_node = -1;                // bind the data region to this node
  std::uint32_t mode = 0;            // who may attach, as of chmod; 0600 by default. See `docs/format.md`
  std::string group{};               // group of the files; the process's own by default
  std::uint64_t first_sequence = 0;  // of a new ring; 1 by default
  bool create = true;                // make the ring if there is none; otherwise not_found
  // How long to wait for another live publisher to end or die, as a hot standby; 0: refuse at once (in_use).
  std::chrono::nanoseconds standby{0};
  Wait wait = Wait::park;  // how to wait for a gate
  // With a directory: the ring's journal, which a thread of this process runs as long as the Publisher lives. A new ring
  // goes on with the sequence behind the journal's last event. Left empty, a ring whose journal was run by its publisher
  // before gets it again, as it was.
  JournalOptions journal{};
  // With a socket: for consumers that are not trusted. Then `name` is for errors alone, and nothing is taken over.
  ShareOptions share{};
};
inline constexpr std::chrono::nanoseconds kForever = std::chrono::nanoseconds::max();

// What `try_publish` and `publish_for` answer; `sequence` is 0 unless `status` is ok.
struct PublishResult {
  Status status = Status::full;
  std::uint64_t sequence = 0;
  explicit operator bool() const noexcept { return status == Status::ok; }
};

// One event of a batch.
struct BatchEvent {
  std::span<const std::byte> payload;
  std::uint32_t type = 0;
  std::span<const Attribute> attributes{};
};

class Publisher;
namespace ipc {
struct EncodedEvent;
}

// Room for one event in the ring itself. Write the payload, then commit; a claim that is destroyed without commit
// publishes nothing. At most one at a time: a second claim takes the place of the first. Not longer-lived than its Publisher.
class Claim {
 public:
  Claim(Claim&& other) noexcept
      : publisher_(std::exchange(other.publisher_, nullptr)),
        payload_(other.payload_),
        position_(other.position_),
        status_(other.status_) {}
  Claim& operator=(Claim&&) = delete;

  // ok, or for the `try_` form full or too_large; then there is no payload.
  [[nodiscard]] Status status() const noexcept { return status_; }
  explicit operator bool() const noexcept { return publisher_ != nullptr; }
  // Uninitialised bytes of the ring, aligned to 8. Whoever fills them with non-temporal stores owes an sfence before commit.
  [[nodiscard]] std::span<std::byte> payload() const noexcept { return payload_; }

  // Publishes the event; returns its sequence. Once. Attributes are given with the claim, which needs room for them.
  std::uint64_t commit(EventOptions options = {}) { return commit(payload_.size(), options); }
  // Publishes only the first `size_bytes` of the payload.
  std::uint64_t commit(std::size_t size_bytes, EventOptions options = {}) {
    if (!options.attributes.empty()) [[unlikely]]
      throw_late_attributes();
    return commit(size_bytes, options.type, options.timestamp_ns);
  }

 private:
  friend class Publisher;
  std::uint64_t commit(std::size_t size_bytes, std::uint32_t type, std::uint64_t timestamp_ns);
  std::uint64_t commit_with_attributes(std::size_t size_bytes, std::uint32_t type, std::uint64_t timestamp_ns);
  [[noreturn]] static void throw_late_attributes();
  static constexpr std::uint64_t kWithAttributes = 1;
  explicit Claim(Status status) noexcept : status_(status) {}
  Claim(Publisher& publisher, std::span<std::byte> payload, std::uint64_t position) noexcept
      : publisher_(&publisher), payload_(payload), position_(position), status_(Status::ok) {}

  Publisher* publisher_ = nullptr;
  std::span<std::byte> payload_;
  std::uint64_t position_ = 0;  // with `kWithAttributes`: they lie between the record's header and the payload
  Status status_ = Status::full;
};

class Publisher {
 public:
  // Creates the ring, or continues one whose publisher has ended or died: same sequence, no gap, no number twice. Throws
  // Error: in_use if another publisher lives, options_differ, no_space, not_allowed, bad_name, bad_option, damaged, ...
  // A name without slash lives in $RINGBOLT_DIR or /dev/shm/ringbolt-UID; a name with one is a path.
  [[nodiscard]] static Publisher open(std::string_view name, const PublisherOptions& options = {});

  Publisher(Publisher&&) noexcept;
  Publisher& operator=(Publisher&&) noexcept;
  ~Publisher();  // gives the lease back; does not close the stream

  // Publishes a copy of `payload`; waits while a gating consumer is in the way. Returns the event's sequence.
  // Throws Error: event_too_large, removed, forked, journal_stalled.
  RINGBOLT_ALWAYS_INLINE std::uint64_t publish(std::span<const std::byte> payload, EventOptions options = {}) {
    if (!options.attributes.empty()) [[unlikely]]
      return publish_with_attributes(payload, kForever, options).sequence;
    claim_or_wait(core::record_bytes(payload.size()), kForever);
    return copy_and_finish(payload, options);
  }
  std::uint64_t publish(std::string_view text, EventOptions options = {}) {
    return publish(std::as_bytes(std::span(text)), options);
  }
  template <Plain T>
  RINGBOLT_ALWAYS_INLINE std::uint64_t publish(const T& value, EventOptions options = {}) {
    return publish(std::as_bytes(std::span(&value, 1)), options);
  }

  // Never waits: full or too_large instead.
  RINGBOLT_ALWAYS_INLINE PublishResult try_publish(std::span<const std::byte> payload, EventOptions options = {}) {
    if (!options.attributes.empty()) [[unlikely]]
      return try_publish_with_attributes(payload, options);
    if (const Status status = try_room(core::record_bytes(payload.size())); status != Status::ok) return {status, 0};
    return {Status::ok, copy_and_finish(payload, options)};
  }
  PublishResult try_publish(std::string_view text, EventOptions options = {}) {
    return try_publish(std::as_bytes(std::span(text)), options);
  }
  template <Plain T>
  RINGBOLT_ALWAYS_INLINE PublishResult try_publish(const T& value, EventOptions options = {}) {
    return try_publish(std::as_bytes(std::span(&value, 1)), options);
  }

  // Waits for room at most so long: timed_out after that.
  PublishResult publish_for(std::span<const std::byte> payload, std::chrono::nanoseconds timeout,
                            EventOptions options = {}) {
    if (!options.attributes.empty()) return publish_with_attributes(payload, timeout, options);
    const Status status = claim_or_wait(core::record_bytes(payload.size()), timeout);
    if (status != Status::ok) return {status, 0};
    return {Status::ok, copy_and_finish(payload, options)};
  }

  // Zero copy: room for `size_bytes` of payload in the ring. `claim` waits, `try_claim` does not.
  [[nodiscard]] Claim claim(std::size_t size_bytes) {
    claim_or_wait(core::record_bytes(size_bytes), kForever);
    return {*this, {writer_.payload(), size_bytes}, writer_.position()};
  }
  [[nodiscard]] Claim try_claim(std::size_t size_bytes) {
    if (const Status status = try_room(core::record_bytes(size_bytes)); status != Status::ok) return Claim(status);
    return {*this, {writer_.payload(), size_bytes}, writer_.position()};
  }
  // The same for an event with attributes, which are written now.
  [[nodiscard]] Claim claim(std::size_t size_bytes, std::span<const Attribute> attributes);
  [[nodiscard]] Claim try_claim(std::size_t size_bytes, std::span<const Attribute> attributes);

  // Publishes all or nothing: a consumer sees either none of the events or can read them all. Together they are at most a
  // quarter of the ring. Returns the first one's sequence; the others follow. An empty batch returns the next sequence.
  std::uint64_t publish_batch(std::span<const BatchEvent> events);
  PublishResult try_publish_batch(std::span<const BatchEvent> events);
  template <Plain T>
  std::uint64_t publish_batch(std::span<const T> values, EventOptions options = {}) {
    return publish_batch_of(std::as_bytes(values), sizeof(T), options).sequence;
  }
  // The same for values whose size only the caller knows, one behind the other, `value_bytes` each and not 0; waits at most so
  // long (timed_out).
  PublishResult publish_batch_of(std::span<const std::byte> values, std::size_t value_bytes, EventOptions options,
                                 std::chrono::nanoseconds timeout = kForever);

  // Waits until the journal has made everything up to `sequence` durable; false after the time-out. Throws Error: bad_option
  // (no journal, or one that never syncs), journal_stalled, removed, forked.
  bool wait_durable(std::uint64_t sequence, std::chrono::nanoseconds timeout = kForever);
  // Publishes, and returns when a power cut can no longer take the event back. Others' events share the sync (group commit).
  std::uint64_t publish_durable(std::span<const std::byte> payload, EventOptions options = {}) {
    const std::uint64_t sequence = publish(payload, options);
    wait_durable(sequence);
    return sequence;
  }
  std::uint64_t publish_durable(std::string_view text, EventOptions options = {}) {
    return publish_durable(std::as_bytes(std::span(text)), options);
  }
  template <Plain T>
  std::uint64_t publish_durable(const T& value, EventOptions options = {}) {
    return publish_durable(std::as_bytes(std::span(&value, 1)), options);
  }
  // Newest event that is durable; 0: none, or no journal that syncs.
  [[nodiscard]] std::uint64_t durable_sequence() const;

  // Ends the stream: consumers get `closed` after the last event. A later `open` continues and reopens it. A publisher
  // that is destroyed or dies without this leaves its consumers waiting for a successor. Publishing after it opens the
  // stream again, for those who have not left yet.
  void close();

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return writer_.next_sequence(); }
  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept { return writer_.capacity(); }
  [[nodiscard]] std::uint64_t largest_payload_bytes() const noexcept {
    return core::largest_payload_bytes(writer_.capacity());
  }
  [[nodiscard]] std::uint64_t epoch() const noexcept;
  [[nodiscard]] bool timestamps() const noexcept { return timestamps_; }

 private:
  friend class Claim;
  friend class Funnel;
  struct Impl;
  explicit Publisher(std::unique_ptr<Impl> impl) noexcept;
  [[nodiscard]] static Publisher open_share(std::string_view name, const PublisherOptions& options);

  // ok once there is room; timed_out, or journal_stalled. Without a time-out only ok. Throws event_too_large, journal_stalled.
  Status claim_or_wait(std::uint64_t record_bytes, std::chrono::nanoseconds timeout) {
    if (writer_.try_claim_bytes(record_bytes) == core::ClaimStatus::ok) [[likely]]
      return Status::ok;
    return wait_for_room(record_bytes, timeout);
  }
  Status try_room(std::uint64_t record_bytes) {
    if (writer_.try_claim_bytes(record_bytes) == core::ClaimStatus::ok) [[likely]]
      return Status::ok;
    return look_for_room(record_bytes);
  }
  // `size_bytes` is that of the record: attributes, if `flags` says so, and payload.
  template <class Fill>
  RINGBOLT_ALWAYS_INLINE std::uint64_t finish(std::size_t size_bytes, const EventOptions& options, std::uint16_t flags,
                                              Fill fill) {
    const std::uint64_t timestamp_ns = timestamps_ ? stamp(options.timestamp_ns) : 0;
    const auto size = static_cast<std::uint32_t>(size_bytes);
    const std::uint64_t sequence = writer_.fill_and_commit(size, options.type, flags, timestamp_ns, fill);
    wake();
    return sequence;
  }
  RINGBOLT_ALWAYS_INLINE std::uint64_t copy_and_finish(std::span<const std::byte> payload, const EventOptions& options) {
    return finish(payload.size(), options, 0,
                  [&](std::byte* room) { core::copy_to_shared(room, payload.data(), payload.size()); });
  }
  // A sleeper stores `waiters` [S1], then orders that with membarrier(2) [S2] against the load here; see `parking.hpp`.
  void wake() {
    if (core::anyone_asleep(*waiters_, fence_each_commit_)) [[unlikely]]
      wake_sleepers();
  }

  PublishResult publish_with_attributes(std::span<const std::byte> payload, std::chrono::nanoseconds timeout,
                                        const EventOptions& options);
  PublishResult try_publish_with_attributes(std::span<const std::byte> payload, const EventOptions& options);
  std::uint64_t finish_with_attributes(std::span<const std::byte> block, std::span<const std::byte> payload,
                                       const EventOptions& options);
  Claim claim_with_attributes(std::size_t size_bytes, std::span<const std::byte> block);

  Status wait_for_room(std::uint64_t record_bytes, std::chrono::nanoseconds timeout);
  [[nodiscard]] Status look_for_room(std::uint64_t record_bytes);
  // `given`, or the wall clock if that is 0; never decreasing within the ring.
  [[nodiscard]] std::uint64_t stamp(std::uint64_t given_ns) noexcept;
  void wake_sleepers();
  [[nodiscard]] std::uint64_t batch_bytes(std::span<const BatchEvent> events) const;
  std::uint64_t finish_batch(std::span<const BatchEvent> events, std::uint64_t bytes);
  std::uint64_t publish_encoded(std::span<const ipc::EncodedEvent> events);

  core::Writer writer_;
  const core::Word32* waiters_ = nullptr;
  bool timestamps_ = true;
  bool fence_each_commit_ = false;
  std::uint64_t last_timestamp_ns_ = 0;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
