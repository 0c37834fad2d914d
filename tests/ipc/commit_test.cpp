// Commits: what a name resumes after, and what a gate waits for where it was asked to.
#include <limits>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Committing : public IpcTest {
 protected:
  static Consumer attach(bool gate_on_commit = false) {
    return Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .gate_on_commit = gate_on_commit});
  }
  static void take(Consumer& consumer, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(consumer.next_for(kLong));
  }
  static std::uint64_t cursor() { return stat_of("orders", "billing").cursor_sequence; }

  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Committing, OfAnEventThatWasNotHandedOutIsRefused) {
  auto consumer = attach();
  publish_numbered(publisher_, 10, 8);
  expect_error([&] { consumer.commit(1); }, Code::bad_option, {"event 1", "'orders'", "handed out is 0"});
  take(consumer, 3);
  expect_error([&] { consumer.commit(4); }, Code::bad_option, {"event 4", "handed out is 3"});
  expect_error([&] { consumer.commit(std::numeric_limits<std::uint64_t>::max()); }, Code::bad_option);
  expect_error([&] { consumer.commit(std::uint64_t{1} << 63); }, Code::bad_option);
  EXPECT_EQ(cursor(), 0U);
}

TEST_F(Committing, OfAnOlderEventIsIgnored) {
  auto consumer = attach();
  publish_numbered(publisher_, 10, 8);
  take(consumer, 5);
  consumer.commit(4);
  consumer.commit(2);
  consumer.commit(4);
  consumer.commit(0);
  EXPECT_EQ(cursor(), 4U);
  consumer.commit();
  EXPECT_EQ(cursor(), 5U);
}

TEST_F(Committing, WithNothingHandedOutIsNothing) {
  auto consumer = attach();
  consumer.commit();
  EXPECT_EQ(cursor(), 0U);
}

TEST_F(Committing, IsWhereTheNameResumes) {
  publish_numbered(publisher_, 20, 200);
  for (std::uint64_t life = 0; life < 5; ++life) {
    auto consumer = attach();
    EXPECT_EQ(consumer.next_for(0ns)->sequence, life * 3 + 1);
    take(consumer, 4);
    consumer.commit(life * 3 + 3);
  }
}

TEST_F(Committing, IsWhereTheNameResumesAfterAKill) {
  publish_numbered(publisher_, 20, 200);
  Child child([&](const Words& words) {
    auto consumer = attach();
    take(consumer, 10);
    consumer.commit(7);
    words.say("committed");
    static_cast<void>(words.hear());
  });
  child.words().expect("committed");
  child.kill();
  auto consumer = attach();
  EXPECT_EQ(poll_sequences(consumer), sequences(8, 20));
}

TEST_F(Committing, ByALossyConsumerIsKeptToo) {
  publish_numbered(publisher_, 20, 200);
  for (const Policy policy : {Policy::lossy, Policy::latest}) {
    const std::string name = policy == Policy::lossy ? "lossy" : "latest";
    {
      auto consumer = Consumer::attach("orders", {.name = name, .policy = Policy::lossy});
      take(consumer, 5);
      consumer.commit();
    }
    auto consumer = Consumer::attach("orders", {.name = name, .policy = policy});
    EXPECT_EQ(consumer.next_for(0ns)->sequence, policy == Policy::lossy ? 6U : 20U);
  }
}

TEST_F(Committing, OfAnAnonymousConsumerOnlyShows) {
  publish_numbered(publisher_, 20, 8);
  auto consumer = Consumer::attach("orders");
  take(consumer, 4);
  consumer.commit(3);
  EXPECT_EQ(stat_of("orders", "").cursor_sequence, 3U);
  auto other = Consumer::attach("orders");
  EXPECT_EQ(poll_sequences(other).front(), 1U);
}

// What was committed is behind the ring's oldest event meanwhile: the exact loss is told.
TEST_F(Committing, ToWhatTheRingNoLongerHoldsIsAGapWhenResumed) {
  publish_numbered(publisher_, 20, 1'000);
  {
    auto consumer = attach();
    take(consumer, 5);
    consumer.commit(4);
  }
  publish_numbered(publisher_, 300, 1'000);
  auto consumer = attach();
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::gap);
  EXPECT_EQ(consumer.last_gap().first, 5U);
  ASSERT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_EQ(event.sequence, consumer.last_gap().last + 1);
  EXPECT_EQ(consumer.counters().gap_events, consumer.last_gap().count());
}

// Otherwise it is told again, and longer each time, to a consumer that comes and goes. Found by the simulator.
TEST_F(Committing, OfAGapThatWasToldWhenResumedIsKept) {
  publish_numbered(publisher_, 20, 1'000);
  {
    auto consumer = attach();
    take(consumer, 5);
    consumer.commit(4);
  }
  publish_numbered(publisher_, 300, 1'000);
  std::uint64_t last = 0;
  {
    auto consumer = attach();
    Event event;
    ASSERT_EQ(consumer.try_next(event), Status::gap);
    last = consumer.last_gap().last;
    consumer.commit(last);
  }
  auto consumer = attach();
  Event event;
  ASSERT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_EQ(event.sequence, last + 1);
}

// It began with the first event, so its cursor is 0, like that of a name that is new. Found by the simulator.
TEST_F(Committing, OfNothingSinceTheFirstEventIsToldWhatIsGone) {
  { auto consumer = attach(); }
  publish_numbered(publisher_, 300, 1'000);
  auto consumer = attach();
  Event event;
  ASSERT_EQ(consumer.try_next(event), Status::gap);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  ASSERT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_EQ(event.sequence, consumer.last_gap().last + 1);
}

// And whoever comes after it is told of nothing that it has not committed.
TEST_F(Committing, OfNothingSinceTheFirstEventLetsNobodyPass) {
  { auto consumer = attach(); }
  publish_numbered(publisher_, 300, 1'000);
  { auto consumer = attach(); }
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 0U);
}

TEST_F(Committing, AtTheVeryEndResumesThere) {
  publish_numbered(publisher_, 20, 200);
  {
    auto consumer = attach();
    take(consumer, 20);
    consumer.commit();
  }
  auto consumer = attach();
  EXPECT_TRUE(poll_sequences(consumer).empty());
  publish_numbered(publisher_, 1, 200);
  EXPECT_EQ(poll_sequences(consumer), sequences(21, 21));
}

using GateOnCommit = Committing;

TEST_F(GateOnCommit, TheGateWaitsForTheCommit) {
  auto consumer = attach(true);
  publish_until_full(publisher_, 1'000);
  const auto one_more = [&] { return publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 900)).status; };
  take(consumer, 20);
  EXPECT_EQ(one_more(), Status::full);
  consumer.commit(1);
  EXPECT_EQ(one_more(), Status::ok);
  EXPECT_EQ(one_more(), Status::full) << "one event was committed, and no more";
  consumer.commit(20);
  for (int i = 0; i < 19; ++i) EXPECT_EQ(one_more(), Status::ok) << i;
}

TEST_F(GateOnCommit, PollCommitsByItself) {
  auto consumer = attach(true);
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(poll_sequences(consumer, 10).size(), 10U);
  EXPECT_EQ(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 900)).status, Status::ok);
}

TEST_F(GateOnCommit, AskingForMoreWhileHoldingTheRingIsAnErrorAndNoDeadlock) {
  auto consumer = attach(true);
  const std::uint64_t count = publish_until_full(publisher_, 1'000);
  take(consumer, static_cast<int>(count));
  const std::vector<std::string> words{"'billing'", "'orders'", "commit, or create a larger ring"};
  Event event;
  expect_error([&] { static_cast<void>(consumer.try_next(event)); }, Code::holds_ring, words);
  expect_error([&] { static_cast<void>(consumer.next()); }, Code::holds_ring, words);
  expect_error([&] { static_cast<void>(consumer.wait_for(kLong)); }, Code::holds_ring, words);
  expect_error([&] { consumer.poll([](const Event&) {}); }, Code::holds_ring, words);
  consumer.commit(count / 2);
  EXPECT_EQ(consumer.try_next(event), Status::empty);
  EXPECT_TRUE(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 1'000)));
  EXPECT_EQ(consumer.try_next(event), Status::ok);
}

TEST_F(GateOnCommit, HoldingLessThanThatIsNotAnError) {
  auto consumer = attach(true);
  publish_numbered(publisher_, 40, 1'000);
  take(consumer, 40);
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::empty);
}

// Events that are skipped because the start is still to come were never handed out, so nobody can commit them.
TEST_F(GateOnCommit, WhatIsSkippedBeforeTheStartHoldsNothing) {
  auto consumer = Consumer::attach(
      "orders", {.name = "billing", .policy = Policy::gate, .start = Start::at(500), .gate_on_commit = true});
  Event event;
  for (int i = 0; i < 499; ++i) {
    ASSERT_TRUE(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 1'000))) << i;
    ASSERT_EQ(consumer.try_next(event), Status::empty);
  }
  publish_numbered(publisher_, 10, 1'000);
  ASSERT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_EQ(event.sequence, 500U);
  EXPECT_EQ(cursor(), 0U) << "nothing was committed";
  take(consumer, 4);
  consumer.commit(502);
  EXPECT_EQ(cursor(), 502U);
  EXPECT_GT(publish_until_full(publisher_, 1'000), 0U);
  consumer = Consumer::attach("orders", {.name = "audit"});
  auto resumed = attach(true);
  EXPECT_EQ(resumed.next_for(0ns)->sequence, 503U);
}

// A budget may take the gate away while events are handed out and not committed.
TEST_F(GateOnCommit, EvictedGatesAgainWhereItCommitted) {
  auto consumer =
      Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 1ms, .gate_on_commit = true});
  publish_numbered(publisher_, 10, 1'000);
  take(consumer, 10);
  publish_numbered(publisher_, 60, 1'000);  // waits for the budget to be spent
  Event event;
  ASSERT_EQ(consumer.next_for(event, kLong), Status::evicted);
  const Gap gap = consumer.last_gap();
  EXPECT_EQ(gap.first, 11U);
  consumer.commit(10);
  ASSERT_EQ(consumer.next_for(event, kLong), Status::ok);
  EXPECT_EQ(event.sequence, gap.last + 1);
  EXPECT_EQ(cursor(), 10U);
  consumer.commit(event.sequence);
  EXPECT_EQ(cursor(), event.sequence);
}

}  // namespace
}  // namespace ringbolt::test
