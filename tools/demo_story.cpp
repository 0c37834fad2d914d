#include "demo_story.hpp"

#include <fmt/format.h>
#include <ringbolt/ringbolt.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <random>

#include "signals.hpp"
#include "text.hpp"

namespace ringbolt::demo {
namespace {

using command::counted;
using command::duration_text;
using command::thousands;

// When it happens, as a share of the time.
constexpr double kLateJoins = 0.2;
constexpr double kPhoenixDies = 0.4;
constexpr double kPublisherDies = 0.62;
constexpr double kAtRandom = 0.06;  // how much later a kill may come
// How long phoenix stays away: at most a second, and never so long that the ring would forget where it was.
constexpr double kPhoenixAwayShare = 0.06;
constexpr double kPhoenixAwaySeconds = 1.0;
constexpr std::uint64_t kPhoenixAwayRingShare = 2;  // half of the ring
constexpr std::uint64_t kBurstWaitNs = 20'000'000;
// After three times the time that it should take, and a little, something hangs.
constexpr double kPatience = 3;
constexpr double kPatienceSeconds = 30;
constexpr double kAttachSeconds = 20;

}  // namespace

Story::Story(const Plan& plan, Board& board, const Place& place, Screen& screen, Cheat cheat)
    : plan_(plan), screen_(screen), board_(board), stage_{plan, board, place.ring(), cheat}, cast_(board, place) {
  std::random_device random;
  std::uniform_real_distribution<double> later(0, kAtRandom);
  phoenix_dies_ = kPhoenixDies + later(random);
  publisher_dies_ = kPublisherDies + later(random);
}

bool Story::run() {
  create_ring(stage_.ring, {.capacity_bytes = plan_.capacity_bytes()});
  bool goes_on = raise_the_curtain();
  while (goes_on && !is_over()) {
    late_joins();
    phoenix_dies();
    phoenix_returns();
    publisher_dies();
    tell_what_is_seen();
    screen_.show(frame());
    goes_on = breathe();
  }
  if (goes_on) collect();
  screen_.show(frame(), true);
  cast_.kill_all();
  remove_ring(stage_.ring, true);
  return goes_on;
}

// ---- the acts ----------------------------------------------------------------------------------------------------------

// The publisher comes first, so that the standby finds somebody to stand by for; nothing is published before all are there.
bool Story::raise_the_curtain() {
  start(Role::publisher);
  if (!wait_until_ready(Role::publisher)) return false;
  for (const Role role : {Role::standby, Role::fast, Role::slow, Role::phoenix}) start(role);
  for (const Role role : {Role::fast, Role::slow, Role::phoenix}) {
    if (!wait_until_ready(role)) return false;
  }
  began_ns_ = steady_ns();
  board_.start_ns.store_release(began_ns_);
  tell(fmt::format("{} begins; {} stands by; fast, slow and phoenix consume", cast_.of(Role::publisher).pid,
                   cast_.of(Role::standby).pid));
  return true;
}

void Story::late_joins() {
  if (cast_.of(Role::late).pid != 0 || !is_time(kLateJoins)) return;
  facts_.newest_when_late_joined = published();
  start(Role::late);
}

void Story::phoenix_dies() {
  if (facts_.phoenix_killed || !is_time(phoenix_dies_) || !cast_.of(Role::phoenix).runs()) return;
  facts_.phoenix_killed = true;
  cast_.kill(Role::phoenix);
  phoenix_died_ = now();
  facts_.phoenix_committed = phoenix_commit();
  tell(fmt::format("kill -9 of phoenix, {}: it had committed {}", cast_.of(Role::phoenix).pid,
                   thousands(facts_.phoenix_committed)));
}

void Story::phoenix_returns() {
  const Cast::Member& phoenix = cast_.of(Role::phoenix);
  if (phoenix.ending != Cast::Ending::killed_by_us) return;
  const double away = std::min(kPhoenixAwaySeconds, kPhoenixAwayShare * plan_.seconds());
  const bool ring_runs_on = published() > facts_.phoenix_committed + plan_.events_in_ring() / kPhoenixAwayRingShare;
  if (now() >= phoenix_died_ + away || ring_runs_on) start(Role::phoenix);
}

void Story::publisher_dies() {
  if (facts_.killed_ns != 0 || !is_time(publisher_dies_) || !cast_.of(Role::publisher).runs()) return;
  // In the middle of a burst, if one comes soon: that is where it would do harm.
  const std::uint64_t before = published();
  for (const std::uint64_t until = steady_ns() + kBurstWaitNs; published() == before && steady_ns() < until;) {
  }
  facts_.killed_ns = steady_ns();
  cast_.kill(Role::publisher);
  tell(fmt::format("kill -9 of the publisher, {}", cast_.of(Role::publisher).pid));
}

void Story::tell_what_is_seen() {
  const auto ledger_of = [this](Role role) { return board_.of(role).ledger.load(); };
  if (const Ledger late = ledger_of(Role::late); !told_late_ && late.first != 0) {
    told_late_ = true;
    const std::uint64_t back = facts_.newest_when_late_joined - std::min(facts_.newest_when_late_joined, late.first);
    tell(fmt::format("late joins at the oldest event in the ring, {}: {} ago", thousands(late.first),
                     counted(back, "event", "events")));
  }
  if (const Ledger slow = ledger_of(Role::slow); !told_overrun_ && slow.gaps != 0) {
    told_overrun_ = true;
    tell(fmt::format("slow is overrun, and told what it lost: {} to {}", thousands(slow.last_gap_first),
                     thousands(slow.last_gap_last)));
  }
  const Ledger phoenix = ledger_of(Role::phoenix);
  if (!told_return_ && cast_.of(Role::phoenix).pids[1] != 0 && phoenix.resumed_at > 1) {
    told_return_ = true;
    tell(fmt::format("phoenix is back as {} and resumes at {}", cast_.of(Role::phoenix).pid, thousands(phoenix.resumed_at)));
  }
  if (!told_take_over_ && facts_.killed_ns != 0 && ledger_of(Role::standby).received != 0) {
    told_take_over_ = true;
    tell(fmt::format("standby {} took over {} after the kill and went on with {}", cast_.of(Role::standby).pid,
                     duration_text(board_.took_over_ns.load_acquire() - facts_.killed_ns),
                     thousands(board_.next_at_take_over.load_acquire())));
  }
  if (!told_end_ && board_.ended.load_acquire() != 0) {
    told_end_ = true;
    tell("everything is published and the stream is closed; whoever is behind reads the rest");
  }
}

bool Story::is_over() {
  cast_.look();
  const auto ended = [this](Role role) { return cast_.of(role).pid != 0 && !cast_.of(role).runs(); };
  const auto failed = [this](Role role) { return cast_.of(role).ending == Cast::Ending::failed; };
  facts_.timed_out = now() > kPatience * plan_.seconds() + kPatienceSeconds;
  if (facts_.timed_out || std::any_of(kRoles.begin(), kRoles.end(), failed)) return true;
  return told_end_ && std::all_of(kRoles.begin(), kRoles.end(), ended);
}

void Story::collect() {
  facts_.seconds = static_cast<double>(steady_ns() - began_ns_) / 1e9;
  for (const Role role : kRoles) {
    const Cast::Member& member = cast_.of(role);
    Account& account = facts_.of(role);
    account.ledger = board_.of(role).ledger.load();
    account.finished = member.ending == Cast::Ending::returned;
    if (member.ending == Cast::Ending::failed) account.trouble = member.how;
    std::copy_if(member.pids.begin(), member.pids.end(), std::back_inserter(account.pids),
                 [](pid_t pid) { return pid != 0; });
  }
  facts_.took_over_ns = board_.took_over_ns.load_acquire();
  facts_.first_after_ns = board_.first_after_ns.load_acquire();
  facts_.next_at_take_over = board_.next_at_take_over.load_acquire();
  const RingStat ring = stat_ring(stage_.ring);
  facts_.ring_first = ring.first_sequence;
  facts_.ring_newest = ring.newest_sequence;
  facts_.ring_epoch = ring.epoch;
  facts_.capacity_bytes = ring.capacity_bytes;
}

// ---- what the acts stand on --------------------------------------------------------------------------------------------

void Story::start(Role role) {
  cast_.start(role, [this, role] { play(role, stage_); });
}

bool Story::wait_until_ready(Role role) {
  const std::uint64_t began = steady_ns();
  while (!cast_.is_ready(role)) {
    cast_.look();
    if (!cast_.of(role).runs()) throw Error(Code::system, fmt::format("{}: {}", role_name(role), cast_.of(role).how));
    if (static_cast<double>(steady_ns() - began) > kAttachSeconds * 1e9) {
      throw Error(Code::system, fmt::format("{} has not attached to the ring within {} s", role_name(role), kAttachSeconds));
    }
    if (!breathe()) return false;
  }
  return true;
}

bool Story::breathe() { return command::sleep_for(std::chrono::milliseconds(10)) && !screen_.reader_gone(); }

double Story::now() const noexcept {
  const std::uint64_t start = board_.start_ns.load_acquire();
  return start == 0 ? 0 : static_cast<double>(steady_ns() - start) / 1e9;
}

std::uint64_t Story::published() const noexcept {
  return std::max(board_.of(Role::publisher).ledger.load().newest, board_.of(Role::standby).ledger.load().newest);
}

std::uint64_t Story::phoenix_commit() const {
  for (const ConsumerStat& consumer : stat_ring(stage_.ring).consumers) {
    if (consumer.name == role_name(Role::phoenix)) return consumer.cursor_sequence;
  }
  return 0;
}

// ---- how it looks ------------------------------------------------------------------------------------------------------

Frame Story::frame() const {
  Frame frame;
  frame.seconds = now();
  frame.published = published();
  frame.head.push_back(fmt::format(
      "{}: {}, round {} of {}; {:.0f} of {:.0f} s", plan_.log().source, counted(plan_.log().lines.size(), "line", "lines"),
      thousands(plan_.round_of(frame.published)), thousands(plan_.rounds()), frame.seconds, plan_.seconds()));
  frame.head.push_back(fmt::format("ringbolt tail {}  in another terminal; the ring has {}", stage_.ring,
                                   command::size_text(plan_.capacity_bytes())));
  frame.head.push_back(frame.published == 0 ? std::string() : command::printable(plan_.line(frame.published)));
  for (const Role role : kRoles) frame.rows.push_back(row_of(role));
  return frame;
}

Row Story::row_of(Role role) const {
  Row row{.role = role, .pid = cast_.of(role).pid};
  row.state = state_of(role, row.tone);
  const Ledger ledger = board_.of(role).ledger.load();
  if (ledger.newest != 0) row.newest = ledger.newest;
  if (role == Role::publisher || role == Role::standby) return row;
  row.seen = ledger;
  row.behind = ledger.newest == 0 ? 0 : published() - std::min(published(), ledger.newest);
  return row;
}

std::string Story::state_of(Role role, Tone& tone) const {
  const Cast::Member& member = cast_.of(role);
  const bool came_back = member.pids[1] != 0;
  switch (member.ending) {
    case Cast::Ending::killed_by_us: tone = Tone::bad; return "killed";
    case Cast::Ending::failed: tone = Tone::bad; return "failed";
    case Cast::Ending::returned: tone = Tone::faint; return "done";
    case Cast::Ending::none: break;
  }
  if (member.pid == 0) {
    tone = Tone::faint;
    return "not yet";
  }
  tone = Tone::good;
  if (role == Role::standby) {
    const bool took_over = board_.took_over_ns.load_acquire() != 0;
    tone = took_over ? Tone::news : Tone::faint;
    return took_over ? "took over" : "waiting";
  }
  if (came_back) tone = Tone::news;
  return came_back ? "back" : "alive";
}

}  // namespace ringbolt::demo
