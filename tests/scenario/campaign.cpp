// Whoever has to do with a ring is killed at random instants, thousands of times: anywhere in its life, just after its start,
// while it opens or recovers what another one left, and several at once. Some witnesses live through all of it. Nobody is
// torn, stuck, or short of an event that was not told lost.
#include "counts.hpp"
#include "scenario/support_world.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kKills = 4'000;  // in each world
constexpr std::uint64_t kLongestLifeNs = 40'000'000;
constexpr std::uint64_t kLongestAbsenceNs = 20'000'000;
constexpr std::uint64_t kSparedAfterNs = 1'000'000'000;  // without progress: then it is not killed until it has made some
constexpr std::uint64_t kStuckAfterNs = 60'000'000'000;
constexpr std::uint64_t kMassacreEvery = 100;  // kills

// Since when has this not moved?
class Progress {
 public:
  std::uint64_t look(const Count& beats) {
    const std::uint64_t now = now_ns();
    if (const std::uint64_t seen = beats; seen != seen_ || since_ns_ == 0) {
      seen_ = seen;
      since_ns_ = now;
    }
    return now - since_ns_;
  }

 private:
  std::uint64_t seen_ = 0;
  std::uint64_t since_ns_ = 0;
};

class Campaign : public Scene {
 protected:
  void run(JournalRunBy run_by);

 private:
  struct Mortal {
    Role role;
    Actor actor;
    Progress progress;
    std::array<std::uint64_t, kPhases> kills{};
  };

  void start_all();
  void kill_and_watch();
  void look_after(Mortal& mortal);
  void watch_witnesses();
  void end_all();
  void report();

  std::unique_ptr<World> world_;
  std::vector<std::unique_ptr<Mortal>> mortals_;
  std::vector<std::unique_ptr<Process>> witnesses_;
  std::array<Progress, World::kWitnesses> witness_progress_;
  std::uint64_t kills_ = 0;
  std::uint64_t standbys_ = 0;    // killed while another one published
  std::uint64_t successors_ = 0;  // killed while taking over
  std::uint64_t massacres_ = 0;
  std::uint64_t next_massacre_ = kMassacreEvery;
};

void Campaign::start_all() {
  for (std::size_t i = 0; i < World::kWitnesses; ++i) {
    witnesses_.push_back(start("witness", [this, i] { world_->witness(i); }));
    await("the witnesses to attach", [&] { return world_->board().witnesses.at(i).phase != 0; });
  }
  for (std::size_t i = 0; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    if (!world_->has(role)) continue;
    mortals_.push_back(std::unique_ptr<Mortal>(new Mortal{
        role,
        Actor(
            role_name(role), kLongestLifeNs, kLongestAbsenceNs,
            [this, role](std::uint64_t life_seed) { world_->live(role, life_seed); }, &world_->board_of(role).phase),
        {},
        {}}));
  }
}

void Campaign::look_after(Mortal& mortal) {
  const std::uint64_t still_ns = mortal.progress.look(world_->beats_of(mortal.role));
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

void Campaign::watch_witnesses() {
  for (std::size_t i = 0; i < World::kWitnesses; ++i) {
    require(witness_progress_.at(i).look(world_->board().witnesses.at(i).beats) < kStuckAfterNs,
            "witness " + std::to_string(i) + " is stuck");
  }
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
    watch_witnesses();
    return !another(kills_, kKills);
  });
}

void Campaign::end_all() {
  for (auto& mortal : mortals_) mortal->actor.end();
  world_->finish();
  for (const auto& witness : witnesses_) {
    await("the witnesses to reach the end", [&] { return witness->ended(); });
    witness->finish();
  }
  world_->check_remains();
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
  end_all();
  report();
}

TEST_F(Campaign, OnARingAlone) { run(JournalRunBy::nobody); }
TEST_F(Campaign, WhereThePublisherRunsTheJournal) { run(JournalRunBy::publisher); }
TEST_F(Campaign, WhereTheJournalIsAProcessOfItsOwn) { run(JournalRunBy::process); }

}  // namespace
}  // namespace ringbolt::scenario
