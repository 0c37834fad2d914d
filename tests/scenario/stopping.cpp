// A gating consumer that is stopped, continued, evicted or killed while the publisher needs its place.
#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kCapacity = core::kMinCapacityBytes;

class Stopping : public Scene {
 protected:
  struct Board {
    Count next;       // the consumer's ledger: next sequence
    Count evictions;  // that it was told of
    Count lost;
    Count end;  // stop reading behind this one; 0: not yet
  };

  // Attaches as a gating consumer and reads until told otherwise.
  void consume(std::chrono::nanoseconds budget) {
    Consumer consumer = Consumer::attach("ring", {.name = "c", .policy = Policy::gate, .budget = budget});
    Ledger ledger(shape_, 1);
    board_->next = 1;
    while (board_->end == 0 || ledger.next() <= board_->end) {
      ledger.read_some(consumer);
      board_->next = ledger.next();
      board_->evictions = ledger.evictions();
      board_->lost = ledger.lost();
    }
    require(consumer.counters().evictions == ledger.evictions(), "the counters tell of other evictions");
  }
  // Publishes until there is no room.
  void fill(Source& source) {
    while (source.try_publish()) {
    }
  }
  // Publishes one more and lets the consumer read to it.
  void finish(Publisher& publisher, Source& source, Process& consumer) {
    source.publish();
    board_->end = publisher.next_sequence() - 1;
    while (!consumer.ended()) {  // it may be evicted once more, or sleep until something comes
      source.publish();
      breathe();
    }
    consumer.finish();
  }

  Shape shape_{.usual_bytes = 100};
  Shared<Board> board_;
};

TEST_F(Stopping, APublisherWaitsForAStoppedConsumerAndGoesOnWithIt) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = kCapacity});
  Source source(publisher, shape_, seed());
  const auto consumer = start("consumer", [&] { consume(0ns); });
  await("the consumer to attach", [&] { return board_->next != 0; });
  for (int round = 0; round < 20; ++round) {
    consumer->stop();
    fill(source);
    EXPECT_EQ(source.publish_for(5ms).status, Status::timed_out);
    EXPECT_EQ(source.try_publish().status, Status::full);
    consumer->go_on();
    source.publish();  // waits until there is room
    await("the consumer to read everything", [&] { return board_->next == publisher.next_sequence(); });
  }
  const RingStat stat = stat_ring("ring");
  ASSERT_EQ(stat.consumers.size(), 1U);
  EXPECT_GE(stat.consumers[0].blocked_count, 20U);
  EXPECT_GE(stat.consumers[0].blocked_ns, 20U * 5'000'000U);
  finish(publisher, source, *consumer);
  EXPECT_EQ(board_->lost, 0U);
  EXPECT_EQ(board_->evictions, 0U);
}

TEST_F(Stopping, AConsumerIsEvictedAfterItsBudgetAndToldWhatItLost) {
  constexpr auto budget = 50ms;
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = kCapacity});
  Source source(publisher, shape_, seed());
  const auto consumer = start("consumer", [&] { consume(budget); });
  await("the consumer to attach", [&] { return board_->next != 0; });
  for (std::uint64_t round = 1; round <= 5; ++round) {
    consumer->stop();
    fill(source);
    const std::uint64_t before = now_ns();
    source.publish();  // returns once the budget is spent
    EXPECT_GE(now_ns() - before, 49'000'000U);
    for (int i = 0; i < 3'000; ++i) source.publish();  // nobody is in the way any more: over what it has not read
    consumer->go_on();
    await("the consumer to be told", [&] { return board_->evictions >= round; });
    await("the consumer to read everything", [&] { return board_->next == publisher.next_sequence(); });
    EXPECT_GT(board_->lost, 0U);
  }
  EXPECT_GE(stat_ring("ring").consumers.at(0).evictions, 5U);
  finish(publisher, source, *consumer);  // its ledger has checked that what it lost and what it received is everything
}

TEST_F(Stopping, AConsumerThatIsContinuedWithinItsBudgetLosesNothing) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = kCapacity});
  Source source(publisher, shape_, seed());
  const auto consumer = start("consumer", [&] { consume(std::chrono::hours(1)); });
  await("the consumer to attach", [&] { return board_->next != 0; });
  for (int round = 0; round < 20; ++round) {
    consumer->stop();
    fill(source);
    consumer->go_on();
    source.publish();
  }
  finish(publisher, source, *consumer);
  EXPECT_EQ(board_->evictions, 0U);
  EXPECT_EQ(board_->lost, 0U);
}

TEST_F(Stopping, AnOperatorFreesThePublisherFromAStoppedConsumer) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = kCapacity});
  Source source(publisher, shape_, seed());
  const auto consumer = start("consumer", [&] { consume(std::chrono::hours(1)); });
  await("the consumer to attach", [&] { return board_->next != 0; });
  consumer->stop();
  fill(source);
  evict_consumer("ring", "c");
  for (int i = 0; i < 3'000; ++i) source.publish();
  consumer->go_on();
  await("the consumer to be told", [&] { return board_->evictions == 1; });
  finish(publisher, source, *consumer);
}

TEST_F(Stopping, AConsumerThatReadsInPlaceIsNotTakenItsPlaceWhileItLives) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = kCapacity});
  Source source(publisher, shape_, seed());
  const auto consumer = start("consumer", [&] { consume(0ns); });
  await("the consumer to attach", [&] { return board_->next != 0; });
  consumer->stop();
  fill(source);
  try {
    evict_consumer("ring", "c");
    ADD_FAILURE() << "evicted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::in_use);
    EXPECT_NE(std::string(error.what()).find(std::to_string(consumer->pid())), std::string::npos) << error.what();
  }
  EXPECT_EQ(source.try_publish().status, Status::full);
}

TEST_F(Stopping, ThePublisherGoesOnWhenAConsumerInItsWayIsKilled) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = kCapacity});
  Source source(publisher, shape_, seed());
  for (std::uint64_t round = 0; another(round, 50); ++round) {
    board_->next = 0;
    const bool stopped = random().one_in(2);
    const auto consumer = start("consumer", [&] {
      Consumer attached = Consumer::attach("ring", {.name = "c", .policy = Policy::gate, .start = Start::latest});
      board_->next = 1;
      for (;;) ::pause();
    });
    await("the consumer to attach", [&] { return board_->next != 0; });
    if (stopped) consumer->stop();
    fill(source);
    consumer->die();
    for (int i = 0; i < 1'000; ++i) source.publish();  // the watchdog notices if this waits for ever
    EXPECT_EQ(stat_ring("ring").consumers.at(0).state, "away");
  }
}

}  // namespace
}  // namespace ringbolt::scenario
