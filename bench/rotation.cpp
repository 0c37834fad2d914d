#include "rotation.hpp"

#include <ringbolt/core/ring.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace ringbolt::bench {

std::vector<double> Turn::each(const std::function<double(const Slice&)>& value) const {
  std::vector<double> values;
  values.reserve(slices.size());
  for (const Slice& slice : slices) values.push_back(value(slice));
  return values;
}

std::vector<double> Turn::latencies_ns() const {
  std::vector<double> all;
  for (const Slice& slice : slices) all.insert(all.end(), slice.latencies_ns.begin(), slice.latencies_ns.end());
  return all;
}

constexpr std::uint64_t kFew = 20;
constexpr std::uint32_t kWatchdogSeconds = 240;  // a machine may be busy; a test is given 300

std::uint64_t lap_of(const Effort& effort, const LaneKind& kind, const Plan& plan) {
  if (effort.smoke) return kFew;
  const std::uint64_t lap = plan.capacity_bytes / core::record_bytes(plan.payload_bytes);
  const auto few = static_cast<std::uint64_t>(static_cast<double>(lap) / kind.slowness / kind.slowness);
  return kind.slowness <= 1 ? lap + lap / 8 : few < kFew ? kFew : few;
}

void rotate(Report& report, const std::string& mode, std::size_t rounds, std::vector<Turn>& turns,
            const std::function<Slice(const LaneKind&, const Plan&, const Machine&)>& run) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::size_t stolen = 0;
  std::vector<double> distances;
  std::vector<double> changes;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < turns.size(); ++i) {
      Turn& turn = turns[round % 2 == 0 ? i : turns.size() - 1 - i];
      if (terminal)
        fmt::print(stderr, "\r{}: round {} of {}, {} of {}: {:<30}", mode, round + 1, rounds, i + 1, turns.size(),
                   turn.kind.name);
      turn.plan.watchdog_seconds = kWatchdogSeconds;
      turn.slices.push_back(run(turn.kind, turn.plan, report.machine()));
      stolen += turn.slices.back().stolen ? 1 : 0;
      distances.push_back(turn.slices.back().bare_ns);
      changes.push_back(turn.slices.back().bare_change);
    }
  }
  if (terminal) fmt::print(stderr, "\r{:78}\r", "");
  const Spread distance = spread(distances);
  const Spread change = spread(changes);
  fmt::print(
      "(bare round trips beside the slices: {:.0f} ns [{:.0f}-{:.0f}], after a slice / before {:.2f} [{:.2f}-{:.2f}])\n",
      distance.p50, distance.p10, distance.p90, change.p50, change.p10, change.p90);
  if (stolen != 0) {
    report.warn(fmt::format("{}: the hypervisor took time during {} of {} slices", mode, stolen, distances.size()));
  }
  if (distance.p90 > 1.25 * distance.p10) {
    report.warn(fmt::format("{}: the distance between the CPUs changed: bare round trips of {:.0f} to {:.0f} ns", mode,
                            distance.p10, distance.p90));
  }
}

const Turn* find_turn(const std::vector<Turn>& turns, const std::string& name, const nlohmann::json& parameters) {
  const auto found =
      std::ranges::find_if(turns, [&](const Turn& turn) { return turn.kind.name == name && turn.parameters == parameters; });
  return found == turns.end() ? nullptr : &*found;
}

nlohmann::json percentiles(const std::vector<double>& values) {
  nlohmann::json all;
  for (const auto& [name, share] :
       {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}) {
    all[name] = quantile(values, share);
  }
  all["max"] = quantile(values, 1);
  all["count"] = values.size();
  return all;
}

bool suits(const LaneKind& kind, const Plan& plan) {
  if (plan.receivers > kind.most_receivers) return false;
  if (plan.asleep ? !kind.sleeps : !kind.spins) return false;
  if (plan.interval_ns == 0 && !kind.floods) return false;
  return kind.payloads.empty() || std::ranges::find(kind.payloads, plan.payload_bytes) != kind.payloads.end();
}

}  // namespace ringbolt::bench
