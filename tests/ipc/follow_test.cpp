// Consumers that come after others: B sees an event only when A is done with it.
#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Following : public IpcTest {
 protected:
  static Consumer attach(const std::string& name, std::vector<std::string> after = {},
                         std::chrono::nanoseconds budget = 0ns) {
    return Consumer::attach("orders", {.name = name, .policy = Policy::gate, .budget = budget, .after = std::move(after)});
  }

  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Following, SeesAnEventOnlyWhenTheOtherHasCommittedIt) {
  auto risk = attach("risk");
  auto billing = attach("billing", {"risk"});
  publish_numbered(publisher_, 10, 8);
  EXPECT_TRUE(poll_sequences(billing).empty());
  poll_sequences(risk, 4);
  EXPECT_EQ(poll_sequences(billing), sequences(1, 4));
  EXPECT_EQ(billing.wait_for(1ms), Status::timed_out);
  for (int i = 0; i < 3; ++i) static_cast<void>(risk.next());
  EXPECT_TRUE(poll_sequences(billing).empty()) << "handed out is not committed";
  risk.commit(5);
  EXPECT_EQ(poll_sequences(billing), sequences(5, 5));
  risk.commit();
  EXPECT_EQ(poll_sequences(billing), sequences(6, 7));
}

TEST_F(Following, WorksBehindOneThatGatesOnCommit) {
  auto risk = Consumer::attach("orders", {.name = "risk", .policy = Policy::gate, .gate_on_commit = true});
  auto billing = attach("billing", {"risk"});
  publish_numbered(publisher_, 10, 8);
  for (int i = 0; i < 5; ++i) static_cast<void>(risk.next());
  EXPECT_TRUE(poll_sequences(billing).empty());
  risk.commit(3);
  EXPECT_EQ(poll_sequences(billing), sequences(1, 3));
}

TEST_F(Following, OfSeveralWaitsForTheSlowest) {
  auto risk = attach("risk");
  auto audit = attach("audit");
  auto billing = attach("billing", {"risk", "audit"});
  publish_numbered(publisher_, 10, 8);
  poll_sequences(risk, 7);
  EXPECT_TRUE(poll_sequences(billing).empty());
  poll_sequences(audit, 3);
  EXPECT_EQ(poll_sequences(billing), sequences(1, 3));
  poll_sequences(audit);
  EXPECT_EQ(poll_sequences(billing), sequences(4, 7));
}

// Numbers on both sides of half of all that there are, and as large as a ring may begin with.
TEST_F(Following, WorksWhateverTheNumbersAre) {
  constexpr std::uint64_t half = std::uint64_t{1} << 63;
  for (const std::uint64_t first : {half - 12, half - 1, half, half + 12, std::uint64_t{0xf000'0000'0000'0000}}) {
    SCOPED_TRACE(first);
    auto publisher = Publisher::open("numbers", {.capacity_bytes = kSmall, .first_sequence = first});
    const auto join = [](const std::string& name, std::vector<std::string> after) {
      return Consumer::attach("numbers", {.name = name, .policy = Policy::gate, .after = std::move(after)});
    };
    auto risk = join("risk", {});
    auto billing = join("billing", {"risk"});
    publish_numbered(publisher, 30, 8);
    EXPECT_TRUE(poll_sequences(billing).empty());
    EXPECT_EQ(poll_sequences(risk, 4), sequences(first, first + 3));
    EXPECT_EQ(poll_sequences(billing), sequences(first, first + 3));
    auto late = join("late", {"risk", "billing"});
    EXPECT_EQ(poll_sequences(late), sequences(first, first + 3));
    EXPECT_EQ(poll_sequences(risk), sequences(first + 4, first + 29));
    EXPECT_TRUE(poll_sequences(late).empty());
    EXPECT_EQ(poll_sequences(billing), sequences(first + 4, first + 29));
    EXPECT_EQ(poll_sequences(late), sequences(first + 4, first + 29));
    remove_ring("numbers", true);
  }
}

TEST_F(Following, WorksInAChain) {
  auto first = attach("first");
  auto second = attach("second", {"first"});
  auto third = attach("third", {"second"});
  publish_numbered(publisher_, 10, 8);
  poll_sequences(first, 6);
  EXPECT_TRUE(poll_sequences(third).empty());
  poll_sequences(second, 4);
  EXPECT_EQ(poll_sequences(third), sequences(1, 4));
}

TEST_F(Following, AcrossProcessesWakesTheFollower) {
  auto risk = attach("risk");
  Child child([](const Words& words) {
    auto billing = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .after = {"risk"}});
    words.say("waiting");
    for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) {
      const auto event = billing.next_for(kLong);
      ASSERT_TRUE(event);
      ASSERT_EQ(event->sequence, sequence);
      words.say("got it");
    }
  });
  child.words().expect("waiting");
  publish_numbered(publisher_, 100, 8);
  for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) {
    EXPECT_EQ(poll_sequences(risk, 1), sequences(sequence, sequence));
    child.words().expect("got it");
  }
  EXPECT_TRUE(child.join());
}

TEST_F(Following, IsClosedOnlyWhenItHasSeenEverything) {
  auto risk = attach("risk");
  auto billing = attach("billing", {"risk"});
  publish_numbered(publisher_, 3, 8);
  publisher_.close();
  EXPECT_EQ(billing.wait_for(1ms), Status::timed_out);
  EXPECT_FALSE(billing.closed());
  poll_sequences(risk);
  EXPECT_EQ(poll_sequences(billing), sequences(1, 3));
  EXPECT_TRUE(billing.closed());
}

TEST_F(Following, WhoeverIsNotThereIsAnError) {
  expect_error([] { static_cast<void>(attach("billing", {"risk"})); }, Code::not_found, {"'risk'", "attach it first"});
  expect_error([] { static_cast<void>(attach("billing", {""})); }, Code::not_found);
  EXPECT_TRUE(stat_ring("orders").consumers.empty());
}

TEST_F(Following, WhoeverDoesNotGateIsAnError) {
  auto risk = Consumer::attach("orders", {.name = "risk"});
  expect_error([] { static_cast<void>(attach("billing", {"risk"})); }, Code::bad_option, {"'risk'", "does not gate"});
}

TEST_F(Following, MoreThanEightIsAnError) {
  expect_error([] { static_cast<void>(attach("billing", std::vector<std::string>(9, "risk"))); }, Code::bad_option,
               {"at most 8", "9"});
  std::vector<Consumer> others;
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back("other-" + std::to_string(i));
    others.push_back(attach(names.back()));
  }
  auto billing = attach("billing", names);
  publish_numbered(publisher_, 2, 8);
  for (Consumer& other : others) {
    EXPECT_TRUE(poll_sequences(billing).empty());
    poll_sequences(other);
  }
  EXPECT_EQ(poll_sequences(billing), sequences(1, 2));
}

TEST_F(Following, ACircleIsRefused) {
  expect_error([] { static_cast<void>(attach("risk", {"risk"})); }, Code::cycle, {"'risk'", "itself"});
  {
    auto risk = attach("risk");
    auto audit = attach("audit", {"risk"});
    auto billing = attach("billing", {"audit"});
    { const auto gone = std::move(risk); }
    expect_error([] { static_cast<void>(attach("risk", {"billing"})); }, Code::cycle, {"'risk'", "'billing'", "`after`"});
    EXPECT_EQ(stat_of("orders", "risk").state, "away") << "a refused attach must leave the name as it was";
  }
  // Who is away names anew whom it follows, so nobody waits for anybody now.
  auto risk = attach("risk", {"billing"});
}

TEST_F(Following, WaitsWhileTheOtherIsAwayAndGoesOnWithItWhenItReturns) {
  publish_numbered(publisher_, 10, 8);
  {
    auto risk = attach("risk");
    poll_sequences(risk, 4);
  }
  auto billing = attach("billing", {"risk"});
  EXPECT_EQ(poll_sequences(billing), sequences(1, 4)) << "what it was done with stays done";
  EXPECT_EQ(stat_of("orders", "billing").waits_for, "risk");
  auto risk = attach("risk");
  EXPECT_EQ(stat_of("orders", "billing").waits_for, "");
  EXPECT_TRUE(poll_sequences(billing).empty());
  EXPECT_EQ(poll_sequences(risk, 2), sequences(5, 6));
  EXPECT_EQ(poll_sequences(billing), sequences(5, 6));
}

TEST_F(Following, WaitsWhileTheOtherIsDeadAndGoesOnWithItWhenItReturns) {
  publish_numbered(publisher_, 10, 8);
  Child child([](const Words& words) {
    auto risk = Consumer::attach("orders", {.name = "risk", .policy = Policy::gate});
    poll_sequences(risk, 4);
    words.say("read four");
    static_cast<void>(words.hear());
  });
  child.words().expect("read four");
  auto billing = attach("billing", {"risk"});
  EXPECT_EQ(poll_sequences(billing), sequences(1, 4));
  child.kill();
  EXPECT_TRUE(poll_sequences(billing).empty());
  EXPECT_EQ(stat_of("orders", "billing").waits_for, "risk");
  EXPECT_EQ(stat_of("orders", "risk").state, "dead");
  auto risk = attach("risk");
  EXPECT_EQ(poll_sequences(risk), sequences(5, 10));
  EXPECT_EQ(poll_sequences(billing), sequences(5, 10));
}

TEST_F(Following, AReplacementThatIsSomebodyElseIsTold) {
  auto billing = [] {
    auto risk = attach("risk");
    return attach("billing", {"risk"});
  }();
  forget_consumer("orders", "risk");
  auto stranger = attach("risk");
  publish_numbered(publisher_, 3, 8);
  poll_sequences(stranger);
  expect_error([&] { poll_sequences(billing); }, Code::followed_changed, {"'risk'", "'orders'", "attach again"});
}

TEST_F(Following, OneThatSkippedEventsIsTold) {
  auto risk = attach("risk", {}, 1ms);
  auto billing = Consumer::attach("orders", {.name = "billing", .after = {"risk"}});
  publish_numbered(publisher_, 300, 1'000);  // evicts `risk`
  expect_error([&] { poll_sequences(risk); }, Code::evicted);
  poll_sequences(risk);
  expect_error(
      [&] {
        for (int i = 0; i < 3; ++i) static_cast<void>(billing.try_poll([](const Event&) {}));
      },
      Code::followed_changed, {"'risk'"});
}

TEST_F(Following, TheRootIsBlamedWhenAFollowerIsInTheWay) {
  auto risk = attach("risk");
  auto billing = attach("billing", {"risk"});
  publish_until_full(publisher_, 1'000);
  // More than once, where a busy machine let the time pass before the publisher had looked twice.
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), 5ms).status, Status::timed_out);
    return stat_of("orders", "risk").blocked_ns > 0;
  }));
  EXPECT_EQ(stat_of("orders", "billing").blocked_count, 0U);
  EXPECT_EQ(stat_of("orders", "billing").blocked_ns, 0U);
  EXPECT_GE(stat_of("orders", "risk").blocked_count, 1U);
}

TEST_F(Following, AFollowerThatIsSlowItselfIsBlamed) {
  auto risk = attach("risk");
  auto billing = attach("billing", {"risk"});
  const std::uint64_t held = publish_until_full(publisher_, 1'000);
  poll_sequences(risk);
  poll_sequences(billing, held / 2);
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), 5ms).status, Status::timed_out);
  EXPECT_GE(stat_of("orders", "billing").blocked_count, 1U);
}

TEST_F(Following, TheRootIsEvictedAndNotWhoWaitsForIt) {
  auto risk = attach("risk", {}, 5ms);
  auto billing = attach("billing", {"risk"}, 1s);
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), 20ms).status, Status::timed_out);
  EXPECT_EQ(stat_of("orders", "risk").state, "evicted");
  EXPECT_EQ(stat_of("orders", "billing").evictions, 0U) << "it has read all that it may";
}

// While it waits for another, the time is the other's.
TEST_F(Following, AFollowersBudgetBeginsWhenItCanGoOn) {
  auto risk = attach("risk");
  auto billing = attach("billing", {"risk"}, 50ms);
  publish_until_full(publisher_, 1'000);
  const auto one_more = [&](std::chrono::nanoseconds timeout) {
    return publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), timeout).status;
  };
  EXPECT_EQ(one_more(60ms), Status::timed_out);
  poll_sequences(risk);
  EXPECT_EQ(one_more(10ms), Status::timed_out);
  EXPECT_EQ(stat_of("orders", "billing").evictions, 0U) << "it could have gone on for some milliseconds only";
  EXPECT_EQ(one_more(kLong), Status::ok);
  EXPECT_EQ(stat_of("orders", "billing").evictions, 1U);
}

// The one it waits for does not gate any more and may never return: it is the follower that holds the ring now.
TEST_F(Following, AFollowersBudgetCountsWhileTheOneItWaitsForIsAway) {
  auto billing = [] {
    auto risk = attach("risk");
    return attach("billing", {"risk"}, 5ms);
  }();
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(publisher_.publish_for(numbered_payload(publisher_.next_sequence(), 1'000), kLong / 10).status, Status::ok);
  EXPECT_EQ(stat_of("orders", "billing").state, "evicted");
}

TEST_F(Following, IsRefusedToOneThatSkipsToTheNewest) {
  auto risk = attach("risk");
  expect_error([] { static_cast<void>(Consumer::attach("orders", {.policy = Policy::latest, .after = {"risk"}})); },
               Code::bad_option, {"'orders'", "policy latest", "gate or lossy"});
}

}  // namespace
}  // namespace ringbolt::test
