// Ping-pong between two pinned processes: over two rings, and in the same run over two bare cache lines.
//
// The distance between two CPUs of a virtual machine changes while one looks at it. So the contenders take turns in short
// slices with a bare slice before and after each, and what counts is the median over the slices of a contender's p50
// divided by the bare p50 beside it. Both processes walk through the same schedule and so need no other agreement.
//
// Two contenders are bare themselves: one like the slices beside it, whose ratio of 1 shows what the method resolves, and
// one that pauses while it spins. On CPUs far apart a pause disturbs the other side's store less, so that a ring whose
// consumer pauses, or has more to do between two looks, may come out below 1.
#include <ringbolt/ringbolt.hpp>

#include "bare.hpp"
#include "benchmarks.hpp"
#include "payload.hpp"
#include "processes.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

constexpr std::size_t kSingleTrips = 10'000;  // timed one by one, for p99
constexpr std::size_t kGroups = 1'000;        // and so many groups of ten, for p50: some clocks step in 10 ns
constexpr std::size_t kTripsPerGroup = 10;
constexpr std::size_t kTripsPerSlice = kSingleTrips + kGroups * kTripsPerGroup;

// One side of the ping-pong over rings: publishes on one, consumes the other as a gating consumer that reads in place.
class RingEnd {
 public:
  RingEnd(const char* out, const char* in)
      : publisher_(Publisher::open(out, {.create = false, .wait = Wait::spin})),
        consumer_(Consumer::attach(in, {.policy = Policy::gate, .start = Start::earliest, .wait = Wait::spin})) {}

  void set_payload(std::size_t bytes) {
    payload_.assign(bytes, std::byte{0});
    fill_payload(payload_, sent_ + 1);
  }
  void send() {
    publisher_.publish(payload_);
    ++sent_;
    fill_payload(payload_, sent_ + 1);  // for the next time; not between the other side and its answer
  }
  void receive_by_poll() {
    while (consumer_.poll([this](const Event& event) { check(event); }, 1) == 0) {
    }
  }
  void receive_by_next() {
    Event event;
    if (consumer_.next_for(event, std::chrono::seconds(10)) != Status::ok) throw std::runtime_error("no event in 10 s");
    check(event);
  }

 private:
  void check(const Event& event) {
    if (event.payload.size() != payload_.size() || !check_payload(event.payload, ++received_)) {
      throw std::runtime_error(fmt::format("the payload of event {} is not what was published", event.sequence));
    }
  }

  Publisher publisher_;
  Consumer consumer_;
  std::vector<std::byte> payload_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

struct SliceTimes {
  double p50_ns = 0;
  double p99_ns = 0;
};

template <class Send, class Receive>
std::vector<double> time_trips(std::size_t samples, std::size_t trips_per_sample, Send&& send, Receive&& receive) {
  std::vector<double> times(samples);
  const double ns = ns_per_tick() / static_cast<double>(trips_per_sample);
  std::uint64_t before = ticks();
  for (double& time : times) {
    for (std::size_t i = 0; i < trips_per_sample; ++i) {
      send();
      receive();
    }
    const std::uint64_t now = ticks();
    time = static_cast<double>(now - before) * ns;
    before = now;
  }
  return times;
}

// Both sides of a slice: the pinger measures, the ponger answers.
struct Pinger {
  template <class Send, class Receive>
  SliceTimes operator()(Send&& send, Receive&& receive) const {
    const std::vector<double> singles = time_trips(kSingleTrips, 1, send, receive);
    const std::vector<double> groups = time_trips(kGroups, kTripsPerGroup, send, receive);
    return {quantile(groups, 0.5), quantile(singles, 0.99)};
  }
};
struct Ponger {
  template <class Send, class Receive>
  SliceTimes operator()(Send&& send, Receive&& receive) const {
    for (std::size_t i = 0; i < kTripsPerSlice; ++i) {
      receive();
      send();
    }
    return {};
  }
};

enum class Contender : std::uint8_t { bare, bare_pausing, poll, next };
constexpr std::array kRingContenders{Contender::poll, Contender::next};
const char* name_of(Contender contender) {
  switch (contender) {
    case Contender::bare: return "bare";
    case Contender::bare_pausing: return "bare, pausing";
    case Contender::poll: return "ring, poll";
    case Contender::next: return "ring, next";
  }
  return "";
}

struct Turn {
  Contender contender{};
  std::size_t payload = 0;
  friend bool operator==(const Turn&, const Turn&) = default;
};
std::vector<Turn> turns(const LatencyOptions& options) {
  std::vector<Turn> all{{Contender::bare, 0}, {Contender::bare_pausing, 0}};
  for (const std::size_t payload : options.payloads) {
    for (const Contender contender : kRingContenders) all.push_back({contender, payload});
  }
  return all;
}

struct Slice {
  Turn turn;
  SliceTimes times;
  double bare_before_ns = 0;
  double bare_after_ns = 0;
  bool stolen = false;

  [[nodiscard]] double bare_ns() const { return (bare_before_ns + bare_after_ns) / 2; }
  [[nodiscard]] double ratio() const { return times.p50_ns / bare_ns(); }
  [[nodiscard]] bool like_siblings() const { return bare_before_ns < kSiblingNs && bare_after_ns < kSiblingNs; }
  [[nodiscard]] bool apart() const { return bare_before_ns >= kSiblingNs && bare_after_ns >= kSiblingNs; }
  [[nodiscard]] bool drifted() const {
    return bare_before_ns > 1.25 * bare_after_ns || bare_after_ns > 1.25 * bare_before_ns;
  }
};

template <class Side>
SliceTimes take_turn(const Turn& turn, BareEnd& bare, RingEnd& rings, const Side& side) {
  switch (turn.contender) {
    case Contender::bare: return side([&] { bare.send(); }, [&] { bare.receive(); });
    case Contender::bare_pausing: return side([&] { bare.send(); }, [&] { bare.receive_pausing(); });
    case Contender::poll:
      rings.set_payload(turn.payload);
      return side([&] { rings.send(); }, [&] { rings.receive_by_poll(); });
    case Contender::next:
      rings.set_payload(turn.payload);
      return side([&] { rings.send(); }, [&] { rings.receive_by_next(); });
  }
  return {};
}

// The schedule, as both processes walk it. The first round warms up and is not kept.
template <class Side>
std::vector<Slice> walk(const LatencyOptions& options, const Machine& machine, BareEnd bare, RingEnd& rings,
                        const Side& side) {
  constexpr Turn kBeside{Contender::bare, 0};
  std::vector<Slice> slices;
  for (std::size_t round = 0; round <= options.slices; ++round) {
    double before = take_turn(kBeside, bare, rings, side).p50_ns;
    for (const Turn& turn : turns(options)) {
      Slice slice;
      slice.turn = turn;
      slice.bare_before_ns = before;
      const std::uint64_t stolen = stolen_ticks(machine);
      slice.times = take_turn(turn, bare, rings, side);
      slice.bare_after_ns = before = take_turn(kBeside, bare, rings, side).p50_ns;
      slice.stolen = stolen_ticks(machine) != stolen;
      if (round != 0) slices.push_back(slice);
    }
  }
  return slices;
}

template <class Value, class Wanted>
std::vector<double> pick(const std::vector<Slice>& slices, Wanted wanted, Value value) {
  std::vector<double> values;
  for (const Slice& slice : slices) {
    if (wanted(slice)) values.push_back(value(slice));
  }
  return values;
}

void print_row(Report& report, const LatencyOptions& options, const std::vector<Slice>& slices, const Turn& turn) {
  const auto wanted = [&](const Slice& slice) { return slice.turn == turn; };
  const double p50 = quantile(pick(slices, wanted, [](const Slice& slice) { return slice.times.p50_ns; }), 0.5);
  const double p99 = quantile(pick(slices, wanted, [](const Slice& slice) { return slice.times.p99_ns; }), 0.5);
  const double bare = quantile(pick(slices, wanted, [](const Slice& slice) { return slice.bare_ns(); }), 0.5);
  const std::vector<double> ratios = pick(slices, wanted, [](const Slice& slice) { return slice.ratio(); });
  const Spread ratio = spread(ratios);
  fmt::print("{:>9} {:<14} {:>8.0f} {:>8.0f} {:>8.0f} {:>8.2f}  [{:.2f}-{:.2f}]\n", turn.payload, name_of(turn.contender),
             p50, p99, bare, ratio.p50, ratio.p10, ratio.p90);
  report.add({{"benchmark", "latency"},
              {"payload_bytes", turn.payload},
              {"contender", name_of(turn.contender)},
              {"timestamps", options.timestamps},
              {"capacity_bytes", kRingBytes},
              {"slices", options.slices},
              {"p50_ns", p50},
              {"p99_ns", p99},
              {"bare_p50_ns", bare},
              {"ratio", to_json(ratios)}});
}

// The first payload's ratio once more, by how far apart the CPUs were: the floor under it differs.
void print_by_distance(const std::vector<Slice>& slices, std::size_t payload) {
  for (const Contender contender : kRingContenders) {
    for (const bool siblings : {false, true}) {
      const auto wanted = [&](const Slice& slice) {
        return slice.turn == Turn{contender, payload} && (siblings ? slice.like_siblings() : slice.apart());
      };
      const std::vector<double> ratios = pick(slices, wanted, [](const Slice& slice) { return slice.ratio(); });
      if (ratios.empty()) continue;
      fmt::print("{} bytes, {}, {} ({} slices): {:.2f}; below 1.3 was asked for\n", payload, name_of(contender),
                 siblings ? "CPUs that look like siblings" : "CPUs apart", ratios.size(), quantile(ratios, 0.5));
    }
  }
}

void warn_of_disturbances(Report& report, const std::vector<Slice>& slices) {
  const auto count = [&](auto&& wanted) { return pick(slices, wanted, [](const Slice&) { return 1.0; }).size(); };
  if (const std::size_t siblings = count([](const Slice& slice) { return slice.like_siblings(); }); siblings != 0) {
    report.warn(
        fmt::format("in {} of {} slices a bare round trip took under {:.0f} ns: the CPUs look like two threads of one core",
                    siblings, slices.size(), kSiblingNs));
  }
  if (const std::size_t stolen = count([](const Slice& slice) { return slice.stolen; }); stolen != 0) {
    report.warn(fmt::format("the hypervisor took time during {} of {} slices", stolen, slices.size()));
  }
  if (const std::size_t drifted = count([](const Slice& slice) { return slice.drifted(); }); drifted != 0) {
    report.warn(fmt::format("the distance between the CPUs changed by more than a quarter during {} of {} slices", drifted,
                            slices.size()));
  }
}

}  // namespace

void run_latency(Report& report, const LatencyOptions& options) {
  if (!report.has_two_cpus()) {
    report.warn("latency is left out: it needs two CPUs");
    return;
  }
  for (const char* ring : {"ping", "pong"}) {
    create_ring(ring, {.capacity_bytes = kRingBytes, .timestamps = options.timestamps, .prefault = true});
  }
  const Machine& machine = report.machine();
  Shared<BareLines> lines;
  Meeting meeting;
  Peer peer([&] {
    pin_to(machine.second_cpu);
    RingEnd rings("pong", "ping");
    meeting.meet();
    walk(options, machine, BareEnd(lines->pong, lines->ping), rings, Ponger{});
  });
  pin_to(machine.first_cpu);
  RingEnd rings("ping", "pong");
  meeting.meet();
  const std::vector<Slice> slices = walk(options, machine, BareEnd(lines->ping, lines->pong), rings, Pinger{});
  peer.join();

  fmt::print("\nround trip between two processes, {} slices of {} trips, timestamps {}\n", options.slices, kTripsPerSlice,
             options.timestamps ? "on" : "off");
  fmt::print("{:>9} {:<14} {:>8} {:>8} {:>8} {:>8}  {}\n", "payload B", "over", "p50 ns", "p99 ns", "bare p50", "ratio",
             "[p10-p90]");
  for (const Turn& turn : turns(options)) print_row(report, options, slices, turn);
  print_by_distance(slices, options.payloads.front());
  warn_of_disturbances(report, slices);
  for (const char* ring : {"ping", "pong"}) remove_ring(ring, true);
}

}  // namespace ringbolt::bench
