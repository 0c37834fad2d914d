// Killed while it creates a ring, or removes one: nobody ever sees half of it, and the next creation cleans up.
#include <dirent.h>
#include <signal.h>

#include <filesystem>

#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kDeaths = 200;

struct Board {
  Count over;
  Count seen;      // times that a whole ring was found
  Count not_seen;  // times that there was none
  Count began;
  Count took_ns;
};

class Creation : public Scene {
 protected:
  // Everything that lies in the rings' directory, hidden or not.
  [[nodiscard]] std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory())) names.push_back(entry.path().filename());
    return names;
  }
  // Looks at the ring in every way, all the time: it is there, whole, or it is not there.
  std::unique_ptr<Process> start_watcher() {
    return start("watcher", [&] {
      while (board_->over == 0) {
        look([] { static_cast<void>(stat_ring("ring")); });
        look([] { static_cast<void>(Consumer::attach("ring")); });
        look([] { static_cast<void>(Consumer::attach("ring", {.policy = Policy::gate, .start = Start::earliest})); });
        for (const std::string& name : list_rings()) require(name == "ring", "there is a ring " + name);
      }
    });
  }
  template <class Look>
  void look(Look action) {
    try {
      action();
      ++board_->seen;
    } catch (const Error& error) {
      // Between two of its looks a ring may vanish.
      require(error.code() == Code::not_found || error.code() == Code::removed, error.what());
      ++board_->not_seen;
    }
  }
  // Runs `action` in a process and kills it at a random instant, up to a little later than it usually takes.
  template <class Action>
  void kill_during(const char* name, Action action) {
    board_->began = 0;
    const auto process = start(name, [&] {
      board_->began = now_ns();
      action();
      board_->took_ns = std::min<std::uint64_t>(now_ns() - board_->began, 2'000'000);
      await("death", [] { return false; });
    });
    while (board_->began == 0) core::spin_hint();
    spend_ns(random().below(board_->took_ns + board_->took_ns / 8));
    process->die();
  }

  Shared<Board> board_;
};

TEST_F(Creation, KilledAtAnyInstantLeavesAWholeRingOrNone) {
  const auto watcher = start_watcher();
  board_->took_ns = 1'000'000;
  std::uint64_t survived = 0;
  std::uint64_t left_behind = 0;
  for (std::uint64_t death = 0; another(death, kDeaths); ++death) {
    kill_during("publisher", [] {
      Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
      publisher.publish("killed soon");
      spend_ns(20'000);
    });
    survived += list_rings().size();
    left_behind += entries().size() - list_rings().size();
    {
      Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
      publisher.publish("lives");
      Consumer consumer =
          Consumer::attach("ring", {.policy = Policy::gate, .start = Start::at(publisher.next_sequence() - 1)});
      EXPECT_EQ(consumer.poll([](const Event& event) { EXPECT_EQ(event.text(), "lives"); }), 1U);
      EXPECT_EQ(entries(), std::vector<std::string>{"ring"}) << "what the dead one left was not swept away";
    }
    remove_ring("ring");
    EXPECT_TRUE(entries().empty());
  }
  board_->over = 1;
  watcher->finish();
  EXPECT_GT(survived, 0U);
  EXPECT_GT(left_behind, 0U) << "it was never killed in the middle";
  EXPECT_GT(board_->seen, 0U);
  EXPECT_GT(board_->not_seen, 0U);
}

TEST_F(Creation, ARemovalThatIsKilledLeavesAWholeRingOrNone) {
  const auto watcher = start_watcher();
  board_->took_ns = 1'000'000;
  std::uint64_t survived = 0;
  std::uint64_t death = 0;
  for (; another(death, kDeaths / 2); ++death) {
    create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
    kill_during("remover", [] {
      remove_ring("ring");
      spend_ns(20'000);
    });
    survived += list_rings().size();
    Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
    EXPECT_EQ(publisher.publish("lives"), 1U);
    remove_ring("ring", true);
    EXPECT_TRUE(entries().empty());
  }
  board_->over = 1;
  watcher->finish();
  EXPECT_GT(survived, 0U);
  EXPECT_LT(survived, death);
}

}  // namespace
}  // namespace ringbolt::scenario
