// Attributes of events, from whoever publishes to whoever reads: through rings, in place, through the journal, in claims and batches.
#include <algorithm>
#include <array>
#include <cstring>

#include "journalled_ring.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of(const Event& event) {
  Pairs pairs;
  for (const Attribute& attribute : event.attributes()) pairs.emplace_back(attribute.name, attribute.value);
  return pairs;
}

constexpr std::array kTwo{Attribute{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                          Attribute{"tenant", "blue"}};
const Pairs kTwoPairs{{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"tenant", "blue"}};

class AttributesOfEvents : public IpcTest {
 protected:
  static ConsumerOptions options(Read read) { return {.policy = Policy::gate, .read = read}; }
  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(AttributesOfEvents, ComeWithThemAndLeaveThePayloadAlone) {
  for (const Read read : {Read::copy, Read::in_place}) {
    auto consumer = Consumer::attach("orders", {.policy = Policy::gate, .start = Start::latest, .read = read});
    publisher_.publish("before");
    publisher_.publish("hello", {.type = 3, .attributes = kTwo});
    publisher_.publish("behind", {.type = 4});
    EXPECT_TRUE(publisher_.try_publish("tried", {.attributes = kTwo}));
    EXPECT_TRUE(publisher_.publish_for(bytes_of("in time"), 1s, {.attributes = kTwo}));
    std::vector<std::string> texts;
    std::vector<Pairs> attributes;
    consumer.poll([&](const Event& event) {
      texts.emplace_back(event.text());
      attributes.push_back(pairs_of(event));
      EXPECT_EQ(event.attributes().find("tenant").has_value(), event.attributes_bytes != 0);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(event.payload.data()) % 8, 0U);
      EXPECT_TRUE(event.still_valid());
    });
    EXPECT_EQ(texts, (std::vector<std::string>{"before", "hello", "behind", "tried", "in time"}));
    EXPECT_EQ(attributes, (std::vector<Pairs>{{}, kTwoPairs, {}, kTwoPairs, kTwoPairs}));
  }
}

TEST_F(AttributesOfEvents, MayComeWithoutAPayloadAndAsAType) {
  auto consumer = Consumer::attach("orders", options(Read::automatic));
  publisher_.publish(std::span<const std::byte>(), {.attributes = kTwo});
  publisher_.publish(std::uint64_t{41}, {.attributes = kTwo});
  auto event = consumer.next();
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->payload.empty());
  EXPECT_EQ(pairs_of(*event), kTwoPairs);
  event = consumer.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->as<std::uint64_t>(), 41U);
}

TEST_F(AttributesOfEvents, AreGivenWithAClaim) {
  auto consumer = Consumer::attach("orders", options(Read::automatic));
  Claim claim = publisher_.claim(100, kTwo);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim.payload().size(), 100U);
  std::memcpy(claim.payload().data(), "hello", 5);
  expect_error([&] { claim.commit(5, {.attributes = kTwo}); }, Code::bad_option, {"given with a claim"});
  Claim moved = std::move(claim);
  EXPECT_EQ(moved.commit(5, {.type = 9}), 1U);
  Claim tried = publisher_.try_claim(3, kTwo);
  std::memcpy(tried.payload().data(), "you", 3);
  EXPECT_EQ(tried.commit(), 2U);
  Claim none = publisher_.claim(2, {});
  std::memcpy(none.payload().data(), "no", 2);
  EXPECT_EQ(none.commit(), 3U);
  std::vector<std::string> texts;
  consumer.poll([&](const Event& event) {
    texts.emplace_back(event.text());
    EXPECT_EQ(pairs_of(event), event.sequence < 3 ? kTwoPairs : Pairs{});
    EXPECT_EQ(event.type, event.sequence == 1 ? 9U : 0U);
  });
  EXPECT_EQ(texts, (std::vector<std::string>{"hello", "you", "no"}));
}

TEST_F(AttributesOfEvents, AreEachEventsOwnInABatch) {
  auto consumer = Consumer::attach("orders", options(Read::automatic));
  const std::array one{Attribute{"key", "1"}};
  const std::array batch{BatchEvent{bytes_of("a"), 0, one}, BatchEvent{bytes_of("b"), 0},
                         BatchEvent{bytes_of("c"), 0, kTwo}};
  publisher_.publish_batch(batch);
  EXPECT_TRUE(publisher_.try_publish_batch(batch));
  std::vector<Pairs> attributes;
  std::string texts;
  consumer.poll([&](const Event& event) {
    texts += event.text();
    attributes.push_back(pairs_of(event));
  });
  const Pairs key{{"key", "1"}};
  EXPECT_EQ(texts, "abcabc");
  EXPECT_EQ(attributes, (std::vector<Pairs>{key, {}, kTwoPairs, key, {}, kTwoPairs}));
  const std::array<std::uint64_t, 2> values{1, 2};
  expect_error([&] { publisher_.publish_batch(std::span<const std::uint64_t>(values), {.attributes = kTwo}); },
               Code::bad_option, {"ring 'orders'", "BatchEvent"});
}

TEST_F(AttributesOfEvents, CountWithThePayloadWhereASizeIsLimited) {
  const std::uint64_t block = core::attributes_bytes(kTwo);
  const std::vector<std::byte> most(publisher_.largest_payload_bytes() - block);
  EXPECT_EQ(publisher_.publish(most, {.attributes = kTwo}), 1U);
  const std::vector<std::byte> more(most.size() + 1);
  expect_error([&] { publisher_.publish(more, {.attributes = kTwo}); }, Code::event_too_large, {"ring 'orders'"});
  EXPECT_EQ(publisher_.try_publish(more, {.attributes = kTwo}).status, Status::too_large);
  EXPECT_EQ(publisher_.try_claim(more.size(), kTwo).status(), Status::too_large);
  const std::array batch{BatchEvent{more, 0, kTwo}};
  EXPECT_EQ(publisher_.try_publish_batch(batch).status, Status::too_large);
  EXPECT_EQ(publisher_.next_sequence(), 2U);
}

TEST_F(AttributesOfEvents, AreRefusedWithABadNameOrTooLongAValue) {
  const std::string long_value(core::kMostAttributeValueBytes + 1, 'v');
  const std::array bad_name{Attribute{"a b", "x"}};
  const std::array bad_value{Attribute{"good", long_value}};
  expect_error([&] { publisher_.publish("x", {.attributes = bad_name}); }, Code::bad_option, {"ring 'orders'", "'a b'"});
  expect_error([&] { static_cast<void>(publisher_.try_publish("x", {.attributes = bad_value})); }, Code::bad_option,
               {"'good'", "65536 bytes"});
  const std::array batch{BatchEvent{bytes_of("a"), 0}, BatchEvent{bytes_of("b"), 0, bad_name}};
  expect_error([&] { publisher_.publish_batch(batch); }, Code::bad_option, {"'a b'"});
  EXPECT_EQ(publisher_.next_sequence(), 1U);
}

TEST_F(AttributesOfEvents, GoRoundTheRingLapAfterLap) {
  auto consumer = Consumer::attach("orders", options(Read::copy));
  for (std::uint64_t n = 1; n <= 5'000; ++n) {
    const std::string value = std::to_string(n) + std::string(n % 97, 'x');
    const std::array attributes{Attribute{"key", value}};
    const auto payload = numbered_payload(n, n % 61);
    publisher_.publish(payload, {.attributes = attributes});
    const auto event = consumer.next_for(kLong);
    ASSERT_TRUE(event);
    ASSERT_TRUE(is_numbered_payload(event->payload, n));
    ASSERT_EQ(event->attributes().find("key"), value);
  }
}

// Who is overrun in a ring full of attributes gets whole ones.
TEST_F(AttributesOfEvents, ComeBehindAGap) {
  auto consumer = Consumer::attach("orders", {.policy = Policy::lossy, .start = Start::earliest});
  for (int i = 0; i < 2'000; ++i) publisher_.publish("hello", {.attributes = kTwo});
  std::uint64_t events = 0;
  std::uint64_t lost = 0;
  const auto take = [&](const auto& seen) {
    if constexpr (std::is_same_v<std::decay_t<decltype(seen)>, Event>) {
      ++events;
      EXPECT_EQ(pairs_of(seen), kTwoPairs);
      EXPECT_EQ(seen.text(), "hello");
    } else {
      lost += seen.count();
    }
  };
  consumer.poll(take, 10'000);
  EXPECT_EQ(events + lost, 2'000U);
  EXPECT_GT(lost, 0U);
  EXPECT_GT(events, 0U);
}

TEST_F(AttributesOfEvents, ThatDoNotHoldTogetherAreAnError) {
  publisher_.publish("hello", {.attributes = kTwo});
  publisher_.publish("behind");
  RingFile file(ring_path("orders") + "/events");
  auto* const block = file.bytes().data() + file.events().data_offset + sizeof(core::RecordHeader);
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, block, 4);
  for (const std::uint32_t wrong : {0U, 4U, bytes + 8, 0xfffffff8U}) {
    std::memcpy(block, &wrong, 4);
    for (const Read read : {Read::copy, Read::in_place}) {
      auto consumer = Consumer::attach("orders", {.start = Start::earliest, .read = read});
      Event event;
      expect_error([&] { static_cast<void>(consumer.try_next(event)); }, Code::damaged,
                   {"event 1 of ring 'orders'", "attributes"});
      auto behind = Consumer::attach("orders", {.start = Start::at(2)});
      EXPECT_EQ(poll_texts(behind), std::vector<std::string>{"behind"});
    }
  }
}

class AttributesInTheJournal : public JournalledRing {};

TEST_F(AttributesInTheJournal, AreReadFromIt) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publisher.publish("hello", {.attributes = kTwo});
    publisher.publish_durable("plain");
  }
  auto reader = JournalReader::open(directory());
  Event event;
  ASSERT_EQ(reader.next(event), Status::ok);
  EXPECT_EQ(event.text(), "hello");
  EXPECT_EQ(pairs_of(event), kTwoPairs);
  ASSERT_EQ(reader.next(event), Status::ok);
  EXPECT_EQ(event.text(), "plain");
  EXPECT_EQ(pairs_of(event), Pairs{});
}

// From the ring, from the journal, and at the turns between them.
TEST_F(AttributesInTheJournal, ComeToWhoFellBehind) {
  constexpr std::uint64_t kEvents = 3'000;
  Publisher publisher = Publisher::open("orders", journalled());
  auto consumer = Consumer::attach("orders", {.policy = Policy::journal, .start = Start::earliest});
  for (std::uint64_t n = 1; n <= kEvents; ++n) {
    const std::string key = std::to_string(n);
    const std::array attributes{Attribute{"key", key}};
    publisher.publish(numbered_payload(n, 100), n % 3 == 0 ? EventOptions{} : EventOptions{.attributes = attributes});
  }
  for (std::uint64_t n = 1; n <= kEvents; ++n) {
    const auto event = consumer.next_for(kLong);
    ASSERT_TRUE(event);
    ASSERT_EQ(event->sequence, n);
    ASSERT_TRUE(is_numbered_payload(event->payload, n));
    ASSERT_EQ(pairs_of(*event), n % 3 == 0 ? Pairs{} : (Pairs{{"key", std::to_string(n)}}));
  }
  EXPECT_GT(consumer.counters().turns_to_journal, 0U);
}

}  // namespace
}  // namespace ringbolt::test
