// A door for processes in which many threads publish to one ring, which has one publisher.
//
//   ringbolt::Funnel funnel(ringbolt::Publisher::open("orders"), {.thread = true});
//   funnel.publish(bytes, {.type = kOrderPlaced});                                // any thread; waits while the funnel is full
//   const std::uint64_t sequence = funnel.publish(bytes).wait();                  // and until the event is in the ring
//
// Threads put events into a bounded queue (moodycamel::ConcurrentQueue); one thread takes them out and publishes them in batches:
// a named one (rb-funnel) that the Funnel starts where it is asked to, or one of the user's that calls `drain`. The events of one
// thread keep their order; those of different threads have none before they are in the ring. After a thread's first event an
// event of up to 64 threads allocates nothing, if its payload and attributes have room in the place that was made for it.
#pragma once

#include <ringbolt/ipc/publisher.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace ringbolt {

struct FunnelOptions {
  std::size_t capacity_events = 4'096;  // that are on their way, or whose tickets are kept; whoever has one more waits
  std::size_t payload_bytes = 256;      // room made for each, attributes included; what is larger is allocated
  bool thread = false;                  // start the thread rb-funnel; without, somebody calls `drain`
};

struct FunnelCounters {
  std::uint64_t events = 0;   // published
  std::uint64_t batches = 0;  // in so many pieces
  std::uint64_t failed = 0;   // refused by the publisher; their tickets say why
};

// What became of an event, or will. It holds the event's place in the funnel, so it is dropped when it is of no use any more: a
// thread that keeps as many as the funnel has places waits for ever. One thread at a time. Not longer-lived than its Funnel.
class FunnelTicket {
 public:
  FunnelTicket(FunnelTicket&& other) noexcept
      : funnel_(std::exchange(other.funnel_, nullptr)), place_(other.place_), status_(other.status_) {}
  FunnelTicket& operator=(FunnelTicket&& other) noexcept {
    std::swap(funnel_, other.funnel_);
    std::swap(place_, other.place_);
    std::swap(status_, other.status_);
    return *this;
  }
  ~FunnelTicket() {
    if (funnel_ != nullptr) release();
  }

  // ok: the event is on its way. full, timed_out, too_large: it is not, and there is nothing to wait for.
  [[nodiscard]] Status status() const noexcept { return status_; }
  explicit operator bool() const noexcept { return status_ == Status::ok; }

  // The event's sequence, once it is in the ring. Throws the Error with which the publisher refused it: removed, journal_stalled,
  // forked, no_space. Where nobody drains it waits for ever. Throws Error (bad_option) where `status` is not ok.
  [[nodiscard]] std::uint64_t wait() const { return *wait_for(kForever); }
  // The same for at most so long; empty after that.
  [[nodiscard]] std::optional<std::uint64_t> wait_for(std::chrono::nanoseconds timeout) const;

 private:
  friend class Funnel;
  struct Places;
  explicit FunnelTicket(Status status) noexcept : status_(status) {}
  FunnelTicket(Places& funnel, std::uint32_t place) noexcept : funnel_(&funnel), place_(place), status_(Status::ok) {}
  void release() noexcept;

  Places* funnel_ = nullptr;
  std::uint32_t place_ = 0;
  Status status_ = Status::full;
};

class Funnel {
 public:
  // Throws Error: bad_option, no_space (no memory for the places), system (no thread).
  explicit Funnel(Publisher publisher, const FunnelOptions& options = {});
  Funnel(const Funnel&) = delete;
  Funnel& operator=(const Funnel&) = delete;
  ~Funnel();  // as `stop`

  // Any number of threads at once. `publish` waits for a place, which comes when the ring takes events; `try_publish` does not,
  // `publish_for` at most so long. An event that is larger than the ring takes is refused at once: Error (event_too_large), or
  // too_large. Error (bad_option) for attributes that cannot be, and once the Funnel was stopped.
  FunnelTicket publish(std::span<const std::byte> payload, const EventOptions& options = {});
  FunnelTicket try_publish(std::span<const std::byte> payload, const EventOptions& options = {});
  FunnelTicket publish_for(std::span<const std::byte> payload, std::chrono::nanoseconds timeout,
                           const EventOptions& options = {});
  FunnelTicket publish(std::string_view text, const EventOptions& options = {}) {
    return publish(std::as_bytes(std::span(text)), options);
  }
  FunnelTicket try_publish(std::string_view text, const EventOptions& options = {}) {
    return try_publish(std::as_bytes(std::span(text)), options);
  }
  template <Plain T>
  FunnelTicket publish(const T& value, const EventOptions& options = {}) {
    return publish(std::as_bytes(std::span(&value, 1)), options);
  }
  template <Plain T>
  FunnelTicket try_publish(const T& value, const EventOptions& options = {}) {
    return try_publish(std::as_bytes(std::span(&value, 1)), options);
  }

  // Without a thread of its own: publishes what is in the queue, after waiting at most so long for something to be there; waits
  // for consumers that gate as `Publisher::publish` does. Returns how many events it took out. One thread at a time; Error
  // (bad_option) where the Funnel has its thread. What the publisher refuses is told to the tickets and counted.
  std::size_t drain(std::chrono::nanoseconds timeout = std::chrono::nanoseconds{0});

  // Publishes everything that was put in, ends the thread, and gives the publisher back. No thread may publish any more, nor
  // `drain`; tickets can still be asked. Once.
  Publisher stop();

  [[nodiscard]] FunnelCounters counters() const noexcept;  // any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
