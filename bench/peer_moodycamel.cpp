// moodycamel's queues of one and of many producers. Their memory is the heap's, so that they only work between threads.
#include <ringbolt/core/spin.hpp>

#include "lane_loops.hpp"

#include <array>
#include <stdexcept>

#if __has_include(<readerwriterqueue/readerwritercircularbuffer.h>)
#include <readerwriterqueue/readerwriterqueue.h>
#else
#include <readerwriterqueue.h>
#endif

namespace ringbolt::bench {
namespace {

template <std::size_t bytes>
class ReaderWriterLane {
  using Message = std::array<std::byte, bytes>;
  using Queue = moodycamel::ReaderWriterQueue<Message>;

 public:
  explicit ReaderWriterLane(const Plan& plan) : queue_(plan.capacity_bytes / bytes) {}

  class Sender {
   public:
    Sender(ReaderWriterLane& lane, const Plan& /*plan*/) : queue_(&lane.queue_) {}
    void send(std::span<const std::byte> message) {
      const auto* one = reinterpret_cast<const Message*>(message.data());
      while (!queue_->try_enqueue(*one)) core::spin_hint();
    }
    void flush() {}

   private:
    Queue* queue_;
  };

  class Receiver {
   public:
    Receiver(ReaderWriterLane& lane, const Plan& /*plan*/, std::size_t /*index*/) : queue_(&lane.queue_) {}
    template <class Take>
    std::size_t poll(Take& take) {
      std::size_t taken = 0;
      for (; taken < 256; ++taken) {
        const Message* message = queue_->peek();  // in place, as Ringbolt reads
        if (message == nullptr) break;
        take(std::span<const std::byte>(*message));
        queue_->pop();
      }
      return taken;
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
  Queue queue_;
};

}  // namespace

std::vector<LaneKind> moodycamel_lanes() {
  return {{.name = "moodycamel ReaderWriterQueue",
           .make = make_constant_lane<ReaderWriterLane>,
           .one_process = true,
           .payloads = kConstantPayloads}};
}

}  // namespace ringbolt::bench
