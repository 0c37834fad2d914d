// Boost: Interprocess's message_queue, and lockfree's spsc_queue with itself and its elements in shared memory.
#include <sys/mman.h>
#include <unistd.h>

#include "lane_loops.hpp"
#include "processes.hpp"

#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include <array>
#include <optional>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

namespace interprocess = boost::interprocess;

class MessageQueueLane {
 public:
  explicit MessageQueueLane(const Plan& plan) {
    interprocess::message_queue::remove(name_.c_str());
    queue_.emplace(interprocess::create_only, name_.c_str(), plan.capacity_bytes / plan.payload_bytes, plan.payload_bytes);
  }
  ~MessageQueueLane() {
    if (getpid() == owner_) interprocess::message_queue::remove(name_.c_str());
  }
  MessageQueueLane(const MessageQueueLane&) = delete;
  MessageQueueLane& operator=(const MessageQueueLane&) = delete;

  class Sender {
   public:
    Sender(MessageQueueLane& lane, const Plan& plan) : queue_(&*lane.queue_), sleeps_(plan.asleep) {}
    void send(std::span<const std::byte> message) {
      if (sleeps_) {
        queue_->send(message.data(), message.size(), 0);
        return;
      }
      while (!queue_->try_send(message.data(), message.size(), 0)) sched_yield();
    }
    void flush() {}

   private:
    interprocess::message_queue* queue_;
    bool sleeps_;
  };

  class Receiver {
   public:
    Receiver(MessageQueueLane& lane, const Plan& plan, std::size_t /*index*/)
        : queue_(&*lane.queue_), message_(plan.payload_bytes) {}
    template <class Take>
    std::size_t poll(Take& take) {
      std::size_t got = 0;
      unsigned priority = 0;
      if (!queue_->try_receive(message_.data(), message_.size(), got, priority)) return 0;
      take(std::span<const std::byte>(message_.data(), got));
      return 1;
    }
    template <class Take>
    void sleep(Take& take) {
      std::size_t got = 0;
      unsigned priority = 0;
      queue_->receive(message_.data(), message_.size(), got, priority);
      take(std::span<const std::byte>(message_.data(), got));
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    interprocess::message_queue* queue_;
    std::vector<std::byte> message_;
  };

 private:
  std::string name_ = "ringbolt-bench-" + std::to_string(getpid()) + "-" + std::to_string(++count_);
  pid_t owner_ = getpid();
  static inline int count_ = 0;
  std::optional<interprocess::message_queue> queue_;
};

// Memory that a forked process finds at the same address.
template <class T>
struct InheritedMemory {
  using value_type = T;
  InheritedMemory() = default;
  template <class U>
  explicit InheritedMemory(const InheritedMemory<U>& /*other*/) noexcept {}
  T* allocate(std::size_t count) {
    void* address =
        mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (address == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(address);
  }
  void deallocate(T* address, std::size_t count) noexcept { munmap(address, count * sizeof(T)); }
  friend bool operator==(const InheritedMemory&, const InheritedMemory&) { return true; }
};

template <std::size_t bytes>
class SpscLane {
  using Message = std::array<std::byte, bytes>;
  using Queue = boost::lockfree::spsc_queue<Message, boost::lockfree::allocator<InheritedMemory<Message>>>;

 public:
  explicit SpscLane(const Plan& plan) : queue_(new(&*room_) Queue(plan.capacity_bytes / bytes)) {}
  ~SpscLane() { queue_->~Queue(); }
  SpscLane(const SpscLane&) = delete;
  SpscLane& operator=(const SpscLane&) = delete;

  class Sender {
   public:
    Sender(SpscLane& lane, const Plan& /*plan*/) : queue_(lane.queue_) {}
    void send(std::span<const std::byte> message) {
      // From where it is filled, without a copy on the way; what follows is the same for every size.
      const auto* one = reinterpret_cast<const Message*>(message.data());
      while (!queue_->push(*one)) core::spin_hint();
    }
    void flush() {}

   private:
    Queue* queue_;
  };

  class Receiver {
   public:
    Receiver(SpscLane& lane, const Plan& /*plan*/, std::size_t /*index*/) : queue_(lane.queue_) {}
    template <class Take>
    std::size_t poll(Take& take) {
      return queue_->consume_all([&](const Message& message) { take(std::span<const std::byte>(message)); });
    }
    template <class Take>
    void sleep(Take& take) {
      poll(take);
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    Queue* queue_;
  };

 private:
  struct alignas(128) Room {
    std::array<std::byte, sizeof(Queue)> bytes_of_queue;
  };
  Shared<Room> room_;
  Queue* queue_;
};

}  // namespace

std::vector<LaneKind> boost_lanes() {
  return {{.name = "boost spsc_queue", .make = make_constant_lane<SpscLane>, .payloads = kConstantPayloads},
          {.name = "boost message_queue", .make = make_lane<MessageQueueLane>, .sleeps = true, .slowness = 15}};
}

}  // namespace ringbolt::bench
