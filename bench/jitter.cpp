// The publisher's longest publishes beside a consumer that comes to grief: killed, stopped, or overrun, against one that keeps up.
// None of them gates, so that the publisher has no reason to notice. (`reclaim` is about one that does.)
//
// One publish in each microsecond, each timed; the consumer runs on the other CPU, and is killed or stopped after a third.
#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "payload.hpp"
#include "processes.hpp"
#include "rotation.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "jitter";
constexpr std::uint64_t kIntervalNs = 1'000;
constexpr std::uint32_t kWatchdogSeconds = 60;

enum class Fate : std::uint8_t { none, keeps_up, killed, stopped, overrun };
struct Case {
  Fate fate;
  const char* name;
  std::vector<double> p999{};
  std::vector<double> all{};
  std::uint64_t events_seen = 0;
  std::uint64_t events_lost = 0;
};

struct Board {
  core::Word64 newest;  // of the publisher, when it is done; 0 before
  core::Word64 seen;
  core::Word64 lost;
};

// `overrun` reads for a moment and then looks away for three laps of the ring.
void consume(Fate fate, Board& board, Meeting& meeting) {
  Consumer consumer = Consumer::attach(kRing, {.policy = Policy::lossy, .start = Start::latest, .wait = Wait::spin});
  const std::uint64_t first = consumer.next_sequence();
  std::uint64_t seen = 0;
  std::uint64_t lost = 0;
  struct Handler {
    std::uint64_t& seen;
    std::uint64_t& lost;
    void operator()(const Event& event) const {
      if (!check_payload(event.payload, event.sequence)) throw std::runtime_error("the payload is not what was published");
      ++seen;
    }
    void operator()(const Gap& gap) const { lost += gap.count(); }
  };
  meeting.meet();
  const std::uint64_t lap = core::kMinCapacityBytes / core::record_bytes(64);
  std::uint64_t newest = 0;
  while (newest == 0 || consumer.next_sequence() <= newest) {
    consumer.try_poll(Handler{seen, lost}, 64);
    board.seen.store_release(seen);
    newest = board.newest.load_acquire();
    if (fate != Fate::overrun || newest != 0) continue;
    const std::uint64_t until =
        ticks() + static_cast<std::uint64_t>(static_cast<double>(3 * lap * kIntervalNs) / ns_per_tick());
    while (static_cast<std::int64_t>(ticks() - until) < 0 && board.newest.load_acquire() == 0) core::spin_hint();
  }
  if (seen + lost != newest + 1 - first)
    throw std::runtime_error(fmt::format("{} events of {}", seen + lost, newest + 1 - first));
  board.lost.store_release(lost);
}

void take_slice(Case& one, std::uint64_t events, const Machine& machine) {
  create_ring(kRing, {.capacity_bytes = core::kMinCapacityBytes, .timestamps = false, .prefault = true});
  Shared<Board> board;
  SharedWords times(events);
  Meeting meeting(one.fate == Fate::none ? 1 : 2);
  std::optional<Peer> consumer;
  if (one.fate != Fate::none) {
    consumer.emplace(
        [&] {
          pin_to(machine.second_cpu);
          consume(one.fate, *board, meeting);
        },
        kWatchdogSeconds);
  }
  Channel third;
  Peer publisher(
      [&] {
        third.be_peer();
        pin_to(machine.first_cpu);
        Publisher ring = Publisher::open(kRing, {.create = false});
        std::array<std::byte, 64> payload{};
        meeting.meet();
        const auto interval = static_cast<std::uint64_t>(static_cast<double>(kIntervalNs) / ns_per_tick());
        std::uint64_t due = ticks();
        for (std::uint64_t i = 0; i < events; ++i) {
          due += interval;
          fill_payload(payload, i + 1);
          while (static_cast<std::int64_t>(ticks() - due) < 0) core::spin_hint();
          const std::uint64_t before = ticks();
          ring.publish(payload);
          times.data()[i] = ticks() - before;
          if (i != events / 3) continue;
          while (one.fate != Fate::none && board->seen.load_acquire() == 0) core::spin_hint();  // it lives
          third.send(i);
          due = ticks();
        }
        board->newest.store_release(ring.next_sequence() - 1);
      },
      kWatchdogSeconds);
  pin_to(machine.second_cpu);
  static_cast<void>(third.receive());
  if (one.fate == Fate::killed) consumer->send_kill();
  if (one.fate == Fate::stopped) consumer->stop();
  publisher.join();
  const bool lives = one.fate == Fate::keeps_up || one.fate == Fate::overrun;
  if (lives) consumer->join();
  consumer.reset();
  if (one.fate != Fate::none && board->seen.load_acquire() == 0)
    throw std::runtime_error(fmt::format("{}: no event was read", one.name));
  if (one.fate == Fate::overrun && events > 10'000 && board->lost.load_acquire() == 0)
    throw std::runtime_error("the consumer was not overrun");
  if (board->newest.load_acquire() != events) throw std::runtime_error("an event was not published");
  remove_ring(kRing);

  std::vector<double> ns;
  for (std::uint64_t i = 0; i < events; ++i) ns.push_back(static_cast<double>(times.data()[i]) * ns_per_tick());
  one.p999.push_back(quantile(ns, 0.999));
  one.all.insert(one.all.end(), ns.begin(), ns.end());
  one.events_seen += board->seen.load_acquire();
  one.events_lost += board->lost.load_acquire();
}

}  // namespace

void run_jitter(Report& report, const Effort& effort) {
  if (!report.can_run_two("jitter")) return;
  std::vector<Case> cases{{Fate::keeps_up, "keeps up"},
                          {Fate::none, "not there"},
                          {Fate::killed, "killed"},
                          {Fate::stopped, "stopped"},
                          {Fate::overrun, "overrun"}};
  const std::uint64_t events = effort.events(60'000, 300);
  report.begin(fmt::format("p99.9 of a publish beside a lossy consumer, {} slices of {}", effort.slices, events));
  for (std::size_t round = 0; round < effort.slices; ++round) {
    for (std::size_t i = 0; i < cases.size(); ++i)
      take_slice(cases[round % 2 == 0 ? i : cases.size() - 1 - i], events, report.machine());
  }
  for (const Case& one : cases) {
    nlohmann::json more = percentiles(one.all);
    more["read"] = one.events_seen;
    more["lost"] = one.events_lost;
    const bool aimed = one.fate != Fate::keeps_up && one.fate != Fate::none;
    report.show({.mode = "jitter",
                 .contender = fmt::format("ringbolt, {}", one.name),
                 .parameters = {{"payload", 64}},
                 .metric = "p99.9",
                 .unit = "ns",
                 .values = one.p999,
                 .reference = "keeps up",
                 .ratios = ratios_of(one.p999, cases.front().p999),
                 .aim = aimed ? std::optional(Row::Aim{1.1, false}) : std::nullopt,
                 .more = more});
  }
}

}  // namespace ringbolt::bench
