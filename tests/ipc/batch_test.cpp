// Batches: several events that become visible together, or not at all.
#include <algorithm>
#include <array>

#include "support.hpp"

namespace ringbolt::test {
namespace {

struct Tick {
  std::uint64_t instrument;
  std::uint32_t price;
};

class Batches : public IpcTest {
 protected:
  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
  Consumer consumer_ = Consumer::attach("orders", {.policy = Policy::gate});
};

TEST_F(Batches, DeliverTheirEventsInOrder) {
  const std::array batch{BatchEvent{bytes_of("one"), 1}, BatchEvent{bytes_of(""), 2}, BatchEvent{bytes_of("three"), 3}};
  EXPECT_EQ(publisher_.publish_batch(batch), 1U);
  EXPECT_EQ(publisher_.next_sequence(), 4U);
  publisher_.publish("four", {.type = 4});
  std::vector<std::string> texts;
  std::uint32_t type = 0;
  consumer_.poll([&](const Event& event) {
    EXPECT_EQ(event.type, ++type);
    EXPECT_EQ(event.sequence, type);
    texts.emplace_back(event.text());
  });
  EXPECT_EQ(texts, (std::vector<std::string>{"one", "", "three", "four"}));
}

TEST_F(Batches, OfStructsDeliverEachAsAnEvent) {
  const std::array<Tick, 3> ticks{{{1, 10}, {2, 20}, {3, 30}}};
  EXPECT_EQ(publisher_.publish_batch(std::span<const Tick>(ticks), {.type = 5}), 1U);
  std::uint64_t count = 0;
  consumer_.poll([&](const Event& event) {
    const auto tick = event.as<Tick>();
    EXPECT_EQ(tick.instrument, ++count);
    EXPECT_EQ(tick.price, count * 10);
    EXPECT_EQ(event.type, 5U);
    EXPECT_EQ(event.sequence, count);
  });
  EXPECT_EQ(count, 3U);
}

TEST_F(Batches, OfNothingPublishNothing) {
  publisher_.publish("one");
  EXPECT_EQ(publisher_.publish_batch(std::span<const BatchEvent>()), 2U);
  EXPECT_EQ(publisher_.publish_batch(std::span<const Tick>()), 2U);
  const PublishResult tried = publisher_.try_publish_batch({});
  EXPECT_EQ(tried.status, Status::ok);
  EXPECT_EQ(tried.sequence, 2U);
  EXPECT_EQ(publisher_.next_sequence(), 2U);
  EXPECT_EQ(poll_texts(consumer_), std::vector<std::string>{"one"});
}

TEST_F(Batches, TogetherAreAtMostAQuarterOfTheRing) {
  const std::vector<std::byte> payload(kSmall / 16 - 32);  // four such records fill a quarter
  std::vector<BatchEvent> batch(4, BatchEvent{payload, 0});
  EXPECT_EQ(publisher_.publish_batch(batch), 1U);
  batch.push_back({{}, 0});
  expect_error([&] { publisher_.publish_batch(batch); }, Code::event_too_large, {"ring 'orders'"});
  EXPECT_EQ(publisher_.try_publish_batch(batch).status, Status::too_large);
  const std::vector<Tick> ticks(kSmall / 4 / 48 + 1);
  expect_error([&] { publisher_.publish_batch(std::span<const Tick>(ticks)); }, Code::event_too_large);
  EXPECT_EQ(publisher_.next_sequence(), 5U);
}

TEST_F(Batches, AreFullAsAWhole) {
  publish_until_full(publisher_, 1'000);
  poll_sequences(consumer_, 2);  // room for two
  const std::vector<std::byte> payload(1'000);
  const std::vector<BatchEvent> batch(4, BatchEvent{payload, 0});
  const std::uint64_t next = publisher_.next_sequence();
  EXPECT_EQ(publisher_.try_publish_batch(batch).status, Status::full);
  EXPECT_EQ(publisher_.next_sequence(), next);
  EXPECT_EQ(poll_sequences(consumer_).back(), next - 1);
  const PublishResult result = publisher_.try_publish_batch(batch);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.sequence, next);
  EXPECT_EQ(publisher_.next_sequence(), next + 4);
}

// Whatever a consumer sees of a batch while it is being published, it sees all of it.
TEST_F(Batches, AreNeverSeenInPart) {
  std::vector<std::size_t> counts;
  for (int i = 0; i < 2'000; ++i) {
    const std::array batch{BatchEvent{bytes_of("a"), 0}, BatchEvent{bytes_of("bb"), 0}, BatchEvent{bytes_of("ccc"), 0}};
    publisher_.publish_batch(batch);
    counts.push_back(poll_texts(consumer_).size());
  }
  EXPECT_TRUE(std::ranges::all_of(counts, [](std::size_t count) { return count == 3; }));
}

TEST_F(Batches, CanBeStartedFromAtTheirFirstEvent) {
  const std::array batch{BatchEvent{bytes_of("a"), 0}, BatchEvent{bytes_of("b"), 0}, BatchEvent{bytes_of("c"), 0}};
  publisher_.publish_batch(batch);
  auto inside = Consumer::attach("orders", {.start = Start::at(2)});
  EXPECT_EQ(poll_texts(inside), (std::vector<std::string>{"b", "c"}));
  auto latest = Consumer::attach("orders", {.policy = Policy::latest, .start = Start::earliest});
  EXPECT_EQ(poll_texts(latest), std::vector<std::string>{"c"});
  EXPECT_EQ(stat_ring("orders").newest_sequence, 3U);
}

TEST_F(Batches, ShareOneTimestamp) {
  const std::array batch{BatchEvent{bytes_of("a"), 0}, BatchEvent{bytes_of("b"), 0}};
  publisher_.publish_batch(batch);
  std::vector<std::uint64_t> stamps;
  consumer_.poll([&](const Event& event) { stamps.push_back(event.timestamp_ns); });
  ASSERT_EQ(stamps.size(), 2U);
  EXPECT_GT(stamps[0], 0U);
  EXPECT_EQ(stamps[0], stamps[1]);
}

}  // namespace
}  // namespace ringbolt::test
