// Who may publish, and who may use a name: one at a time, decided by the kernel, whoever dies or stops.
#include <signal.h>
#include <unistd.h>

#include "scenario/support_stream.hpp"

#include <optional>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kRaces = 200;
constexpr std::uint64_t kRacers = 4;
constexpr std::uint64_t kSuccessions = 20;

struct Board {
  Count standing_by;
  Count opened;  // pid of the newest publisher
  Count deaths;
  // A race.
  Count ready;
  Count go;
  Count won;
  Count winner;  // pid
  Count refused;
  Count named_the_winner;  // refusals that did
  Count over;
};

bool names(const Error& error, std::uint64_t pid) {
  return std::string(error.what()).find("process " + std::to_string(pid)) != std::string::npos;
}

class Succession : public Scene {
 protected:
  // Some processes open or attach at the same moment, and those who can keep what they got until all have tried.
  template <class Open>
  void race(Open open) {
    Board& board = *board_;
    for (Count* count : {&board.ready, &board.go, &board.won, &board.winner, &board.refused, &board.over}) *count = 0;
    std::vector<std::unique_ptr<Process>> racers;
    for (std::uint64_t i = 0; i < kRacers; ++i) {
      racers.push_back(start("racer", [&] {
        ++board.ready;
        while (board.go == 0) core::spin_hint();
        try {
          const auto held = open();
          ++board.won;
          board.winner = static_cast<std::uint64_t>(::getpid());
          await("the others", [&] { return board.won + board.refused == kRacers; });
        } catch (const Error& error) {
          require(error.code() == Code::in_use, error.what());
          ++board.refused;
          await("the winner", [&] { return board.winner != 0; });
          if (names(error, board.winner)) ++board.named_the_winner;
        }
      }));
    }
    await("the racers", [&] { return board.ready == kRacers; });
    board.go = 1;
    for (const auto& racer : racers) {
      await("the race to end", [&] { return racer->ended(); });
      racer->finish();
    }
    ASSERT_EQ(board.won, 1U);
    ASSERT_EQ(board.refused, kRacers - 1);
  }

  Shared<Board> board_;
};

TEST_F(Succession, ExactlyOneOfFourWinsARaceToCreate) {
  for (std::uint64_t i = 0; another(i, kRaces / 2); ++i) {
    race([] { return Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes}); });
    remove_ring("ring");
  }
}

TEST_F(Succession, ExactlyOneOfFourWinsARaceToTakeOver) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  std::uint64_t races = 0;
  for (; another(races, kRaces / 2); ++races) {
    race([] { return Publisher::open("ring"); });
  }
  EXPECT_EQ(stat_ring("ring").epoch, races);
}

TEST_F(Succession, ExactlyOneOfFourGetsAName) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  std::uint64_t races = 0;
  for (; another(races, kRaces); ++races) {
    race([&] {
      return Consumer::attach("ring", {.name = "billing", .policy = races % 2 == 0 ? Policy::gate : Policy::lossy});
    });
  }
  EXPECT_EQ(stat_ring("ring").consumers.size(), 1U);
}

TEST_F(Succession, RefusesASecondPublisherAndSaysWhoTheFirstIs) {
  const auto first = start("publisher", [&] {
    const Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
    board_->opened = static_cast<std::uint64_t>(::getpid());
    await("the end", [] { return false; });
  });
  await("the first publisher", [&] { return board_->opened != 0; });
  for (const bool stopped : {false, true}) {
    if (stopped) first->stop();  // not dead: nobody takes its place
    for (const auto standby : {0ms, 20ms}) {
      const auto refusal = error_of([&] { static_cast<void>(Publisher::open("ring", {.standby = standby})); });
      ASSERT_TRUE(refusal);
      EXPECT_EQ(refusal->code(), Code::in_use);
      EXPECT_TRUE(names(*refusal, static_cast<std::uint64_t>(first->pid()))) << refusal->what();
      EXPECT_TRUE(stat_ring("ring").publisher_alive);
    }
  }
  first->die();
  EXPECT_FALSE(stat_ring("ring").publisher_alive);
  EXPECT_EQ(Publisher::open("ring").epoch(), 2U);
}

TEST_F(Succession, RefusesASecondConsumerOfANameAndSaysWhoTheFirstIs) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    board_->ready = 0;
    const auto first = start("consumer", [&] {
      const Consumer consumer = Consumer::attach("ring", {.name = "billing", .policy = policy});
      ++board_->ready;
      await("the end", [] { return false; });
    });
    await("the first consumer", [&] { return board_->ready != 0; });
    for (const bool stopped : {false, true}) {
      if (stopped) first->stop();
      const auto refusal = error_of([&] { static_cast<void>(Consumer::attach("ring", {.name = "billing"})); });
      ASSERT_TRUE(refusal);
      EXPECT_EQ(refusal->code(), Code::in_use);
      EXPECT_TRUE(names(*refusal, static_cast<std::uint64_t>(first->pid()))) << refusal->what();
    }
    first->die();
    EXPECT_EQ(error_of([&] { static_cast<void>(Consumer::attach("ring", {.name = "billing"})); }), std::nullopt);
  }
}

// Two wait for the lease; each time the publisher is killed one of them goes on, and a new one lines up.
TEST_F(Succession, AStandbyTakesOverFromAKilledPublisher) {
  const Shape shape{.usual_bytes = 300};
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const auto publish = [&] {
    ++board_->standing_by;
    Publisher publisher = Publisher::open("ring", {.standby = kForever});
    board_->opened = static_cast<std::uint64_t>(::getpid());
    Source source(publisher, shape, seed());
    while (board_->over == 0) source.publish_somehow();
    publisher.close();
  };
  const auto consumer = start("consumer", [&] {
    Consumer mine = Consumer::attach("ring", {.policy = Policy::gate});
    ++board_->ready;
    Ledger ledger(shape, 1);
    ledger.read_to_the_end(mine);
    require(ledger.lost() == 0, "a gating consumer lost events");
  });
  await("the consumer", [&] { return board_->ready != 0; });

  std::vector<std::unique_ptr<Process>> publishers;
  const auto line_up = [&] {
    const std::uint64_t before = board_->standing_by;
    publishers.push_back(start("publisher", publish));
    await("a standby to line up", [&] { return board_->standing_by > before; });
  };
  line_up();
  line_up();
  for (std::uint64_t i = 0; another(i, kSuccessions); ++i) {
    await("a publisher", [&] { return board_->opened != 0; });
    line_up();
    const auto publisher = std::ranges::find_if(
        publishers, [&](const auto& process) { return static_cast<std::uint64_t>(process->pid()) == board_->opened; });
    ASSERT_NE(publisher, publishers.end());
    pass_ns(random().below(2'000'000));
    board_->opened = 0;
    (*publisher)->die();
    publishers.erase(publisher);
  }
  await("a publisher", [&] { return board_->opened != 0; });
  board_->over = 1;
  for (const auto& publisher : publishers) {
    await("the publishers to end", [&] { return publisher->ended(); });
    publisher->finish();
  }
  await("the consumer to end", [&] { return consumer->ended(); });
  consumer->finish();
}

}  // namespace
}  // namespace ringbolt::scenario
