// Ping-pong between two pinned processes: over two rings, over the peers' ways, and in the same run over two bare cache lines.
//
// The distance between two CPUs of a virtual machine changes while one looks at it. So the contenders take turns in short
// slices with a bare slice before and after each, and what counts is the median over the slices of a contender's p50
// divided by the bare p50 beside it. p50 is of groups of ten round trips, because some clocks step in 10 ns; p99 of single ones.
//
// A ratio below 1 is possible: a consumer that pauses, or has more to do between two looks, disturbs the other side's store less
// than the bare loop does.
#include "bare.hpp"
#include "benchmarks.hpp"
#include "rotation.hpp"

#include <fmt/format.h>

namespace ringbolt::bench {
namespace {

constexpr double kTrips = 10'000;

std::optional<Row::Aim> aim_of(const Turn& turn) {
  if (turn.kind.name != "ringbolt poll") return {};
  switch (turn.plan.payload_bytes) {
    case 8:
    case 32: return Row::Aim{1.08, false};
    case 64: return Row::Aim{1.15, false};
    case 256: return Row::Aim{1.3, false};
    case 1024: return Row::Aim{2.0, false};
    case 4096: return Row::Aim{3.5, false};
    default: return {};
  }
}

}  // namespace

void run_latency(Report& report, const Effort& effort, const LatencyOptions& options) {
  if (!report.can_run_two("latency")) return;
  std::vector<Turn> turns;
  for (const std::size_t payload : options.payloads) {
    std::vector<LaneKind> kinds{ring_lane("poll"), ring_lane("next")};
    const bool with_peers = effort.peers && (effort.every_cell || payload == options.payloads.front());
    if (with_peers) kinds.insert(kinds.end(), peer_lanes().begin(), peer_lanes().end());
    for (const LaneKind& kind : kinds) {
      Plan plan{.payload_bytes = payload};
      if (kind.slowness > 1 && payload != 64 && payload != options.payloads.front()) continue;  // so that a run ends
      plan.events = effort.events(kTrips / (kind.slowness > 20 ? 10 : 1), 40) / 20 * 20;
      plan.warm_up = lap_of(effort, kind, plan);
      if (suits(kind, plan)) turns.push_back({kind, plan, {{"payload", payload}}});
    }
  }
  report.begin(fmt::format("round trip between two processes, p50, {} slices", effort.slices));
  rotate(report, "latency", effort.slices, turns, run_ping_pong);

  for (const Turn& turn : turns) {
    const std::vector<double> values = turn.each([](const Slice& slice) { return quantile(slice.grouped_trips_ns(), 0.5); });
    std::vector<double> singles;
    for (const Slice& slice : turn.slices) {
      const std::vector<double> trips = slice.single_trips_ns();
      singles.insert(singles.end(), trips.begin(), trips.end());
    }
    report.show({.mode = "latency",
                 .contender = turn.kind.name,
                 .parameters = turn.parameters,
                 .metric = "p50",
                 .unit = "ns",
                 .values = values,
                 .reference = "bare",
                 .ratios = ratios_of(values, turn.each([](const Slice& slice) { return slice.bare_ns; })),
                 .aim = aim_of(turn),
                 .more = percentiles(singles)});
  }
}

}  // namespace ringbolt::bench
