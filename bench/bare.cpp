#include "bare.hpp"

#include "processes.hpp"
#include "timing.hpp"

namespace ringbolt::bench {
namespace {

constexpr std::size_t kGroups = 1'000;
constexpr std::size_t kTripsPerGroup = 10;

}  // namespace

double time_bare(BareEnd& bare) {
  std::vector<double> times;
  times.reserve(kGroups);
  for (std::size_t group = 0; group < kGroups; ++group) {
    times.push_back(ns_each(kTripsPerGroup, [&] {
      for (std::size_t i = 0; i < kTripsPerGroup; ++i) {
        bare.send();
        bare.receive();
      }
    }));
  }
  return quantile(times, 0.5);
}

void answer_bare(BareEnd& bare) {
  for (std::size_t i = 0; i < kGroups * kTripsPerGroup; ++i) {
    bare.receive();
    bare.send();
  }
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
