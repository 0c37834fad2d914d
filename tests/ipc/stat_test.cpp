// stat: what can be seen of a ring from outside, whatever state it is in.
#include <unistd.h>
#include <ringbolt/ipc/clock.hpp>

#include <algorithm>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

using Stat = IpcTest;

TEST_F(Stat, OfAnEmptyRing) {
  const std::uint64_t before = ipc::wall_ns();
  create_ring("orders", {.capacity_bytes = kSmall, .timestamps = false, .consumer_slots = 7, .first_sequence = 9});
  const RingStat stat = stat_ring("orders");
  EXPECT_EQ(stat.name, "orders");
  EXPECT_EQ(stat.path, ring_path("orders"));
  EXPECT_EQ(stat.ring_id.size(), 32U);
  EXPECT_EQ(stat.ring_id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(stat.capacity_bytes, kSmall);
  EXPECT_EQ(stat.epoch, 0U);
  EXPECT_FALSE(stat.publisher_alive);
  EXPECT_EQ(stat.publisher_pid, 0U);
  EXPECT_FALSE(stat.closed);
  EXPECT_FALSE(stat.timestamps);
  EXPECT_EQ(stat.first_sequence, 9U);
  EXPECT_EQ(stat.oldest_sequence, 0U);
  EXPECT_EQ(stat.newest_sequence, 0U);
  EXPECT_EQ(stat.published_events, 0U);
  EXPECT_EQ(stat.published_bytes, 0U);
  EXPECT_GE(stat.created_ns, before);
  EXPECT_LE(stat.created_ns, ipc::wall_ns());
  EXPECT_EQ(stat.consumer_slots, 7U);
  EXPECT_TRUE(stat.options.empty());
  EXPECT_TRUE(stat.consumers_readable);
  EXPECT_TRUE(stat.consumers.empty());
}

TEST_F(Stat, OfALiveRing) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .first_sequence = 100});
  publisher.publish("12345678");
  publisher.publish("");
  RingStat stat = stat_ring("orders");
  EXPECT_TRUE(stat.publisher_alive);
  EXPECT_EQ(stat.publisher_pid, static_cast<std::uint64_t>(::getpid()));
  EXPECT_EQ(stat.epoch, 1U);
  EXPECT_TRUE(stat.timestamps);
  EXPECT_EQ(stat.oldest_sequence, 100U);
  EXPECT_EQ(stat.newest_sequence, 101U);
  EXPECT_EQ(stat.published_events, 2U);
  EXPECT_EQ(stat.published_bytes, 40U + 32U);
  EXPECT_GT(stat.newest_timestamp_ns, 0U);
  publish_numbered(publisher, 500, 1'000);
  stat = stat_ring("orders");
  EXPECT_EQ(stat.newest_sequence, 601U);
  EXPECT_EQ(stat.published_events, 502U);
  EXPECT_EQ(stat.published_bytes, 72U + 500U * 1'032);
  EXPECT_GT(stat.oldest_sequence, 601U - 64);
  EXPECT_LT(stat.oldest_sequence, 601U - 40);
}

TEST_F(Stat, OfARingWhosePublisherIsDead) {
  Child child([](const Words& words) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publish_numbered(publisher, 100, 1'000);
    words.say("published");
    static_cast<void>(words.hear());
  });
  child.words().expect("published");
  const auto pid = static_cast<std::uint64_t>(child.pid());
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  child.signal(SIGSTOP);
  EXPECT_TRUE(stat_ring("orders").publisher_alive) << "stopped is not dead";
  child.kill();
  const RingStat stat = stat_ring("orders");
  EXPECT_FALSE(stat.publisher_alive);
  EXPECT_EQ(stat.publisher_pid, pid) << "of the last one";
  EXPECT_EQ(stat.newest_sequence, 100U);
  EXPECT_FALSE(stat.closed);
}

TEST_F(Stat, OfAClosedRing) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publisher.publish("x");
  publisher.close();
  EXPECT_TRUE(stat_ring("orders").closed);
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
}

TEST_F(Stat, ChangesNothing) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher, 100, 100);
  const auto bytes_of_file = [&](const char* name) {
    const RingFile file(ring_path("orders") + "/" + name);
    return std::vector<std::byte>(file.bytes().begin(), file.bytes().end());
  };
  const auto events = bytes_of_file("events");
  const auto consumers = bytes_of_file("consumers");
  const auto names = names_in(ring_path("orders"));
  for (int i = 0; i < 3; ++i) static_cast<void>(stat_ring("orders"));
  EXPECT_EQ(bytes_of_file("events"), events);
  EXPECT_EQ(bytes_of_file("consumers"), consumers);
  EXPECT_EQ(names_in(ring_path("orders")), names);
}

TEST_F(Stat, OfEveryConsumer) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto risk = Consumer::attach("orders", {.name = "risk", .policy = Policy::gate, .budget = 5s});
  auto billing = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .after = {"risk"}});
  auto display = Consumer::attach("orders", {.name = "display", .policy = Policy::latest});
  auto anonymous = Consumer::attach("orders");
  publish_numbered(publisher, 10, 8);
  poll_sequences(risk, 6);
  poll_sequences(billing, 2);
  poll_sequences(display);
  const RingStat ring = stat_ring("orders");
  ASSERT_EQ(ring.consumers.size(), 4U);

  const ConsumerStat leader = stat_of("orders", "risk");
  EXPECT_EQ(leader.policy, "gate");
  EXPECT_EQ(leader.state, "gating");
  EXPECT_EQ(leader.budget_ns, 5'000'000'000U);
  EXPECT_TRUE(leader.alive);
  EXPECT_EQ(leader.pid, static_cast<std::uint64_t>(::getpid()));
  EXPECT_EQ(leader.cursor_sequence, 6U);
  EXPECT_EQ(leader.lag_events, 4U);
  EXPECT_TRUE(leader.after.empty());
  EXPECT_EQ(leader.waits_for, "");

  const ConsumerStat follower = stat_of("orders", "billing");
  EXPECT_EQ(follower.cursor_sequence, 2U);
  EXPECT_EQ(follower.lag_events, 8U);
  EXPECT_EQ(follower.after, std::vector<std::string>{"risk"});
  EXPECT_EQ(follower.budget_ns, 0U);

  const ConsumerStat latest = stat_of("orders", "display");
  EXPECT_EQ(latest.policy, "latest");
  EXPECT_EQ(latest.state, "attached");
  EXPECT_EQ(latest.cursor_sequence, 10U);
  EXPECT_EQ(latest.lag_events, 0U);
  EXPECT_EQ(latest.skipped_events, 9U);
  EXPECT_EQ(stat_of("orders", "").policy, "lossy");
}

TEST_F(Stat, OfConsumersThatAreAwayOrDead) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publish_numbered(publisher, 10, 8);
  {
    auto billing = Consumer::attach("orders", {.name = "billing"});
    poll_sequences(billing, 4);
    auto anonymous = Consumer::attach("orders");
  }
  Child child([](const Words& words) {
    auto risk = Consumer::attach("orders", {.name = "risk", .policy = Policy::gate});
    poll_sequences(risk, 3);
    words.say("read");
    static_cast<void>(words.hear());
  });
  child.words().expect("read");
  child.kill();
  EXPECT_EQ(stat_ring("orders").consumers.size(), 2U) << "an anonymous consumer that has left is gone";
  const ConsumerStat away = stat_of("orders", "billing");
  EXPECT_EQ(away.state, "away");
  EXPECT_FALSE(away.alive);
  EXPECT_EQ(away.cursor_sequence, 4U);
  EXPECT_EQ(away.lag_events, 6U);
  const ConsumerStat dead = stat_of("orders", "risk");
  EXPECT_EQ(dead.state, "dead");
  EXPECT_FALSE(dead.alive);
  EXPECT_EQ(dead.cursor_sequence, 3U);
}

// A publisher at full speed must not make it fail.
TEST_F(Stat, OfARingThatIsWrittenAtFullSpeed) {
  Child child([](const Words& words) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publisher.publish("first");
    words.say("running");
    const std::vector<std::byte> payload(200);
    for (;;) publisher.publish(payload);
  });
  child.words().expect("running");
  std::uint64_t last = 0;
  for (int i = 0; i < 500; ++i) {
    const RingStat stat = stat_ring("orders");
    EXPECT_GE(stat.newest_sequence, last);
    EXPECT_LE(stat.oldest_sequence, stat.newest_sequence);
    EXPECT_GE(stat.oldest_sequence, 1U);
    last = stat.newest_sequence;
  }
  EXPECT_GT(last, 500U);
}

}  // namespace
}  // namespace ringbolt::test
