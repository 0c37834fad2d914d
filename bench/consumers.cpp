// What a publish of 64 bytes costs with consumers: none, and up to 256 in one other process, on the other CPU.
//
//   blocked   attached, and nothing of them runs
//   awake     lossy, polled in turn all the time
//   slow      lossy, polled in turn once a millisecond: now and then overrun
//   asleep    lossy, each in a thread that parks; the publisher wakes them all at the first event of a burst
//   gating    polled in turn all the time; the publisher's burst is less than the ring, so that nobody is in its way
//
// Bursts, and between them the consumers catch up, which is not timed; then each must have had, or been told that it lost, every
// event. What counts is the median of the bursts of a slice, as a ratio to few consumers of the same kind in the same round.
#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "processes.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "consumers";
constexpr std::size_t kPayloadBytes = 64;
constexpr std::uint32_t kWatchdogSeconds = 120;

enum class Life : std::uint8_t { blocked, awake, slow, asleep, gating };
constexpr std::array kLives{"blocked", "awake", "slow", "asleep", "gating"};

struct Crowd {
  Life life{};
  std::size_t consumers = 0;
  std::size_t base = 0;  // so many of them is what it is compared with
  std::optional<Row::Aim> aim{};
  std::vector<double> ns{};
  std::uint64_t lost = 0;

  [[nodiscard]] const char* name() const { return kLives[static_cast<std::size_t>(life)]; }
  [[nodiscard]] std::uint64_t burst() const { return life == Life::asleep ? 100 : 1'000; }
};

std::vector<Crowd> crowds(const Effort& effort) {
  std::vector<Crowd> all{{Life::blocked, 0, 0}};
  const auto add = [&](Life life, std::size_t base, std::vector<std::size_t> counts, double wanted) {
    for (const std::size_t count : counts) {
      if (!effort.every_cell && count != base && count != counts.back()) continue;
      std::optional<Row::Aim> aim;
      if (wanted != 0 && count == counts.back()) aim = Row::Aim{wanted, false};
      all.push_back({life, count, base, aim});
    }
  };
  add(Life::blocked, 0, {1, 8, 64, 256}, 1.05);
  add(Life::awake, 1, {1, 8, 64, 256}, 1.1);
  add(Life::slow, 1, {1, 8, 64, 256}, 0);
  add(Life::gating, 1, {1, 8, 64}, 1.15);
  add(Life::asleep, 1, {1, 8, 64}, 0);
  return all;
}

// What publisher and crowd tell each other.
struct Board {
  core::Word64 published;  // newest sequence of a burst that is over; everybody catches up with it
  core::Word64 caught_up;  // consumers that have
  core::Word64 leave;
  core::Word64 lost;
};

// One consumer, which counts what it had.
class Member {
 public:
  explicit Member(Life life)
      : consumer_(Consumer::attach(
            kRing,
            {.policy = life == Life::gating ? Policy::gate : Policy::lossy, .start = Start::latest, .wait = Wait::park})),
        first_(consumer_.next_sequence()) {}

  std::size_t poll() {
    return consumer_.try_poll([this](const auto& what) { count(what); }, 256).count;
  }
  void sleep() {
    static_cast<void>(consumer_.wait_for(std::chrono::milliseconds(100)));
    poll();
  }
  [[nodiscard]] bool has(std::uint64_t sequence) const noexcept { return consumer_.next_sequence() > sequence; }
  // Every event since it came, or the word that it was lost; throws std::runtime_error otherwise.
  std::uint64_t settle() const {
    if (received_ + lost_ != consumer_.next_sequence() - first_) {
      throw std::runtime_error(
          fmt::format("a consumer counts {} events of {}", received_ + lost_, consumer_.next_sequence() - first_));
    }
    return lost_;
  }

 private:
  void count(const Event& event) {
    ++received_;
    if (event.payload.size() != kPayloadBytes) throw std::runtime_error("not what was published");
  }
  void count(const Gap& gap) { lost_ += gap.count(); }

  Consumer consumer_;
  std::uint64_t first_;
  std::uint64_t received_ = 0;
  std::uint64_t lost_ = 0;
};

void be_asleep(Member& member, Board& board) {
  std::uint64_t seen = 0;
  while (board.leave.load_acquire() == 0) {
    member.sleep();
    const std::uint64_t published = board.published.load_acquire();
    if (published > seen && member.has(published)) {
      seen = published;
      board.caught_up.fetch_add(1);
    }
  }
}

// Reads nothing until it is over.
void be_blocked(std::vector<Member>& members, Board& board) {
  while (board.leave.load_acquire() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (Member& member : members) {
    while (!member.has(board.published.load_acquire())) member.poll();
  }
}

void be_polled(std::vector<Member>& members, Life life, Board& board) {
  std::uint64_t seen = 0;
  while (board.leave.load_acquire() == 0) {
    const std::uint64_t published = board.published.load_acquire();
    for (Member& member : members) member.poll();
    if (life == Life::slow && published == seen) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (published > seen && std::ranges::all_of(members, [&](const Member& member) { return member.has(published); })) {
      seen = published;
      board.caught_up.fetch_add(members.size());
    }
  }
}

void be_crowd(const Crowd& crowd, Board& board, Meeting& meeting) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < crowd.consumers; ++i) members.emplace_back(crowd.life);
  meeting.meet();
  if (crowd.life == Life::asleep) {
    std::vector<std::jthread> threads;
    for (Member& member : members) threads.emplace_back([&] { be_asleep(member, board); });
  } else if (crowd.life == Life::blocked) {
    be_blocked(members, board);
  } else {
    be_polled(members, crowd.life, board);
  }
  for (const Member& member : members) board.lost.fetch_add(member.settle());
}

[[gnu::noinline]] void publish_burst(Publisher& publisher, const std::array<std::byte, kPayloadBytes>& payload,
                                     std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) publisher.publish(payload);
}

// The bursts of a slice: nanoseconds a publish, the median of them.
double slice_ns(Publisher& publisher, Crowd& crowd, std::uint64_t bursts, const Machine& machine) {
  const std::array<std::byte, kPayloadBytes> payload{};
  Shared<Board> board;
  Meeting meeting;
  Peer others(
      [&] {
        pin_to(machine.second_cpu);
        be_crowd(crowd, *board, meeting);
      },
      kWatchdogSeconds);
  meeting.meet();
  publish_burst(publisher, payload, kRingBytes / core::record_bytes(kPayloadBytes));  // a lap, which warms up
  std::vector<double> times;
  for (std::uint64_t burst = 1; burst <= bursts; ++burst) {
    const std::uint64_t before = publisher.next_sequence();
    times.push_back(ns_each(crowd.burst(), [&] { publish_burst(publisher, payload, crowd.burst()); }));
    if (publisher.next_sequence() != before + crowd.burst()) throw std::runtime_error("an event was not published");
    board->published.store_release(publisher.next_sequence() - 1);
    const bool reads = crowd.life != Life::blocked;
    while (reads && board->caught_up.load_acquire() < burst * crowd.consumers) sched_yield();
    // Long enough for them to sleep again.
    if (crowd.life == Life::asleep) std::this_thread::sleep_for(std::chrono::microseconds(200 + 30 * crowd.consumers));
  }
  board->leave.store_release(1);
  others.join();
  crowd.lost += board->lost.load_acquire();
  return quantile(times, 0.5);
}

}  // namespace

void run_consumers(Report& report, const Effort& effort) {
  if (!report.can_run_two("consumers")) return;
  create_ring(kRing, {.capacity_bytes = kRingBytes, .timestamps = false, .consumer_slots = 256, .prefault = true});
  std::vector<Crowd> all = crowds(effort);
  report.begin(fmt::format("ns for a publish of {} bytes with consumers in another process, {} slices", kPayloadBytes,
                           effort.slices));
  pin_to(report.machine().first_cpu);
  {
    Publisher publisher = Publisher::open(kRing, {.create = false});
    for (std::size_t round = 0; round < effort.slices; ++round) {
      for (std::size_t i = 0; i < all.size(); ++i) {
        Crowd& crowd = all[round % 2 == 0 ? i : all.size() - 1 - i];
        crowd.ns.push_back(slice_ns(publisher, crowd, effort.events(40, 2), report.machine()));
      }
    }
  }
  remove_ring(kRing);

  for (const Crowd& crowd : all) {
    const auto base = std::ranges::find_if(
        all, [&](const Crowd& other) { return other.life == crowd.life && other.consumers == crowd.base; });
    report.show({.mode = "consumers",
                 .contender = fmt::format("ringbolt, {}", crowd.name()),
                 .parameters = {{"consumers", crowd.consumers}, {"burst", crowd.burst()}},
                 .metric = "publish",
                 .unit = "ns",
                 .values = crowd.ns,
                 .reference = fmt::format("{} of them", crowd.base),
                 .ratios = ratios_of(crowd.ns, base->ns),
                 .aim = crowd.aim,
                 .more = {{"lost", crowd.lost}}});
  }
}

}  // namespace ringbolt::bench
