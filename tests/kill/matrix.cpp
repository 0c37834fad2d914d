#include "kill/matrix.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <unordered_map>

namespace ringbolt::kill {
namespace {

// The store that made this outcome: behind which step it stands.
std::string store(const Operation::Facts& facts, const Trace& trace, std::size_t outcome) {
  const auto made = std::ranges::find(trace.states, outcome, &Trace::State::outcome);
  if (made == trace.states.end()) scenario::fail(facts.name + " never came to: " + facts.outcomes.at(outcome));
  std::ostringstream out;
  if (made->step == 0) {
    out << "the first store";
  } else {
    out << "the store behind `" << core::step_name(static_cast<core::Step>(made->step - 1)) << "`";
  }
  return out.str();
}

}  // namespace

Waypoint waypoint(const Trace& trace, std::uint64_t to) {
  constexpr std::uint64_t kVisit = 4;  // instructions: the fewer visits, the less depends on what came before
  Waypoint best;
  std::uint64_t least = to;
  std::unordered_map<std::uintptr_t, std::uint64_t> visits;
  for (std::uint64_t instant = 1; instant <= to; ++instant) {
    const std::uintptr_t address = trace.addresses.at(instant);
    // The rounds of a string instruction are one visit; where it stands already it does not come by.
    if (address == trace.addresses.at(instant - 1) || address == trace.addresses.front()) continue;
    const std::uint64_t cost = kVisit * ++visits[address] + (to - instant);
    if (cost >= least) continue;
    least = cost;
    best = {.instant = instant, .visits = visits[address]};
  }
  return best;
}

std::vector<std::string> rows_of(const Operation::Facts& facts, const Trace& trace) {
  std::vector<std::string> rows;
  const std::size_t last = facts.outcomes.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    std::ostringstream row;
    row << "| " << facts.name << " | " << name_of(facts.who) << " | ";
    if (last == 0) row << "any";
    if (i > 0) row << "from " << store(facts, trace, i) << " on";
    if (i > 0 && i < last) row << ", ";
    if (i < last) row << "before " << store(facts, trace, i + 1);
    row << " | " << facts.outcomes.at(i) << " |";
    rows.push_back(row.str());
  }
  return rows;
}

std::string row_of_steps(const Operation::Facts& facts, const std::array<std::uint64_t, kPlaces>& passed) {
  std::ostringstream row;
  row << "| " << facts.name << " | " << name_of(facts.who) << " |";
  const char* before = " ";
  for (std::size_t step = 0; step < core::kSteps; ++step) {
    if (passed.at(step) == 0) continue;
    row << before << "`" << core::step_name(static_cast<core::Step>(step)) << "`";
    before = ", ";
  }
  row << " |";
  return row.str();
}

std::vector<std::string> rows_of_stops() {
  return {
      "| publisher | its place cannot be taken (`in_use`); `stat` says that it lives; all read up to its last whole event | "
      "nobody |",
      "| consumer that does not gate | it is overrun, and told exactly what it has lost when it goes on | nobody |",
      "| consumer that gates | its gate stays: the publisher gets `full`, or waits and `stat` names whom for | the "
      "publisher, "
      "for as long as it chose |",
      "| consumer that gates, with a budget | it is evicted, and told so when it goes on | the publisher, for the budget |",
      "| journal | its gate stays: the publisher gets `full`, or waits; nothing goes unrecorded | the publisher, for as "
      "long "
      "as it chose |",
      "| remover | the ring is there, or it is gone, and then its name can be had: whoever has it next keeps it | nobody |",
  };
}

bool documented(const std::string& row) {
  std::ifstream file(RINGBOLT_SOURCE_DIR "/docs/correctness.md");
  std::string line;
  while (std::getline(file, line)) {
    if (line == row) return true;
  }
  return false;
}

}  // namespace ringbolt::kill
