#include "scenario/support_world.hpp"

#include <algorithm>
#include <filesystem>

#include "scenario/support_world_life.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint32_t kSlots = 16;               // so few that those of the dead are needed
constexpr std::uint64_t kLongestBacklog = 10'000;  // events that an archive is behind, so that the disk stays small
constexpr const char* kScratch = "scratch";

constexpr std::array<const char*, kRoles> kRoleNames{"publisher", "second publisher", "gate",     "budget",
                                                     "lossy",     "leader",           "follower", "named",
                                                     "archive",   "journal",          "admin"};

ConsumerOptions options_of(Role role, Random& random) {
  const Wait wait = random.one_in(2) ? Wait::park : Wait::yield;
  const Read read = random.one_in(2) ? Read::automatic : Read::copy;
  const Start anywhere = random.one_in(2) ? Start::earliest : Start::latest;
  switch (role) {
    case Role::gate: return {.policy = Policy::gate, .start = anywhere, .read = read, .wait = wait};
    case Role::budget:
      return {.name = "budget",
              .policy = Policy::gate,
              .budget = std::chrono::nanoseconds(1 + random.below(5'000'000)),
              .wait = wait};
    case Role::lossy:
      return {.policy = Policy::lossy, .start = anywhere, .read = random.one_in(3) ? Read::in_place : read, .wait = wait};
    case Role::leader: return {.name = "leader", .policy = Policy::gate, .read = read, .wait = wait};
    case Role::follower:
      return {.policy = random.one_in(2) ? Policy::gate : Policy::lossy,
              .start = anywhere,
              .after = {"leader"},
              .read = read,
              .wait = wait};
    case Role::named: {
      const bool gates = random.one_in(2);
      return {.name = "named",
              .policy = gates ? Policy::gate : Policy::lossy,
              .gate_on_commit = gates && random.one_in(2),
              .read = read,
              .wait = wait};
    }
    default: return {.name = "archive", .policy = Policy::journal, .wait = wait};
  }
}

}  // namespace

const char* role_name(Role role) noexcept { return kRoleNames.at(static_cast<std::size_t>(role)); }

World::World(JournalRunBy run_by, std::string directory, bool syncs, Random& random)
    : run_by_(run_by), directory_(std::move(directory)), syncs_(syncs) {
  if (run_by_ == JournalRunBy::nobody) {
    create_ring(kRing, {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots});
  } else {
    JournalOptions options = journal(random);
    options.own_process = false;
    const Publisher first =
        Publisher::open(kRing, {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots, .journal = options});
  }
  // The leader is there before who comes after it; an archive has a cursor that retention waits for.
  for (const Role role : {Role::leader, Role::archive}) {
    if (has(role)) static_cast<void>(Consumer::attach(kRing, options_of(role, random)));
  }
}

bool World::has(Role role) const noexcept {
  if (role == Role::journal) return run_by_ == JournalRunBy::process;
  return role != Role::archive || run_by_ != JournalRunBy::nobody;
}

const Count& World::beats_of(Role role) noexcept {
  if (role == Role::publisher || role == Role::second_publisher) return board_->acknowledged;
  return board_of(role).beats;
}

JournalOptions World::journal(Random& random) const {
  if (run_by_ == JournalRunBy::nobody) return {};
  JournalOptions options{.directory = directory_,
                         .interval = std::chrono::nanoseconds(1'000'000 + random.below(9'000'000)),
                         .segment_bytes = std::uint64_t{256} << 10,
                         .keep_bytes = std::uint64_t{1} << 20,
                         .own_process = run_by_ == JournalRunBy::process};
  options.sync = syncs_ ? std::array{Sync::none, Sync::interval, Sync::every}.at(random.below(3)) : Sync::none;
  return options;
}

std::uint64_t World::slowest_archive() {
  if (run_by_ == JournalRunBy::nobody) return board_->acknowledged;
  return std::min<std::uint64_t>(board_of(Role::archive).committed, board_->witnesses.at(2).handled);
}

void World::live(Role role, std::uint64_t seed) {
  switch (role) {
    case Role::publisher:
    case Role::second_publisher: return publish(role, seed);
    case Role::admin: return administer(seed);
    case Role::journal: {
      Random random(seed);
      Count& phase = board_of(role).phase;
      phase = static_cast<std::uint64_t>(Phase::opening);
      return run_journal(kRing, journal(random), [&] {
        phase = static_cast<std::uint64_t>(Phase::running);
        ++board_of(Role::journal).beats;
        return false;
      });
    }
    default: return consume(role, seed);
  }
}

Publisher World::take_over(Random& random, Count& phase) {
  phase = static_cast<std::uint64_t>(Phase::opening);
  Publisher publisher = Publisher::open(kRing, {.standby = kForever, .journal = journal(random)});
  const std::uint64_t acknowledged = board_->acknowledged;
  require(publisher.next_sequence() > acknowledged && publisher.next_sequence() <= acknowledged + 1 + kLargestBatch,
          "a successor goes on at " + std::to_string(publisher.next_sequence()) + " after " + std::to_string(acknowledged));
  board_->acknowledged = publisher.next_sequence() - 1;  // two lives in a row may end before they acknowledge anything
  phase = static_cast<std::uint64_t>(Phase::running);
  return publisher;
}

void World::publish(Role role, std::uint64_t seed) {
  Random random(seed);
  Publisher publisher = take_over(random, board_of(role).phase);
  Source source(publisher, kShape, seed);
  for (;;) {
    for (std::uint64_t burst = random.below(3'000); burst > 0; --burst) board_->acknowledged = source.publish_somehow();
    while (board_->acknowledged > slowest_archive() + kLongestBacklog) breathe();
    if (random.one_in(3)) pass_ns(random.below(2'000'000));
  }
}

void World::consume(Role role, std::uint64_t seed) {
  Random random(seed);
  const ConsumerOptions options = options_of(role, random);
  RoleBoard& board = board_of(role);
  board.phase = static_cast<std::uint64_t>(Phase::opening);
  try {
    Consumer consumer = Consumer::attach(kRing, options);
    board.phase = static_cast<std::uint64_t>(Phase::running);
    Life(*this, role, board, role == Role::follower ? &board_of(Role::leader) : nullptr, options, consumer, seed).run();
  } catch (const Error& error) {
    // Its leader may have lost events while it was dead.
    if (role != Role::follower || error.code() != Code::followed_changed) throw;
    ++board_->breaks;
    ++board.beats;
  }
}

// Whoever looks after rings may meet others who do, and who were killed in the middle of it.
void World::administer(std::uint64_t seed) {
  Random random(seed);
  RoleBoard& board = board_of(Role::admin);
  board.phase = static_cast<std::uint64_t>(Phase::running);
  for (;; ++board.beats) administer_once(random);
}

void World::administer_once(Random& random) {
  const auto unless = [](const auto& action, std::initializer_list<Code> allowed) {
    if (const auto error = error_of(action); error && std::ranges::find(allowed, error->code()) == allowed.end())
      throw *error;
  };
  switch (random.below(5)) {
    case 0: {
      const std::uint64_t before = board_->acknowledged;
      const RingStat ring = stat_ring(kRing);
      const std::uint64_t after = board_->acknowledged + kLargestBatch;
      require(ring.newest_sequence >= before && ring.newest_sequence <= after,
              "stat says that " + std::to_string(ring.newest_sequence) + " is the newest event, and it is between " +
                  std::to_string(before) + " and " + std::to_string(after));
      require(ring.consumers.size() <= kSlots, "stat shows more consumers than there are slots");
      return;
    }
    case 1:
      if (board_->no_evictions != 0) return;
      return unless([] { evict_consumer(kRing, "budget"); }, {Code::not_found, Code::bad_option});
    case 2: {
      {
        Consumer passing = Consumer::attach(kRing, {.name = "passing", .policy = Policy::gate, .start = Start::earliest});
        Ledger ledger(kShape);
        static_cast<void>(passing.try_poll(ledger.handler(), 20));
      }
      return forget_consumer(kRing, "passing");
    }
    case 3: {
      Publisher scratch = Publisher::open(kScratch, {.capacity_bytes = kCapacityBytes, .consumer_slots = 1});
      scratch.publish("scratch");
      return;
    }
    default:
      require(std::ranges::count(list_rings(), std::string(kRing)) == 1, "the ring is not among the rings");
      return unless([] { remove_ring(kScratch); }, {Code::not_found});
  }
}

void World::witness(std::size_t which) {
  const bool archive = which == 2 && run_by_ != JournalRunBy::nobody;
  const std::array<ConsumerOptions, kWitnesses> all{ConsumerOptions{.name = "witness", .policy = Policy::gate},
                                                    ConsumerOptions{.policy = Policy::lossy, .start = Start::earliest},
                                                    archive ? ConsumerOptions{.name = "reader", .policy = Policy::journal}
                                                            : ConsumerOptions{.policy = Policy::gate, .after = {"witness"}}};
  RoleBoard& board = board_->witnesses.at(which);
  Consumer consumer = Consumer::attach(kRing, all.at(which));
  board.phase = static_cast<std::uint64_t>(Phase::running);
  const RoleBoard* const leader = all.at(which).after.empty() ? nullptr : board_->witnesses.data();
  Life(*this, Role::gate, board, leader, all.at(which), consumer, which).read_to_the_end();
}

void World::finish() {
  Random random(1);
  JournalOptions options = journal(random);
  options.own_process = false;  // whoever ran it before
  Publisher last = Publisher::open(kRing, {.journal = options});
  Source source(last, kShape, 1);
  for (int i = 0; i < 1'000; ++i) board_->acknowledged = source.publish_somehow();
  board_->published = last.next_sequence() - 1;
  last.close();
}

void World::check_remains() const {
  for (const ConsumerStat& left : stat_ring(kRing).consumers) {
    require(!left.alive, "consumer '" + left.name + "' is said to live");
    require(left.evictions == 0 || left.name == "budget", "consumer '" + left.name + "' was evicted");
  }
  static_cast<void>(Publisher::open(kScratch, {.capacity_bytes = kCapacityBytes, .consumer_slots = 1}));
  remove_ring(kScratch);
  remove_ring(kRing);
  for (const auto& left : std::filesystem::directory_iterator(ring_parent_directory()))
    fail("when all rings are removed there is still " + left.path().string());
}

}  // namespace ringbolt::scenario
