// Each system call of what one does with a ring fails in turn.
#include <poll.h>

#include <filesystem>

#include "nth_call.hpp"

namespace ringbolt::test {
namespace {

constexpr std::uint64_t kBefore = 50;  // events of an earlier publisher
constexpr std::size_t kBytes = 100;

class RingFaults : public IpcTest {
 protected:
  void forget() const {
    for (const std::string& name : names_in(place())) std::filesystem::remove_all(ring_path(name));
  }
  // The next publisher goes on behind the last event, and all of them can be read.
  void expect_stream_of(std::uint64_t published) const {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    EXPECT_EQ(publisher.next_sequence(), published + 1);
    publish_numbered(publisher, 1, kBytes);
    auto consumer = Consumer::attach("orders", {.policy = Policy::gate, .start = Start::earliest});
    EXPECT_EQ(poll_sequences(consumer), sequences(1, published + 1));
    EXPECT_TRUE(stat_ring("orders").publisher_alive);
  }
  static void publish_before() {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publish_numbered(publisher, kBefore, kBytes);
  }
  [[nodiscard]] bool there_is_a_ring() const { return std::filesystem::exists(ring_path("orders")); }

  std::uint64_t published_ = 0;
};

TEST_F(RingFaults, WhileARingIsMadeLeaveItWholeOrNothing) {
  const PublisherOptions options{.capacity_bytes = kSmall, .consumer_slots = 8, .mode = 0644};
  fail_each_call({
      .prepare = [] {},
      .run = [&] { create_ring("orders", options); },
      .check =
          [&](const Outcome& outcome) {
            EXPECT_EQ(there_is_a_ring(), outcome.succeeded()) << "an Error and a ring, or neither";
            // What could not be unlinked waits for the next who makes the ring.
            if (!outcome.of(Call::unlink)) {
              EXPECT_EQ(names_in(place()).size(), outcome.succeeded() ? 1U : 0U);
            }
            if (outcome.succeeded()) {
              std::filesystem::perms mode = std::filesystem::status(ring_path("orders") + "/events").permissions();
              EXPECT_EQ(mode, std::filesystem::perms{0644}) << "not the mode that was asked for, and no Error";
            } else {
              create_ring("orders", options);
            }
            EXPECT_EQ(names_in(place()), std::vector<std::string>{"orders"});
            expect_stream_of(0);
          },
      .clean = [&] { forget(); },
  });
}

TEST_F(RingFaults, WhileARingIsOpenedToPublishKeepTheStream) {
  fail_each_call({
      .prepare = [&] { published_ = 0; },
      .run =
          [&] {
            auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .prefault = true, .lock_memory = true});
            for (int i = 0; i < 10; ++i) published_ = publish_numbered(publisher, 1, kBytes);
            publisher.close();
          },
      .check = [&](const Outcome&) { expect_stream_of(published_); },
      .clean = [&] { forget(); },
  });
}

TEST_F(RingFaults, WhileARingIsTakenOverKeepTheStream) {
  fail_each_call({
      .prepare =
          [&] {
            publish_before();
            published_ = kBefore;
          },
      .run =
          [&] {
            auto publisher = Publisher::open("orders");
            for (int i = 0; i < 10; ++i) published_ = publish_numbered(publisher, 1, kBytes);
          },
      .check = [&](const Outcome&) { expect_stream_of(published_); },
      .clean = [&] { forget(); },
  });
}

// Neither does one that failed hold the publisher up, nor is what it committed forgotten.
TEST_F(RingFaults, OfAConsumerHoldNobodyUpAndLoseNoCommit) {
  std::optional<Publisher> publisher;
  std::uint64_t committed = 0;
  fail_each_call({
      .prepare =
          [&] {
            publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
            publish_numbered(*publisher, kBefore, kBytes);
            committed = 0;
          },
      .run =
          [&] {
            auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
            while (auto event = consumer.next_for(0ns)) {
              EXPECT_TRUE(is_numbered_payload(event->payload, event->sequence));
              EXPECT_EQ(event->sequence, committed + 1);
              consumer.commit(event->sequence);
              committed = event->sequence;
            }
            EXPECT_EQ(committed, kBefore);
            EXPECT_EQ(consumer.wait_for(1ms), Status::timed_out);
            EXPECT_TRUE(consumer.publisher_alive());
          },
      .check =
          [&](const Outcome& outcome) {
            EXPECT_TRUE(committed == kBefore || !outcome.succeeded());
            {
              auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
              EXPECT_EQ(poll_sequences(consumer),
                        committed == kBefore ? std::vector<std::uint64_t>{} : sequences(committed + 1, kBefore));
            }
            for (std::uint64_t i = 0; i < 2 * kSmall / kBytes; ++i)  // two laps
              ASSERT_EQ(publisher->try_publish(numbered_payload(publisher->next_sequence(), kBytes)).status, Status::ok);
          },
      .clean =
          [&] {
            publisher.reset();
            forget();
          },
  });
}

// A consumer that waits on its descriptor has it whole or not at all, and then is woken, or looks by itself.
TEST_F(RingFaults, OfADescriptorAreToldOrDelayItForAMoment) {
  std::optional<Publisher> publisher;
  fail_each_call({
      .prepare = [&] { publisher = Publisher::open("orders", {.capacity_bytes = kSmall}); },
      .run =
          [&] {
            auto consumer = Consumer::attach("orders", {.start = Start::earliest});
            pollfd one{consumer.fd(), POLLIN, 0};
            EXPECT_EQ(consumer.poll([](const Event&) {}), 0U);
            publish_numbered(*publisher, 1, kBytes);
            EXPECT_EQ(::poll(&one, 1, 10'000), 1);
            EXPECT_EQ(poll_sequences(consumer), sequences(1, 1));
          },
      .check =
          [&](const Outcome&) {
            auto consumer = Consumer::attach("orders", {.start = Start::earliest});
            EXPECT_GE(consumer.fd(), 0);
          },
      .clean =
          [&] {
            publisher.reset();
            forget();
          },
  });
}

// What it says is right, or it says nothing.
TEST_F(RingFaults, OfStatShowNothingThatIsNotSo) {
  std::optional<Publisher> publisher;
  std::optional<Consumer> consumer;
  RingStat stat;
  fail_each_call({
      .prepare =
          [&] {
            publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
            publish_numbered(*publisher, kBefore, kBytes);
            consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
          },
      .run = [&] { stat = stat_ring("orders"); },
      .check =
          [&](const Outcome& outcome) {
            if (!outcome.succeeded()) return;
            EXPECT_TRUE(stat.publisher_alive);
            EXPECT_EQ(stat.newest_sequence, kBefore);
            EXPECT_EQ(stat.oldest_sequence, 1U);
            if (!stat.consumers_readable) return;  // no right to: said
            ASSERT_EQ(stat.consumers.size(), 1U);
            EXPECT_EQ(stat.consumers[0].name, "billing");
            EXPECT_EQ(stat.consumers[0].state, "gating");
            EXPECT_TRUE(stat.consumers[0].alive);
          },
      .clean =
          [&] {
            consumer.reset();
            publisher.reset();
            forget();
          },
  });
}

TEST_F(RingFaults, OfARemovalLeaveTheRingWholeOrGone) {
  fail_each_call({
      .prepare = [&] { publish_before(); },
      .run = [] { remove_ring("orders"); },
      .check =
          [&](const Outcome& outcome) {
            if (outcome.succeeded()) {
              EXPECT_TRUE(names_in(place()).empty()) << "it says that the ring is gone, and its files are still there";
            } else if (there_is_a_ring()) {
              expect_stream_of(kBefore);
              remove_ring("orders");
            }
            create_ring("orders", {.capacity_bytes = kSmall});
            EXPECT_EQ(names_in(place()), std::vector<std::string>{"orders"}) << "what is left goes with the next ring";
            expect_stream_of(0);
          },
      .clean = [&] { forget(); },
  });
}

TEST_F(RingFaults, OfLookingAfterConsumersChangeNothingHalf) {
  fail_each_call({
      .prepare =
          [&] {
            publish_before();
            for (const char* name : {"billing", "audit"}) {
              auto consumer = Consumer::attach("orders", {.name = name, .policy = Policy::gate});
              poll_sequences(consumer, 10);
            }
          },
      .run =
          [] {
            EXPECT_EQ(seek_consumer("orders", "billing", Start::at(5)), 5U);
            forget_consumer("orders", "audit");
            EXPECT_EQ(list_rings(), std::vector<std::string>{"orders"});
          },
      .check =
          [&](const Outcome& outcome) {
            const std::uint64_t cursor = stat_of("orders", "billing").cursor_sequence;
            EXPECT_TRUE(cursor == 4 || (!outcome.succeeded() && cursor == 10)) << cursor;
            const std::size_t names = stat_ring("orders").consumers.size();
            EXPECT_TRUE(names == 1 || (!outcome.succeeded() && names == 2)) << names;
            expect_stream_of(kBefore);
          },
      .clean = [&] { forget(); },
  });
}

}  // namespace
}  // namespace ringbolt::test
