// next, next_for, try_next, wait_for: one event at a time, waiting as long as one likes.
#include <utility>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Next : public IpcTest {
 protected:
  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Next, TriedIsEmptyWhereThereIsNothing) {
  auto consumer = Consumer::attach("orders");
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::empty);
  publisher_.publish("one");
  EXPECT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_EQ(event.text(), "one");
  EXPECT_EQ(event.sequence, 1U);
  EXPECT_EQ(consumer.try_next(event), Status::empty);
}

TEST_F(Next, TimesOut) {
  auto consumer = Consumer::attach("orders");
  Event event;
  for (const auto timeout : {-1ns, 0ns, 1ns, 20'000'000ns}) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(consumer.next_for(event, timeout), Status::timed_out);
    EXPECT_FALSE(consumer.next_for(timeout));
    EXPECT_EQ(consumer.wait_for(timeout), Status::timed_out);
    EXPECT_GE(std::chrono::steady_clock::now() - began, 3 * timeout);
    EXPECT_FALSE(consumer.closed());
  }
}

TEST_F(Next, WaitingReadsNothing) {
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  publisher_.publish("one");
  EXPECT_EQ(consumer.wait_for(kLong), Status::ok);
  EXPECT_EQ(consumer.wait_for(0ns), Status::ok);
  EXPECT_EQ(consumer.next_sequence(), 1U);
  EXPECT_EQ(consumer.next()->text(), "one");
}

TEST_F(Next, HandsOutEventsInOrder) {
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  publish_numbered(publisher_, 50, 100);
  for (std::uint64_t sequence = 1; sequence <= 50; ++sequence) {
    const auto event = consumer.next_for(kLong);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->sequence, sequence);
    EXPECT_TRUE(is_numbered_payload(event->payload, sequence));
  }
}

TEST_F(Next, WakesASleeperByEveryWayOfWaiting) {
  for (const Wait wait : {Wait::spin, Wait::yield, Wait::backoff, Wait::park}) {
    Child child([&](const Words& words) {
      auto consumer = Consumer::attach("orders", {.start = Start::latest, .wait = wait});
      words.say("waiting");
      for (int i = 0; i < 200; ++i) {
        const auto event = consumer.next();
        ASSERT_TRUE(event);
        ASSERT_TRUE(is_numbered_payload(event->payload, event->sequence));
        words.say("got it");
      }
    });
    child.words().expect("waiting");
    for (int i = 0; i < 200; ++i) {
      publish_numbered(publisher_, 1, 16);
      child.words().expect("got it");
    }
    EXPECT_TRUE(child.join());
  }
}

TEST_F(Next, ThrowsAGapAndGoesOnBehindIt) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 300, 1'000);
  expect_error([&] { static_cast<void>(consumer.next()); }, Code::overrun, {"'orders'", "events 1 to"});
  const auto event = consumer.next_for(0ns);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->sequence, consumer.last_gap().last + 1);
}

TEST_F(Next, AnswersAGapAsAStatus) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 300, 1'000);
  EXPECT_EQ(consumer.wait_for(0ns), Status::ok) << "a gap is something to read";
  Event event;
  EXPECT_EQ(consumer.next_for(event, kLong), Status::gap);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  EXPECT_EQ(consumer.next_for(event, kLong), Status::ok);
  EXPECT_EQ(event.sequence, consumer.last_gap().last + 1);
}

TEST_F(Next, NeverCommits) {
  {
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    publish_numbered(publisher_, 10, 8);
    for (int i = 0; i < 5; ++i) static_cast<void>(consumer.next());
    EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 0U);
    consumer.commit(2);
    EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 2U);
  }
  auto again = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  EXPECT_EQ(poll_sequences(again), sequences(3, 10));
}

TEST_F(Next, MovesTheGateWhenTheNextEventIsAskedFor) {
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  publish_until_full(publisher_, 1'000);
  const auto event = consumer.next();
  EXPECT_EQ(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 900)).status, Status::full);
  EXPECT_TRUE(is_numbered_payload(event->payload, 1)) << "still in use";
  static_cast<void>(consumer.next());
  EXPECT_EQ(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 900)).status, Status::ok);
}

TEST_F(Next, GoesOnWithAMovedConsumer) {
  auto first = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher_, 6, 8);
  EXPECT_EQ(first.next()->sequence, 1U);
  Consumer second = std::move(first);
  EXPECT_EQ(second.next()->sequence, 2U);
  auto third = Consumer::attach("orders", {.name = "audit", .policy = Policy::gate});
  EXPECT_EQ(third.next()->sequence, 1U);
  third = std::move(second);
  EXPECT_EQ(third.next()->sequence, 3U);
  third.commit();
  EXPECT_EQ(third.ring_name(), "orders");
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 3U);
  EXPECT_TRUE(stat_of("orders", "billing").alive);
  EXPECT_EQ(stat_of("orders", "audit").state, "away") << "what was assigned over must leave";
}

}  // namespace
}  // namespace ringbolt::test
