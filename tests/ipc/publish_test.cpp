// What a publisher publishes is what a consumer gets: bytes, texts, structs, types; and what the forms answer that do not
// wait or wait only so long.
#include <array>
#include <limits>
#include <utility>

#include "support.hpp"

namespace ringbolt::test {
namespace {

struct Tick {
  std::uint64_t instrument;
  double price;
  std::uint32_t volume;
  std::uint32_t venue;
};

using Publishing = IpcTest;

TEST_F(Publishing, NumbersEventsFromOneWithoutAGap) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(publisher.next_sequence(), 1U);
  EXPECT_EQ(publisher.publish("a"), 1U);
  EXPECT_EQ(publisher.publish("b"), 2U);
  EXPECT_EQ(publisher.next_sequence(), 3U);
}

TEST_F(Publishing, DeliversBytesUnchanged) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 31U, 32U, 33U, 1'000U})
    publisher.publish(numbered_payload(publisher.next_sequence(), size));
  std::vector<std::size_t> sizes;
  consumer.poll([&](const Event& event) {
    EXPECT_TRUE(is_numbered_payload(event.payload, event.sequence));
    sizes.push_back(event.payload.size());
  });
  EXPECT_EQ(sizes, (std::vector<std::size_t>{0, 1, 7, 8, 9, 31, 32, 33, 1'000}));
}

TEST_F(Publishing, DeliversTextAsText) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  publisher.publish("a literal");
  publisher.publish(std::string("a string"));
  publisher.publish(std::string_view("with\0zero", 9));
  publisher.publish("");
  EXPECT_EQ(poll_texts(consumer), (std::vector<std::string>{"a literal", "a string", std::string("with\0zero", 9), ""}));
}

TEST_F(Publishing, DeliversAStructAsThatStruct) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  publisher.publish(Tick{.instrument = 17, .price = 2.5, .volume = 3, .venue = 4}, {.type = 9});
  publisher.publish(std::uint16_t{513});
  std::size_t count = 0;
  consumer.poll([&](const Event& event) {
    if (++count == 2) {
      EXPECT_EQ(event.as<std::uint16_t>(), 513);
      return;
    }
    const auto tick = event.as<Tick>();
    EXPECT_EQ(tick.instrument, 17U);
    EXPECT_EQ(tick.price, 2.5);
    EXPECT_EQ(tick.volume, 3U);
    EXPECT_EQ(tick.venue, 4U);
    EXPECT_EQ(event.type, 9U);
  });
  EXPECT_EQ(count, 2U);
}

TEST_F(Publishing, AStructOfAnotherSizeIsRefusedByTheReader) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  publisher.publish(std::uint32_t{1}, {.type = 42});
  consumer.poll([](const Event& event) {
    expect_error([&] { static_cast<void>(event.as<std::uint64_t>()); }, Code::bad_option,
                 {"event 1", "type 42", "4 bytes", "a type of 8", "check its type"});
    expect_error([&] { static_cast<void>(event.as<std::uint16_t>()); }, Code::bad_option, {"4 bytes"});
    EXPECT_EQ(event.as<std::uint32_t>(), 1U);
  });
}

TEST_F(Publishing, TheTypeTravelsWithTheEvent) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
  publisher.publish("a");
  publisher.publish("b", {.type = 7});
  publisher.publish("c", {.type = most});
  EXPECT_TRUE(publisher.try_publish("d", {.type = 8}));
  EXPECT_TRUE(publisher.try_publish(std::uint8_t{1}, {.type = 9}));
  EXPECT_TRUE(publisher.publish_for(bytes_of("f"), kLong, {.type = 10}));
  std::vector<std::uint32_t> types;
  consumer.poll([&](const Event& event) { types.push_back(event.type); });
  EXPECT_EQ(types, (std::vector<std::uint32_t>{0, 7, most, 8, 9, 10}));
}

TEST_F(Publishing, TheLargestPayloadFitsAndOneByteMoreNever) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  const std::size_t most = publisher.largest_payload_bytes();
  EXPECT_EQ(most, kSmall / 4 - 32);
  const std::vector<std::byte> larger(most + 1);
  publisher.publish(numbered_payload(1, most));
  expect_error([&] { publisher.publish(larger); }, Code::event_too_large, {"ring 'orders'", "16384", "larger capacity"});
  expect_error([&] { static_cast<void>(publisher.claim(most + 1)); }, Code::event_too_large);
  expect_error([&] { publisher.publish_for(larger, kLong); }, Code::event_too_large);
  EXPECT_EQ(publisher.try_publish(larger).status, Status::too_large);
  EXPECT_EQ(publisher.try_claim(most + 1).status(), Status::too_large);
  publisher.publish(numbered_payload(2, 1));
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 2)) << "a refused event must leave no trace";
}

// What a caller asks for who has computed a size below zero.
TEST_F(Publishing, ASizeNearTheLargestNumberIsTooLarge) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publisher.publish("makes room for more");
  for (const std::size_t below : {1U, 7U, 8U, 31U, 32U, 33U, 39U, 40U}) {
    const std::size_t size = std::size_t{0} - below;
    EXPECT_EQ(publisher.try_claim(size).status(), Status::too_large) << "2^64 - " << below;
    expect_error([&] { static_cast<void>(publisher.claim(size)); }, Code::event_too_large);
  }
}

TEST_F(Publishing, TryPublishIsFullWhereAGatingConsumerIsInTheWayAndGoesOnBehindIt) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  const std::uint64_t count = publish_until_full(publisher, 1'000);
  EXPECT_GE(count, 60U) << "all of the ring must be usable";
  EXPECT_LE(count, 63U);
  const PublishResult full = publisher.try_publish(numbered_payload(1, 1'000));
  EXPECT_EQ(full.status, Status::full);
  EXPECT_EQ(full.sequence, 0U);
  EXPECT_FALSE(full);
  EXPECT_EQ(publisher.try_publish("text").status, publisher.try_publish(std::array<char, 4>{}).status);
  EXPECT_EQ(poll_sequences(consumer, 1), sequences(1, 1));
  const PublishResult again = publisher.try_publish(numbered_payload(publisher.next_sequence(), 900));
  EXPECT_EQ(again.status, Status::ok);
  EXPECT_EQ(again.sequence, publisher.next_sequence() - 1);
}

TEST_F(Publishing, PublishForTimesOutWhereAGatingConsumerStaysInTheWay) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  publish_until_full(publisher, 1'000);
  const std::uint64_t next = publisher.next_sequence();
  for (const auto timeout : {0ns, -5ns, 1'000'000ns, 20'000'000ns}) {
    const auto began = std::chrono::steady_clock::now();
    const PublishResult result = publisher.publish_for(numbered_payload(next, 1'000), timeout);
    EXPECT_EQ(result.status, Status::timed_out);
    EXPECT_EQ(result.sequence, 0U);
    EXPECT_GE(std::chrono::steady_clock::now() - began, timeout);
  }
  EXPECT_EQ(publisher.next_sequence(), next) << "a time-out must publish nothing";
  EXPECT_EQ(poll_sequences(consumer).back(), next - 1);
  EXPECT_EQ(publisher.publish_for(numbered_payload(next, 1'000), 0ns).sequence, next);
}

TEST_F(Publishing, AMovedPublisherGoesOn) {
  auto first = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  first.publish(numbered_payload(1, 8));
  Publisher second = std::move(first);
  publish_numbered(second, 1, 8);
  EXPECT_EQ(second.name(), "orders");
  auto third = Publisher::open("other", {.capacity_bytes = kSmall});
  third = std::move(second);
  publish_numbered(third, 1, 8);
  EXPECT_EQ(third.name(), "orders");
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 3));
  EXPECT_FALSE(stat_ring("other").publisher_alive) << "what was assigned over must let its ring go";
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
}

TEST_F(Publishing, SaysWhatItWasOpenedWith) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = 2 * kSmall, .timestamps = false, .first_sequence = 100});
  EXPECT_EQ(publisher.name(), "orders");
  EXPECT_EQ(publisher.capacity_bytes(), 2 * kSmall);
  EXPECT_EQ(publisher.largest_payload_bytes(), kSmall / 2 - 32);
  EXPECT_FALSE(publisher.timestamps());
  EXPECT_EQ(publisher.epoch(), 1U);
  EXPECT_EQ(publisher.next_sequence(), 100U);
}

TEST_F(Publishing, TheDefaultsAreThoseOfTheManual) {
  auto publisher = Publisher::open("orders");
  EXPECT_EQ(publisher.capacity_bytes(), std::uint64_t{16} << 20);
  EXPECT_TRUE(publisher.timestamps());
  EXPECT_EQ(publisher.next_sequence(), 1U);
  const RingStat stat = stat_ring("orders");
  EXPECT_EQ(stat.consumer_slots, 256U);
  EXPECT_TRUE(stat.options.empty());
}

TEST_F(Publishing, SequencesMayStartAnywhere) {
  for (const std::uint64_t first : {(std::uint64_t{1} << 32) - 3, (std::uint64_t{1} << 63) - 3, std::uint64_t{1} << 63}) {
    const std::string ring = "from-" + std::to_string(first);
    auto publisher = Publisher::open(ring, {.capacity_bytes = kSmall, .first_sequence = first});
    auto consumer = Consumer::attach(ring, {.name = "c", .policy = Policy::gate});
    publish_numbered(publisher, 6, 100);
    EXPECT_EQ(poll_sequences(consumer, 3), sequences(first, first + 2));
    consumer = Consumer::attach(ring, {.name = "d", .policy = Policy::gate, .start = Start::at(first + 4)});
    EXPECT_EQ(poll_sequences(consumer), sequences(first + 4, first + 5));
    auto resumed = Consumer::attach(ring, {.name = "c", .policy = Policy::gate});
    EXPECT_EQ(poll_sequences(resumed), sequences(first + 3, first + 5));
  }
}

}  // namespace
}  // namespace ringbolt::test
