// The floor under waking somebody: a slot in shared memory, and one system call.
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ringbolt/core/layout.hpp>

#include "lane_loops.hpp"
#include "lanes.hpp"
#include "processes.hpp"

#include <array>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

constexpr std::size_t kMostBytes = 4096;

// One message at a time: the next is not written before the last was taken.
struct Slot {
  alignas(core::kFalseSharingBytes) core::Word32 sent;
  alignas(core::kFalseSharingBytes) core::Word32 taken;
  alignas(core::kFalseSharingBytes) std::array<std::byte, kMostBytes> message;
};

template <class Bell>
class SlotLane {
 public:
  explicit SlotLane(const Plan& /*plan*/) {}

  class Sender {
   public:
    Sender(SlotLane& lane, const Plan& /*plan*/) : lane_(&lane) {}
    void send(std::span<const std::byte> message) {
      Slot& slot = *lane_->slot_;
      while (slot.taken.load_acquire() != sent_) sched_yield();
      std::memcpy(slot.message.data(), message.data(), message.size());
      slot.sent.store_release(++sent_);
      lane_->bell_.ring(slot.sent);
    }
    void flush() {}

   private:
    SlotLane* lane_;
    std::uint32_t sent_ = 0;
  };

  class Receiver {
   public:
    Receiver(SlotLane& lane, const Plan& plan, std::size_t /*index*/) : lane_(&lane), bytes_(plan.payload_bytes) {}
    template <class Take>
    std::size_t poll(Take& take) {
      Slot& slot = *lane_->slot_;
      if (slot.sent.load_acquire() == taken_) return 0;
      take(std::span<const std::byte>(slot.message.data(), bytes_));
      slot.taken.store_release(++taken_);
      return 1;
    }
    template <class Take>
    void sleep(Take& take) {
      lane_->bell_.wait(lane_->slot_->sent, taken_);
      poll(take);
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    SlotLane* lane_;
    std::size_t bytes_;
    std::uint32_t taken_ = 0;
  };

 private:
  Shared<Slot> slot_;
  Bell bell_;
};

struct Futex {
  void ring(const core::Word32& word) const { syscall(SYS_futex, word.address(), FUTEX_WAKE, 1, nullptr, nullptr, 0); }
  void wait(const core::Word32& word, std::uint32_t seen) const {
    syscall(SYS_futex, word.address(), FUTEX_WAIT, seen, nullptr, nullptr, 0);
  }
};

class EventDescriptor {
 public:
  EventDescriptor() : descriptor_(eventfd(0, EFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("cannot make an eventfd");
  }
  ~EventDescriptor() { close(descriptor_); }
  EventDescriptor(const EventDescriptor&) = delete;
  EventDescriptor& operator=(const EventDescriptor&) = delete;

  void ring(const core::Word32& /*word*/) const { static_cast<void>(eventfd_write(descriptor_, 1)); }
  // As in a loop of one's own: readiness first, then what it stands for.
  void wait(const core::Word32& /*word*/, std::uint32_t /*seen*/) const {
    pollfd readable{.fd = descriptor_, .events = POLLIN, .revents = 0};
    eventfd_t count = 0;
    if (::poll(&readable, 1, 100'000) < 1 || eventfd_read(descriptor_, &count) != 0) {
      throw std::runtime_error("no message in 100 s");
    }
  }

 private:
  int descriptor_;
};

}  // namespace

LaneKind futex_lane() {
  return {.name = "raw futex", .make = make_lane<SlotLane<Futex>>, .spins = false, .sleeps = true, .floods = false};
}
LaneKind eventfd_lane() {
  return {.name = "eventfd", .make = make_lane<SlotLane<EventDescriptor>>, .spins = false, .sleeps = true, .floods = false};
}

}  // namespace ringbolt::bench
