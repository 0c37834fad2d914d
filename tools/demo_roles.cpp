#include "demo_roles.hpp"

#include <ringbolt/ringbolt.hpp>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace ringbolt::demo {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kPhoenixCommitsEvery = 500;  // events; it may see so many twice
constexpr double kSlowShare = 8;                     // `slow` manages an eighth of what is published
constexpr std::uint64_t kLongestDelayNs = 250'000'000;
constexpr auto kLook = 100ms;  // how long a wait lasts before a consumer looks at anything else

// ---- who publishes -----------------------------------------------------------------------------------------------------

// In the middle of the run, where a cheat strikes.
bool strikes(const Stage& stage, Cheat cheat, std::uint64_t number) {
  return stage.cheat == cheat && number == stage.plan.total() / 2;
}

// A publisher that was held up for long goes on at the pace of the log and does not make up for it in one burst, which would
// carry the ring beyond what phoenix has committed if it is dead at that moment: the demo's clock is set back.
void wait_until_due(const Stage& stage, std::uint64_t number) {
  const std::uint64_t start = stage.board.start_ns.load_acquire();
  const std::uint64_t due = start + stage.plan.due_ns(number);
  const std::uint64_t now = steady_ns();
  if (now < due) std::this_thread::sleep_for(std::chrono::nanoseconds(due - now));
  if (now > due + kLongestDelayNs) stage.board.start_ns.store_release(start + (now - due));
}

void publish_event(Publisher& publisher, const Stage& stage, std::uint64_t number) {
  if (strikes(stage, Cheat::skip, number)) ++number;
  const std::string_view line = stage.plan.line(number);
  Claim claim = publisher.claim(kStampBytes + line.size());
  encode(claim.payload(), number, line);
  if (strikes(stage, Cheat::tear, number)) claim.payload().back() ^= std::byte{1};
  claim.commit();
}

void publish_from(Publisher& publisher, const Stage& stage, Slot& slot, std::uint64_t number) {
  Ledger ledger;
  ledger.first = number;
  for (; number <= stage.plan.total(); ++number) {
    wait_until_due(stage, number);
    publish_event(publisher, stage, number);
    if (ledger.received == 0) stage.board.first_after_ns.store_release(steady_ns());
    ledger.newest = number;
    ++ledger.received;
    slot.ledger.store(ledger);
  }
  publisher.close();
  stage.board.ended.store_release(1);
}

void publish(const Stage& stage) {
  Slot& slot = stage.board.of(Role::publisher);
  Publisher publisher = Publisher::open(stage.ring, {.create = false});
  slot.lives.fetch_add(1);
  while (stage.board.start_ns.load_acquire() == 0) std::this_thread::sleep_for(1ms);
  publish_from(publisher, stage, slot, 1);
}

// The number that the newest event carries. Nobody tells the successor where its predecessor was: the ring does.
std::uint64_t newest_number(const Publisher& publisher, const Stage& stage) {
  if (publisher.next_sequence() == 1) return 0;
  Consumer reader = Consumer::attach(
      stage.ring, {.policy = Policy::lossy, .start = Start::at(publisher.next_sequence() - 1), .read = Read::copy});
  Event event;
  if (reader.try_next(event) != Status::ok) throw std::runtime_error("the successor cannot read the newest event");
  return number_of(event);
}

void stand_by(const Stage& stage) {
  Slot& slot = stage.board.of(Role::standby);
  Publisher publisher = Publisher::open(stage.ring, {.create = false, .standby = kForever});
  stage.board.took_over_ns.store_release(steady_ns());
  stage.board.next_at_take_over.store_release(publisher.next_sequence());
  slot.lives.fetch_add(1);
  publish_from(publisher, stage, slot, newest_number(publisher, stage) + 1);
}

// ---- who consumes ------------------------------------------------------------------------------------------------------

ConsumerOptions options_of(Role role) {
  ConsumerOptions options{.name = std::string(role_name(role))};
  switch (role) {
    case Role::fast: options.policy = Policy::gate; break;
    case Role::slow: options.policy = Policy::lossy; break;
    case Role::phoenix:
      options.policy = Policy::gate;
      options.gate_on_commit = true;
      options.start = Start::resume;
      break;
    case Role::late:
      options.policy = Policy::lossy;
      options.start = Start::earliest;
      break;
    case Role::publisher:
    case Role::standby: break;
  }
  return options;
}

// Everything there is, up to 256 events at a time: `fast` and `late`.
void read_in_batches(Consumer& consumer, Audit& audit, const Stage& stage, bool cheats) {
  struct Handler {
    Audit& audit;
    const Stage& stage;
    bool cheats;
    void operator()(const Event& event) const {
      if (cheats && strikes(stage, Cheat::drop, event.sequence)) return;
      if (cheats && strikes(stage, Cheat::repeat, event.sequence)) audit.event(event);
      audit.event(event);
    }
    void operator()(const Gap& gap) const { audit.gap(gap); }
  } const handler{audit, stage, cheats};
  while (!consumer.closed()) {
    if (consumer.poll(handler) == 0) static_cast<void>(consumer.wait_for(kLook));
  }
}

// One by one: `slow`, which dawdles over each until all is published, and `phoenix`, which commits now and then.
void read_one_by_one(Consumer& consumer, Audit& audit, const Stage& stage, Role role) {
  const auto pause = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * kSlowShare / stage.plan.events_per_second()));
  const std::uint64_t commit_every = role == Role::phoenix ? kPhoenixCommitsEvery : 1;
  std::uint64_t uncommitted = 0;
  Event event;
  while (true) {
    switch (consumer.next_for(event, kLook)) {
      case Status::ok:
        audit.event(event);
        if (role == Role::slow && stage.board.ended.load_acquire() == 0) std::this_thread::sleep_for(pause);
        if (++uncommitted == commit_every) {
          consumer.commit(event.sequence);
          uncommitted = 0;
        }
        continue;
      case Status::gap:
      case Status::evicted:
        if (stage.cheat == Cheat::hide && role == Role::slow && audit.ledger().gaps == 0) continue;
        audit.gap(consumer.last_gap());
        continue;
      case Status::closed: consumer.commit(); return;
      default: continue;  // nothing new: a publisher that died has no successor yet, or it is quiet
    }
  }
}

void consume(Role role, const Stage& stage) {
  Slot& slot = stage.board.of(role);
  Consumer consumer = Consumer::attach(stage.ring, options_of(role));
  slot.lives.fetch_add(1);
  Audit audit(stage.plan, slot.ledger);
  if (role == Role::fast || role == Role::late) {
    read_in_batches(consumer, audit, stage, role == Role::fast);
  } else {
    read_one_by_one(consumer, audit, stage, role);
  }
  audit.compare(consumer.counters());
}

}  // namespace

void play(Role role, const Stage& stage) {
  switch (role) {
    case Role::publisher: return publish(stage);
    case Role::standby: return stand_by(stage);
    case Role::fast:
    case Role::slow:
    case Role::phoenix:
    case Role::late: return consume(role, stage);
  }
}

const char* policy_of(Role role) noexcept {
  switch (role) {
    case Role::fast:
    case Role::phoenix: return "gate";
    case Role::slow:
    case Role::late: return "lossy";
    case Role::publisher:
    case Role::standby: break;
  }
  return "";
}

}  // namespace ringbolt::demo
