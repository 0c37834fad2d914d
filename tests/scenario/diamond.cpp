// Consumers that come after others: they see an event only when those are done with it, whoever is killed, and wait for
// nobody in a circle.
#include "scenario/support_stream.hpp"

#include <array>
#include <csignal>
#include <optional>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kEvents = 100'000;
constexpr std::uint64_t kDeaths = 30;
constexpr std::uint64_t kRaces = 200;
constexpr Shape kShape{.usual_bytes = 200};

struct Board {
  std::array<Count, 26> done;  // newest event that the consumer of this letter has handled
  std::array<Count, 26> attached;
  Count published;
  Count ready;
  Count go;
  Count won;
  Count lost;
};

class Diamond : public Scene {
 protected:
  static std::size_t index_of(const std::string& name) { return static_cast<std::size_t>(name.at(0) - 'a'); }
  Count& done(const std::string& name) { return board_->done.at(index_of(name)); }

  // Handles every event once those whom it comes after have handled it. Takes its time now and then.
  void consume(const ConsumerOptions& options, std::uint64_t seed) {
    Random random(seed);
    Consumer consumer = Consumer::attach("ring", options);
    ++board_->attached.at(index_of(options.name));
    Ledger ledger(kShape);
    const bool polls = random.one_in(2);
    const auto handle = [&](const Event& event) {
      for (const std::string& other : options.after) {
        if (done(other) < event.sequence)
          fail(options.name + " sees event " + std::to_string(event.sequence) + " before " + other);
      }
      ledger.event(event);
      if (random.one_in(1'000)) spend_ns(random.below(200'000));
      if (done(options.name) < event.sequence) done(options.name) = event.sequence;
    };
    const auto lose = [&](const Gap&) { fail(options.name + " lost events"); };
    Event event;
    while (!consumer.closed()) {
      if (polls) {
        if (consumer.try_poll(Handler{handle, lose}, 1 + random.below(100)).count == 0)
          static_cast<void>(consumer.wait_for(10ms));
      } else if (consumer.next_for(event, 10ms) == Status::ok) {
        handle(event);
        consumer.commit();
      }
    }
  }
  std::unique_ptr<Process> start_consumer(const std::string& name, const std::vector<std::string>& after,
                                          std::chrono::nanoseconds budget = 0ns) {
    const std::uint64_t before = board_->attached.at(index_of(name));
    const std::uint64_t its_seed = random().next();
    auto process = start(name, [&, its_seed] {
      consume({.name = name, .policy = Policy::gate, .budget = budget, .after = after}, its_seed);
    });
    await("a consumer to attach", [&] { return board_->attached.at(index_of(name)) > before; });
    return process;
  }
  static ConsumerStat stat_of(const std::string& name) {
    for (const ConsumerStat& consumer : stat_ring("ring").consumers) {
      if (consumer.name == name) return consumer;
    }
    fail("there is no consumer " + name);
  }
  // Attaches and leaves, so that the name is known.
  static void introduce(const std::string& name) {
    static_cast<void>(Consumer::attach("ring", {.name = name, .policy = Policy::gate}));
  }

  Shared<Board> board_;
};

// a and b read for themselves, c comes after both, d after c. Each is killed at random instants and started again.
TEST_F(Diamond, NobodySeesAnEventBeforeThoseWhomItComesAfter) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  struct Role {
    std::string name;
    std::vector<std::string> after;
    std::unique_ptr<Process> process;
  };
  std::vector<Role> roles;
  roles.push_back({"a", {}, {}});
  roles.push_back({"b", {}, {}});
  roles.push_back({"c", {"a", "b"}, {}});
  roles.push_back({"d", {"c"}, {}});
  for (Role& role : roles) role.process = start_consumer(role.name, role.after);
  const auto publisher = start("publisher", [&] {
    Publisher mine = Publisher::open("ring");
    Source source(mine, kShape, seed());
    // d gates in the end, and what a dead one has not seen is kept for d.
    while (mine.next_sequence() <= kEvents) source.publish();
    board_->published = mine.next_sequence() - 1;
    mine.close();
  });
  std::uint64_t deaths = 0;
  for (; another(deaths, kDeaths) && board_->published == 0; ++deaths) {
    Role& victim = roles[random().below(roles.size() - 1)];  // not d, which holds the events that the others need
    const std::uint64_t until = now_ns() + random().below(5'000'000);
    await("the instant of death", [&] { return now_ns() >= until || victim.process->ended(); });
    if (victim.process->ended()) break;
    victim.process->send(SIGKILL);
    if (const int status = victim.process->wait(); status != -SIGKILL) {  // it reached the end at this moment
      EXPECT_EQ(status, 0) << victim.name;
      victim.process.reset();
      break;
    }
    victim.process = start_consumer(victim.name, victim.after);
  }
  for (const Role& role : roles) {
    if (role.process) {
      await("the consumers to reach the end", [&] { return role.process->ended(); });
      role.process->finish();
    }
    EXPECT_EQ(done(role.name), board_->published) << role.name;
  }
  publisher->finish();
  EXPECT_GE(deaths, 5U);
}

TEST_F(Diamond, WaitsWhileTheOneBeforeItIsDeadAndStatSaysForWhom) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
  Source source(publisher, kShape, seed());
  auto a = start_consumer("a", {});
  const auto b = start_consumer("b", {});
  const auto c = start_consumer("c", {"a", "b"});
  for (std::uint64_t round = 0; another(round, 5); ++round) {
    for (int i = 0; i < 1'000; ++i) source.publish();
    await("c to catch up", [&] { return done("c") == publisher.next_sequence() - 1; });
    EXPECT_EQ(stat_of("c").waits_for, "");
    a->die();
    for (int i = 0; i < 100; ++i) source.publish();
    await("b to catch up", [&] { return done("b") == publisher.next_sequence() - 1; });
    EXPECT_EQ(done("c"), publisher.next_sequence() - 101);
    EXPECT_EQ(stat_of("c").waits_for, "a");
    while (source.try_publish()) {
    }
    EXPECT_EQ(source.publish_for(20ms).status, Status::timed_out) << "c gates, and waits for a";
    EXPECT_EQ(done("c"), done("a"));
    a = start_consumer("a", {});
    await("c to catch up", [&] { return done("c") == publisher.next_sequence() - 1; });
  }
  publisher.close();
  for (const auto* process : {a.get(), b.get(), c.get()}) await("the end", [&] { return process->ended(); });
}

// Its budget is its promise to the publisher, whomever it waits for.
TEST_F(Diamond, ABudgetHoldsAlsoWhileTheOneBeforeItIsDead) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
  Source source(publisher, kShape, seed());
  const auto a = start_consumer("a", {});
  const auto b = start("b", [&] {
    Consumer consumer = Consumer::attach("ring", {.name = "b", .policy = Policy::gate, .budget = 20ms, .after = {"a"}});
    ++board_->ready;
    Event event;
    Status status = Status::empty;
    while (status != Status::evicted) {
      status = consumer.next_for(event, 10ms);
      if (status == Status::ok) consumer.commit();
    }
  });
  await("b", [&] { return board_->ready == 1; });
  for (int i = 0; i < 1'000; ++i) source.publish();
  a->die();
  const std::uint64_t last = publisher.next_sequence() + 2'000;
  while (publisher.next_sequence() < last) source.publish();
  await("b to be told that it was evicted", [&] { return b->ended(); });
  b->finish();
  EXPECT_GE(stat_of("b").evictions, 1U);
}

TEST_F(Diamond, ACircleIsRefused) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const auto attach = [](const std::string& name, std::vector<std::string> after) {
    return Consumer::attach("ring", {.name = name, .policy = Policy::gate, .after = std::move(after)});
  };
  introduce("a");
  introduce("b");
  const Consumer b = attach("b", {"a"});
  const Consumer c = attach("c", {"b"});
  try {
    static_cast<void>(attach("a", {"c"}));
    FAIL() << "a waits for c, which waits for b, which waits for a";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::cycle) << error.what();
  }
  static_cast<void>(attach("a", {}));
}

// Each of three would come after the next one; the last to try would close the circle. Never do all get in.
TEST_F(Diamond, AttachesThatRaceToCloseACircleNeverAllGetIn) {
  constexpr std::uint64_t racers = 3;
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const std::array<std::string, racers> names{"a", "b", "c"};
  for (const std::string& name : names) introduce(name);
  for (std::uint64_t race = 0; another(race, kRaces); ++race) {
    for (Count* count : {&board_->ready, &board_->go, &board_->won, &board_->lost}) *count = 0;
    std::vector<std::unique_ptr<Process>> processes;
    for (std::uint64_t i = 0; i < racers; ++i) {
      processes.push_back(start("racer", [&, i] {
        ++board_->ready;
        while (board_->go == 0) core::spin_hint();
        try {
          const Consumer consumer =
              Consumer::attach("ring", {.name = names.at(i), .policy = Policy::gate, .after = {names.at((i + 1) % racers)}});
          ++board_->won;
          await("the others", [&] { return board_->won + board_->lost == racers; });
        } catch (const Error& error) {
          require(error.code() == Code::cycle, error.what());
          ++board_->lost;
        }
      }));
    }
    await("the racers", [&] { return board_->ready == racers; });
    board_->go = 1;
    for (const auto& process : processes) {
      await("the race to end", [&] { return process->ended(); });
      process->finish();
    }
    ASSERT_EQ(board_->won, racers - 1);
  }
}

}  // namespace
}  // namespace ringbolt::scenario
