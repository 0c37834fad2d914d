// Whoever has to do with a ring is killed at random instants, thousands of times: anywhere in its life, just after its start,
// while it opens or recovers what another one left, and several at once. Some witnesses live through all of it. Nobody is
// torn, stuck, or short of an event that was not told lost.
#include <sstream>

#include "counts.hpp"
#include "house/sources.hpp"
#include "scenario/support_witnesses.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kKills = 2'000;  // in each world
constexpr std::uint64_t kLongestLifeNs = 40'000'000;
constexpr std::uint64_t kLongestAbsenceNs = 20'000'000;
constexpr std::uint64_t kSparedAfterNs = 1'000'000'000;  // without progress: then it is not killed until it has made some
constexpr std::uint64_t kMassacreEvery = 100;            // kills

class Campaign : public Scene {
 protected:
  void run(JournalRunBy run_by);

 private:
  struct Mortal {
    Mortal(Role its_role, Actor its_actor) : role(its_role), actor(std::move(its_actor)) {}
    Role role;
    Actor actor;
    Progress progress;
    std::array<std::uint64_t, kPhases> kills{};
  };

  void start_all();
  void kill_and_watch();
  void look_after(Mortal& mortal);
  void report();

  std::unique_ptr<World> world_;
  std::vector<std::unique_ptr<Mortal>> mortals_;
  std::unique_ptr<Witnesses> witnesses_;
  std::uint64_t kills_ = 0;
  std::uint64_t standbys_ = 0;    // killed while another one published
  std::uint64_t successors_ = 0;  // killed while taking over
  std::uint64_t massacres_ = 0;
  std::uint64_t next_massacre_ = kMassacreEvery;
};

void Campaign::start_all() {
  witnesses_ = std::make_unique<Witnesses>(*world_);
  for (std::size_t i = 0; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (!world_->has(role)) continue;
    auto live = [this, role](std::uint64_t life_seed) { world_->live(role, life_seed); };
    mortals_.push_back(std::make_unique<Mortal>(
        role, Actor(role_name(role), kLongestLifeNs, kLongestAbsenceNs, std::move(live), &world_->board_of(role).phase)));
  }
}

void Campaign::look_after(Mortal& mortal) {
  const std::uint64_t still_ns = mortal.progress.still_ns(world_->beats_of(mortal.role));
  mortal.actor.spare(still_ns > kSparedAfterNs);
  require(still_ns < kStuckAfterNs, std::string(role_name(mortal.role)) + " is stuck");
  if (!mortal.actor.look(random())) return;
  ++kills_;
  ++mortal.kills.at(static_cast<std::size_t>(mortal.actor.phase()));
  if (mortal.role != Role::publisher && mortal.role != Role::second_publisher) return;
  if (mortal.actor.phase() != Phase::opening) return;
  Mortal& other = *mortals_.at(mortal.role == Role::publisher ? 1 : 0);
  ++(other.actor.process() != nullptr && other.actor.phase() == Phase::running ? standbys_ : successors_);
}

void Campaign::kill_and_watch() {
  await("so many kills", [&] {
    if (kills_ >= next_massacre_) {  // all consumers, or anybody, in one sweep
      next_massacre_ = kills_ + kMassacreEvery;
      ++massacres_;
      const bool all = random().one_in(2);
      for (auto& mortal : mortals_) {
        if (all || random().one_in(2)) mortal->actor.hasten();
      }
    }
    for (auto& mortal : mortals_) look_after(*mortal);
    witnesses_->watch();
    return !another(kills_, kKills);
  });
}

void Campaign::report() {
  std::printf("%-18s %9s %9s %9s\n", "killed", "starting", "opening", "running");
  for (const auto& mortal : mortals_) {
    std::printf("%-18s %9llu %9llu %9llu\n", role_name(mortal->role), static_cast<unsigned long long>(mortal->kills[0]),
                static_cast<unsigned long long>(mortal->kills[1]), static_cast<unsigned long long>(mortal->kills[2]));
    EXPECT_GT(mortal->kills[2], 0U) << role_name(mortal->role) << " was never killed at its work";
    if (mortal->role != Role::admin) {
      EXPECT_GT(mortal->kills[1], 0U) << role_name(mortal->role) << " was never killed while opening";
    }
  }
  EXPECT_GT(standbys_, 0U);
  EXPECT_GT(successors_, 0U);
  EXPECT_GT(massacres_, 0U);
  EXPECT_GT(world_->board().gaps, 0U);
  World::Board& board = world_->board();
  test::print_counts({{"kills", kills_},
                      {"events", board.published},
                      {"massacres", massacres_},
                      {"kills of standbys", standbys_},
                      {"kills of successors", successors_},
                      {"gaps", board.gaps},
                      {"evictions", board.evictions},
                      {"breaks", board.breaks}});
}

void Campaign::run(JournalRunBy run_by) {
  world_ = std::make_unique<World>(run_by, disk() + "/journal", disk_syncs(), random());
  start_all();
  kill_and_watch();
  for (auto& mortal : mortals_) mortal->actor.end();
  witnesses_->finish();
  report();
}

// What the oracle asks of each, in the words of the document.
const char* what_is_asked_of(Role role) {
  switch (role) {
    case Role::publisher: return "goes on behind what its predecessor acknowledged; holds the ring alone";
    case Role::second_publisher: return "the same; stands by while the other lives";
    case Role::gate: return "is handed every event, and is never told of a loss";
    case Role::budget:
      return "is handed every event, or told that it was evicted and what it lost; resumes after its last commit";
    case Role::lossy: return "is handed every event or told the exact gap, of events that the publisher had come to";
    case Role::leader: return "resumes after its last commit; what was overwritten while it was dead is told first";
    case Role::follower: return "is handed nothing that the leader has not handled, or told that its leader lost events";
    case Role::named: return "resumes after its last commit, under any policy";
    case Role::archive: return "is handed every event, from the journal or the ring, over all its lives";
    case Role::journal: return "nothing that an archive needs is missing behind its death";
    case Role::admin:
      return "`stat` is right at any instant; what a death left half made or half removed is in nobody's way";
    case Role::count: break;
  }
  return "";
}

TEST(Roles, StandInTheDocument) {
  std::ostringstream table;
  for (std::size_t i = 0; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    table << "| " << role_name(role) << " | " << what_is_asked_of(role) << " |\n";
  }
  std::string document;
  for (const std::string& line : house::read_source("docs/correctness.md").lines) document.append(line).append("\n");
  EXPECT_NE(document.find(table.str()), std::string::npos) << "docs/correctness.md does not have\n" << table.str();
}

TEST_F(Campaign, OnARingAlone) { run(JournalRunBy::nobody); }
TEST_F(Campaign, WhereThePublisherRunsTheJournal) { run(JournalRunBy::publisher); }
TEST_F(Campaign, WhereTheJournalIsAProcessOfItsOwn) { run(JournalRunBy::process); }

}  // namespace
}  // namespace ringbolt::scenario
