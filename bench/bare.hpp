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
  void receive_pausing() noexcept {
    ++received_;
    while (in_->load_acquire() != received_) core::spin_hint();
  }

 private:
  core::Word64* out_;
  const core::Word64* in_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

// A few milliseconds of it, timed in groups of ten round trips: the median, in nanoseconds. `answer_bare` is the other side.
[[nodiscard]] double time_bare(BareEnd& bare);
void answer_bare(BareEnd& bare);

// The same with a process of its own on the second CPU. Needs two.
[[nodiscard]] double bare_round_trip_ns(const Machine& machine);

}  // namespace ringbolt::bench
