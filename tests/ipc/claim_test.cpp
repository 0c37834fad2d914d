// Claims: room in the ring itself, published once or not at all.
#include <algorithm>
#include <cstring>
#include <utility>

#include "support.hpp"

namespace ringbolt::test {
namespace {

class Claiming : public IpcTest {
 protected:
  static void fill(Claim& claim, std::string_view text) { std::memcpy(claim.payload().data(), text.data(), text.size()); }

  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
  Consumer consumer_ = Consumer::attach("orders", {.policy = Policy::gate});
};

TEST_F(Claiming, PublishesWhatWasWrittenInPlace) {
  Claim claim = publisher_.claim(5);
  EXPECT_TRUE(claim);
  EXPECT_EQ(claim.status(), Status::ok);
  ASSERT_EQ(claim.payload().size(), 5U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(claim.payload().data()) % 8, 0U);
  fill(claim, "hello");
  EXPECT_TRUE(poll_texts(consumer_).empty()) << "visible before the commit";
  EXPECT_EQ(claim.commit({.type = 3}), 1U);
  consumer_.poll([](const Event& event) {
    EXPECT_EQ(event.text(), "hello");
    EXPECT_EQ(event.type, 3U);
  });
}

TEST_F(Claiming, AbandonedPublishesNothing) {
  {
    Claim claim = publisher_.claim(100);
    std::ranges::fill(claim.payload(), std::byte{0xff});
  }
  EXPECT_EQ(publisher_.next_sequence(), 1U);
  EXPECT_TRUE(poll_texts(consumer_).empty());
  publisher_.publish("next");
  EXPECT_EQ(poll_texts(consumer_), std::vector<std::string>{"next"});
}

TEST_F(Claiming, MayPublishLessThanWasClaimed) {
  Claim claim = publisher_.claim(1'000);
  fill(claim, "short");
  EXPECT_EQ(claim.commit(5), 1U);
  Claim nothing = publisher_.claim(1'000);
  EXPECT_EQ(nothing.commit(0, {.type = 1}), 2U);
  publisher_.publish("behind");
  EXPECT_EQ(poll_texts(consumer_), (std::vector<std::string>{"short", "", "behind"}));
}

TEST_F(Claiming, RefusesToPublishMoreThanWasClaimed) {
  Claim claim = publisher_.claim(8);
  expect_error([&] { claim.commit(9); }, Code::bad_option, {"committed once", "at most the bytes that were claimed"});
  EXPECT_EQ(publisher_.next_sequence(), 1U);
  EXPECT_EQ(claim.commit(8), 1U) << "a refused commit must leave the claim usable";
}

TEST_F(Claiming, IsCommittedOnce) {
  Claim claim = publisher_.claim(8);
  claim.commit();
  EXPECT_FALSE(claim);
  expect_error([&] { claim.commit(); }, Code::bad_option, {"committed once"});
  EXPECT_EQ(publisher_.next_sequence(), 2U);
}

TEST_F(Claiming, ASecondOneTakesThePlaceOfTheFirst) {
  Claim first = publisher_.claim(16);
  Claim second = publisher_.claim(32);
  EXPECT_EQ(first.payload().data(), second.payload().data());
  EXPECT_EQ(second.commit(), 1U);
  expect_error([&] { first.commit(); }, Code::bad_option, {"before the next event is published"});
  EXPECT_EQ(publisher_.next_sequence(), 2U);
}

TEST_F(Claiming, IsVoidOnceAnotherEventWasPublished) {
  Claim claim = publisher_.claim(16);
  publisher_.publish("first");
  expect_error([&] { claim.commit(); }, Code::bad_option, {"before the next event is published"});
  EXPECT_EQ(poll_texts(consumer_), std::vector<std::string>{"first"});
}

TEST_F(Claiming, MovesWithItsRoom) {
  Claim claim = publisher_.claim(5);
  fill(claim, "hello");
  Claim moved = std::move(claim);
  EXPECT_FALSE(claim);  // NOLINT(bugprone-use-after-move): what a moved claim says is what is tested
  expect_error([&] { claim.commit(); }, Code::bad_option);
  moved.commit();
  EXPECT_EQ(poll_texts(consumer_), std::vector<std::string>{"hello"});
}

TEST_F(Claiming, TriedIsFullWhereAGatingConsumerIsInTheWay) {
  publish_until_full(publisher_, 1'000);
  Claim claim = publisher_.try_claim(1'000);
  EXPECT_FALSE(claim);
  EXPECT_EQ(claim.status(), Status::full);
  EXPECT_TRUE(claim.payload().empty());
  expect_error([&] { claim.commit(); }, Code::bad_option);
  EXPECT_FALSE(poll_sequences(consumer_).empty());
  Claim again = publisher_.try_claim(1'000);
  EXPECT_EQ(again.status(), Status::ok);
}

TEST_F(Claiming, OfNothingIsAnEventWithoutPayload) {
  Claim claim = publisher_.claim(0);
  EXPECT_TRUE(claim);
  EXPECT_TRUE(claim.payload().empty());
  claim.commit();
  EXPECT_EQ(poll_texts(consumer_), std::vector<std::string>{""});
}

// The ring's end lies inside the claim: its bytes are contiguous all the same.
TEST_F(Claiming, IsContiguousAcrossTheEndOfTheRing) {
  const std::size_t size = publisher_.largest_payload_bytes() - 40;
  for (int i = 0; i < 40; ++i) {
    Claim claim = publisher_.claim(size);
    const auto payload = numbered_payload(publisher_.next_sequence(), size);
    std::ranges::copy(payload, claim.payload().begin());
    const std::uint64_t sequence = claim.commit();
    ASSERT_EQ(poll_sequences(consumer_), sequences(sequence, sequence));
  }
}

}  // namespace
}  // namespace ringbolt::test
