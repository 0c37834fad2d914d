// Timestamps: the publisher's wall clock on every event, never decreasing, or nothing at all.
#include <ringbolt/ipc/clock.hpp>

#include <algorithm>
#include <optional>

#include "support.hpp"

namespace ringbolt::test {
namespace {

class Timestamps : public IpcTest {
 protected:
  [[nodiscard]] static std::vector<std::uint64_t> stamps_of(std::string_view ring) {
    auto consumer = Consumer::attach(ring);
    std::vector<std::uint64_t> stamps;
    consumer.poll([&](const Event& event) { stamps.push_back(event.timestamp_ns); }, 10'000);
    return stamps;
  }
};

TEST_F(Timestamps, AreTheWallClockAtThePublication) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_TRUE(publisher.timestamps());
  const std::uint64_t before = ipc::wall_ns();
  publisher.publish("a");
  publisher.claim(1).commit();
  publisher.try_publish("c");
  const std::uint64_t after = ipc::wall_ns();
  const auto stamps = stamps_of("orders");
  ASSERT_EQ(stamps.size(), 3U);
  for (const std::uint64_t stamp : stamps) {
    EXPECT_GE(stamp, before);
    EXPECT_LE(stamp, after);
  }
  EXPECT_TRUE(std::ranges::is_sorted(stamps));
}

TEST_F(Timestamps, AreNothingInARingWithoutThem) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .timestamps = false});
  EXPECT_FALSE(publisher.timestamps());
  publisher.publish("a");
  publisher.publish_batch(std::vector{BatchEvent{bytes_of("b"), 0}});
  EXPECT_EQ(stamps_of("orders"), (std::vector<std::uint64_t>{0, 0}));
  EXPECT_FALSE(stat_ring("orders").timestamps);
}

TEST_F(Timestamps, AreARingsAndNotAPublishersChoice) {
  { auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .timestamps = false}); }
  auto publisher = Publisher::open("orders");
  EXPECT_FALSE(publisher.timestamps());
}

// The clock of whoever published before may have been ahead of ours, or ours may have been set back since.
TEST_F(Timestamps, NeverDecreaseOverATakeOver) {
  const std::uint64_t ahead = ipc::wall_ns() + 3'600'000'000'000;
  {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publisher.publish("a");
    publisher.publish("b");
  }
  {
    const RingFile events(ring_path("orders") + "/events");
    const std::uint64_t newest = events.events().hint.load_relaxed();
    events.record(newest).timestamp_ns.store_relaxed(ahead);
  }
  auto publisher = Publisher::open("orders");
  publisher.publish("c");
  publisher.publish_batch(std::vector{BatchEvent{bytes_of("d"), 0}});
  publisher.publish_batch(std::span<const std::uint64_t>(std::vector<std::uint64_t>{1}));
  const auto stamps = stamps_of("orders");
  ASSERT_EQ(stamps.size(), 5U);
  EXPECT_LT(stamps[0], ahead);
  EXPECT_EQ(stamps[1], ahead);
  EXPECT_EQ(stamps[2], ahead);
  EXPECT_EQ(stamps[3], ahead);
  EXPECT_EQ(stamps[4], ahead);
  EXPECT_EQ(stat_ring("orders").newest_timestamp_ns, ahead);
}

TEST_F(Timestamps, NeverDecreaseOverManyEventsAndLaps) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  std::uint64_t last = 0;
  for (int i = 0; i < 5'000; ++i) {
    publisher.publish(std::uint64_t{1});
    consumer.poll([&](const Event& event) {
      EXPECT_GE(event.timestamp_ns, last);
      last = event.timestamp_ns;
    });
  }
}

}  // namespace
}  // namespace ringbolt::test
