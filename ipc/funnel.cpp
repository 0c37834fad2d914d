// The places of a funnel, and the thread that empties it.
//
// A place is a piece of memory for one event. Its number is in one of two queues: `free`, or `filled`. Whoever publishes takes a
// number from `free`, fills the place and puts the number into `filled`; the draining thread publishes it. The place then waits
// until its ticket is dropped too: whoever of the two comes last puts the number back into `free`.
//
// What is in a place goes from thread to thread by its own word `state`, stored with release and loaded with acquire, so that
// nothing hangs on how the queues order what goes through them.
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/funnel.hpp>
#include <ringbolt/ipc/parking.hpp>
#include <ringbolt/ipc/publisher_impl.hpp>
#include <ringbolt/ipc/system.hpp>

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr std::size_t kMostAtOnce = 256;              // events taken out in one go
constexpr std::uint64_t kBatchBytes = 64 << 10;       // of a batch: more would only make consumers wait for its first event
constexpr std::size_t kThreads = 64;                  // for so many at once the queues have memory from the start
constexpr std::uint32_t kNobody = ~std::uint32_t{0};  // in place of a number: wakes the thread
constexpr std::size_t kMostPlaces = std::size_t{1} << 24;
constexpr auto kLongestWait = std::chrono::milliseconds(100);

std::int64_t microseconds(std::chrono::nanoseconds timeout) {
  return std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
}

}  // namespace

namespace ipc {

struct QueueTraits : moodycamel::ConcurrentQueueDefaultTraits {
  static constexpr std::size_t IMPLICIT_INITIAL_INDEX_SIZE =
      512;  // NOLINT(readability-identifier-naming): 16384 events a thread
  static void* malloc(std::size_t bytes) { return ::operator new(bytes, std::nothrow); }
  static void free(void* memory) { ::operator delete(memory); }
};
using Queue = moodycamel::BlockingConcurrentQueue<std::uint32_t, QueueTraits>;

enum : std::uint32_t { kOnItsWay, kPublished, kRefused };  // states of a place that is in use

struct alignas(core::kFalseSharingBytes) Slot {
  core::Word32 state;
  core::Word32 waiters;  // somebody sleeps on `state`
  core::Word32 holders;  // the event's way, and its ticket
  std::uint32_t type = 0;
  std::uint32_t block_bytes = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t timestamp_ns = 0;
  std::uint64_t sequence = 0;
  std::byte* room = nullptr;           // for attributes and payload
  std::unique_ptr<std::byte[]> large;  // instead of it
  std::exception_ptr error;

  [[nodiscard]] const std::byte* bytes() const noexcept { return large ? large.get() : room; }
  [[nodiscard]] EncodedEvent event() const noexcept {
    return {{bytes(), block_bytes}, {bytes() + block_bytes, payload_bytes}, type, timestamp_ns};
  }
};

}  // namespace ipc

struct FunnelTicket::Places {
  Places(std::size_t count, std::size_t bytes_each)
      : room_bytes((bytes_each + 7) / 8 * 8),
        slots(count),
        rooms(std::make_unique_for_overwrite<std::byte[]>(count * room_bytes)),
        free(count, 0, kThreads),
        filled(count, 0, kThreads) {
    std::vector<std::uint32_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
      slots[i].room = rooms.get() + i * room_bytes;
      numbers[i] = static_cast<std::uint32_t>(i);
    }
    if (!free.enqueue_bulk(numbers.begin(), count)) throw std::bad_alloc();
  }

  // Both the event's way and the ticket end here.
  void let_go(std::uint32_t number) noexcept {
    Slot& slot = slots[number];
    if (slot.holders.fetch_add(~std::uint32_t{0}) != 1) return;
    slot.large.reset();
    slot.error = nullptr;
    free.enqueue(number);  // cannot fail: there is a block for each place, or memory was there once
  }

  std::size_t room_bytes;
  std::vector<Slot> slots;
  std::unique_ptr<std::byte[]> rooms;
  Queue free;
  Queue filled;
};

void FunnelTicket::release() noexcept { funnel_->let_go(place_); }

std::optional<std::uint64_t> FunnelTicket::wait_for(std::chrono::nanoseconds timeout) const {
  if (funnel_ == nullptr)
    throw Error(Code::bad_option,
                std::string("there is no event to wait for: the funnel's answer was ") + status_name(status_));
  Slot& slot = funnel_->slots[place_];
  const Deadline deadline{timeout};
  std::uint32_t state = slot.state.load_acquire();
  for (std::uint32_t round = 0; state == kOnItsWay; ++round) {
    if (deadline.passed()) return std::nullopt;
    if (round < kSpinRounds) {
      core::spin_hint();
    } else {
      slot.waiters.store_release(1);
      core::fence_seq_cst();  // either the drain sees the waiter, or this sees what it has stored
      if (slot.state.load_acquire() == kOnItsWay) futex_wait(slot.state, kOnItsWay, deadline.remaining_ns(kLongestSleepNs));
    }
    state = slot.state.load_acquire();
  }
  if (state == kRefused) std::rethrow_exception(slot.error);
  return slot.sequence;
}

struct Funnel::Impl {
  Impl(Publisher&& from, const FunnelOptions& options)
      : publisher(std::move(from)), places(options.capacity_events, options.payload_bytes) {}
  ~Impl() { end(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() {
    try {
      thread = std::make_unique<std::thread>(sys::start_thread([this] { run(); }));
    } catch (const std::system_error& refused) {
      throw Error(Code::system, "cannot start a thread for the funnel of ring '" + publisher.name() +
                                    "': " + refused.what() + ": check the process's limits (`ulimit -u`)");
    }
    ::pthread_setname_np(thread->native_handle(), "rb-funnel");
  }

  void run() {
    for (;;) {
      const std::size_t taken = take_out(kLongestWait);
      if (taken == 0 && stopping.load_acquire() != 0) return;
    }
  }

  // Everything is published when this returns.
  void end() noexcept {
    if (guard.inherited()) {  // a forked child has no such thread, and nothing of this is its own
      static_cast<void>(thread.release());
      return;
    }
    if (stopping.load_acquire() != 0) return;
    stopping.store_release(1);
    if (thread) {
      places.filled.enqueue(kNobody);
      thread->join();
    } else {
      while (take_out(std::chrono::nanoseconds{0}) != 0) continue;
    }
  }

  // Publishes what is in the queue now. How many numbers were taken from it.
  std::size_t take_out(std::chrono::nanoseconds timeout) {
    std::array<std::uint32_t, kMostAtOnce> numbers;
    const std::size_t taken =
        places.filled.wait_dequeue_bulk_timed(reader, numbers.begin(), kMostAtOnce, microseconds(timeout));
    const auto end = std::remove(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(taken), kNobody);
    const std::span all(numbers.begin(), end);
    for (std::span<const std::uint32_t> rest = all; !rest.empty();) rest = rest.subspan(publish_some(rest));
    return taken;
  }

  // A batch of the first of them. How many.
  std::size_t publish_some(std::span<const std::uint32_t> numbers) {
    std::array<EncodedEvent, kMostAtOnce> batch;
    const std::uint64_t most = std::min(kBatchBytes, core::largest_record_bytes(publisher.capacity_bytes()));
    std::size_t count = 0;
    for (std::uint64_t bytes = 0; count < numbers.size(); ++count) {
      const Slot& slot = places.slots[numbers[count]];
      static_cast<void>(slot.state.load_acquire());  // what its thread has put in
      batch[count] = slot.event();
      bytes += core::record_bytes(slot.block_bytes + slot.payload_bytes);
      if (count != 0 && bytes > most) break;
    }
    const std::span done = numbers.first(count);
    std::exception_ptr error;
    std::uint64_t sequence = 0;
    try {
      sequence = publisher.publish_encoded(std::span(batch).first(count));
      events.fetch_add(count);
      batches.fetch_add(1);
    } catch (...) {
      error = std::current_exception();
      failed.fetch_add(count);
    }
    for (const std::uint32_t number : done) {
      Slot& slot = places.slots[number];
      slot.sequence = sequence++;
      slot.error = error;
      slot.state.store_release(error ? kRefused : kPublished);
    }
    core::fence_seq_cst();  // see `FunnelTicket::wait_for`
    for (const std::uint32_t number : done) {
      if (places.slots[number].waiters.load_acquire() != 0) futex_wake_all(places.slots[number].state);
      places.let_go(number);
    }
    return count;
  }

  // What can be said before there is a place. ok, or too_large.
  Status look_at(std::span<const std::byte> payload, const EventOptions& options, std::uint64_t& block_bytes) const {
    if (guard.inherited()) {
      throw Error(Code::forked,
                  "a funnel was made before a fork and is used in the child: open a publisher there after the "
                  "parent's has ended");
    }
    if (stopping.load_acquire() != 0)
      throw Error(Code::bad_option, "a funnel that was stopped takes no more events: make another one of its publisher");
    block_bytes = options.attributes.empty() ? 0 : publisher.impl_->block_bytes(options.attributes);
    return block_bytes + payload.size() > publisher.largest_payload_bytes() ? Status::too_large : Status::ok;
  }

  FunnelTicket put_in(std::uint32_t number, std::span<const std::byte> payload, std::uint64_t block_bytes,
                      const EventOptions& options) {
    Slot& slot = places.slots[number];
    slot.holders.store_release(2);
    slot.waiters.store_release(0);
    const std::size_t bytes = block_bytes + payload.size();
    std::byte* to = slot.room;
    if (bytes > places.room_bytes) {
      try {
        slot.large = std::make_unique_for_overwrite<std::byte[]>(bytes);
      } catch (const std::bad_alloc&) {
        places.free.enqueue(number);
        throw no_memory("an event of " + std::to_string(bytes) + " bytes");
      }
      to = slot.large.get();
    }
    if (block_bytes != 0) core::write_attributes({to, block_bytes}, options.attributes);
    std::ranges::copy(payload, to + block_bytes);
    slot.type = options.type;
    slot.timestamp_ns = options.timestamp_ns;
    slot.block_bytes = static_cast<std::uint32_t>(block_bytes);
    slot.payload_bytes = static_cast<std::uint32_t>(payload.size());
    slot.state.store_release(kOnItsWay);
    if (!places.filled.enqueue(number)) {
      places.free.enqueue(number);
      throw no_memory("the queue");
    }
    return {places, number};
  }

  [[nodiscard]] Error no_memory(const std::string& what) const {
    return Error(Code::no_space, "the funnel of ring '" + publisher.name() + "' has no memory for " + what +
                                     ": free some, or raise the process's limit");
  }
  [[nodiscard]] Error too_large(std::size_t bytes) const {
    return Error(Code::event_too_large, "an event of " + std::to_string(bytes) + " bytes is too large for ring '" +
                                            publisher.name() + "': at most " +
                                            std::to_string(publisher.largest_payload_bytes()) +
                                            " fit, attributes included; create the ring with a larger capacity");
  }

  ForkGuard guard;
  Publisher publisher;
  FunnelTicket::Places places;
  moodycamel::ConsumerToken reader{places.filled};  // of the draining thread
  core::Word32 stopping;
  core::Word64 events;
  core::Word64 batches;
  core::Word64 failed;
  std::unique_ptr<std::thread> thread;  // ends before what it stands on
};

Funnel::Funnel(Publisher publisher, const FunnelOptions& options) {
  if (options.capacity_events == 0 || options.capacity_events > kMostPlaces ||
      options.payload_bytes > core::kMaxCapacityBytes) {
    throw Error(Code::bad_option, "cannot make a funnel for ring '" + publisher.name() + "' with " +
                                      std::to_string(options.capacity_events) + " places: it has from 1 to " +
                                      std::to_string(kMostPlaces) + ", for events that a ring can hold");
  }
  const std::string name = publisher.name();
  try {
    impl_ = std::make_unique<Impl>(std::move(publisher), options);
  } catch (const std::bad_alloc&) {
    throw Error(Code::no_space, "there is no memory for " + std::to_string(options.capacity_events) + " places of " +
                                    std::to_string(options.payload_bytes) + " bytes for ring '" + name +
                                    "': ask for fewer or smaller ones");
  }
  if (options.thread) impl_->start();
}

Funnel::~Funnel() = default;

FunnelTicket Funnel::publish(std::span<const std::byte> payload, const EventOptions& options) {
  return publish_for(payload, kForever, options);
}

FunnelTicket Funnel::try_publish(std::span<const std::byte> payload, const EventOptions& options) {
  std::uint64_t block_bytes = 0;
  if (const Status status = impl_->look_at(payload, options, block_bytes); status != Status::ok) return FunnelTicket(status);
  std::uint32_t number = 0;
  if (!impl_->places.free.try_dequeue(number)) return FunnelTicket(Status::full);
  return impl_->put_in(number, payload, block_bytes, options);
}

FunnelTicket Funnel::publish_for(std::span<const std::byte> payload, std::chrono::nanoseconds timeout,
                                 const EventOptions& options) {
  std::uint64_t block_bytes = 0;
  if (impl_->look_at(payload, options, block_bytes) != Status::ok) throw impl_->too_large(block_bytes + payload.size());
  std::uint32_t number = 0;
  if (timeout == kForever) {
    impl_->places.free.wait_dequeue(number);
  } else if (!impl_->places.free.wait_dequeue_timed(number, microseconds(timeout))) {
    return FunnelTicket(Status::timed_out);
  }
  return impl_->put_in(number, payload, block_bytes, options);
}

std::size_t Funnel::drain(std::chrono::nanoseconds timeout) {
  if (impl_->thread)
    throw Error(Code::bad_option, "the funnel of ring '" + impl_->publisher.name() +
                                      "' has a thread that drains it: let that do it, or make it without");
  return impl_->take_out(timeout);
}

Publisher Funnel::stop() {
  impl_->end();
  return std::move(impl_->publisher);
}

FunnelCounters Funnel::counters() const noexcept {
  return {impl_->events.load_acquire(), impl_->batches.load_acquire(), impl_->failed.load_acquire()};
}

}  // namespace ringbolt
