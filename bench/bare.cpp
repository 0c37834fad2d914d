#include "bare.hpp"

#include "processes.hpp"
#include "timing.hpp"

namespace ringbolt::bench {
namespace {

constexpr std::size_t kGroups = 1'000;
constexpr std::size_t kLeastGroups = 3;
constexpr double kLongestNs = 100e6;
constexpr std::size_t kTripsPerGroup = 10;

}  // namespace

double time_bare(BareEnd& bare) {
  std::vector<double> times;
  times.reserve(kGroups);
  const std::uint64_t from = ticks();
  for (std::size_t group = 0; group < kGroups; ++group) {
    const double passed_ns = static_cast<double>(ticks() - from) * ns_per_tick();
    if (group >= kLeastGroups && passed_ns > kLongestNs) break;
    times.push_back(ns_each(kTripsPerGroup, [&] {
      for (std::size_t i = 0; i < kTripsPerGroup; ++i) {
        bare.send();
        bare.receive();
      }
    }));
  }
  bare.stop();
  return quantile(times, 0.5);
}

void answer_bare(BareEnd& bare) {
  while (bare.receive_or_stop()) bare.send();
}

double bare_round_trip_ns(const Machine& machine) {
  Shared<BareLines> lines;
  Meeting meeting;  // before either spins: a new process begins on the CPU of its parent
  Peer peer([&] {
    pin_to(machine.second_cpu);
    meeting.meet();
    BareEnd bare(lines->pong, lines->ping);
    answer_bare(bare);
  });
  pin_to(machine.first_cpu);
  meeting.meet();
  BareEnd bare(lines->ping, lines->pong);
  const double ns = time_bare(bare);
  peer.join();
  return ns;
}

}  // namespace ringbolt::bench
