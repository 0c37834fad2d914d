// Consumers come, go and die without end: slots are used again, and names keep their cursors.
#include <array>
#include <optional>

#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint32_t kSlots = 8;
constexpr std::uint64_t kDeaths = 150;
constexpr Shape kShape{.usual_bytes = 100};

struct Board {
  std::array<Count, kSlots> attached;  // times, by each worker
  Count over;
};

std::optional<Code> code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

class Churn : public Scene {
 protected:
  // Attaches in every way, reads a little and leaves, until it is killed.
  void come_and_go(std::uint64_t worker, std::uint64_t seed, bool may_have_a_name) {
    Random random(seed);
    while (board_->over == 0) {
      ConsumerOptions options{.policy = random.one_in(2) ? Policy::gate : Policy::lossy};
      if (may_have_a_name && random.one_in(2)) options.name = "worker-" + std::to_string(worker);
      if (random.one_in(2)) options.start = Start::earliest;
      Consumer consumer = Consumer::attach("ring", options);
      ++board_->attached.at(worker);
      Ledger ledger(kShape);
      for (std::uint64_t polls = random.below(5); polls > 0; --polls) ledger.read_some(consumer, 50);
    }
  }
  std::unique_ptr<Process> start_publisher() {
    return start("publisher", [&] {
      Publisher publisher = Publisher::open("ring");
      Source source(publisher, kShape, seed());
      while (board_->over == 0) source.publish();
    });
  }
  // Workers that are killed and replaced, so many times in all.
  void kill_workers(std::uint64_t workers, std::uint64_t deaths, bool may_have_a_name) {
    std::vector<std::unique_ptr<Process>> all(workers);
    const auto start_worker = [&](std::uint64_t worker) {
      const std::uint64_t worker_seed = random().next();
      all[worker] = start("worker", [&] { come_and_go(worker, worker_seed, may_have_a_name); });
    };
    for (std::uint64_t worker = 0; worker < workers; ++worker) start_worker(worker);
    for (std::uint64_t death = 0; another(death, deaths); ++death) {
      const std::uint64_t until = now_ns() + random().below(3'000'000);
      await("the instant of death", [&] { return now_ns() >= until; });
      const std::uint64_t worker = random().below(workers);
      all[worker]->die();
      start_worker(worker);
    }
    for (std::uint64_t worker = 0; worker < workers; ++worker) {
      await("each worker to attach",
            [&, before = board_->attached.at(worker).load()] { return board_->attached.at(worker) > before; });
      all[worker]->die();
    }
  }

  Shared<Board> board_;
};

// As many workers as there are slots: never are all the others live, so there is always one to be had.
TEST_F(Churn, SlotsOfTheDeadAreUsedAgain) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes, .consumer_slots = kSlots});
  const auto publisher = start_publisher();
  kill_workers(kSlots, kDeaths, true);
  board_->over = 1;
  publisher->finish();
  for (const ConsumerStat& left : stat_ring("ring").consumers) EXPECT_FALSE(left.alive) << left.name;
}

TEST_F(Churn, TheRegistryIsFullOnlyWhileAllOwnersLive) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes, .consumer_slots = kSlots});
  Shared<Count> attached;
  const auto attach = [&](const std::string& name) {
    const std::uint64_t before = *attached;
    auto process = start("consumer", [&] {
      const Consumer consumer = Consumer::attach("ring", {.name = name, .policy = Policy::gate});
      ++*attached;
      await("the end", [] { return false; });
    });
    await("a consumer to attach", [&] { return *attached > before; });
    return process;
  };
  std::vector<std::unique_ptr<Process>> consumers;
  for (std::uint32_t i = 0; i < kSlots; ++i) consumers.push_back(attach(i % 2 == 0 ? "" : "name-" + std::to_string(i)));
  for (std::uint64_t round = 0; another(round, 20); ++round) {
    auto& victim = consumers[random().below(kSlots)];
    victim->stop();  // which is not death
    EXPECT_EQ(code_of([] { static_cast<void>(Consumer::attach("ring")); }), Code::registry_full);
    victim->die();
    victim = attach(round % 2 == 0 ? "" : "later-" + std::to_string(round));
  }
}

TEST_F(Churn, ANameKeepsItsCursorUntilItIsForgotten) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes, .consumer_slots = kSlots});
  Source source(publisher, kShape, seed());
  for (int i = 0; i < 100; ++i) source.publish();
  const auto keeper = start("keeper", [&] {
    Consumer consumer = Consumer::attach("ring", {.name = "keeper", .policy = Policy::gate});
    Ledger ledger(kShape, 1);
    for (Event event; ledger.next() <= 42; ledger.event(event)) require(consumer.try_next(event) == Status::ok, "no event");
    consumer.commit(40);
    await("the end", [] { return false; });
  });
  await("the commit", [] {
    const RingStat ring = stat_ring("ring");
    return !ring.consumers.empty() && ring.consumers.front().cursor_sequence == 40;
  });
  keeper->die();
  kill_workers(kSlots - 2, 50, false);
  {
    Consumer again = Consumer::attach("ring", {.name = "keeper", .policy = Policy::gate});
    EXPECT_EQ(again.next_sequence(), 41U);
  }
  forget_consumer("ring", "keeper");
  EXPECT_EQ(Consumer::attach("ring", {.name = "keeper", .policy = Policy::gate}).next_sequence(), 1U);
}

// With every slot taken by a name that is away, the one that has been away for longest gives way.
TEST_F(Churn, TheNameThatHasBeenAwayForLongestGivesWay) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes, .consumer_slots = kSlots});
  Source source(publisher, kShape, seed());
  for (int i = 0; i < 10; ++i) source.publish();
  const auto use = [](const std::string& name) {
    Consumer consumer = Consumer::attach("ring", {.name = name});
    const std::uint64_t next = consumer.next_sequence();
    Event event;
    require(consumer.try_next(event) == Status::ok, "no event");
    consumer.commit();
    return next;
  };
  for (std::uint32_t i = 0; i < kSlots; ++i) EXPECT_EQ(use("name-" + std::to_string(i)), 1U);
  EXPECT_EQ(use("name-0"), 2U);    // now `name-1` has been away for longest
  EXPECT_EQ(use("newcomer"), 1U);  // and gives way
  EXPECT_EQ(use("name-0"), 3U);
  EXPECT_EQ(use("name-1"), 1U);  // in the place of `name-2`
  EXPECT_EQ(use("name-7"), 2U);
}

}  // namespace
}  // namespace ringbolt::scenario
