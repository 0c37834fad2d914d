// Events a second from one publisher to its consumers in other processes, every payload written and checked.
//
// A consumer that keeps up takes each line from the publisher as it is written, so the distance between the two CPUs
// decides more than anything else here; that is why the contenders of a cell follow each other. Of a consumer that may be overrun only
// what it got counts. Several consumers share the second CPU.
#include "benchmarks.hpp"
#include "rotation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringbolt::bench {
namespace {

constexpr double kBytesPerSlice = 48e6;  // payloads and 32 bytes each, some ten milliseconds
constexpr double kMostEvents = 600'000;
constexpr std::uint64_t kKibi = 1024;
constexpr const char* kOurs = "ringbolt gate";

struct Cell {
  std::size_t payload;
  std::uint64_t capacity;
  std::size_t consumers;
};

std::vector<Cell> cells(const Effort& effort) {
  if (!effort.every_cell) return {{64, kRingBytes, 1}, {64, kRingBytes, 3}};
  std::vector<Cell> all;
  for (const std::uint64_t capacity : {256 * kKibi, kRingBytes, 16'384 * kKibi}) {
    for (const std::size_t payload : {8U, 64U, 256U, 1024U, 4096U}) all.push_back({payload, capacity, 1});
  }
  all.push_back({64, kRingBytes, 2});
  all.push_back({64, kRingBytes, 3});
  return all;
}

// The fast ones everywhere, the slow ones where they are compared, so that a run ends.
bool takes_part(const LaneKind& kind, const Cell& cell) {
  if (kind.slowness <= 1) return true;
  return cell.capacity == kRingBytes && cell.consumers != 2 && (cell.payload == 64 || cell.payload == 1024);
}

double rate_of(const Slice& slice, const Plan& plan) {
  const double share = static_cast<double>(slice.received) / static_cast<double>(plan.events * plan.receivers);
  return 1e3 / slice.ns_per_event * share;
}

std::vector<Turn> turns_of(const Effort& effort, const Cell& cell) {
  std::vector<LaneKind> kinds{ring_lane("gate"), ring_lane("lossy")};
  if (cell.payload == 64 && cell.capacity == kRingBytes && effort.every_cell) kinds.push_back(ring_lane("latest"));
  if (effort.peers) {
    std::ranges::copy_if(peer_lanes(), std::back_inserter(kinds),
                         [&](const LaneKind& kind) { return takes_part(kind, cell); });
  }
  std::vector<Turn> turns;
  for (const LaneKind& kind : kinds) {
    Plan plan{.payload_bytes = cell.payload, .capacity_bytes = cell.capacity, .receivers = cell.consumers};
    const double events = std::min(kMostEvents, kBytesPerSlice / static_cast<double>(cell.payload + 32));
    plan.events = effort.events(events / kind.slowness, 100);
    plan.warm_up = lap_of(effort, kind, plan);
    if (!suits(kind, plan)) continue;
    turns.push_back({kind, plan, {{"payload", cell.payload}, {"capacity", cell.capacity}, {"consumers", cell.consumers}}});
  }
  return turns;
}

std::vector<double> rates_of(const Turn& turn) {
  return turn.each([&](const Slice& slice) { return rate_of(slice, turn.plan); });
}

// The peer with the best median; null if there is none. Not the best of each slice, which is the best luck of them all.
const Turn* best_peer(const std::vector<Turn>& turns, const nlohmann::json& parameters) {
  const Turn* best = nullptr;
  for (const Turn& turn : turns) {
    if (turn.kind.name.starts_with("ringbolt") || turn.parameters != parameters) continue;
    if (best == nullptr || quantile(rates_of(turn), 0.5) > quantile(rates_of(*best), 0.5)) best = &turn;
  }
  return best;
}

Row row_of(const std::vector<Turn>& turns, const Turn& turn) {
  Row row{.mode = "throughput",
          .contender = turn.kind.name,
          .parameters = turn.parameters,
          .metric = "rate",
          .unit = "M/s",
          .values = rates_of(turn)};
  const std::size_t consumers = turn.parameters["consumers"];
  if (turn.kind.name == kOurs) {
    const Turn* const best = best_peer(turns, turn.parameters);
    if (best == nullptr) return row;
    row.reference = "best peer";
    row.ratios = ratios_of(row.values, rates_of(*best));
    row.more = {{"best peer", best->kind.name}};
    row.aim = Row::Aim{consumers == 1 ? 1.0 : 20.0, true};
    return row;
  }
  row.reference = kOurs;
  row.ratios = ratios_of(row.values, rates_of(*find_turn(turns, kOurs, turn.parameters)));
  if (turn.kind.name == "ringbolt lossy" && consumers == 1 && turn.parameters["payload"] == 64)
    row.aim = Row::Aim{0.85, true};
  const double sent = static_cast<double>(turn.plan.events * turn.plan.receivers);
  row.more = {{"share received",
               quantile(turn.each([&](const Slice& slice) { return static_cast<double>(slice.received) / sent; }), 0.5)}};
  return row;
}

}  // namespace

void run_throughput(Report& report, const Effort& effort) {
  if (!report.can_run_two("throughput")) return;
  std::vector<Turn> turns;
  for (const Cell& cell : cells(effort)) {
    for (Turn& turn : turns_of(effort, cell)) turns.push_back(std::move(turn));
  }
  report.begin(fmt::format("events received a second by each consumer, timestamps off, {} slices", effort.slices));
  rotate(report, "throughput", effort.slices, turns, run_slice);

  double sum_of_logarithms = 0;
  std::size_t compared = 0;
  for (const Turn& turn : turns) {
    const Row row = row_of(turns, turn);
    report.show(row);
    const std::size_t payload = row.parameters["payload"];
    if (row.reference == "best peer" && row.parameters["consumers"] == 1 && payload >= 64 && payload <= 1024) {
      sum_of_logarithms += std::log(quantile(row.ratios, 0.5));
      ++compared;
    }
  }
  if (compared != 0) {
    fmt::print(
        "one to one, gating, 64 to 1024 bytes, against the best peer of each cell: geometric mean {:.2f} over {} cells; at "
        "least 1.3 wanted\n",
        std::exp(sum_of_logarithms / static_cast<double>(compared)), compared);
  }
}

}  // namespace ringbolt::bench
