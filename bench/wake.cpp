// How long a consumer that sleeps in the kernel takes to have an event in its hands, from before the publish.
//
// An event comes every 200 µs, so that everybody sleeps again before the next. Who parks is compared with a raw futex, who waits
// for a descriptor with an eventfd, both with the message in shared memory. The waker's own time is in `call p50`.
#include "benchmarks.hpp"
#include "rotation.hpp"

#include <fmt/format.h>

namespace ringbolt::bench {
namespace {

constexpr std::uint64_t kIntervalNs = 200'000;

struct Contest {
  std::string against;
  std::optional<Row::Aim> aim{};
};
Contest contest_of(const std::string& contender) {
  if (contender == "ringbolt park") return {"raw futex", Row::Aim{1.1, false}};
  if (contender == "ringbolt fd") return {"eventfd", Row::Aim{1.15, false}};
  return {"raw futex", {}};
}

}  // namespace

void run_wake(Report& report, const Effort& effort) {
  if (!report.can_run_two("wake")) return;
  std::vector<LaneKind> kinds{futex_lane(), ring_lane("park"), eventfd_lane(), ring_lane("fd"), ring_lane("backoff")};
  if (effort.peers) kinds.insert(kinds.end(), peer_lanes().begin(), peer_lanes().end());
  std::vector<Turn> turns;
  for (const LaneKind& kind : kinds) {
    const Plan plan{
        .warm_up = 20, .events = effort.events(300, 10), .interval_ns = kIntervalNs, .stamp = Stamp::sent, .asleep = true};
    if (suits(kind, plan)) turns.push_back({kind, plan, {{"payload", plan.payload_bytes}}});
  }
  report.begin(fmt::format("wake-up of one sleeper, p50 from before the call that wakes, {} slices of {}", effort.slices,
                           turns.front().plan.events));
  rotate(report, "wake", effort.slices, turns, run_slice);

  const auto p50 = [](const Slice& slice) { return quantile(slice.latencies_ns, 0.5); };
  for (const Turn& turn : turns) {
    const Contest contest = contest_of(turn.kind.name);
    const std::vector<double> values = turn.each(p50);
    std::vector<double> calls;
    for (const Slice& slice : turn.slices) calls.insert(calls.end(), slice.calls_ns.begin(), slice.calls_ns.end());
    nlohmann::json more = percentiles(turn.latencies_ns());
    more["call p50"] = quantile(calls, 0.5);
    report.show({.mode = "wake",
                 .contender = turn.kind.name,
                 .parameters = turn.parameters,
                 .metric = "p50",
                 .unit = "ns",
                 .values = values,
                 .reference = contest.against,
                 .ratios = ratios_of(values, find_turn(turns, contest.against, turn.parameters)->each(p50)),
                 .aim = contest.aim,
                 .more = more});
  }
}

}  // namespace ringbolt::bench
