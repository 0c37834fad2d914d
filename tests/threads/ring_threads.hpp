// A publisher and consumers as threads over one mapping: what they share is exactly what processes would.
//
// Under ThreadSanitizer every record has a size that divides the capacity, so none runs into the second mapping of the
// data, whose addresses the sanitizer would take for other memory.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "core/ring_memory.hpp"

namespace ringbolt::core::test {

#if defined(__SANITIZE_THREAD__) || defined(RINGBOLT_TSAN)
inline constexpr bool kUnderThreadSanitizer = true;
#else
inline constexpr bool kUnderThreadSanitizer = false;
#endif

// How often a loop that proves something by repetition runs.
constexpr std::uint64_t rounds(std::uint64_t usual) { return kUnderThreadSanitizer ? usual / 20 : usual; }

constexpr std::uint32_t size_for(std::uint64_t sequence) {
  if (kUnderThreadSanitizer) return 96;  // 128 bytes with the header
  const std::uint64_t random = mix(~sequence);
  return static_cast<std::uint32_t>(random % 64 == 0 ? random % 900 : random % 100);
}

// Ends the whole test, loudly, if it lives for a minute: then somebody waits for what will never come.
class Watchdog {
 public:
  Watchdog() {
    thread_ = std::thread([this] {
      std::unique_lock lock(mutex_);
      if (done_.wait_for(lock, std::chrono::minutes(1), [this] { return ended_; })) return;
      std::fputs("watchdog: the test hangs\n", stderr);
      std::abort();
    });
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    done_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool ended_ = false;
  std::thread thread_;
};

// Publishes self-checking events at full speed. Whoever gates is waited for.
class ThreadPublisher {
 public:
  explicit ThreadPublisher(const TestRing& ring) : writer_(ring.first_writer()) {}

  // Publishes one event; `when_full` is called as long as a gate is in the way.
  template <class WhenFull>
  void publish(WhenFull when_full) {
    const std::uint64_t sequence = writer_.next_sequence();
    const std::uint32_t size = size_for(sequence);
    while (writer_.try_claim(size) != ClaimStatus::ok) {
      if (!writer_.refill(record_bytes(size))) when_full();
    }
    std::byte payload[1024];
    fill_payload(payload, size, sequence);
    copy_to_shared(writer_.payload(), payload, size);
    writer_.commit(size, type_for(sequence), 0, timestamp_for(sequence));
  }
  void publish() {
    publish([] { std::this_thread::yield(); });
  }

  // Publishes `count` events that become visible together.
  void publish_batch(std::uint64_t count) {
    std::uint64_t bytes = 0;
    for (std::uint64_t i = 0; i < count; ++i) bytes += record_bytes(size_for(writer_.next_sequence() + i));
    while (writer_.try_claim_bytes(bytes) != ClaimStatus::ok) {
      if (!writer_.refill(bytes)) std::this_thread::yield();
    }
    std::uint64_t offset = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t sequence = writer_.next_sequence() + i;
      const std::uint32_t size = size_for(sequence);
      std::byte payload[1024];
      fill_payload(payload, size, sequence);
      copy_to_shared(writer_.stage(offset, size, type_for(sequence), 0, timestamp_for(sequence)), payload, size);
      offset += record_bytes(size);
    }
    writer_.commit_staged(count, bytes);
  }

  [[nodiscard]] Writer& writer() { return writer_; }

 private:
  Writer writer_;
};

// What a consumer made of the stream.
struct Tally {
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  std::uint64_t losses = 0;
  std::uint64_t wrong = 0;  // torn, out of order, or corrupt: never
};

// The place that a search settles on while the publisher keeps overtaking it; no sequence if the ring is corrupt.
template <class Search>
Place settle(Search search) {
  for (;;) {
    const Location location = search();
    if (location.found == Found::record || location.found == Found::end) return location.place;
    if (location.found == Found::corrupt && search().found == Found::corrupt) return {};
  }
}

// Joins the gates at `place`, or later if the publisher has already announced to write there. Returns where.
inline Place join_at_or_later(const TestRing& ring, std::size_t entry, std::uint64_t generation, Place place) {
  while (!join_gate(ring.registry(), ring.entry(entry), generation, place.position, ring.view())) {
    place = settle([&] { return Locator(ring.view()).halfway(); });
    if (place.sequence == 0) break;
  }
  return place;
}

}  // namespace ringbolt::core::test
