// The loops of senders and receivers, the same for every lane.
//
// `Kind` is made before the processes start: `explicit Kind(const Plan&)`. In them:
//   Kind::Sender(Kind&, const Plan&)                    send(span): waits for room; flush()
//   Kind::Receiver(Kind&, const Plan&, size_t index)    poll(take): hands what is there to take(span), without sleeping, and
//                                                       returns how many; sleep(take): sleeps until there is something;
//                                                       lost(): how many went by, as the lane itself says
#pragma once

#include <sched.h>

#include <ringbolt/core/spin.hpp>

#include "lane.hpp"
#include "payload.hpp"
#include "timing.hpp"

#include <stdexcept>

namespace ringbolt::bench {

inline std::uint64_t to_ticks(std::uint64_t ns) {
  return static_cast<std::uint64_t>(static_cast<double>(ns) / ns_per_tick());
}

// The time, not before what was loaded until here: a processor may run a plain rdtsc while the load that it depends on by a
// branch is still on its way, and an event would have arrived before it was sent.
inline std::uint64_t ticks_after_loads() noexcept {
#if defined(__x86_64__)
  unsigned cpu = 0;
  return __rdtscp(&cpu);
#else
  return ticks();  // the kernel's clock waits by itself
#endif
}

// Checks what a receiver is handed, and counts it.
template <class Receiver>
class Taker {
 public:
  Taker(Receiver& receiver, const Side& side, std::uint64_t* latencies)
      : receiver_(receiver),
        payload_bytes_(side.plan.payload_bytes),
        stamped_(side.plan.stamp != Stamp::none),
        warm_up_(side.plan.warm_up),
        latencies_(latencies) {}

  void operator()(std::span<const std::byte> payload) {
    const std::uint64_t now = stamped_ ? ticks_after_loads() : 0;
    const std::uint64_t number = ++received_ + receiver_.lost();
    if (payload.size() != payload_bytes_ || !check_payload(payload.subspan(stamped_ ? 8 : 0), number)) {
      throw std::runtime_error("message " + std::to_string(number) + " is not what was sent");
    }
    if (latencies_ == nullptr || !stamped_ || number <= warm_up_) return;
    std::uint64_t stamp = 0;
    std::memcpy(&stamp, payload.data(), sizeof stamp);
    if (static_cast<std::int64_t>(now - stamp) < 0) throw std::runtime_error("the counters of the two CPUs differ");
    latencies_[number - warm_up_ - 1] = now - stamp;
  }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t seen() const noexcept { return received_ + receiver_.lost(); }

 private:
  Receiver& receiver_;
  std::size_t payload_bytes_;
  bool stamped_;
  std::uint64_t warm_up_;
  std::uint64_t* latencies_;
  std::uint64_t received_ = 0;
};

template <class Sender>
void send_events(Sender& sender, const Side& side) {
  const Plan& plan = side.plan;
  std::vector<std::byte> bytes(plan.payload_bytes);
  const bool stamped = plan.stamp != Stamp::none;
  const std::uint64_t interval = to_ticks(plan.interval_ns);
  const auto fill = [&](std::uint64_t number) { fill_payload(std::span(bytes).subspan(stamped ? 8 : 0), number); };
  std::uint64_t number = 1;
  for (; number <= plan.warm_up; ++number) {
    fill(number);
    sender.send(bytes);
  }
  sender.flush();
  side.meet();

  std::uint64_t due = side.memory.begun = ticks();
  for (std::uint64_t i = 0; i < plan.events; ++i, ++number) {
    fill(number);
    if (interval != 0) {
      due += interval;
      while (static_cast<std::int64_t>(ticks() - due) < 0) core::spin_hint();
    }
    if (!stamped) {
      sender.send(bytes);
      continue;
    }
    const std::uint64_t before = ticks();
    const std::uint64_t stamp = plan.stamp == Stamp::scheduled ? due : before;
    std::memcpy(bytes.data(), &stamp, sizeof stamp);
    sender.send(bytes);
    if (side.calls != nullptr) side.calls[i] = ticks() - before;
  }
  sender.flush();
}

template <class Receiver, class Take>
void receive_until(Receiver& receiver, const Plan& plan, Take& take, std::uint64_t number) {
  while (take.seen() < number) {
    if (plan.asleep) {
      receiver.sleep(take);
    } else if (receiver.poll(take) == 0) {
      if (plan.receivers > 1) {
        sched_yield();  // they share a CPU
      } else {
        core::spin_hint();
      }
    }
  }
}

template <class Receiver>
void receive_events(Receiver& receiver, const Side& side, std::size_t index) {
  const Plan& plan = side.plan;
  Taker<Receiver> take(receiver, side, index == 0 ? side.latencies : nullptr);
  receive_until(receiver, plan, take, plan.warm_up);
  const std::uint64_t warmed_up = take.received();
  const std::uint64_t lost_before = receiver.lost();
  side.meet();
  receive_until(receiver, plan, take, plan.warm_up + plan.events);
  side.memory.tallies[index] = {take.received() - warmed_up, receiver.lost() - lost_before, ticks()};
}

inline constexpr std::size_t kTripsPerGroup = 10;

// `events` round trips; the first half timed one by one, for high percentiles, the second in groups of ten, for p50: some clocks
// step in 10 ns. `latencies` gets one entry for each.
template <class Sender, class Receiver>
void ping_events(Sender& sender, Receiver& receiver, const Side& side) {
  std::vector<std::byte> bytes(side.plan.payload_bytes);
  Taker<Receiver> take(receiver, side, nullptr);
  std::uint64_t number = 1;
  fill_payload(bytes, number);
  const auto trip = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      sender.send(bytes);
      sender.flush();
      fill_payload(bytes, ++number);  // for the next time; not between the other side and its answer
      while (receiver.poll(take) == 0) {
      }
    }
  };
  trip(side.plan.warm_up);
  std::uint64_t sample = 0;
  std::uint64_t before = ticks();
  for (std::uint64_t done = 0; done < side.plan.events;) {
    const std::uint64_t trips = done < side.plan.events / 2 ? 1 : kTripsPerGroup;
    trip(trips);
    const std::uint64_t now = ticks();
    side.latencies[sample++] = (now - before) / trips;
    before = now;
    done += trips;
  }
  side.memory.trips = take.received() - side.plan.warm_up;
}

template <class Sender, class Receiver>
void pong_events(Sender& sender, Receiver& receiver, const Side& side) {
  std::vector<std::byte> bytes(side.plan.payload_bytes);
  Taker<Receiver> take(receiver, side, nullptr);
  for (std::uint64_t number = 1; number <= side.plan.warm_up + side.plan.events; ++number) {
    fill_payload(bytes, number);
    while (receiver.poll(take) == 0) {
    }
    sender.send(bytes);
    sender.flush();
  }
  side.memory.tallies[0] = {take.received() - side.plan.warm_up, receiver.lost(), ticks()};
}

template <class Kind>
class LaneOf final : public Lane {
 public:
  explicit LaneOf(const Plan& plan) : kind_(plan) {}

  void send(const Side& side) override {
    typename Kind::Sender sender(kind_, side.plan);
    side.meet();
    send_events(sender, side);
    side.meet();  // nobody leaves before everything has arrived
  }
  void receive(const Side& side, std::size_t index) override {
    typename Kind::Receiver receiver(kind_, side.plan, index);
    side.meet();
    receive_events(receiver, side, index);
    side.meet();
  }
  void ping(Lane& back, const Side& side) override {
    typename Kind::Sender sender(kind_, side.plan);
    typename Kind::Receiver receiver(static_cast<LaneOf&>(back).kind_, side.plan, 0);
    side.meet();
    ping_events(sender, receiver, side);
    side.meet();
  }
  void pong(Lane& back, const Side& side) override {
    typename Kind::Sender sender(static_cast<LaneOf&>(back).kind_, side.plan);
    typename Kind::Receiver receiver(kind_, side.plan, 0);
    side.meet();
    pong_events(sender, receiver, side);
    side.meet();
  }

 private:
  Kind kind_;
};

template <class Kind>
std::unique_ptr<Lane> make_lane(const Plan& plan) {
  return std::make_unique<LaneOf<Kind>>(plan);
}

// Where the payload's size is a constant of the type.
inline const std::vector<std::size_t> kConstantPayloads{8, 32, 64, 256, 1024, 4096};
template <template <std::size_t> class Kind>
std::unique_ptr<Lane> make_constant_lane(const Plan& plan) {
  switch (plan.payload_bytes) {
    case 8: return make_lane<Kind<8>>(plan);
    case 32: return make_lane<Kind<32>>(plan);
    case 64: return make_lane<Kind<64>>(plan);
    case 256: return make_lane<Kind<256>>(plan);
    case 1024: return make_lane<Kind<1024>>(plan);
    case 4096: return make_lane<Kind<4096>>(plan);
    default: throw std::logic_error("no such payload");
  }
}

}  // namespace ringbolt::bench
