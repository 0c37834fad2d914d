// The model under `top` and `stat --watch`: what two looks at a ring come to.
#include "rates.hpp"

#include <gtest/gtest.h>

namespace ringbolt::command::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

ConsumerStat consumer_at(const std::string& name, std::uint64_t cursor, std::uint64_t newest) {
  ConsumerStat consumer;
  consumer.name = name;
  consumer.policy = "lossy";
  consumer.state = "attached";
  consumer.alive = true;
  consumer.cursor_sequence = cursor;
  consumer.lag_events = newest - cursor;
  return consumer;
}

RingStat ring_at(std::uint64_t newest, std::vector<ConsumerStat> consumers = {}) {
  RingStat stat;
  stat.name = "a";
  stat.ring_id = "1";
  stat.oldest_sequence = newest == 0 ? 0 : 1;
  stat.newest_sequence = newest;
  stat.published_events = newest;
  stat.published_bytes = 40 * newest;
  stat.consumers = std::move(consumers);
  return stat;
}

TEST(Rates, AreNotKnownBeforeTheSecondLook) {
  Rates rates;
  const RingRates first = rates.next(7 * kSecond, ring_at(100, {consumer_at("c", 50, 100)}));
  EXPECT_FALSE(first.events_per_s);
  EXPECT_FALSE(first.bytes_per_s);
  EXPECT_FALSE(first.consumers[0].events_per_s);
  const RingRates second = rates.next(9 * kSecond, ring_at(300, {consumer_at("c", 250, 300)}));
  EXPECT_DOUBLE_EQ(second.events_per_s.value(), 100);
  EXPECT_DOUBLE_EQ(second.bytes_per_s.value(), 4'000);
  EXPECT_DOUBLE_EQ(second.consumers[0].events_per_s.value(), 100);
  EXPECT_FALSE(second.made_anew);
}

TEST(Rates, OfAConsumerLeaveOutWhatItLostAndSkipped) {
  Rates rates;
  rates.next(0, ring_at(1'000, {consumer_at("c", 0, 1'000)}));
  ConsumerStat later = consumer_at("c", 900, 1'000);
  later.gap_events = 600;
  later.skipped_events = 100;
  const RingRates ring = rates.next(2 * kSecond, ring_at(1'000, {later}));
  EXPECT_DOUBLE_EQ(ring.consumers[0].events_per_s.value(), 100);
  EXPECT_DOUBLE_EQ(ring.consumers[0].lost_per_s.value(), 300);
}

TEST(Rates, SayHowMuchOfTheTimeThePublisherWasHeldUp) {
  Rates rates;
  ConsumerStat gate = consumer_at("c", 10, 10);
  rates.next(0, ring_at(10, {gate}));
  gate.blocked_ns = 1 * kSecond;
  EXPECT_DOUBLE_EQ(rates.next(4 * kSecond, ring_at(10, {gate})).consumers[0].blocked_share.value(), 0.25);
  gate.blocked_ns += 9 * kSecond;  // told at its end, and begun before the last look
  EXPECT_DOUBLE_EQ(rates.next(5 * kSecond, ring_at(10, {gate})).consumers[0].blocked_share.value(), 1);
}

// 100 events a second; the consumer has stopped at 150, so 151 came half a second after the look at 100.
TEST(Rates, SayHowLongAConsumerIsBehind) {
  Rates rates;
  rates.next(10 * kSecond, ring_at(100, {consumer_at("c", 100, 100)}));
  rates.next(11 * kSecond, ring_at(200, {consumer_at("c", 150, 200)}));
  const RingRates ring = rates.next(13 * kSecond, ring_at(200, {consumer_at("c", 150, 200)}));
  EXPECT_NEAR(static_cast<double>(ring.consumers[0].behind_ns), 2.5e9, 2e7);
  EXPECT_FALSE(ring.consumers[0].behind_longer);
  EXPECT_EQ(rates.next(14 * kSecond, ring_at(200, {consumer_at("c", 200, 200)})).consumers[0].behind_ns, 0U);
}

TEST(Rates, SayAtLeastWhereTheLagIsOlderThanTheFirstLook) {
  Rates rates;
  rates.next(10 * kSecond, ring_at(100, {consumer_at("c", 5, 100)}));
  const RingRates ring = rates.next(13 * kSecond, ring_at(200, {consumer_at("c", 5, 200)}));
  EXPECT_TRUE(ring.consumers[0].behind_longer);
  EXPECT_EQ(ring.consumers[0].behind_ns, 3 * kSecond);
}

TEST(Rates, BeginAgainWithARingThatWasMadeAnew) {
  Rates rates;
  rates.next(0, ring_at(1'000, {consumer_at("c", 1'000, 1'000)}));
  RingStat anew = ring_at(10, {consumer_at("c", 1, 10)});
  anew.ring_id = "2";
  const RingRates ring = rates.next(kSecond, anew);
  EXPECT_TRUE(ring.made_anew);
  EXPECT_FALSE(ring.events_per_s);
  EXPECT_FALSE(ring.consumers[0].events_per_s);
}

TEST(Rates, OfACounterThatWentBackAreNotKnown) {
  Rates rates;
  rates.next(0, ring_at(100, {consumer_at("c", 90, 100)}));
  EXPECT_FALSE(rates.next(kSecond, ring_at(100, {consumer_at("c", 10, 100)})).consumers[0].events_per_s);  // seek
}

TEST(Rates, TellConsumersWithoutANameApart) {
  const auto anonymous = [](std::uint64_t pid, std::uint64_t cursor) {
    ConsumerStat consumer = consumer_at("", cursor, 100);
    consumer.pid = pid;
    return consumer;
  };
  Rates rates;
  rates.next(0, ring_at(100, {anonymous(7, 10), anonymous(8, 20), anonymous(8, 30)}));
  // The first has gone.
  const RingRates ring = rates.next(kSecond, ring_at(100, {anonymous(8, 25), anonymous(8, 37), anonymous(9, 99)}));
  EXPECT_DOUBLE_EQ(ring.consumers[0].events_per_s.value(), 5);
  EXPECT_DOUBLE_EQ(ring.consumers[1].events_per_s.value(), 7);
  EXPECT_FALSE(ring.consumers[2].events_per_s);
}

TEST(Rates, MeasureALagByWhatTheRingHolds) {
  Rates rates;
  RingStat stat = ring_at(1'000, {consumer_at("half", 950, 1'000), consumer_at("over", 100, 1'000)});
  stat.oldest_sequence = 901;
  const RingRates ring = rates.next(0, stat);
  EXPECT_DOUBLE_EQ(ring.consumers[0].ring_share, 0.5);
  EXPECT_DOUBLE_EQ(ring.consumers[1].ring_share, 1);
}

TEST(Rates, NameTheSlowestOfThoseThatCount) {
  RingStat stat = ring_at(100, {consumer_at("fast", 99, 100), consumer_at("slow", 50, 100), consumer_at("away", 1, 100),
                                consumer_at(".journal", 2, 100)});
  stat.consumers[2].alive = false;
  Rates rates;
  EXPECT_EQ(slowest(rates.next(0, stat))->stat.name, "slow");
  stat.consumers[2].gating = true;  // dead, and in the way
  EXPECT_EQ(slowest(rates.next(1, stat))->stat.name, "away");
  EXPECT_EQ(slowest(rates.next(2, ring_at(100))), nullptr);
}

}  // namespace
}  // namespace ringbolt::command::test
