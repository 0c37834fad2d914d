#include "demo_plan.hpp"

#include <ringbolt/core/ring.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "demo_audit.hpp"

namespace ringbolt::demo {
namespace {

constexpr double kEventsPerSecond = 10'000;  // what repeating a short log aims at
constexpr double kSteepestBurst = 10;        // times the mean rate
constexpr double kLongestIdle = 10;          // times the median pause; machines sleep for months between two upgrades

// Time as the demo sees it: long pauses shortened, otherwise the log's own. Ends a median pause after the last line.
std::vector<double> squeezed(const EventLog& log) {
  std::vector<double> at(log.lines.size() + 1);
  std::vector<double> pauses;
  for (std::size_t i = 1; i < log.seconds.size(); ++i) {
    if (log.seconds[i] > log.seconds[i - 1]) pauses.push_back(log.seconds[i] - log.seconds[i - 1]);
  }
  if (pauses.empty()) {
    for (std::size_t i = 0; i < at.size(); ++i) at[i] = static_cast<double>(i);
    return at;
  }
  const auto middle = pauses.begin() + static_cast<std::ptrdiff_t>(pauses.size() / 2);
  std::nth_element(pauses.begin(), middle, pauses.end());
  const double median = *middle;
  for (std::size_t i = 1; i < log.seconds.size(); ++i) {
    at[i] = at[i - 1] + std::min(log.seconds[i] - log.seconds[i - 1], kLongestIdle * median);
  }
  at.back() = at[at.size() - 2] + median;
  return at;
}

}  // namespace

Plan::Plan(EventLog log, double seconds) : log_(std::move(log)), seconds_(seconds) {
  const auto lines = static_cast<double>(log_.lines.size());
  rounds_ = static_cast<std::uint64_t>(std::max(1.0, std::round(kEventsPerSecond * seconds / lines)));
  round_ns_ = static_cast<std::uint64_t>(seconds * 1e9 / static_cast<double>(rounds_));
  spread();
  size_ring();
}

void Plan::spread() {
  const std::vector<double> at = squeezed(log_);
  const auto round = static_cast<double>(round_ns_);
  const double closest = round / static_cast<double>(log_.lines.size()) / kSteepestBurst;
  double due = 0;
  due_ns_.reserve(log_.lines.size());
  for (std::size_t i = 0; i < log_.lines.size(); ++i) {
    due = std::max(at[i] / at.back() * round, i == 0 ? 0 : due + closest);
    due_ns_.push_back(static_cast<std::uint64_t>(due));
  }
}

void Plan::size_ring() {
  double bytes = 0;
  for (const std::string& line : log_.lines) bytes += static_cast<double>(core::record_bytes(kStampBytes + line.size()));
  const double each = bytes / static_cast<double>(log_.lines.size());
  capacity_bytes_ = std::bit_ceil(
      std::max(core::kMinCapacityBytes, static_cast<std::uint64_t>(each * static_cast<double>(total()) / seconds_)));
  events_in_ring_ = static_cast<std::uint64_t>(static_cast<double>(capacity_bytes_) / each);
}

}  // namespace ringbolt::demo
