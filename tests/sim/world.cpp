#include "world.hpp"

#include <ringbolt/ipc/journal_reader.hpp>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

namespace ringbolt::sim {
namespace {

constexpr std::array<const char*, 6> policy_words{"automatic", "gate", "lossy", "journal", "latest", ""};
constexpr std::uint64_t kNotAgain = ~std::uint64_t{0};
constexpr std::uint64_t kLongestStormNs = 30'000'000'000;
constexpr std::uint64_t kLongestCalmNs = 120'000'000'000;
constexpr std::uint64_t kMostPointsOfAStorm = 2'000'000;
constexpr std::uint64_t kMostPointsOfACalm = 20'000'000;

}  // namespace

World::World(std::uint64_t seed, std::string directory, Totals& totals)
    : random_(seed),
      directory_(std::move(directory)),
      totals_(totals),
      has_journal_(!random_.one_in(4)),
      sync_(static_cast<Sync>(random_.below(3))),
      events_(random_.between(20, 300)),
      kill_one_in_(random_.one_in(6) ? 0 : std::uint64_t{20} << random_.below(8)),
      stop_one_in_(random_.one_in(3) ? 0 : std::uint64_t{50} << random_.below(5)),
      cut_one_in_(random_.one_in(2) ? 0 : std::uint64_t{500} << random_.below(5)),
      fault_one_in_(random_.one_in(2) ? 0 : std::uint64_t{10} << random_.below(5)),
      calm_events_(random_.between(60, 140)),
      oracle_(random_.next(), has_journal_, has_journal_ && sync_ != Sync::none, totals),
      machine_(random_, trace_, std::uint64_t{8} << random_.below(6), [this] { return draw_fate(); }),
      disk_(directory_ + "/journal", random_.next(),
            [this] { return storm_ && fault_one_in_ != 0 && random_.one_in(fault_one_in_); }) {
  if (has_journal_) {
    journal_options_ = {.directory = directory_ + "/journal",
                        .sync = sync_,
                        .interval = std::chrono::nanoseconds(random_.between(100'000, 20'000'000)),
                        .interval_bytes = std::uint64_t{1} << random_.between(12, 17),
                        .segment_bytes = std::uint64_t{4096} << random_.below(5),
                        .on_stall = random_.one_in(2) ? OnStall::wait : OnStall::fail,
                        .own_process = true};
  }
  publisher_options_ = {.capacity_bytes = 64 << 10,
                        .consumer_slots = 16,
                        .standby = std::chrono::nanoseconds(random_.one_in(2) ? 0 : random_.below(50'000'000)),
                        .journal = journal_options_};
  names_ = {"publisher 1", "publisher 2", "journal", "observer"};
  plan_consumers();
  start_at_.assign(names_.size(), 0);
  done_.assign(names_.size(), false);
  if (!has_journal_) done_[journal] = true;
  oracle_.watch(consumers_);
  ++totals_.runs;
}

World::~World() {
  for (std::size_t who = 0; who < names_.size(); ++who) {
    if (machine_.lives(who)) machine_.kill(who);
  }
  std::filesystem::remove_all(directory_ + "/ring");
  std::filesystem::remove_all(directory_ + "/journal");
}

void World::plan_consumers() {
  const std::uint64_t count = random_.between(1, 5);
  for (std::uint64_t i = 0; i < count; ++i) {
    ConsumerPlan plan;
    if (!random_.one_in(4)) plan.name = "c" + std::to_string(i);
    constexpr std::array<Policy, 4> policies{Policy::gate, Policy::gate, Policy::lossy, Policy::latest};
    plan.policy = policies.at(random_.below(policies.size()));
    if (has_journal_ && random_.one_in(2)) plan.policy = Policy::journal;
    if (plan.policy == Policy::gate && random_.one_in(2)) plan.budget_ns = random_.between(1'000'000, 40'000'000);
    if (plan.policy == Policy::gate) plan.gate_on_commit = random_.one_in(3);
    if (plan.policy != Policy::latest && random_.one_in(2)) {
      for (const Follower& other : consumers_) {
        if (other.plan.policy == Policy::gate && !other.plan.name.empty() && random_.one_in(2))
          plan.after.push_back(other.plan.name);
      }
      if (has_journal_ && sync_ != Sync::none && random_.one_in(2)) plan.after.emplace_back(kJournalConsumer);
    }
    plan.read = static_cast<Read>(random_.below(3));
    if (plan.name.empty() && random_.one_in(2)) plan.start = random_.one_in(2) ? Start::latest : Start::earliest;
    plan.slow_ns = random_.one_in(2) ? 0 : std::uint64_t{10'000} << random_.below(9);
    plan.commit_one_in = random_.between(1, 8);
    if (random_.one_in(2)) plan.leave_one_in = random_.between(20, 200);
    names_.push_back("consumer " + std::to_string(i) + (plan.name.empty() ? " (no name)" : ""));
    consumers_.push_back({.plan = std::move(plan)});
  }
}

// ---- fate -------------------------------------------------------------------------------------------------------------------

Fate World::draw_fate() {
  const auto happens = [&](std::uint64_t one_in) { return one_in != 0 && random_.one_in(one_in); };
  if (!storm_) return random_.one_in(4) ? Fate::go_on : Fate::give_way;
  if (has_journal_ && random_.one_in(64)) disk_.write_back();
  if (happens(cut_one_in_)) {
    power_fails_ = true;
    return Fate::give_way;
  }
  if (happens(kill_one_in_)) {
    if (!random_.one_in(3)) return Fate::die;
    victim_ = random_.below(names_.size());
    return Fate::give_way;
  }
  if (happens(stop_one_in_)) {
    ++totals_.stops;
    machine_.stop_for(std::uint64_t{10'000} << random_.below(16));
    note("is stopped");
    return Fate::stop;
  }
  return random_.one_in(8) ? Fate::go_on : Fate::give_way;
}

void World::start(std::size_t who) {
  start_at_[who] = kNotAgain;
  machine_.start(who, [this, who] {
    try {
      switch (who) {
        case first_publisher:
        case second_publisher: publish_for_a_life(); break;
        case journal: record_for_a_life(); break;
        case observer: observe_for_a_life(); break;
        default: consume_for_a_life(who - first_consumer);
      }
    } catch (const Error& error) {
      if (!expected(error, who)) fail(std::string(code_name(error.code())) + ": " + error.what());
      note(code_name(error.code()));
    } catch (const std::exception& error) {
      fail(error.what());
    }
    fail_if_broken();
    start_at_[who] = machine_.now_ns() + 10'000 + random_.below(storm_ ? 4'000'000 : 1'000'000);
  });
}

void World::died(std::size_t who) {
  ++totals_.kills;
  trace_.note(machine_.now_ns(), who, "is killed");
  start_at_[who] = machine_.now_ns() + (std::uint64_t{1'000} << random_.below(15));
}

void World::cut_power() {
  ++totals_.power_cuts;
  trace_.note(machine_.now_ns(), Machine::kNobody, "the power is cut");
  for (std::size_t who = 0; who < names_.size(); ++who) {
    if (machine_.lives(who)) machine_.kill(who);
    if (!done_[who]) start_at_[who] = machine_.now_ns() + random_.below(2'000'000);
  }
  std::filesystem::remove_all(directory_ + "/ring");
  if (has_journal_) disk_.cut_power();
  oracle_.power_cut();
}

bool World::everyone_is_done() const {
  return ended_ && std::ranges::all_of(done_, [](bool done) { return done; });
}

void World::play(bool storm) {
  const std::uint64_t stop_ns = machine_.now_ns() + (storm ? kLongestStormNs : kLongestCalmNs);
  const std::uint64_t most_points = machine_.points() + (storm ? kMostPointsOfAStorm : kMostPointsOfACalm);
  while (!oracle_.broken()) {
    if (storm ? published_ >= events_ : everyone_is_done()) return;
    if (machine_.now_ns() >= stop_ns || machine_.points() >= most_points) {
      if (storm) return;
      std::string waits;
      for (std::size_t who = 0; who < names_.size(); ++who) waits += done_[who] ? "" : " " + names_[who] + ",";
      return oracle_.require(false, "the storm is over, and these do not come to an end:" + waits);
    }
    std::uint64_t latest = stop_ns;
    for (std::size_t who = 0; who < names_.size(); ++who) {
      if (!done_[who] && start_at_[who] <= machine_.now_ns()) start(who);
      if (!done_[who]) latest = std::min(latest, start_at_[who]);
    }
    if (const std::size_t who = machine_.run(latest); who != Machine::kNobody) died(who);
    if (const std::size_t who = std::exchange(victim_, Machine::kNobody); who != Machine::kNobody && machine_.lives(who)) {
      machine_.kill(who);
      died(who);
    }
    if (std::exchange(power_fails_, false)) cut_power();
  }
}

// Some that were killed do not come back: nobody may wait for those.
void World::end() {
  storm_ = false;
  machine_.wake_stopped();
  published_ = 0;
  for (std::size_t i = 0; i < consumers_.size(); ++i) {
    const std::string& name = consumers_[i].plan.name;
    const bool leads = std::ranges::any_of(consumers_, [&](const Follower& other) {
      return !name.empty() && std::ranges::find(other.plan.after, name) != other.plan.after.end();
    });
    if (leads || !random_.one_in(4)) continue;
    const std::size_t who = first_consumer + i;
    if (machine_.lives(who)) {
      machine_.kill(who);
      died(who);
    }
    done_[who] = true;
  }
  trace_.note(machine_.now_ns(), Machine::kNobody, "the storm is over");
}

std::string World::run() {
  play(true);
  if (!oracle_.broken()) end();
  if (!oracle_.broken()) play(false);
  totals_.points += machine_.points();
  totals_.faults += disk_.faults();
  if (!oracle_.broken()) return "";
  std::ostringstream text;
  text << oracle_.violation() << "\n" << (has_journal_ ? "with a journal, sync " : "without a journal");
  if (has_journal_) text << static_cast<int>(sync_);
  text << "; consumers:";
  for (const Follower& who : consumers_) {
    text << ' ' << (who.plan.name.empty() ? "-" : who.plan.name) << " ("
         << policy_words.at(static_cast<std::size_t>(who.plan.policy)) << (who.plan.budget_ns != 0 ? ", budget" : "")
         << (who.plan.gate_on_commit ? ", gate on commit" : "")
         << (who.plan.after.empty() ? "" : ", after " + who.plan.after.front()) << ")";
  }
  text << "\nwhat happened last:\n" << trace_.text(names_);
  return text.str();
}

}  // namespace ringbolt::sim
