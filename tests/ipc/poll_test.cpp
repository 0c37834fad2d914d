// poll: batches of events to a handler, committed when the batch ends.
#include <stdexcept>
#include <variant>

#include "support.hpp"

namespace ringbolt::test {
namespace {

// A handler that takes gaps in their place between the events.
struct Record {
  std::vector<std::variant<std::uint64_t, Gap>> seen;
  void operator()(const Event& event) { seen.emplace_back(event.sequence); }
  void operator()(const Gap& gap) { seen.emplace_back(gap); }
};

class Polling : public IpcTest {
 protected:
  // Overruns whoever stands at the beginning by more than a lap.
  void publish_laps() { publish_numbered(publisher_, 300, 1'000); }

  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Polling, HandsOutAtMostItsLimit) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 10, 8);
  EXPECT_EQ(consumer.poll([](const Event&) {}, 0), 0U);
  EXPECT_EQ(consumer.poll([](const Event&) {}, 3), 3U);
  const PollResult some = consumer.try_poll([](const Event&) {}, 3);
  EXPECT_EQ(some.status, Status::ok);
  EXPECT_EQ(some.count, 3U);
  const PollResult rest = consumer.try_poll([](const Event&) {}, 100);
  EXPECT_EQ(rest.status, Status::empty);
  EXPECT_EQ(rest.count, 4U);
  EXPECT_EQ(consumer.next_sequence(), 11U);
}

TEST_F(Polling, HandsOut256WhereNoLimitIsGiven) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 300, 8);
  EXPECT_EQ(consumer.poll([](const Event&) {}), 256U);
  EXPECT_EQ(consumer.poll([](const Event&) {}), 44U);
}

TEST_F(Polling, NeverWaits) {
  auto consumer = Consumer::attach("orders");
  EXPECT_EQ(consumer.poll([](const Event&) { FAIL(); }), 0U);
  EXPECT_EQ(consumer.try_poll([](const Event&) { FAIL(); }).status, Status::empty);
}

TEST_F(Polling, CommitsAtTheEndOfTheBatch) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher_, 10, 8);
  consumer.poll([](const Event&) { EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 0U) << "too early"; }, 4);
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 4U);
  EXPECT_EQ(stat_of("orders", "billing").lag_events, 6U);
}

TEST_F(Polling, MovesTheGateAtTheEndOfTheBatch) {
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  publish_until_full(publisher_, 1'000);
  const auto one_more = [&] { return publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 1'000)).status; };
  consumer.poll([&](const Event&) { EXPECT_EQ(one_more(), Status::full); }, 5);
  EXPECT_EQ(one_more(), Status::ok);
}

TEST_F(Polling, CommitsWhatTheHandlerReturnedFromWhenItThrows) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_until_full(publisher_, 1'000);
  const auto throw_at_four = [](const Event& event) {
    if (event.sequence == 4) throw std::runtime_error("cannot handle it");
  };
  EXPECT_THROW(consumer.poll(throw_at_four), std::runtime_error);
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 3U);
  EXPECT_TRUE(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 900))) << "the gate did not move";
  EXPECT_THROW(static_cast<void>(consumer.try_poll([](const Event&) { throw std::runtime_error("again"); })),
               std::runtime_error);
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 3U);
}

TEST_F(Polling, TheEventThatAHandlerThrewForComesAgain) {
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    auto consumer = Consumer::attach("orders", {.policy = policy, .start = Start::latest});
    const std::uint64_t first = publisher_.next_sequence();
    publish_numbered(publisher_, 10, 8);
    int attempts = 0;
    const auto reluctant = [&](const Event& event) {
      if (event.sequence == first + 3 && ++attempts < 3) throw std::runtime_error("cannot handle it yet");
    };
    EXPECT_THROW(consumer.poll(reluctant), std::runtime_error);
    EXPECT_EQ(consumer.next_sequence(), first + 3);
    EXPECT_THROW(consumer.poll(reluctant), std::runtime_error);
    EXPECT_EQ(consumer.poll(reluctant), 7U);
    EXPECT_EQ(attempts, 3);
  }
}

TEST_F(Polling, AfterAThrowingHandlerANewAttachmentGetsThatEventAgain) {
  {
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    publish_numbered(publisher_, 10, 8);
    EXPECT_THROW(consumer.poll([](const Event& event) {
      if (event.sequence == 4) throw std::runtime_error("cannot handle it");
    }),
                 std::runtime_error);
  }
  auto again = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  EXPECT_EQ(poll_sequences(again), sequences(4, 10));
}

TEST_F(Polling, TellsAHandlerThatTakesThemOfGapsInTheirPlace) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 2, 1'000);
  Record record;
  EXPECT_EQ(consumer.poll(record), 2U);
  publish_laps();
  const std::uint64_t newest = publisher_.next_sequence() - 1;
  const PollResult result = consumer.try_poll(record, 1'000);
  EXPECT_EQ(result.status, Status::empty);
  ASSERT_GE(record.seen.size(), 4U);
  EXPECT_EQ(std::get<0>(record.seen[1]), 2U);
  const Gap gap = std::get<1>(record.seen[2]);
  EXPECT_EQ(gap.first, 3U);
  EXPECT_FALSE(gap.evicted);
  EXPECT_EQ(std::get<0>(record.seen[3]), gap.last + 1);
  EXPECT_EQ(std::get<0>(record.seen.back()), newest);
  EXPECT_EQ(record.seen.size(), 3 + newest - gap.last);
  EXPECT_EQ(consumer.counters().events + consumer.counters().gap_events, newest);
  EXPECT_EQ(consumer.counters().gaps, 1U);
  EXPECT_EQ(consumer.last_gap().first, gap.first);
  EXPECT_EQ(consumer.last_gap().last, gap.last);
}

TEST_F(Polling, ThrowsAGapAtAHandlerThatCannotTakeItAndGoesOnBehindIt) {
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  poll_sequences(consumer);
  publish_laps();
  expect_error([&] { consumer.poll([](const Event&) { FAIL() << "the gap comes first"; }); }, Code::overrun,
               {"'orders'", "events 1 to", "goes on behind them"});
  const Gap gap = consumer.last_gap();
  EXPECT_EQ(gap.first, 1U);
  EXPECT_EQ(poll_sequences(consumer), sequences(gap.last + 1, 300));
  const ConsumerStat stat = stat_of("orders", "billing");
  EXPECT_EQ(stat.gaps, 1U);
  EXPECT_EQ(stat.gap_events, gap.count());
}

TEST_F(Polling, TriedStopsBeforeAGapWithWhatItHasHandled) {
  auto consumer = Consumer::attach("orders");
  publish_laps();
  const PollResult result = consumer.try_poll([](const Event&) { FAIL(); });
  EXPECT_EQ(result.status, Status::gap);
  EXPECT_EQ(result.count, 0U);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  EXPECT_EQ(consumer.try_poll([](const Event&) {}, 1'000).count, 300 - consumer.last_gap().last);
}

TEST_F(Polling, PayloadsStayWhileTheHandlerRuns) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 20, 100);
  consumer.poll(
      [&](const Event& event) {
        if (event.sequence == 1) publish_laps();  // over the very bytes that are being handled
        EXPECT_TRUE(is_numbered_payload(event.payload, event.sequence));
        EXPECT_TRUE(event.still_valid()) << "a copy is always valid";
      },
      1);
}

// Registered consumers keep totals over their lives, the object its own.
TEST_F(Polling, TheRegistryKeepsTheTotalsOfAName) {
  for (std::uint64_t life = 1; life <= 3; ++life) {
    auto consumer = Consumer::attach("orders", {.name = "billing", .start = Start::latest});
    publish_laps();
    Record record;
    consumer.poll(record, 1'000);
    EXPECT_EQ(consumer.counters().gaps, 1U);
    EXPECT_EQ(stat_of("orders", "billing").gaps, life);
  }
}

}  // namespace
}  // namespace ringbolt::test
