// Consumers that come after others, each in a process of its own: shipping after risk and audit.
#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

class Following : public Scene {
 protected:
  struct Board {
    Count ready;
    Count risk;      // last event that it is done with, before it commits
    Count audit;     // the same
    Count shipping;  // last event that it received
  };
  static constexpr std::uint64_t kEvents = 100'000;

  // A leader: works on each event, notes that it is done, commits by the batch.
  void lead(const std::string& name, Count& done, std::uint64_t seed) {
    Consumer consumer = Consumer::attach("ring", {.name = name, .policy = Policy::gate});
    ++board_->ready;
    Random random(seed);
    while (consumer.wait_for(kForever) == Status::ok) {
      consumer.poll(
          [&](const Event& event) {
            if (random.one_in(1'000)) spend_ns(random.below(200'000));
            done = event.sequence;
          },
          1 + random.below(256));
    }
  }
  // The follower: whatever it receives, both leaders are done with.
  void follow() {
    Consumer consumer = Consumer::attach("ring", {.name = "shipping", .policy = Policy::gate, .after = {"risk", "audit"}});
    ++board_->ready;
    Ledger ledger(shape_, consumer.next_sequence());
    while (consumer.wait_for(kForever) == Status::ok) {
      consumer.poll([&](const Event& event) {
        require(board_->risk >= event.sequence && board_->audit >= event.sequence,
                "event " + std::to_string(event.sequence) + " came before its leaders were done with it");
        ledger.event(event);
        board_->shipping = event.sequence;
      });
    }
  }
  [[nodiscard]] std::string waits_for() {
    for (const ConsumerStat& consumer : stat_ring("ring").consumers) {
      if (consumer.name == "shipping") return consumer.waits_for;
    }
    return "nobody: it is not there";
  }

  Shape shape_{.usual_bytes = 60};
  Shared<Board> board_;
};

TEST_F(Following, AnEventIsSeenOnlyWhenAllLeadersHaveCommittedIt) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
  Source source(publisher, shape_, seed());
  const auto risk = start("risk", [&] { lead("risk", board_->risk, seed()); });
  const auto audit = start("audit", [&] { lead("audit", board_->audit, seed() + 1); });
  await("the leaders to attach", [&] { return board_->ready == 2; });
  const auto shipping = start("shipping", [&] { follow(); });
  await("the follower to attach", [&] { return board_->ready == 3; });
  while (publisher.next_sequence() <= kEvents) source.publish();
  publisher.close();
  risk->finish();
  audit->finish();
  shipping->finish();
  EXPECT_EQ(board_->shipping, publisher.next_sequence() - 1);
}

TEST_F(Following, WhileALeaderIsDeadTheFollowerWaitsAndGoesOnWithItsSuccessor) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = 1 << 20});
  Source source(publisher, shape_, seed());
  auto risk = start("risk", [&] { lead("risk", board_->risk, seed()); });
  const auto audit = start("audit", [&] { lead("audit", board_->audit, seed() + 1); });
  await("the leaders to attach", [&] { return board_->ready == 2; });
  const auto shipping = start("shipping", [&] { follow(); });
  await("the follower to attach", [&] { return board_->ready == 3; });
  for (std::uint64_t round = 0; another(round, 30); ++round) {
    for (int i = 0; i < 500; ++i) source.publish();
    spend_ns(random().below(2'000'000));
    risk->die();
    const std::uint64_t reached = board_->risk;
    for (int i = 0; i < 500; ++i) source.publish();
    await("the other leader to go on", [&] { return board_->audit == publisher.next_sequence() - 1; });
    await("stat to say for whom it waits", [&] { return waits_for() == "risk"; });
    EXPECT_LE(board_->shipping, reached);
    board_->ready = 0;
    risk = start("risk", [&] { lead("risk", board_->risk, seed()); });
    await("the follower to catch up", [&] { return board_->shipping == publisher.next_sequence() - 1; });
    EXPECT_EQ(waits_for(), "");
  }
  publisher.close();
  risk->finish();
  audit->finish();
  shipping->finish();
}

TEST_F(Following, AFollowerIsToldWhenItsLeaderSkipsEvents) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = 1 << 20});
  auto leader = std::make_unique<Consumer>(Consumer::attach("ring", {.name = "a", .policy = Policy::gate}));
  Consumer follower = Consumer::attach("ring", {.name = "b", .policy = Policy::gate, .after = {"a"}});
  for (int i = 0; i < 10; ++i) publisher.publish("x");
  EXPECT_EQ(leader->poll([](const Event&) {}, 3), 3U);
  EXPECT_EQ(follower.poll([](const Event&) {}), 3U);
  leader.reset();
  leader =
      std::make_unique<Consumer>(Consumer::attach("ring", {.name = "a", .policy = Policy::gate, .start = Start::latest}));
  try {
    follower.poll([](const Event&) {});
    ADD_FAILURE() << "it was not told";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::followed_changed);
  }
}

TEST_F(Following, TwoThatWouldWaitForEachOtherNeverBothAttach) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
  for (std::uint64_t round = 0; another(round, 100); ++round) {
    for (const char* name : {"a", "b"}) static_cast<void>(Consumer::attach("ring", {.name = name, .policy = Policy::gate}));
    Shared<Board> outcome;
    const auto attach = [&](const char* name, const char* other) {
      return start(name, [&outcome, name, other] {
        ++outcome->ready;
        while (outcome->ready != 2) core::spin_hint();
        try {
          const Consumer consumer = Consumer::attach("ring", {.name = name, .policy = Policy::gate, .after = {other}});
          ++outcome->risk;  // attached
          while (outcome->risk + outcome->audit != 2) core::spin_hint();
        } catch (const Error& error) {
          require(error.code() == Code::cycle, error.what());
          ++outcome->audit;  // refused
        }
      });
    };
    const auto first = attach("a", "b");
    const auto second = attach("b", "a");
    first->finish();
    second->finish();
    EXPECT_EQ(outcome->risk, 1U);
    EXPECT_EQ(outcome->audit, 1U);
  }
}

}  // namespace
}  // namespace ringbolt::scenario
