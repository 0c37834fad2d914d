// The policies: what happens to a consumer, and to the publisher, when it falls behind.
#include <thread>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Policies : public IpcTest {
 protected:
  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Policies, TheDefaultIsLossy) {
  EXPECT_EQ(Consumer::attach("orders").policy(), Policy::lossy);
  EXPECT_EQ(Consumer::attach("orders", {.policy = Policy::gate}).policy(), Policy::gate);
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  EXPECT_EQ(stat_of("orders", "billing").policy, "lossy");
}

TEST_F(Policies, RefusesWhatMakesNoSense) {
  const auto refused = [](const ConsumerOptions& options, const std::string& why) {
    expect_error([&] { static_cast<void>(Consumer::attach("orders", options)); }, Code::bad_option, {"'orders'", why});
  };
  refused({.policy = Policy::journal}, "no journal");
  refused({.policy = Policy::gate, .budget = -1ns}, "negative");
  refused({.policy = Policy::lossy, .budget = 1ms}, "only policy gate has a budget");
  refused({.policy = Policy::latest, .budget = 1ms}, "only policy gate has a budget");
  refused({.policy = Policy::lossy, .gate_on_commit = true}, "only policy gate");
  EXPECT_TRUE(stat_ring("orders").consumers.empty());
}

TEST_F(Policies, AGatingConsumerLosesNothing) {
  std::thread consuming([] {
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    std::uint64_t expected = 1;
    while (const auto event = consumer.next()) {
      ASSERT_EQ(event->sequence, expected++);
      ASSERT_TRUE(is_numbered_payload(event->payload, event->sequence));
    }
    EXPECT_EQ(expected, 20'001U);
    EXPECT_EQ(consumer.counters().gaps, 0U);
    EXPECT_EQ(consumer.counters().events, 20'000U);
  });
  const auto joined = [] {
    const auto stat = stat_ring("orders");
    return !stat.consumers.empty() && stat.consumers[0].state == "gating";
  };
  EXPECT_TRUE(eventually(joined));
  publish_numbered(publisher_, 20'000, 300);
  publisher_.close();
  consuming.join();
}

TEST_F(Policies, OnlyTheSlowestGateCounts) {
  auto fast = Consumer::attach("orders", {.name = "fast", .policy = Policy::gate});
  auto slow = Consumer::attach("orders", {.name = "slow", .policy = Policy::gate});
  publish_until_full(publisher_, 1'000);
  poll_sequences(fast);
  EXPECT_EQ(publish_until_full(publisher_, 1'000), 0U);
  poll_sequences(slow, 10);
  EXPECT_EQ(publish_until_full(publisher_, 1'000), 10U);
  EXPECT_EQ(poll_sequences(fast).size(), 10U);
}

TEST_F(Policies, AGateIsReleasedWhenItsConsumerLeaves) {
  {
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    publish_until_full(publisher_, 1'000);
  }
  EXPECT_EQ(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 1'000)).status, Status::ok);
}

TEST_F(Policies, AGateIsReleasedWhenItsConsumerIsKilled) {
  AttachedChild child({.name = "billing", .policy = Policy::gate});
  publish_until_full(publisher_, 1'000);
  child.kill();
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), kLong).status, Status::ok);
  const ConsumerStat stat = stat_of("orders", "billing");
  EXPECT_FALSE(stat.alive);
  EXPECT_EQ(stat.state, "away");
  EXPECT_EQ(stat.blocked_count, 1U);
  EXPECT_GT(stat.blocked_ns, 0U);
}

TEST_F(Policies, AnAnonymousGateLeavesNothingBehindWhenItsConsumerIsKilled) {
  AttachedChild child({.policy = Policy::gate});
  publish_until_full(publisher_, 1'000);
  child.kill();
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), kLong).status, Status::ok);
  EXPECT_TRUE(stat_ring("orders").consumers.empty());
}

TEST_F(Policies, AStoppedConsumerIsAliveAndItsGateHolds) {
  Child child([](const Words& words) {
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    words.say("gating");
    static_cast<void>(words.hear());
    poll_sequences(consumer);
  });
  child.words().expect("gating");
  child.signal(SIGSTOP);
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), 30ms).status, Status::timed_out);
  EXPECT_TRUE(stat_of("orders", "billing").alive);
  child.signal(SIGCONT);
  child.words().say("poll");
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), kLong).status, Status::ok);
  EXPECT_TRUE(child.join());
}

using Budgets = Policies;

TEST_F(Budgets, TheGateIsTakenAwayWhenTheBudgetIsSpent) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 20ms});
  const std::uint64_t held = publish_until_full(publisher_, 1'000);
  const auto began = std::chrono::steady_clock::now();
  publish_numbered(publisher_, 1, 1'000);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 20ms) << "not before the budget is spent";
  ConsumerStat stat = stat_of("orders", "billing");
  EXPECT_EQ(stat.state, "evicted");
  EXPECT_EQ(stat.evictions, 1U);
  EXPECT_EQ(stat.blocked_count, 1U);
  EXPECT_GE(stat.blocked_ns, 20'000'000U);
  EXPECT_EQ(stat.budget_ns, 20'000'000U);
  publish_numbered(publisher_, held * 2, 1'000);

  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::evicted);
  const Gap gap = consumer.last_gap();
  EXPECT_TRUE(gap.evicted);
  EXPECT_EQ(gap.first, 1U);
  EXPECT_EQ(consumer.counters().evictions, 1U);
  EXPECT_EQ(consumer.counters().gap_events, gap.count());
  EXPECT_EQ(poll_sequences(consumer), sequences(gap.last + 1, publisher_.next_sequence() - 1));
  stat = stat_of("orders", "billing");
  EXPECT_EQ(stat.state, "gating") << "told so, it gates again";
  EXPECT_EQ(stat.gap_events, gap.count());
}

TEST_F(Budgets, ThrownAsAnErrorItSaysWhatWasLost) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 1ms});
  publish_numbered(publisher_, 200, 1'000);
  expect_error([&] { poll_sequences(consumer); }, Code::evicted, {"'orders'", "budget", "events 1 to"});
  EXPECT_EQ(poll_sequences(consumer), sequences(consumer.last_gap().last + 1, 200));
}

// Evicted, but nothing was written over yet.
TEST_F(Budgets, AnEvictionThatLostNothingSaysSo) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher_, 5, 100);
  evict_consumer("orders", "billing", true);
  Event event;
  EXPECT_EQ(consumer.next_for(event, kLong), Status::evicted);
  EXPECT_EQ(consumer.last_gap().count(), 0U);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  EXPECT_EQ(consumer.counters().gaps, 0U);
  EXPECT_EQ(consumer.counters().evictions, 1U);
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 5));
}

TEST_F(Budgets, AConsumerThatKeepsUpIsNeverEvicted) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 1ns});
  std::uint64_t expected = 1;
  for (int i = 0; i < 2'000; ++i) {
    publish_numbered(publisher_, 1, 500);
    EXPECT_EQ(poll_sequences(consumer), sequences(expected, expected));
    ++expected;
  }
  EXPECT_EQ(stat_of("orders", "billing").evictions, 0U);
}

TEST_F(Budgets, TimeThatThePublisherDidNotWaitIsNotSpent) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 10s});
  publish_until_full(publisher_, 1'000);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), 3ms).status, Status::timed_out);
  }
  EXPECT_EQ(stat_of("orders", "billing").evictions, 0U);
  EXPECT_EQ(poll_sequences(consumer, 1), sequences(1, 1));
}

TEST_F(Budgets, OfOneConsumerDoNotTouchAnother) {
  auto patient = Consumer::attach("orders", {.name = "patient", .policy = Policy::gate});
  auto hasty = Consumer::attach("orders", {.name = "hasty", .policy = Policy::gate, .budget = 1ms});
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), 30ms).status, Status::timed_out);
  EXPECT_EQ(stat_of("orders", "patient").state, "gating");
  EXPECT_EQ(poll_sequences(patient).front(), 1U);
}

using Lossy = Policies;

TEST_F(Lossy, ReceivedAndLostTogetherAreWhatWasPublished) {
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  std::uint64_t expected = 1;
  struct Handler {
    std::uint64_t& expected;
    void operator()(const Event& event) const {
      EXPECT_EQ(event.sequence, expected);
      EXPECT_TRUE(is_numbered_payload(event.payload, event.sequence));
      expected = event.sequence + 1;
    }
    void operator()(const Gap& gap) const {
      EXPECT_EQ(gap.first, expected);
      EXPECT_GE(gap.last, gap.first);
      expected = gap.last + 1;
    }
  };
  for (const std::uint64_t burst : {10U, 70U, 400U, 1U, 64U, 2'000U, 5U}) {
    publish_numbered(publisher_, burst, 1'000);
    consumer.poll(Handler{expected}, 10'000);
    EXPECT_EQ(expected, publisher_.next_sequence());
  }
  EXPECT_EQ(consumer.counters().events + consumer.counters().gap_events, publisher_.next_sequence() - 1);
  EXPECT_GE(consumer.counters().gaps, 3U);
  EXPECT_EQ(stat_of("orders", "billing").gap_events, consumer.counters().gap_events);
}

TEST_F(Lossy, NeverHoldsThePublisherUp) {
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  publish_numbered(publisher_, 1'000, 1'000);
  EXPECT_EQ(stat_of("orders", "billing").blocked_count, 0U);
}

TEST_F(Lossy, AfterALossStartsHalfwayToTheNewest) {
  auto consumer = Consumer::attach("orders");
  publish_numbered(publisher_, 1'000, 1'000);
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::gap);
  EXPECT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_GT(event.sequence, 1'000U - 40) << "the oldest would be overrun before it is copied";
  EXPECT_LT(event.sequence, 1'000U - 16);
}

using Latest = Policies;

TEST_F(Latest, SkipsToTheNewestAndCountsWhatItPassedOver) {
  auto consumer = Consumer::attach("orders", {.name = "display", .policy = Policy::latest});
  publish_numbered(publisher_, 10, 8);
  EXPECT_EQ(poll_sequences(consumer), sequences(10, 10));
  EXPECT_EQ(consumer.counters().skipped_events, 9U);
  publish_numbered(publisher_, 1, 8);
  EXPECT_EQ(poll_sequences(consumer), sequences(11, 11));
  publish_numbered(publisher_, 1'000, 1'000);
  EXPECT_EQ(consumer.next_for(kLong)->sequence, 1'011U);
  EXPECT_EQ(consumer.counters().skipped_events, 9U + 999U);
  EXPECT_EQ(consumer.counters().events, 3U);
  EXPECT_EQ(consumer.counters().gaps, 0U) << "what is skipped by design is not lost";
  EXPECT_EQ(stat_of("orders", "display").skipped_events, 1'008U);
  EXPECT_EQ(stat_of("orders", "display").gap_events, 0U);
}

TEST_F(Latest, NeverHandsOutAnEventTwiceOrBackwards) {
  auto consumer = Consumer::attach("orders", {.policy = Policy::latest});
  std::uint64_t last = 0;
  for (int i = 0; i < 500; ++i) {
    publish_numbered(publisher_, static_cast<std::uint64_t>(i % 7), 300);
    for (const std::uint64_t sequence : poll_sequences(consumer)) {
      EXPECT_GT(sequence, last);
      EXPECT_EQ(sequence, publisher_.next_sequence() - 1);
      last = sequence;
    }
  }
}

using InPlace = Policies;

TEST_F(InPlace, AViewOfAnOverrunConsumerSaysThatItIsNoLongerValid) {
  auto consumer = Consumer::attach("orders", {.read = Read::in_place});
  publish_numbered(publisher_, 1, 1'000);
  const auto event = consumer.next_for(0ns);
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_numbered_payload(event->payload, 1));
  EXPECT_TRUE(event->still_valid());
  publish_numbered(publisher_, 30, 1'000);
  EXPECT_TRUE(event->still_valid()) << "nobody has written over it yet";
  publish_numbered(publisher_, 60, 1'000);
  EXPECT_FALSE(event->still_valid());
}

TEST_F(InPlace, AViewOfAnEvictedConsumerSaysThatItIsNoLongerValid) {
  auto consumer =
      Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 1ms, .read = Read::in_place});
  publish_numbered(publisher_, 1, 1'000);
  const auto event = consumer.next_for(0ns);
  ASSERT_TRUE(event);
  publish_until_full(publisher_, 1'000);
  EXPECT_TRUE(event->still_valid());
  EXPECT_TRUE(is_numbered_payload(event->payload, 1));
  publish_numbered(publisher_, 1, 1'000);
  EXPECT_FALSE(event->still_valid());
}

TEST_F(InPlace, IsWhatAGatingConsumerWithoutBudgetDoesByItself) {
  auto in_place = Consumer::attach("orders", {.policy = Policy::gate});
  auto copying = Consumer::attach("orders", {.policy = Policy::gate, .read = Read::copy});
  auto evictable = Consumer::attach("orders", {.policy = Policy::gate, .budget = 1s});
  auto lossy = Consumer::attach("orders");
  publish_numbered(publisher_, 2, 100);
  const auto address_stays = [](Consumer& consumer) {
    const std::byte* const first = consumer.next_for(0ns)->payload.data();
    return consumer.next_for(0ns)->payload.data() == first;  // a buffer is used again, the ring is not
  };
  EXPECT_FALSE(address_stays(in_place));
  EXPECT_TRUE(address_stays(copying));
  EXPECT_TRUE(address_stays(evictable));
  EXPECT_TRUE(address_stays(lossy));
}

TEST_F(InPlace, LosesNoneOfTheGapsThatACopyWouldTell) {
  auto consumer = Consumer::attach("orders", {.read = Read::in_place});
  publish_numbered(publisher_, 500, 1'000);
  Event event;
  ASSERT_EQ(consumer.try_next(event), Status::gap);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  EXPECT_EQ(poll_sequences(consumer), sequences(consumer.last_gap().last + 1, 500));
}

}  // namespace
}  // namespace ringbolt::test
