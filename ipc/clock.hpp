// The two clocks: wall time for stamps that people read, monotonic time for durations within one process. No decision
// about who is alive depends on either.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>

namespace ringbolt::ipc {

inline std::uint64_t clock_ns(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}
inline std::uint64_t wall_ns() noexcept { return clock_ns(CLOCK_REALTIME); }
inline std::uint64_t monotonic_ns() noexcept { return clock_ns(CLOCK_MONOTONIC); }

// A point in monotonic time; `never` for waits without end.
class Deadline {
 public:
  explicit Deadline(std::chrono::nanoseconds timeout) noexcept {
    if (timeout == std::chrono::nanoseconds::max()) return;
    const auto wait_ns = static_cast<std::uint64_t>(timeout.count() > 0 ? timeout.count() : 0);
    const std::uint64_t now = monotonic_ns();
    at_ns_ = wait_ns > kNever - now ? kNever : now + wait_ns;
  }
  [[nodiscard]] bool passed() const noexcept { return at_ns_ != kNever && monotonic_ns() >= at_ns_; }
  // Nanoseconds from now, at most `most`.
  [[nodiscard]] std::uint64_t remaining_ns(std::uint64_t most) const noexcept {
    if (at_ns_ == kNever) return most;
    const std::uint64_t now = monotonic_ns();
    const std::uint64_t left = at_ns_ > now ? at_ns_ - now : 0;
    return left < most ? left : most;
  }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  std::uint64_t at_ns_ = kNever;
};

}  // namespace ringbolt::ipc
