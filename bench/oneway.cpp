// How late an event arrives, at fixed rates. It is stamped with the time at which it was due by the schedule: a publisher that is
// late, because it was held up or because it cannot keep up, makes every event late that it owed meanwhile. To stamp when
// it gets round to it would hide just the cases that matter (Gil Tene's "coordinated omission").
//
// The floor is half of a bare round trip between the same two processes. Rate 0 is saturation: due at once.
#include "benchmarks.hpp"
#include "rotation.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ringbolt::bench {
namespace {

constexpr double kSliceSeconds = 0.05;
constexpr double kLeastEvents = 100;
constexpr double kMostEvents = 200'000;
constexpr std::uint64_t kSaturation = 0;  // as a rate

std::vector<std::uint64_t> rates(const Effort& effort, bool ours) {
  if (!effort.every_cell) return {100'000, kSaturation};
  if (!ours) return {10'000, 100'000, 1'000'000};
  return {1'000, 10'000, 100'000, 1'000'000, 5'000'000, 20'000'000, kSaturation};
}

Turn turn_of(const LaneKind& kind, std::uint64_t rate, const Effort& effort) {
  Plan plan{.stamp = Stamp::scheduled};
  const double wanted = rate == kSaturation ? kMostEvents : static_cast<double>(rate) * kSliceSeconds;
  plan.events = effort.events(std::clamp(wanted, kLeastEvents, kMostEvents / kind.slowness), 10);
  plan.interval_ns = rate == kSaturation ? 0 : 1'000'000'000 / rate;
  plan.warm_up = lap_of(effort, kind, plan);
  return {kind, plan, {{"payload", plan.payload_bytes}, {"rate", rate}}};
}

}  // namespace

void run_oneway(Report& report, const Effort& effort) {
  if (!report.can_run_two("oneway")) return;
  std::vector<Turn> turns;
  for (const std::uint64_t rate : rates(effort, true)) turns.push_back(turn_of(ring_lane("gate"), rate, effort));
  for (const LaneKind& kind : effort.peers ? peer_lanes() : std::vector<LaneKind>{}) {
    for (const std::uint64_t rate : rates(effort, false)) {
      Turn turn = turn_of(kind, rate, effort);
      if (suits(kind, turn.plan)) turns.push_back(std::move(turn));
    }
  }
  std::ranges::stable_sort(turns, {}, [](const Turn& turn) { return turn.parameters["rate"].get<std::uint64_t>() - 1; });
  report.begin(
      fmt::format("one way, p50 from when an event was due by schedule, {} slices, spinning receivers; rate 0: saturation",
                  effort.slices));
  rotate(report, "oneway", effort.slices, turns, run_slice);

  for (const Turn& turn : turns) {
    const std::vector<double> values = turn.each([](const Slice& slice) { return quantile(slice.latencies_ns, 0.5); });
    nlohmann::json more = percentiles(turn.latencies_ns());
    more["M/s"] = quantile(turn.each([](const Slice& slice) { return 1e3 / slice.ns_per_event; }), 0.5);
    report.show({.mode = "oneway",
                 .contender = turn.kind.name,
                 .parameters = turn.parameters,
                 .metric = "p50",
                 .unit = "ns",
                 .values = values,
                 .reference = "half a bare round trip",
                 .ratios = ratios_of(values, turn.each([](const Slice& slice) { return slice.bare_ns / 2; })),
                 .more = more});
  }
  fmt::print("\n{:<30} {:>10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>12}\n", "all slices together, ns", "rate", "M/s", "p50",
             "p99", "p99.9", "p99.99", "longest");
  for (const Turn& turn : turns) {
    const nlohmann::json of = percentiles(turn.latencies_ns());
    fmt::print("{:<30} {:>10} {:>8.3f} {:>10.0f} {:>10.0f} {:>10.0f} {:>10.0f} {:>12.0f}\n", turn.kind.name,
               turn.parameters["rate"].get<std::uint64_t>(),
               quantile(turn.each([](const Slice& slice) { return 1e3 / slice.ns_per_event; }), 0.5),
               of["p50"].get<double>(), of["p99"].get<double>(), of["p99.9"].get<double>(), of["p99.99"].get<double>(),
               of["max"].get<double>());
  }
}

}  // namespace ringbolt::bench
