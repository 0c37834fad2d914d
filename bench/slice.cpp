#include "slice.hpp"

#include "bare.hpp"
#include "processes.hpp"
#include "timing.hpp"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <thread>

namespace ringbolt::bench {
namespace {

std::vector<double> to_ns(const SharedWords& words, std::size_t count) {
  std::vector<double> ns;
  ns.reserve(count);
  for (std::size_t i = 0; i < count; ++i) ns.push_back(static_cast<double>(words.data()[i]) * ns_per_tick());
  return ns;
}

// What the processes of a slice have in common.
struct Stage {
  Stage(const Plan& a_plan, const Machine& a_machine, std::size_t latency_count)
      : plan(a_plan),
        machine(a_machine),
        meeting(1 + a_plan.receivers),
        latencies(latency_count),
        calls(a_plan.stamp == Stamp::sent ? a_plan.events : 0),
        meet([this] { meeting.meet(); }),
        side{plan, *memory, latencies.data(), calls.data(), meet} {}

  const Plan& plan;
  const Machine& machine;
  Shared<SliceMemory> memory;
  Shared<BareLines> lines;
  Shared<std::pair<double, double>> bare_ns;  // before and after
  Meeting meeting;
  SharedWords latencies;
  SharedWords calls;
  std::function<void()> meet;
  Side side;

  template <class Work>
  void be_first(Work&& work) {
    pin_to(machine.first_cpu);
    BareEnd bare(lines->ping, lines->pong);
    meet();  // a new process begins on the CPU of its parent
    const double before = time_bare(bare);
    work();
    *bare_ns = {before, time_bare(bare)};
  }
  template <class Work>
  void be_second(std::size_t index, Work&& work) {
    pin_to(machine.second_cpu);
    BareEnd bare(lines->pong, lines->ping);
    meet();
    if (index == 0) answer_bare(bare);
    work();
    if (index == 0) answer_bare(bare);
  }
};

template <class First, class Second>
void run_sides(Stage& stage, bool one_process, First&& first, Second&& second) {
  if (one_process) {
    Peer both(
        [&] {
          std::jthread other([&] { stage.be_second(0, [&] { second(0); }); });
          stage.be_first(first);
        },
        stage.plan.watchdog_seconds);
    both.join();
    return;
  }
  std::vector<std::unique_ptr<Peer>> sides;
  for (std::size_t i = 0; i < stage.plan.receivers; ++i) {
    sides.push_back(std::make_unique<Peer>([&, i] { stage.be_second(i, [&] { second(i); }); }, stage.plan.watchdog_seconds));
  }
  sides.push_back(std::make_unique<Peer>([&] { stage.be_first(first); }, stage.plan.watchdog_seconds));
  for (const auto& side : sides) side->join();
}

void note_bare(const Stage& stage, Slice& slice) {
  const auto [before, after] = *stage.bare_ns;
  slice.bare_ns = (before + after) / 2;
  slice.bare_change = after / before;
}

void check_counts(const LaneKind& kind, std::uint64_t counted, std::uint64_t wanted) {
  if (counted == wanted && wanted != 0) return;
  throw std::runtime_error(fmt::format("{}: {} messages were counted of {}", kind.name, counted, wanted));
}

}  // namespace

std::vector<double> Slice::single_trips_ns() const {
  return {latencies_ns.begin(), latencies_ns.begin() + static_cast<std::ptrdiff_t>(received / 2)};
}
std::vector<double> Slice::grouped_trips_ns() const {
  return {latencies_ns.begin() + static_cast<std::ptrdiff_t>(received / 2), latencies_ns.end()};
}

Slice run_slice(const LaneKind& kind, const Plan& plan, const Machine& machine) {
  Stage stage(plan, machine, plan.stamp == Stamp::none ? 0 : plan.events);
  const std::unique_ptr<Lane> lane = kind.make(plan);
  const std::uint64_t stolen = stolen_ticks(machine);
  run_sides(
      stage, kind.one_process, [&] { lane->send(stage.side); },
      [&](std::size_t index) { lane->receive(stage.side, index); });

  Slice slice;
  std::uint64_t ended = 0;
  for (std::size_t i = 0; i < plan.receivers; ++i) {
    const Tally& tally = stage.memory->tallies[i];
    check_counts(kind, tally.received + tally.lost, plan.events);
    slice.received += tally.received;
    slice.lost += tally.lost;
    ended = std::max(ended, tally.ended);
  }
  slice.ns_per_event = static_cast<double>(ended - stage.memory->begun) * ns_per_tick() / static_cast<double>(plan.events);
  slice.latencies_ns = to_ns(stage.latencies, stage.latencies.size());
  slice.calls_ns = to_ns(stage.calls, stage.calls.size());
  note_bare(stage, slice);
  slice.stolen = stolen_ticks(machine) != stolen;
  return slice;
}

Slice run_ping_pong(const LaneKind& kind, const Plan& plan, const Machine& machine) {
  Stage stage(plan, machine, plan.events);
  const std::unique_ptr<Lane> there = kind.make(plan);
  const std::unique_ptr<Lane> back = kind.make(plan);
  const std::uint64_t stolen = stolen_ticks(machine);
  run_sides(
      stage, kind.one_process, [&] { there->ping(*back, stage.side); },
      [&](std::size_t) { there->pong(*back, stage.side); });
  check_counts(kind, stage.memory->trips, plan.events);
  check_counts(kind, stage.memory->tallies[0].received, plan.events);

  Slice slice;
  slice.received = plan.events;
  const std::size_t singles = plan.events / 2;
  slice.latencies_ns = to_ns(stage.latencies, singles + (plan.events - singles) / 10);
  note_bare(stage, slice);
  slice.stolen = stolen_ticks(machine) != stolen;
  return slice;
}

}  // namespace ringbolt::bench
