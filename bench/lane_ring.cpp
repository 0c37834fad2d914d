// Ringbolt as a lane, by what its consumer does.
#include <poll.h>

#include <ringbolt/ringbolt.hpp>

#include "lane_loops.hpp"
#include "lanes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>

namespace ringbolt::bench {
namespace {

using std::chrono::seconds;

std::string fresh_name() {
  static int count = 0;
  return fmt::format("lane-{}", ++count);
}

// A ring that is there as long as the lane is.
class Ring {
 public:
  explicit Ring(const Plan& plan) {
    create_ring(name_, {.capacity_bytes = plan.capacity_bytes, .timestamps = false, .prefault = true});
  }
  ~Ring() {
    if (getpid() == owner_) remove_ring(name_, true);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_ = fresh_name();
  pid_t owner_ = getpid();
};

template <Policy policy, Wait wait>
class RingLane {
 public:
  explicit RingLane(const Plan& plan) : ring_(plan) {}

  class Sender {
   public:
    Sender(RingLane& lane, const Plan& /*plan*/)
        : publisher_(Publisher::open(lane.ring_.name(), {.create = false, .wait = Wait::spin})) {}
    void send(std::span<const std::byte> message) { publisher_.publish(message); }
    void flush() {}

   private:
    Publisher publisher_;
  };

  class Receiver {
   public:
    Receiver(RingLane& lane, const Plan& plan, std::size_t /*index*/)
        : consumer_(Consumer::attach(lane.ring_.name(),
                                     {.policy = policy,
                                      .start = Start::earliest,
                                      .wait = plan.receivers > 1 && wait == Wait::spin ? Wait::yield : wait})) {}

    template <class Take>
    std::size_t poll(Take& take) {
      const std::size_t taken = read(take, 256);
      if (taken == 0 && lost() == lost_before_) consumer_wait();
      lost_before_ = lost();
      return taken;
    }
    template <class Take>
    void sleep(Take& take) {
      if (consumer_.wait_for(seconds(100)) != Status::ok) throw std::runtime_error("no event in 100 s");
      read(take, 256);
    }
    [[nodiscard]] std::uint64_t lost() const noexcept { return gap_events_ + consumer_.counters().skipped_events; }

   protected:
    template <class Take>
    std::size_t read(Take& take, std::size_t limit) {
      struct Handler {
        Receiver& receiver;
        Take& take;
        void operator()(const Event& event) { take(event.payload); }
        void operator()(const Gap& gap) { receiver.gap_events_ += gap.count(); }
      };
      return consumer_.try_poll(Handler{*this, take}, limit).count;
    }
    Consumer& consumer() noexcept { return consumer_; }

   private:
    // As whoever spins with this library does: it paces the next look. A message of 50 µs at most: the loop counts, too.
    void consumer_wait() { static_cast<void>(consumer_.wait_for(std::chrono::microseconds(50))); }

    Consumer consumer_;
    std::uint64_t gap_events_ = 0;
    std::uint64_t lost_before_ = 0;
  };

 private:
  Ring ring_;
};

// One event at a time by `next_for`, as a program does that has no use for batches.
class NextLane : public RingLane<Policy::gate, Wait::spin> {
  using Base = RingLane<Policy::gate, Wait::spin>;

 public:
  using Base::Base;
  class Receiver : public Base::Receiver {
   public:
    using Base::Receiver::Receiver;
    template <class Take>
    std::size_t poll(Take& take) {
      Event event;
      if (this->consumer().next_for(event, seconds(100)) != Status::ok) throw std::runtime_error("no event in 100 s");
      take(event.payload);
      return 1;
    }
  };
};

// One look at a time, and nothing between two of them: the shortest way round.
class PollLane : public RingLane<Policy::gate, Wait::spin> {
  using Base = RingLane<Policy::gate, Wait::spin>;

 public:
  using Base::Base;
  class Receiver : public Base::Receiver {
   public:
    using Base::Receiver::Receiver;
    template <class Take>
    std::size_t poll(Take& take) {
      return this->read(take, 1);
    }
  };
};

// In a poll of one's own, through Consumer::fd.
class DescriptorLane : public RingLane<Policy::lossy, Wait::park> {
  using Base = RingLane<Policy::lossy, Wait::park>;

 public:
  using Base::Base;
  class Receiver : public Base::Receiver {
   public:
    Receiver(DescriptorLane& lane, const Plan& plan, std::size_t index)
        : Base::Receiver(lane, plan, index), descriptor_(this->consumer().fd()) {}
    template <class Take>
    void sleep(Take& take) {
      pollfd readable{.fd = descriptor_, .events = POLLIN, .revents = 0};
      if (::poll(&readable, 1, 100'000) < 1) throw std::runtime_error("no event in 100 s");
      while (this->read(take, 256) != 0) {
      }
    }

   private:
    int descriptor_;
  };
};

}  // namespace

LaneKind ring_lane(const std::string& name) {
  LaneKind kind{.name = "ringbolt " + name, .make = {}, .most_receivers = kMostReceivers};
  if (name == "gate") kind.make = make_lane<RingLane<Policy::gate, Wait::spin>>;
  if (name == "lossy") kind.make = make_lane<RingLane<Policy::lossy, Wait::spin>>;
  if (name == "latest") kind.make = make_lane<RingLane<Policy::latest, Wait::spin>>;
  if (name == "poll") kind.make = make_lane<PollLane>;
  if (name == "next") kind.make = make_lane<NextLane>;
  if (name == "park") kind.make = make_lane<RingLane<Policy::lossy, Wait::park>>;
  if (name == "backoff") kind.make = make_lane<RingLane<Policy::lossy, Wait::backoff>>;
  if (name == "fd") kind.make = make_lane<DescriptorLane>;
  if (!kind.make) throw std::logic_error("no such lane: " + name);
  kind.sleeps = name == "park" || name == "backoff" || name == "fd";
  kind.spins = !kind.sleeps;
  return kind;
}

}  // namespace ringbolt::bench
