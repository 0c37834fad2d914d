// The floor under everything that two CPUs say to each other: two words on cache lines 128 bytes apart, back and forth.
#pragma once

#include <ringbolt/core/layout.hpp>

#include "machine.hpp"

#include <cstdint>

namespace ringbolt::bench {

// A bare round trip below this looks like two threads of one core. A guess: what is known are 60 to 90 ns for such threads
// and 110 ns and more for two cores.
inline constexpr double kSiblingNs = 90;

// In memory that both processes share.
struct BareLines {
  alignas(core::kFalseSharingBytes) core::Word64 ping;
  alignas(core::kFalseSharingBytes) core::Word64 pong;
};

// One side of it.
class BareEnd {
 public:
  BareEnd(core::Word64& out, const core::Word64& in) : out_(&out), in_(&in) {}
  void send() noexcept { out_->store_release(++sent_); }
  void receive() noexcept {
    ++received_;
    while (in_->load_acquire() != received_) {
    }
  }
  // Tells the other side that this was all, and returns when it knows. Both are as new afterwards.
  void stop() noexcept {
    out_->store_release(kStopped);
    while (in_->load_acquire() != kStopped) core::spin_hint();
    begin_anew();
  }
  // False if the other side has stopped.
  [[nodiscard]] bool receive_or_stop() noexcept {
    ++received_;
    for (;;) {
      const std::uint64_t seen = in_->load_acquire();
      if (seen == received_) return true;
      if (seen == kStopped) break;
    }
    out_->store_release(kStopped);
    while (in_->load_acquire() == kStopped) core::spin_hint();
    begin_anew();
    return false;
  }

 private:
  static constexpr std::uint64_t kStopped = ~std::uint64_t{0};
  void begin_anew() noexcept {
    sent_ = received_ = 0;
    out_->store_release(0);
  }
  core::Word64* out_;
  const core::Word64* in_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

// A few milliseconds of it, timed in groups of ten round trips: the median, in nanoseconds. Where the two hardly run at the same
// time it is fewer groups, so that it ends. `answer_bare` is the other side.
[[nodiscard]] double time_bare(BareEnd& bare);
void answer_bare(BareEnd& bare);

// The same with a process of its own on the second CPU. Needs two.
[[nodiscard]] double bare_round_trip_ns(const Machine& machine);

}  // namespace ringbolt::bench
