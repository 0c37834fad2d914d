// Whoever has to do with a ring is stopped at random instants, alone or with others, some of them while they open or take
// over, by SIGSTOP and by the kernel's freezer, until every policy has acted; then they go on. A stopped publisher is not
// dead: nobody takes its place. A stopped gate is waited for, or evicted and told so. Nobody else is stuck.
#include <signal.h>

#include <algorithm>

#include "counts.hpp"
#include "scenario/support_freezer.hpp"
#include "scenario/support_witnesses.hpp"

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kRounds = 60;  // in each world; up to three are stopped in each
constexpr std::uint64_t kFrozenRounds = 30;
constexpr std::uint64_t kEventsOfALap = 1'000;    // twice the ring
constexpr std::uint64_t kShortNs = 6'000'000;     // longer than any budget of this world
constexpr std::uint64_t kLongNs = 2'200'000'000;  // longer than the patience of any part of the library that has some

// For as long as it stands still, without a budget. The admin too: it gates for the moment in which it passes by.
bool is_waited_for(Role role) { return role != Role::budget && role != Role::lossy; }

class Stopping : public Scene {
 protected:
  void run(JournalRunBy run_by, bool freezes, std::uint64_t rounds);

 private:
  struct Party {
    Role role;
    std::unique_ptr<Process> process;
    std::uint64_t stops = 0;
    std::uint64_t stops_while_opening = 0;
  };

  void begin(Party& party) {
    world_->board_of(party.role).phase = static_cast<std::uint64_t>(Phase::starting);
    party.process = start(role_name(party.role),
                          [this, role = party.role, life_seed = random().next()] { world_->live(role, life_seed); });
  }
  void end(Party& party) {
    party.process->send(SIGKILL);
    const int status = party.process->wait();
    require(status == 0 || status == -SIGKILL, std::string(role_name(party.role)) + " ended with " + std::to_string(status));
  }
  // A follower whose leader is another one than before ends by itself.
  void begin_again_who_ended() {
    for (Party& party : parties_) {
      if (!party.process->ended()) continue;
      end(party);
      begin(party);
    }
  }
  [[nodiscard]] Phase phase_of(const Party& party) { return static_cast<Phase>(world_->board_of(party.role).phase.load()); }
  [[nodiscard]] bool publishes(const Party& party) {
    return party.role <= Role::second_publisher && phase_of(party) == Phase::running;
  }

  void one_round(std::uint64_t round);
  void choose(std::uint64_t round);
  void stop_them();
  [[nodiscard]] bool stand_still(Party& party);
  void look_while_they_stand(bool is_long);
  void let_them_go_on();
  void await_everybody();

  std::unique_ptr<World> world_;
  std::vector<Party> parties_;
  std::unique_ptr<Witnesses> witnesses_;
  std::vector<Party*> stopped_;
  bool alone_ = false;  // at work, so that the publisher goes round the ring, and whoever has a budget is evicted
  std::unique_ptr<Freezer> freezer_;  // thaws before the processes are waited for
  std::uint64_t refusals_ = 0;
  std::uint64_t told_ = 0;  // that they were evicted while they stood still
  std::uint64_t laps_ = 0;
};

// One after the other comes first, so that nobody is left out; others by chance.
void Stopping::choose(std::uint64_t round) {
  Party& first = parties_.at(round % parties_.size());
  stopped_.assign(1, &first);
  world_->board().no_evictions = round < parties_.size() ? 1 : 0;  // then only its budget clears the way
  alone_ = round < parties_.size() && !is_waited_for(first.role);
  for (std::uint64_t others = alone_ ? 0 : random().below(3); others > 0; --others) {
    Party& party = parties_.at(random().below(parties_.size()));
    if (std::ranges::find(stopped_, &party) == stopped_.end()) stopped_.push_back(&party);
  }
}

void Stopping::stop_them() {
  bool opens = false;
  for (Party* const party : stopped_) {
    if (alone_ || !random().one_in(2)) continue;
    end(*party);  // so that it is stopped while it opens, or another one while it takes over
    begin(*party);
    if (party->role == Role::admin || opens) continue;
    opens = true;
    await("it to open", [&] { return phase_of(*party) != Phase::starting; });
  }
  pass_ns(random().below(opens ? 200'000 : 1'500'000));
  std::erase_if(stopped_, [&](Party* party) { return !stand_still(*party); });
  if (freezer_) freezer_->freeze();
  for (Party* const party : stopped_) {
    ++party->stops;
    party->stops_while_opening += phase_of(*party) == Phase::opening ? 1 : 0;
  }
}

// False: a follower has ended at this moment.
bool Stopping::stand_still(Party& party) {
  const bool may_end = party.role == Role::follower;
  if (freezer_) {
    const bool is_in = freezer_->put_in(party.process->pid());
    require(is_in || may_end, std::string("cannot freeze ") + role_name(party.role));
    return is_in;
  }
  try {
    party.process->stop();
    return true;
  } catch (const Failure&) {
    if (!may_end) throw;
    return false;
  }
}

void Stopping::look_while_they_stand(bool is_long) {
  const auto stands = [&](Role role) {
    return std::ranges::any_of(stopped_, [role](const Party* party) { return party->role == role; });
  };
  const Party* publisher = nullptr;
  for (const Party& party : parties_) {
    if (publishes(party) && stands(party.role)) publisher = &party;
  }
  if (publisher != nullptr) {
    const std::uint64_t epoch = stat_ring(World::kRing).epoch;
    const auto refusal = error_of([] { static_cast<void>(Publisher::open(World::kRing, {.standby = 3ms})); });
    require(refusal && refusal->code() == Code::in_use, "a stopped publisher lost its place");
    ++refusals_;
    if (is_long) pass_ns(kLongNs);
    const RingStat ring = stat_ring(World::kRing);
    require(ring.publisher_alive && ring.epoch == epoch, "a stopped publisher is taken for dead");
    return;
  }
  const std::uint64_t before = world_->board().acknowledged;
  const auto holds_up = [](const Party* party) { return is_waited_for(party->role); };
  if (is_long || std::ranges::any_of(stopped_, holds_up)) {
    pass_ns(is_long ? kLongNs : kShortNs);
  } else {  // nobody who is waited for stands still: not even whoever has a budget holds up the publisher
    await("the publisher to go round the ring", [&] { return world_->board().acknowledged > before + kEventsOfALap; });
    ++laps_;
  }
}

void Stopping::let_them_go_on() {
  std::uint64_t evicted = 0;
  for (const ConsumerStat& consumer : stat_ring(World::kRing).consumers) {
    require(consumer.state != "evicted" || consumer.name == "budget", "consumer '" + consumer.name + "' was evicted");
    evicted += consumer.state == "evicted" && consumer.alive ? 1 : 0;
  }
  // One that is only just opening has not gated yet: it was another one, which is dead.
  const bool gated = std::ranges::any_of(
      stopped_, [&](const Party* party) { return party->role == Role::budget && phase_of(*party) == Phase::running; });
  const std::uint64_t told = world_->board().evictions;
  if (freezer_) freezer_->thaw();
  for (const Party* const party : stopped_) {
    if (freezer_) freezer_->take_out(party->process->pid());
    if (!freezer_) party->process->go_on();
  }
  if (evicted == 0 || !gated) return;
  await("who was evicted to be told", [&] {
    begin_again_who_ended();
    return world_->board().evictions > told;
  });
  ++told_;
}

void Stopping::await_everybody() {
  std::vector<std::pair<const Count*, std::uint64_t>> all;
  all.reserve(parties_.size() + World::kWitnesses);
  for (const Party& party : parties_) all.emplace_back(&world_->beats_of(party.role), world_->beats_of(party.role).load());
  for (const World::RoleBoard& witness : world_->board().witnesses) all.emplace_back(&witness.beats, witness.beats.load());
  await("everybody to go on", [&] {
    begin_again_who_ended();
    return std::ranges::all_of(all, [](const auto& beats) { return *beats.first > beats.second; });
  });
}

void Stopping::one_round(std::uint64_t round) {
  choose(round);
  stop_them();
  look_while_they_stand(round == 0 || round == parties_.size() - 2);
  let_them_go_on();
  await_everybody();
}

void Stopping::run(JournalRunBy run_by, bool freezes, std::uint64_t rounds) {
  world_ = std::make_unique<World>(run_by, disk() + "/journal", disk_syncs(), random());
  witnesses_ = std::make_unique<Witnesses>(*world_);
  if (freezes) freezer_ = std::make_unique<Freezer>();
  for (std::size_t i = 0; i < kRoles; ++i) {
    if (world_->has(static_cast<Role>(i))) parties_.push_back({static_cast<Role>(i), nullptr});
  }
  for (Party& party : parties_) begin(party);
  for (std::uint64_t round = 0; another(round, rounds); ++round) one_round(round);

  for (Party& party : parties_) end(party);
  witnesses_->finish();
  std::uint64_t stops = 0;
  std::uint64_t opening = 0;
  for (const Party& party : parties_) {
    std::printf("%-18s %6llu stops, %llu of them while opening\n", role_name(party.role),
                static_cast<unsigned long long>(party.stops), static_cast<unsigned long long>(party.stops_while_opening));
    EXPECT_GT(party.stops, 0U) << role_name(party.role) << " was never stopped";
    stops += party.stops;
    opening += party.stops_while_opening;
  }
  EXPECT_GT(opening, 0U);
  EXPECT_GT(refusals_, 0U);
  EXPECT_GT(laps_, 0U);
  EXPECT_GT(told_, 0U);
  test::print_counts({{freezes ? "freezes" : "stops", stops},
                      {"stops while opening", opening},
                      {"stopped publishers", refusals_},
                      {"laps past a stopped one", laps_},
                      {"evictions told", told_},
                      {"events", world_->board().published}});
}

TEST_F(Stopping, OnARingAlone) { run(JournalRunBy::nobody, false, kRounds); }
TEST_F(Stopping, WhereThePublisherRunsTheJournal) { run(JournalRunBy::publisher, false, kRounds); }
TEST_F(Stopping, WhereTheJournalIsAProcessOfItsOwn) { run(JournalRunBy::process, false, kRounds); }

TEST_F(Stopping, ByTheFreezer) {
  if (const std::string why = Freezer::why_not(); !why.empty()) GTEST_SKIP() << why;
  run(JournalRunBy::process, true, kFrozenRounds);
}

}  // namespace
}  // namespace ringbolt::scenario
