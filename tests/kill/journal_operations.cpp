// A journal's operations, in a process of its own beside a publisher that lives. While it is dead or stopped its gate stays: the
// ring holds what is not recorded.
#include <ringbolt/ipc/journal_reader.hpp>

#include "kill/journal_place.hpp"
#include "kill/operation.hpp"

#include <algorithm>
#include <filesystem>

namespace ringbolt::kill {
namespace {

using scenario::require;
using scenario::Scene;

constexpr std::uint64_t kRecordedBefore = 30;
constexpr std::uint64_t kToRecord = 12;

// How a journal is run.
struct Way {
  Sync sync = Sync::none;
  std::uint64_t segment_bytes = 64 << 10;
  std::uint64_t keep_bytes = 0;
  bool begins = false;    // the operation is its way to the first round, not the round
  bool detached = false;  // it was given up before, so that it has to join the gates
};

class Journal : public Operation {
 public:
  Journal(Facts facts, const std::string& place, const Way& way) : Operation(std::move(facts), place), way_(way) {}

  void run(const Window& window) override {
    int rounds = 0;
    if (way_.begins) window.begin();
    run_journal(ring(), options(place()), [&] {
      ++rounds;
      if (rounds == 1 && way_.begins) window.end();
      if (rounds == 1 && !way_.begins) window.begin();
      if (rounds == 2 && !way_.begins) window.end();
      return rounds > 1 && board().until != 0 && recorded(place()) >= board().until;
    });
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t /*turn*/) override {
    if (place != this->place()) lead_to_own_journal(place);
    const std::uint64_t all = board().before;
    const std::uint64_t told = recorded(place);
    const JournalStat said = stat_ring(ring_in(place)).journal.value();
    const std::uint64_t written = newest_in_journal(place);
    require(told == kRecordedBefore || told == all, "a part of a round is reported as recorded");
    require(std::max({told, said.written_sequence, said.durable_sequence}) <= written && written <= all,
            "what was reported as recorded is not in the journal");
    const std::uint64_t newest = record_all(place);
    require(newest == all, "an event is lost between the ring and the journal");
    check_indices(place);
    check_ring(ring_in(place), {.at_least = all, .at_most = all, .whole_lap = false}, living);
    return told == kRecordedBefore ? 0 : 1;
  }

  void check_stopped() override {
    const auto entry = stat_of(ring(), kJournalConsumer);
    const bool gates = entry && (entry->state == "gating" || entry->state == "dead");  // whose byte is not taken yet
    require(gates || way_.detached, "a stopped journal lost its gate");  // who joins again has none before [J3]
    Source source(*living().publisher, kShape, 0);
    bool full = false;
    for (std::uint64_t i = 0; i < 2 * kEventsOfALap && !full; ++i) {
      full = !source.try_publish();
      for (Witness& witness : living().witnesses) witness.read_all();
    }
    require(full || way_.detached, "the publisher does not wait for a stopped journal");
    require(gates || !full, "the publisher waits for nobody");
    require(!full || source.publish_for(std::chrono::milliseconds(5)).status == Status::timed_out,
            "a stopped journal lost its gate");
    all_recorded_ = full;
    board().until = living().publisher->next_sequence() - 1;
  }

  void check_finished() override {
    const std::uint64_t newest = board().until;
    require(newest_in_journal(place()) == newest, "a journal that was stopped has not recorded everything");
    check_ring(ring(), {.at_least = newest, .at_most = newest, .whole_lap = false}, living());
  }

 protected:
  void set_up() override {
    living().publisher.emplace(
        Publisher::open(ring(), {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots, .journal = options(place())}));
    Source source(*living().publisher, kShape, 0);
    for (std::uint64_t i = 0; i < kRecordedBefore; ++i) source.publish();
    // Killed as soon as it has recorded them: a recovery finds a tail behind the last durable point.
    scenario::Process before("journal", [this] { run_journal(ring(), options(place()), [] { return false; }); });
    Scene::await("a journal to record", [&] { return recorded(place()) >= kRecordedBefore; });
    before.die();
    if (way_.detached) detach_journal(ring());
    all_recorded_ = true;
    for (std::uint64_t i = 0; i < kToRecord; ++i) source.publish();
    board().before = kRecordedBefore + kToRecord;
    living().witnesses.emplace_back(ring(), Policy::lossy);
    for (Witness& witness : living().witnesses) witness.read_all();
  }

 private:
  [[nodiscard]] JournalOptions options(const std::string& place) const {
    return {.directory = journal_in(place),
            .sync = way_.sync,
            .segment_bytes = way_.segment_bytes,
            .keep_bytes = way_.keep_bytes,
            .own_process = true};
  }
  // What others are told that is recorded: synced, where the journal syncs at all.
  [[nodiscard]] std::uint64_t recorded(const std::string& place) const {
    if (way_.sync == Sync::none) return stat_ring(ring_in(place)).journal.value().written_sequence;
    const auto entry = stat_of(ring_in(place), kJournalConsumer);
    return entry ? entry->cursor_sequence : 0;
  }
  // The next journal of this ring; returns the newest event that it has.
  std::uint64_t record_all(const std::string& place) const {
    const std::uint64_t newest = stat_ring(ring_in(place)).newest_sequence;
    run_journal(ring_in(place), options(place), [&] { return recorded(place) >= newest; });
    return newest_in_journal(place);
  }

  // The newest event of a journal that nobody repairs first; every one up to it is there, whole.
  [[nodiscard]] std::uint64_t newest_in_journal(const std::string& place) const {
    JournalReader reader = JournalReader::open(journal_in(place));
    Ledger ledger(kShape, way_.keep_bytes != 0 ? 0 : 1);
    Event event;
    for (Status status = reader.next(event); status != Status::empty; status = reader.next(event)) {
      if (status == Status::ok) ledger.event(event);
      if (status == Status::gap) ledger.gap(reader.last_gap());
    }
    require(ledger.lost() == 0 || !all_recorded_, "an event is missing in the journal");
    return ledger.next() - 1;
  }
  // An index without its segment, or under the name that it has until it is whole, would stay for ever.
  static void check_indices(const std::string& place) {
    for (const auto& file : std::filesystem::directory_iterator(journal_in(place))) {
      if (file.path().extension() != ".index") continue;
      auto segment = file.path();
      segment.replace_extension(".segment");
      require(std::filesystem::exists(segment), "an index is left behind without its segment");
    }
  }

  Way way_;
  bool all_recorded_ = true;  // no event went by while it had no gate
};

}  // namespace

void add_journal_operations(Operations& operations, const std::string& directory, const std::string& disk) {
  const std::vector<std::string> outcomes{"the round is not reported as recorded; the next journal records it",
                                          "the round is reported as recorded, and is"};
  const auto add = [&](const char* name, const std::string& place, const Way& way, std::uint64_t kills,
                       const std::vector<std::string>& found) {
    operations.push_back(std::make_unique<Journal>(
        Operation::Facts{.name = name, .who = Who::journal, .outcomes = found, .kills = kills, .stops = 10}, place, way));
  };
  add("journal: append and sync", disk + "/append", {.sync = Sync::every}, 50, outcomes);
  add("journal: append, no sync", directory + "/append", {}, 50, outcomes);
  add("journal: roll and sync", disk + "/roll", {.sync = Sync::every, .segment_bytes = 4096}, 50, outcomes);
  add("journal: roll, no sync", directory + "/roll", {.segment_bytes = 4096}, 50, outcomes);
  add("journal: roll and remove", disk + "/remove", {.sync = Sync::every, .segment_bytes = 4096, .keep_bytes = 8192}, 30,
      outcomes);
  const std::vector<std::string> all{"everything reported before is recorded"};
  add("journal: recover", disk + "/recover", {.sync = Sync::every, .segment_bytes = 8192, .begins = true}, 30, all);
  add("journal: join again", directory + "/join-again", {.segment_bytes = 8192, .begins = true, .detached = true}, 40, all);
}

}  // namespace ringbolt::kill
