// What a publisher does while a gating consumer stands still: it waits, as long as the consumer's budget allows; and what
// it does when the consumer is dead: it goes on.
#include <signal.h>

#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr Shape kShape{.usual_bytes = 500};

struct Board {
  Count attached;
  Count received;  // by the consumer
  Count lost;      // that it was told of
  Count evictions;
  Count next;  // that it expects
  Count over;
};

class StandingStill : public Scene {
 protected:
  StandingStill()
      : publisher_(Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes})),
        source_(publisher_, kShape, seed()) {}

  // A gating consumer that reads everything and writes down how far it is.
  std::unique_ptr<Process> start_consumer(const ConsumerOptions& options) {
    board_->attached = 0;
    auto process = start("consumer", [this, options] {
      Consumer consumer = Consumer::attach("ring", options);
      board_->attached = 1;
      Ledger ledger(kShape);
      while (ledger.read_some(consumer)) {
        board_->received = ledger.received();
        board_->lost = ledger.lost();
        board_->evictions = ledger.evictions();
        board_->next = ledger.next();
      }
      require(consumer.counters().evictions == ledger.evictions(), "a consumer counts other evictions than it reported");
    });
    await("the consumer to attach", [&] { return board_->attached != 0; });
    return process;
  }
  ConsumerStat stat_consumer() {
    const RingStat ring = stat_ring("ring");
    require(ring.consumers.size() == 1, "there is not one consumer");
    return ring.consumers.front();
  }
  void publish(std::uint64_t events) {
    for (std::uint64_t i = 0; i < events; ++i) source_.publish();
  }
  void publish_until_full() {
    PublishResult result;
    do {
      result = source_.try_publish();
    } while (result);
    EXPECT_EQ(result.status, Status::full);
  }
  void await_caught_up() {
    await("the consumer to read everything", [&] { return board_->next == publisher_.next_sequence(); });
  }

  Shared<Board> board_;
  Publisher publisher_;
  Source source_;
};

TEST_F(StandingStill, ThePublisherWaitsForAStoppedConsumer) {
  const auto consumer = start_consumer({.name = "billing", .policy = Policy::gate});
  for (std::uint64_t round = 0; another(round, 3); ++round) {
    publish(5'000);
    consumer->stop();
    publish_until_full();
    EXPECT_EQ(source_.publish_for(50ms).status, Status::timed_out);
    EXPECT_EQ(source_.try_publish().status, Status::full);
    const ConsumerStat stopped = stat_consumer();
    EXPECT_TRUE(stopped.alive);
    EXPECT_EQ(stopped.state, "gating");
    EXPECT_GE(stopped.blocked_count, round + 1);
    EXPECT_GE(stopped.blocked_ns, (round + 1) * 45'000'000);
    consumer->go_on();
    publish(5'000);
    await_caught_up();
  }
  EXPECT_EQ(board_->lost, 0U);
  EXPECT_EQ(board_->evictions, 0U);
  publisher_.close();
  consumer->finish();
}

TEST_F(StandingStill, ThePublisherGoesOnAfterTheBudgetAndTheConsumerIsToldWhatItLost) {
  const auto consumer = start_consumer({.name = "billing", .policy = Policy::gate, .budget = 50ms});
  for (std::uint64_t round = 1; another(round, 4); ++round) {
    publish(1'000 + random().below(1'000));
    if (round % 2 == 0) await_caught_up();  // otherwise it is stopped while it reads
    const std::uint64_t lost_before = board_->lost;
    consumer->stop();
    publish_until_full();
    const std::uint64_t blocked = now_ns();
    EXPECT_TRUE(source_.publish_for(20s));
    EXPECT_GE(now_ns() - blocked, 40'000'000U) << "it did not wait for the budget";
    EXPECT_EQ(stat_consumer().state, "evicted");
    publish(2'000);  // more than the ring holds
    EXPECT_EQ(stat_consumer().evictions, round);
    consumer->go_on();
    await_caught_up();
    EXPECT_EQ(board_->evictions, round);
    EXPECT_GE(board_->lost, lost_before + 1'000);
    EXPECT_EQ(board_->received + board_->lost, publisher_.next_sequence() - 1);
    EXPECT_EQ(stat_consumer().gap_events, board_->lost);
    // It gates again.
    EXPECT_EQ(stat_consumer().state, "gating");
  }
  consumer->stop();
  publish_until_full();
  consumer->go_on();
  publish(1'000);
  publisher_.close();
  consumer->finish();
}

TEST_F(StandingStill, AConsumerThatGoesOnBeforeItsBudgetIsSpentLosesNothing) {
  const auto consumer = start_consumer({.policy = Policy::gate, .budget = 5s});
  for (std::uint64_t round = 0; another(round, 20); ++round) {
    consumer->stop();
    publish_until_full();
    EXPECT_EQ(source_.publish_for(1ms).status, Status::timed_out);
    consumer->go_on();
    publish(1'000);
  }
  await_caught_up();
  EXPECT_EQ(board_->lost, 0U);
  EXPECT_EQ(board_->evictions, 0U);
  publisher_.close();
  consumer->finish();
}

// An eviction that is over before anything was overwritten loses nothing and is reported all the same.
TEST_F(StandingStill, AnEvictionFromOutsideIsReportedEvenIfNothingIsLost) {
  const auto consumer = start_consumer({.name = "billing", .policy = Policy::gate, .budget = 50ms});
  publish(10);
  await_caught_up();
  consumer->stop();
  evict_consumer("ring", "billing");
  publish(10);
  consumer->go_on();
  await_caught_up();
  EXPECT_EQ(board_->evictions, 1U);
  EXPECT_EQ(board_->lost, 0U);
  EXPECT_EQ(stat_consumer().state, "gating");
  publisher_.close();
  consumer->finish();
}

TEST_F(StandingStill, ThePublisherGoesOnWhenAGatingConsumerIsKilled) {
  for (std::uint64_t round = 0; another(round, 20); ++round) {
    const bool named = round % 2 == 0;
    const bool stopped = round % 4 < 2;
    const auto consumer = start_consumer({.name = named ? "billing" : "", .policy = Policy::gate});
    publish(2'000);
    if (stopped) {
      consumer->stop();
      publish_until_full();
    }
    consumer->die();
    publish(2'000);
    const RingStat ring = stat_ring("ring");
    ASSERT_LE(ring.consumers.size(), 1U);
    for (const ConsumerStat& left : ring.consumers) EXPECT_FALSE(left.alive);
  }
}

// Killed while the publisher is asleep, waiting for it.
TEST_F(StandingStill, ASleepingPublisherNoticesThatTheConsumerInItsWayIsDead) {
  for (std::uint64_t round = 0; another(round, 10); ++round) {
    const auto consumer = start_consumer({.policy = Policy::gate});
    consumer->stop();
    publish_until_full();
    const auto killer = start("killer", [&, pid = consumer->pid()] {
      pass_ns(random().below(20'000'000));
      ::kill(pid, SIGKILL);
    });
    publish(1'000);
    killer->finish();
    EXPECT_EQ(consumer->wait(), -SIGKILL);
  }
}

}  // namespace
}  // namespace ringbolt::scenario
