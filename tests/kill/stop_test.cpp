// Stopped at every place that has a name. One process at a time goes through an operation and stops itself, as by SIGSTOP, at
// a step or before a system call: every policy acts meanwhile, then it goes on, and everything is consistent. It runs by itself
// until then; nobody traces it.
#include <sys/wait.h>

#include "counts.hpp"
#include "kill/matrix.hpp"

namespace ringbolt::kill {
namespace {

using core::Step;
using ipc::sys::Call;

constexpr std::uint64_t kStopsAtAStep = 3;  // of each operation: the first time it is passed, and others
constexpr std::uint64_t kStopsAtACall = 1;

// Where each must have stood: what the operations are there for.
std::vector<Place> places_of(Who who) {
  std::vector<Step> steps;
  std::vector<Call> calls;
  switch (who) {
    case Who::publisher:  // on its way through a life it is stopped by scenario/steps_takeover.cpp, too
      for (std::size_t step = 0; step < core::kPublisherSteps; ++step) steps.push_back(static_cast<Step>(step));
      steps.insert(steps.end(), {Step::events_written, Step::registry_written, Step::journal_page_written, Step::ring_named,
                                 Step::epoch_before_unlinked, Step::evicted, Step::reclaimed, Step::flag_cleared,
                                 Step::futex_changed, Step::bell_cleared});
      calls = {Call::open, Call::mkdir, Call::rename, Call::unlink, Call::lock, Call::mmap, Call::futex, Call::touch};
      break;
    case Who::consumer:
      steps = {Step::entry_freed,   Step::entry_wiped,  Step::owner_written, Step::entry_joining, Step::gate_entered,
               Step::gate_told,     Step::join_counted, Step::start_entered, Step::attached,      Step::cursor_placed,
               Step::cursor_stored, Step::gate_moved,   Step::gap_counted,   Step::left,          Step::sleep_flagged,
               Step::sleep_fenced,  Step::flag_cleared, Step::futex_changed, Step::bell_set,      Step::bell_cleared};
      calls = {Call::open, Call::mmap, Call::lock, Call::membarrier, Call::futex, Call::touch};
      break;
    case Who::journal:
      steps = {Step::owner_written, Step::gate_entered, Step::gate_told,  Step::join_counted,   Step::journal_gate_kept,
               Step::durable_told,  Step::written_told, Step::state_told, Step::durable_stored, Step::journal_gate_moved};
      calls = {Call::open, Call::rename, Call::unlink, Call::allocate, Call::write, Call::fsync, Call::fdatasync};
      break;
    case Who::remover:
      steps = {Step::removal_told, Step::ring_hidden, Step::ring_emptied};
      calls = {Call::open, Call::lock, Call::mmap, Call::rename, Call::unlink};
      break;
  }
  std::vector<Place> places;
  for (const Step step : steps) places.push_back(place_of(step));
  for (const Call call : calls) places.push_back(place_of(call));
  return places;
}

class StopAtEachPlace : public scenario::Scene {
 protected:
  void SetUp() override {
    if (!disk_syncs()) GTEST_SKIP() << "no directory on a disk for journals that sync";
    operations_ = all_operations(directory(), disk());
    if (const char* const only = std::getenv("OPERATION"); only != nullptr)
      std::erase_if(operations_, [&](const auto& operation) { return operation->facts().name != only; });
  }

  void stop_all(Who who);
  static std::unique_ptr<scenario::Process> begin(Operation& operation);
  static std::array<std::uint64_t, kPlaces> places_passed(Operation& operation);
  static bool stop_at(Operation& operation, Place place, std::uint64_t visit);

  Operations operations_;
};

std::unique_ptr<scenario::Process> StopAtEachPlace::begin(Operation& operation) {
  auto process = start(operation.facts().name, [&] { operation.run(Window(operation.board())); });
  operation.help();
  return process;
}

std::array<std::uint64_t, kPlaces> StopAtEachPlace::places_passed(Operation& operation) {
  operation.prepare();
  Board& board = operation.board();
  for (Count& count : board.hits) count = 0;
  const auto process = begin(operation);
  await("an operation to be over", [&] { return board.over != 0; });
  process->send(SIGKILL);
  process->wait();
  std::array<std::uint64_t, kPlaces> passed{};
  std::ranges::copy(board.hits, passed.begin());
  return passed;
}

// False: it did not come there so often this time.
bool StopAtEachPlace::stop_at(Operation& operation, Place place, std::uint64_t visit) {
  operation.prepare();
  Board& board = operation.board();
  board.visits_left = visit;
  board.stands_at = place + 1;
  const auto process = begin(operation);
  const auto stands = [&] {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process->pid()), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
           info.si_code == CLD_STOPPED;
  };
  await("a process to stop itself", [&] { return stands() || board.over != 0; });
  if (!stands()) return false;
  try {
    operation.check_stopped();
    process->go_on();
    process->finish();
    operation.check_finished();
  } catch (const std::exception& wrong) {
    throw scenario::Failure("stopped in " + operation.facts().name + ", at " + name_of(place) + " for the " +
                            std::to_string(visit) + "th time: " + wrong.what());
  }
  return true;
}

void StopAtEachPlace::stop_all(Who who) {
  std::array<std::uint64_t, kPlaces> stops{};
  std::uint64_t all = 0;
  std::erase_if(operations_, [&](const auto& operation) { return operation->facts().who != who; });
  for (const auto& operation : operations_) {
    const std::uint64_t began = scenario::now_ns();
    const std::uint64_t before = all;
    const auto passed = places_passed(*operation);
    for (Place place = 0; place < kPlaces; ++place) {
      const std::uint64_t most = place < core::kSteps ? kStopsAtAStep : kStopsAtACall;
      for (std::uint64_t i = 0; i < std::min(passed.at(place), most); ++i) {
        const bool stood = stop_at(*operation, place, i == 0 ? 1 : 1 + random().below(passed.at(place)));
        stops.at(place) += stood ? 1 : 0;
        all += stood ? 1 : 0;
      }
    }
    if (who != Who::publisher) {
      const std::string row = row_of_steps(operation->facts(), passed);
      std::printf("%s\n", row.c_str());
      EXPECT_TRUE(documented(row)) << "docs/correctness.md has no row\n" << row;
    }
    std::fprintf(stderr, "%s: %llu stops, %llu ms\n", operation->facts().name.c_str(),
                 static_cast<unsigned long long>(all - before),
                 static_cast<unsigned long long>((scenario::now_ns() - began) / 1'000'000));
  }
  for (const Place place : places_of(who))
    EXPECT_GT(stops.at(place), 0U) << "no " << name_of(who) << " was stopped at " << name_of(place);
  test::print_counts({{"stops at a named place", all}});
}

TEST_F(StopAtEachPlace, APublisherKeepsItsPlaceAndGoesOn) { stop_all(Who::publisher); }
TEST_F(StopAtEachPlace, AConsumerIsPassedByAsItsPolicySaysAndGoesOn) { stop_all(Who::consumer); }
TEST_F(StopAtEachPlace, AJournalKeepsItsGateAndGoesOn) { stop_all(Who::journal); }
TEST_F(StopAtEachPlace, ARemoverLeavesTheNextRingAlone) { stop_all(Who::remover); }

}  // namespace
}  // namespace ringbolt::kill
