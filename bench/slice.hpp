// One slice of a lane: fresh processes, pinned, one for each side, a bare ping-pong before and after between the same two.
#pragma once

#include "lane.hpp"
#include "machine.hpp"

#include <vector>

namespace ringbolt::bench {

struct Slice {
  double ns_per_event = 0;           // from before the first was sent until the last receiver had the last one
  std::vector<double> latencies_ns;  // by the stamps; of a ping-pong the round trips, first the single ones, then the groups
  std::vector<double> calls_ns;      // `send`, where stamped as sent
  double bare_ns = 0;                // round trip over two cache lines, mean of before and after
  double bare_change = 1;            // after / before: what the method resolves
  std::uint64_t received = 0;        // by all receivers together
  std::uint64_t lost = 0;            // and what they were told they lost
  bool stolen = false;               // the hypervisor took time meanwhile

  // Of the single and of the grouped trips of a ping-pong.
  [[nodiscard]] std::vector<double> single_trips_ns() const;
  [[nodiscard]] std::vector<double> grouped_trips_ns() const;
};

// Needs two CPUs. Throws std::runtime_error if a side fails, or if what was received and lost is not what was sent. A side
// that does not come to an end within the plan's watchdog ends this process.
[[nodiscard]] Slice run_slice(const LaneKind& kind, const Plan& plan, const Machine& machine);
[[nodiscard]] Slice run_ping_pong(const LaneKind& kind, const Plan& plan, const Machine& machine);

}  // namespace ringbolt::bench
