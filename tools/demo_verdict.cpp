#include "demo_verdict.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "demo_roles.hpp"
#include "text.hpp"

namespace ringbolt::demo {
namespace {

using command::counted;
using command::thousands;

class Judge {
 public:
  Judge(const Facts& facts, const Plan& plan) : facts_(facts), plan_(plan) {}

  Verdict verdict() && {
    if (facts_.timed_out) fail("it took too long and was broken off");
    for (const Role role : kRoles) {
      if (const Account& account = facts_.of(role); !account.trouble.empty()) {
        fail("{} failed: {}", role_name(role), account.trouble);
      }
    }
    check_publishers();
    for (const Role role : kConsumers) check_consumer(role);
    check_slow();
    check_phoenix();
    check_late();
    return std::move(verdict_);
  }

 private:
  template <class... Arguments>
  void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    verdict_.failures.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  void check_publishers() {
    const Ledger& before = facts_.of(Role::publisher).ledger;
    const Ledger& after = facts_.of(Role::standby).ledger;
    if (facts_.ring_first != 1 || facts_.ring_newest != plan_.total()) {
      fail("the ring counts {} to {}, planned were 1 to {}", facts_.ring_first, facts_.ring_newest, plan_.total());
    }
    if (facts_.killed_ns == 0) return fail("the publisher was not killed");
    if (facts_.took_over_ns == 0) return fail("nobody took over from the publisher that was killed");
    if (facts_.ring_epoch != 2) fail("the ring has had {} publishers, not 2", facts_.ring_epoch);
    // Its last event may be in the ring and not in its ledger, where the kill came between the two.
    if (facts_.next_at_take_over != before.newest + 1 && facts_.next_at_take_over != before.newest + 2) {
      fail("the publisher was killed at {} and the standby went on with {}", before.newest, facts_.next_at_take_over);
    }
    if (after.first != facts_.next_at_take_over) {
      fail("the standby went on with sequence {} and line {}", facts_.next_at_take_over, after.first);
    }
    if (!facts_.of(Role::standby).finished) fail("the standby did not come to the end");
  }

  void check_consumer(Role role) {
    const Account& account = facts_.of(role);
    const Ledger& seen = account.ledger;
    const std::string_view name = role_name(role);
    if (!account.finished) fail("{} did not come to the end of the stream", name);
    const std::uint64_t published = facts_.ring_newest + 1 - seen.first;
    if (seen.first == 0 || seen.received + seen.lost != published) {
      fail("{}: {} received and {} lost are not the {} published since {}", name, seen.received, seen.lost, published,
           seen.first);
    }
    if (seen.newest != facts_.ring_newest) fail("{} ended at {}, the ring at {}", name, seen.newest, facts_.ring_newest);
    if (role != Role::late && seen.first != 1) fail("{} began at {}, not at 1", name, seen.first);
    if (seen.torn != 0) fail("{} was handed {} torn events", name, seen.torn);
    if (seen.wrong != 0) fail("{} was handed {} events that were not published under their sequence", name, seen.wrong);
    if (seen.missing != 0) fail("{} missed {} events without being told", name, seen.missing);
    if (seen.out_of_order != 0) fail("{} was handed {} events out of order", name, seen.out_of_order);
    if (seen.misreported != 0) fail("{} was told of {} gaps or counts that are not so", name, seen.misreported);
    const bool gates = role == Role::fast || role == Role::phoenix;
    if (gates && seen.lost != 0) fail("{} gates and lost {} events", name, seen.lost);
    if (role != Role::phoenix && seen.duplicates != 0) fail("{} was handed {} events twice", name, seen.duplicates);
  }

  void check_slow() {
    if (facts_.of(Role::slow).ledger.gaps == 0) fail("slow was never overrun: nothing was shown about gaps");
  }

  void check_phoenix() {
    const Account& phoenix = facts_.of(Role::phoenix);
    if (!facts_.phoenix_killed) return fail("phoenix was not killed");
    if (phoenix.pids.size() != 2) return fail("phoenix did not come back");
    if (phoenix.ledger.resumed_at != facts_.phoenix_committed + 1) {
      fail("phoenix had committed {} and resumed at {}", facts_.phoenix_committed, phoenix.ledger.resumed_at);
    }
  }

  void check_late() {
    const std::uint64_t first = facts_.of(Role::late).ledger.first;
    if (first > facts_.newest_when_late_joined) {
      fail("late joined at the oldest event, {}, when {} had been published", first, facts_.newest_when_late_joined);
    }
  }

  const Facts& facts_;
  const Plan& plan_;
  Verdict verdict_;
};

double milliseconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return from_ns == 0 || to_ns < from_ns ? 0 : static_cast<double>(to_ns - from_ns) / 1e6;
}

std::string consumer_text(Role role, const Facts& facts) {
  const Ledger& seen = facts.of(role).ledger;
  std::string text = fmt::format("  {:<9}  received {} and was told it lost {}", role_name(role), thousands(seen.received),
                                 thousands(seen.lost));
  if (seen.gaps != 0) text += fmt::format(" in {}", counted(seen.gaps, "gap", "gaps"));
  text += fmt::format(": together {}", thousands(seen.received + seen.lost));
  if (seen.first != 1) text += fmt::format(", from {} on", thousands(seen.first));
  if (seen.duplicates != 0) text += fmt::format("; {} came twice", thousands(seen.duplicates));
  return text + '\n';
}

std::string damage_text(const Facts& facts) {
  std::uint64_t torn = 0, wrong = 0, missing = 0, disorder = 0;
  for (const Role role : kConsumers) {
    const Ledger& seen = facts.of(role).ledger;
    torn += seen.torn;
    wrong += seen.wrong;
    missing += seen.missing;
    disorder += seen.out_of_order;
  }
  return fmt::format("  every payload was compared with the log: {} torn, {} wrong, {} missing, {} out of order\n", torn,
                     wrong, missing, disorder);
}

}  // namespace

Verdict judge(const Facts& facts, const Plan& plan) { return Judge(facts, plan).verdict(); }

std::string verdict_text(const Verdict& verdict, const Facts& facts, const Plan& plan) {
  std::string text = fmt::format("\n  published  {} to {}: {} of {} events in {:.1f} s, through a ring of {}\n",
                                 thousands(facts.ring_first), thousands(facts.ring_newest),
                                 thousands(facts.ring_newest + 1 - facts.ring_first), thousands(plan.total()), facts.seconds,
                                 command::size_text(facts.capacity_bytes));
  for (const Role role : kConsumers) text += consumer_text(role, facts);
  text += damage_text(facts);
  if (facts.took_over_ns != 0) {
    text += fmt::format("  take-over  {} after the kill, with sequence {}; the next event {} after the kill\n",
                        command::duration_text(facts.took_over_ns - facts.killed_ns), thousands(facts.next_at_take_over),
                        command::duration_text(facts.first_after_ns - facts.killed_ns));
  }
  for (const std::string& failure : verdict.failures) text += fmt::format("  FAILED: {}\n", failure);
  return text + (verdict.ok() ? "VERDICT: ok\n" : "VERDICT: failed\n");
}

std::string verdict_json(const Verdict& verdict, const Facts& facts, const Plan& plan) {
  nlohmann::ordered_json json;
  json["verdict"] = verdict.ok() ? "ok" : "failed";
  json["failures"] = verdict.failures;
  json["log"] = {{"source", plan.log().source}, {"lines", plan.log().lines.size()}, {"rounds", plan.rounds()}};
  json["seconds"] = facts.seconds;
  json["ring"] = {{"capacity_bytes", facts.capacity_bytes}, {"epoch", facts.ring_epoch}};
  json["published"] = {{"first", facts.ring_first},
                       {"last", facts.ring_newest},
                       {"count", facts.ring_newest + 1 - facts.ring_first},
                       {"planned", plan.total()}};
  json["take_over"] = {{"killed_pid", facts.of(Role::publisher).pids.at(0)},
                       {"pid", facts.of(Role::standby).pids.at(0)},
                       {"sequence", facts.next_at_take_over},
                       {"milliseconds", milliseconds(facts.killed_ns, facts.took_over_ns)},
                       {"next_event_milliseconds", milliseconds(facts.killed_ns, facts.first_after_ns)}};
  for (const Role role : kConsumers) {
    const Account& account = facts.of(role);
    const Ledger& seen = account.ledger;
    json["consumers"].push_back({{"name", role_name(role)},
                                 {"policy", policy_of(role)},
                                 {"pids", account.pids},
                                 {"first", seen.first},
                                 {"last", seen.newest},
                                 {"received", seen.received},
                                 {"lost", seen.lost},
                                 {"gaps", seen.gaps},
                                 {"duplicates", seen.duplicates},
                                 {"torn", seen.torn},
                                 {"wrong", seen.wrong},
                                 {"missing", seen.missing},
                                 {"out_of_order", seen.out_of_order},
                                 {"misreported", seen.misreported}});
  }
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace ringbolt::demo
