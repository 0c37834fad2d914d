// The wall clock for stamps: asked once a millisecond, and between two answers reckoned by the processor's counter of ticks.
// Reading the counter takes a third of what the clock takes; a publisher that stamps less than once a millisecond gets the
// clock itself.
//
// The rate is what the last two answers say, and is used only if the two before them said the same, so a clock that is set, a
// machine that slept or was moved to another, and a counter that jumps end the reckoning until it has begun anew. An answer
// that took long, because the thread was interrupted on the way, is given but not reckoned with.
//
// Error against CLOCK_REALTIME while it runs evenly: about a microsecond at most, from what the readings' own duration and a
// change of rate below 488 ppm come to in a millisecond; `docs/performance.md` has what was measured. A clock that is set is
// followed after a millisecond at the latest.
#pragma once

#include <ringbolt/ipc/clock.hpp>

#include <cstdint>

namespace ringbolt::ipc {

// Does the kernel itself keep time by the processor's counter, the same for all processors? False also where that is not known.
[[nodiscard]] bool processor_ticks_hold() noexcept;

struct ProcessorTicks {
  [[nodiscard]] static std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;  // elsewhere the clock is as fast as the counter
#endif
  }
  [[nodiscard]] static std::uint64_t wall_ns() noexcept { return ipc::wall_ns(); }
};

// `Source` has `ticks` and `wall_ns`, as above. One thread at a time.
template <class Source>
class ReckonedClock {
 public:
  explicit ReckonedClock(bool reckons, Source source = {}) noexcept : source_(source), reckons_(reckons) {}

  // Nanoseconds since 1970. May be lower than the answer before.
  [[nodiscard]] std::uint64_t now_ns() noexcept {
    if (!reckons_) return source_.wall_ns();
    const std::uint64_t passed = source_.ticks() - base_.ticks;  // of a counter that went back: very large
    if (passed < reckoned_ticks_) [[likely]]
      return base_.ns + scaled(passed);
    return ask();
  }

 private:
  static constexpr std::uint64_t kReckonedNs = 1'000'000;
  static constexpr std::uint64_t kShortestSpanNs = 500'000;  // between the two answers that a rate is made of
  static constexpr std::uint64_t kLongestSpanNs = 1'000'000'000;
  static constexpr std::uint64_t kLargestRate = std::uint64_t{1} << 40;  // 256 ns a tick: no such counter

  struct Reading {
    std::uint64_t ticks = 0;
    std::uint64_t ns = 0;
  };

  // The product is at most a millisecond, times 2^32.
  [[nodiscard]] std::uint64_t scaled(std::uint64_t ticks) const noexcept { return ticks * rate_ >> 32; }

  [[nodiscard]] std::uint64_t ask() noexcept {
    const std::uint64_t before = source_.ticks();
    const std::uint64_t ns = source_.wall_ns();
    const std::uint64_t took = source_.ticks() - before;
    if (took < quickest_) quickest_ = took;
    if (took / 4 > quickest_) return ns;
    reckon_from({before + took / 2, ns});
    return ns;
  }

  void reckon_from(const Reading& reading) noexcept {
    const std::uint64_t span_ns = reading.ns - base_.ns;  // of a clock that was set back: very large
    const std::uint64_t span_ticks = reading.ticks - base_.ticks;
    if (span_ns < kShortestSpanNs) return;
    const std::uint64_t old_rate = rate_;
    base_ = reading;
    rate_ = 0;
    reckoned_ticks_ = 0;
    if (span_ns > kLongestSpanNs || span_ticks == 0) return;
    const std::uint64_t rate = (span_ns << 32) / span_ticks;  // in 2^-32 ns a tick
    if (rate == 0 || rate > kLargestRate) return;
    rate_ = rate;
    const std::uint64_t change = rate > old_rate ? rate - old_rate : old_rate - rate;
    if (change <= old_rate / 2048) reckoned_ticks_ = (kReckonedNs << 32) / rate;
  }

  Source source_;
  bool reckons_;
  Reading base_;
  std::uint64_t rate_ = 0;
  std::uint64_t reckoned_ticks_ = 0;  // so far behind the base the rate holds; 0: not at all
  std::uint64_t quickest_ = ~std::uint64_t{0};
};

using FastClock = ReckonedClock<ProcessorTicks>;

}  // namespace ringbolt::ipc
