// Kill and stop at every instruction. One process at a time goes through an operation step by step; what a kill would leave
// behind at each new state of the shared bytes is given to a successor, to consumers and to `stat`; then processes are really
// killed and stopped at instants like these, with their locks and mappings, while others live on.
#include "counts.hpp"
#include "kill/matrix.hpp"
#include "kill/shared_bytes.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace ringbolt::kill {
namespace {

using scenario::Failure;

constexpr std::uint64_t kMostAstray = 30;  // of the kills or stops of an operation, and half as many as are wanted
constexpr std::uint64_t kMostInstructions = 1'000'000;  // of an operation; more is a loop

class KillAtEveryInstruction : public scenario::Scene {
 protected:
  void SetUp() override {
    std::string why = Stepped::why_not();
    if (why.empty() && !disk_syncs()) why = "no directory on a disk for journals that sync";
    if (!why.empty()) GTEST_SKIP() << why;
    operations_ = all_operations(directory(), disk());
    // For looking into one that failed.
    if (const char* const only = std::getenv("OPERATION"); only != nullptr)
      std::erase_if(operations_, [&](const auto& operation) { return operation->facts().name != only; });
  }

  static Stepped start_stepped(Operation& operation) {
    return {operation.facts().name, operation.board(), [&](const Window& window) { operation.run(window); },
            [&] { operation.help(); }};
  }
  static std::string where(Operation& operation, std::uint64_t instant) {
    const std::uint64_t step = operation.board().last;
    return operation.facts().name + ", " + std::to_string(instant) + " instructions on, behind " +
           (step == 0 ? "no step" : core::step_name(static_cast<core::Step>(step - 1))) + ": ";
  }

  const Trace& trace_of(Operation& operation);
  static Trace step_through(Operation& operation);
  static bool go_to(Stepped& process, const Trace& trace, std::uint64_t instant);
  std::uint64_t random_instant(const Trace& trace);
  std::set<std::uint64_t> instants(const Trace& trace, std::uint64_t wanted);
  void kill_all(Who who);
  bool kill_at(Operation& operation, std::uint64_t instant, std::uint64_t turn);
  bool stop_at(Operation& operation, std::uint64_t instant);

  Operations operations_;
};

Trace KillAtEveryInstruction::step_through(Operation& operation) {
  Trace trace;
  const std::string copy = operation.place() + ".copy";
  operation.prepare();
  Stepped process = start_stepped(operation);
  SharedBytes bytes(operation.place());
  const auto look = [&] {
    bytes.copy_to(copy);
    try {
      Living nobody;
      const std::size_t outcome = operation.check(copy, nobody, trace.states.size());
      if (!trace.states.empty() && outcome < trace.states.back().outcome)
        scenario::fail("it had come further: " + operation.facts().outcomes.at(trace.states.back().outcome));
      trace.states.push_back({trace.instructions, operation.board().last, outcome});
    } catch (const std::exception& wrong) {
      throw Failure(where(operation, trace.instructions) + wrong.what());
    }
  };
  look();
  trace.addresses.push_back(process.address());
  for (bool more = true; more && trace.instructions < kMostInstructions;) {
    const bool system_call = process.at_system_call();
    more = process.step();
    ++trace.instructions;
    trace.addresses.push_back(process.address());
    if (bytes.changed(system_call)) look();
  }
  process.kill();
  std::filesystem::remove_all(copy);
  if (trace.states.front().outcome != 0 || trace.states.back().outcome + 1 != operation.facts().outcomes.size())
    scenario::fail(operation.facts().name + " did not lead from its first outcome to its last");
  return trace;
}

const Trace& KillAtEveryInstruction::trace_of(Operation& operation) {
  static std::map<std::string, Trace> traces;  // for all cases of one run
  const auto known = traces.find(operation.facts().name);
  return known != traces.end() ? known->second : traces[operation.facts().name] = step_through(operation);
}

// Natively as far as an address tells where it is; the rest step by step. False: it took another way than the one it was
// stepped through.
bool KillAtEveryInstruction::go_to(Stepped& process, const Trace& trace, std::uint64_t instant) {
  const Waypoint way = waypoint(trace, instant);
  if (way.visits != 0 && !process.run_to(trace.addresses.at(way.instant), way.visits)) return false;
  for (std::uint64_t at = way.instant; at < instant; ++at) {
    if (!process.step()) return false;
  }
  return process.address() == trace.addresses.at(instant);
}

// Every other one beside a store to shared memory.
std::uint64_t KillAtEveryInstruction::random_instant(const Trace& trace) {
  if (random().one_in(2)) return random().below(trace.instructions);
  const std::uint64_t beside = trace.states.at(random().below(trace.states.size())).instant + random().below(3);
  return std::min(beside - std::min<std::uint64_t>(beside, 1), trace.instructions - 1);
}

std::set<std::uint64_t> KillAtEveryInstruction::instants(const Trace& trace, std::uint64_t wanted) {
  std::set<std::uint64_t> chosen;
  if (trace.instructions <= wanted) {
    for (std::uint64_t i = 0; i < trace.instructions; ++i) chosen.insert(i);
  }
  while (chosen.size() < std::min(wanted, trace.instructions)) {
    // Where there are few stores, beside them all is soon taken.
    chosen.insert(random().one_in(4) ? random().below(trace.instructions) : random_instant(trace));
  }
  return chosen;
}

bool KillAtEveryInstruction::kill_at(Operation& operation, std::uint64_t instant, std::uint64_t turn) {
  operation.prepare();
  Stepped process = start_stepped(operation);
  const bool there = go_to(process, trace_of(operation), instant);
  process.kill();
  try {
    static_cast<void>(operation.check(operation.place(), operation.living(), turn));
  } catch (const std::exception& wrong) {
    throw Failure("killed in " + where(operation, instant) + wrong.what());
  }
  return there;
}

bool KillAtEveryInstruction::stop_at(Operation& operation, std::uint64_t instant) {
  operation.prepare();
  Stepped process = start_stepped(operation);
  const bool there = go_to(process, trace_of(operation), instant);
  process.stop();
  try {
    operation.check_stopped();
    process.go_on();
    process.finish();
    operation.check_finished();
  } catch (const std::exception& wrong) {
    throw Failure("stopped in " + where(operation, instant) + wrong.what());
  }
  return there;
}

TEST_F(KillAtEveryInstruction, LeavesWhatSuccessorConsumersAndStatCanLiveWith) {
  std::array<std::uint64_t, core::kSteps> hits{};
  std::uint64_t instructions = 0;
  std::uint64_t states = 0;
  std::uint64_t rows = 0;
  for (const auto& operation : operations_) {
    const std::uint64_t began = scenario::now_ns();
    const Trace& trace = trace_of(*operation);
    instructions += trace.instructions;
    states += trace.states.size();
    for (std::size_t step = 0; step < core::kSteps; ++step) hits.at(step) += operation->board().hits.at(step);
    for (const std::string& row : rows_of(operation->facts(), trace)) {
      std::printf("%s\n", row.c_str());
      EXPECT_TRUE(documented(row)) << "docs/correctness.md has no row\n" << row;
      ++rows;
    }
    std::fprintf(stderr, "%s: %zu states of %llu instructions, %llu ms\n", operation->facts().name.c_str(),
                 trace.states.size(), static_cast<unsigned long long>(trace.instructions),
                 static_cast<unsigned long long>((scenario::now_ns() - began) / 1'000'000));
  }
  for (std::size_t step = 0; step < core::kSteps; ++step)
    EXPECT_GT(hits.at(step), 0U) << "no operation passes the step " << core::step_name(static_cast<core::Step>(step));
  test::print_counts({{"single steps", instructions}, {"distinct states of shared memory", states}, {"rows", rows}});
}

// The operations of one of them at a time, each with a watchdog of its own.
void KillAtEveryInstruction::kill_all(Who who) {
  std::uint64_t all = 0;
  for (const auto& operation : operations_) all += operation->facts().kills;
  EXPECT_GE(all, 2'000U);
  std::erase_if(operations_, [&](const auto& operation) { return operation->facts().who != who; });
  std::uint64_t kills = 0;
  std::uint64_t elsewhere = 0;  // after having taken another way, which the clock, other threads and the heap may lead to
  for (const auto& operation : operations_) {
    const std::uint64_t began = scenario::now_ns();
    const std::uint64_t wanted = operation->facts().kills;
    std::uint64_t here = 0;
    std::uint64_t astray = 0;
    const auto kill = [&](std::uint64_t instant) { ++(kill_at(*operation, instant, here + astray) ? here : astray); };
    for (const std::uint64_t instant : instants(trace_of(*operation), wanted)) kill(instant);
    while (here < wanted && astray <= wanted / 2 + kMostAstray) kill(random_instant(trace_of(*operation)));
    EXPECT_GE(here, wanted) << operation->facts().name << " goes another way than the one it was stepped through";
    kills += here;
    elsewhere += astray;
    std::fprintf(stderr, "%s: %llu kills, %llu elsewhere, %llu ms\n", operation->facts().name.c_str(),
                 static_cast<unsigned long long>(here), static_cast<unsigned long long>(astray),
                 static_cast<unsigned long long>((scenario::now_ns() - began) / 1'000'000));
  }
  while (another(kills, 0)) {
    Operation& operation = *operations_.at(random().below(operations_.size()));
    ++(kill_at(operation, random_instant(trace_of(operation)), kills + elsewhere) ? kills : elsewhere);
  }
  test::print_counts({{"kills", kills}, {"kills elsewhere", elsewhere}});
}

TEST_F(KillAtEveryInstruction, OfAPublisherIsSurvivedByTheOthers) { kill_all(Who::publisher); }
TEST_F(KillAtEveryInstruction, OfAConsumerIsSurvivedByTheOthers) { kill_all(Who::consumer); }
TEST_F(KillAtEveryInstruction, OfAJournalIsSurvivedByTheOthers) { kill_all(Who::journal); }
TEST_F(KillAtEveryInstruction, OfARemoverIsSurvivedByTheOthers) { kill_all(Who::remover); }

TEST_F(KillAtEveryInstruction, AsAStopIsPassedByAsThePolicySays) {
  std::uint64_t stops = 0;
  Operations stoppable;
  for (auto& operation : operations_) {
    if (operation->facts().stops != 0) stoppable.push_back(std::move(operation));
  }
  for (const auto& operation : stoppable) {
    const std::uint64_t began = scenario::now_ns();
    const std::uint64_t wanted = operation->facts().stops;
    std::uint64_t here = 0;
    for (std::uint64_t astray = 0; here < wanted && astray <= wanted / 2 + kMostAstray;)
      ++(stop_at(*operation, random_instant(trace_of(*operation))) ? here : astray);
    EXPECT_GE(here, wanted) << operation->facts().name << " goes another way than the one it was stepped through";
    stops += here;
    std::fprintf(stderr, "%s: %llu stops, %llu ms\n", operation->facts().name.c_str(),
                 static_cast<unsigned long long>(operation->facts().stops),
                 static_cast<unsigned long long>((scenario::now_ns() - began) / 1'000'000));
  }
  for (; another(stops, 0); ++stops) {
    Operation& operation = *stoppable.at(random().below(stoppable.size()));
    stop_at(operation, random_instant(trace_of(operation)));
  }
  for (const std::string& row : rows_of_stops()) EXPECT_TRUE(documented(row)) << "docs/correctness.md has no row\n" << row;
  test::print_counts({{"stops", stops}});
}

}  // namespace
}  // namespace ringbolt::kill
