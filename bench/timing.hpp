// A cheap clock, and the order statistics that every benchmark here reports. No mean: one stall of the machine outweighs
// all that is to be measured.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <vector>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace ringbolt::bench {

// Counts at a constant rate; `ns_per_tick` says at which. About 10 ns to read on x86-64.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
#endif
}

// Measured once, against the system's clock, over 20 ms.
inline double ns_per_tick() {
  static const double rate = [] {
    using Clock = std::chrono::steady_clock;
    const auto from = Clock::now();
    const std::uint64_t first = ticks();
    while (Clock::now() - from < std::chrono::milliseconds(20)) {
    }
    const std::chrono::duration<double, std::nano> passed = Clock::now() - from;
    return passed.count() / static_cast<double>(ticks() - first);
  }();
  return rate;
}

// How long `body` takes, divided by `count`, in nanoseconds.
template <class Body>
double ns_each(std::uint64_t count, Body&& body) {
  const std::uint64_t from = ticks();
  body();
  return static_cast<double>(ticks() - from) * ns_per_tick() / static_cast<double>(count);
}

// The value below which `share` (0 to 1) of `values` lie; 0 for none.
inline double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto index = std::lround(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + index, values.end());
  return values[static_cast<std::size_t>(index)];
}

// Median, and how far the values spread.
struct Spread {
  double p10 = 0;
  double p50 = 0;
  double p90 = 0;
};
inline Spread spread(const std::vector<double>& values) {
  return {quantile(values, 0.1), quantile(values, 0.5), quantile(values, 0.9)};
}

}  // namespace ringbolt::bench
