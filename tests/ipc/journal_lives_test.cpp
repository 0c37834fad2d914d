// A ring with a journal that is run again, elsewhere, otherwise, or too late: what one life must not do to the next.
#include <sys/resource.h>

#include <cerrno>
#include <thread>

#include "journalled_ring.hpp"

namespace ringbolt::test {
namespace {

using JournalLives = JournalledRing;

// The sync of the full segment succeeds, then there is no room for the next one: what was staged is durable, and what the
// recorder thinks of it must not lag behind.
TEST_F(JournalLives, GoesOnWithoutAHoleWhenThereWasNoRoomForTheNextSegment) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  PublisherOptions options = journalled();
  options.capacity_bytes = 1 << 20;
  Publisher publisher = Publisher::open("orders", options);
  publish_numbers(publisher, 100);
  publisher.wait_durable(100);
  const rlimit tight{64 << 10, before.rlim_max};  // for a segment as they are, not for one of a larger event
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::vector<std::byte> large(100'000, std::byte{1});
  const std::vector<std::byte> small(8, std::byte{2});
  std::vector<BatchEvent> events(101, BatchEvent{.payload = small});
  events[50].payload = large;
  publisher.publish_batch(events);  // seen at once, so that what comes before the large one is staged with it
  while (stat_ring("orders").journal->error != EFBIG) std::this_thread::yield();
  EXPECT_EQ(stat_ring("orders").journal->state, "stalled");
  EXPECT_EQ(publisher.durable_sequence(), 150U);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(publisher.wait_durable(201, kLong));
  JournalReader reader = JournalReader::open(directory());
  Event event;
  for (std::uint64_t sequence = 1; sequence <= 201; ++sequence) {
    ASSERT_EQ(reader.next(event), Status::ok) << sequence;
    ASSERT_EQ(event.sequence, sequence);
    ASSERT_EQ(event.payload.size(), sequence == 151 ? 100'000U : 8U);
  }
}

TEST_F(JournalLives, CallsNothingDurableThatItOnlyWroteWhenItIsRunAgainWithoutSyncs) {
  PublisherOptions options = journalled();
  options.journal.own_process = true;
  Publisher publisher = Publisher::open("orders", options);
  publish_numbers(publisher, 1);
  run_journal("orders", {.directory = directory(), .sync = Sync::every}, [] { return true; });
  EXPECT_EQ(publisher.durable_sequence(), 1U);
  Consumer consumer = Consumer::attach("orders", {.start = Start::earliest, .after = ringbolt::durable});
  publish_numbers(publisher, 1);
  run_journal("orders", {.directory = directory(), .sync = Sync::none}, [] { return true; });
  EXPECT_THROW(publisher.wait_durable(2), Error);
  std::uint64_t seen = 0;
  try {
    Event event;
    while (consumer.try_next(event) == Status::ok) seen = event.sequence;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::followed_changed) << error.what();
  }
  EXPECT_LE(seen, 1U);
}

TEST_F(JournalLives, WhatWasNeverSyncedIsWrittenAgainBeforeItIsCalledDurable) {
  {
    Publisher publisher = Publisher::open("orders", journalled(Sync::none));
    publish_numbers(publisher, 20'000);  // many segments
  }
  const auto storage = ipc::open_directory(directory(), false);
  const ipc::JournalLog log(*storage, {.segment_bytes = 64 << 10, .threads = false});
  EXPECT_EQ(log.recovered().next_sequence, 20'001U);
  std::uint64_t synced_before = 1;
  if (std::optional<core::DurablePoint> point; ipc::DurableFile(*storage).read(point) == 0 && point)
    synced_before = point->next_sequence;
  EXPECT_GE(log.recovered().rewritten_bytes, (20'001 - synced_before) * core::record_bytes(8));
}

TEST_F(JournalLives, IsReadFromTheStartByWhoAttachesBeforeItsProcessIsUp) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 100);
    publisher.wait_durable(100);
    Consumer consumer = Consumer::attach("orders", {.name = "billing"});
    EXPECT_EQ(read_up_to(consumer, 50), 50U);
  }
  lose_ring("orders");
  PublisherOptions options = journalled();
  options.journal.own_process = true;
  Publisher publisher = Publisher::open("orders", options);
  Consumer consumer = Consumer::attach("orders", {.name = "billing"});
  EXPECT_EQ(consumer.next_sequence(), 51U);
  publish_numbers(publisher, 10);
  EXPECT_EQ(read_up_to(consumer, 110), 60U);
  // And nothing goes by until it is: its gate stands.
  while (publisher.try_publish(publisher.next_sequence()).status == Status::ok) {
  }
  const std::uint64_t last = publisher.next_sequence() - 1;
  run_journal("orders", {.directory = directory(), .sync = Sync::every}, [] { return true; });
  EXPECT_EQ(publisher.durable_sequence(), last);
}

TEST_F(JournalLives, KnowsACursorThroughAnyNumberOfRestarts) {
  for (int restart = 0; restart < 4; ++restart) {
    Publisher publisher = Publisher::open("orders", journalled());
    if (restart == 0) publish_numbers(publisher, 100);
    publisher.wait_durable(100);
    Consumer consumer = Consumer::attach("orders", {.name = "billing"});
    EXPECT_EQ(consumer.next_sequence(), restart == 0 ? 1U : 4U + static_cast<unsigned>(restart));
    read_up_to(consumer, restart == 0 ? 4U : 4U + static_cast<unsigned>(restart));
    publisher = Publisher::open("another", {.capacity_bytes = kSmall});
    lose_ring("orders");
  }
}

TEST_F(JournalLives, TellWhoBeganWithTheFirstEventAndCommittedNothingWhatIsGone) {
  const auto attach = [] { return Consumer::attach("orders", {.name = "billing", .policy = Policy::lossy}); };
  {
    Publisher publisher = Publisher::open("orders", journalled());
    { const Consumer consumer = attach(); }
    publish_numbers(publisher, 100);
    publisher.wait_durable(100);
  }
  lose_ring("orders");
  Publisher publisher = Publisher::open("orders", journalled());
  Consumer consumer = attach();
  Event event;
  ASSERT_EQ(consumer.try_next(event), Status::gap);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  EXPECT_EQ(consumer.last_gap().last, 100U);
}

TEST_F(JournalLives, TellsACursorThatRetentionHasPassedAGapAndNoPowerCut) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 5'000);
    publisher.wait_durable(5'000);
    Consumer consumer = Consumer::attach("orders", {.name = "billing"});
    read_up_to(consumer, 5);
  }
  lose_ring("orders");
  const std::vector<std::uint64_t> segments = segments_in(directory());
  ASSERT_GT(segments.size(), 2U);
  std::filesystem::remove(directory() + "/" + ipc::segment_name(segments[0]));
  Publisher publisher = Publisher::open("orders", journalled());
  Consumer consumer = Consumer::attach("orders", {.name = "billing"});
  std::vector<Gap> gaps;
  read_up_to(consumer, 5'000, &gaps);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].first, 6U);
  EXPECT_EQ(gaps[0].last, segments[1] - 1);
}

TEST_F(JournalLives, InAWrongPlaceLeavesTheRingAsItWas) {
  {
    Publisher publisher = Publisher::open("strange", journalled());
    publish_numbers(publisher, 10);
  }
  Publisher publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publish_numbers(publisher, 3);
  EXPECT_THROW(run_journal("orders", {.directory = directory(), .sync = Sync::every}, [] { return true; }), Error);
  EXPECT_FALSE(stat_ring("orders").journal.has_value());
  EXPECT_TRUE(stat_ring("orders").consumers.empty() || stat_ring("orders").consumers[0].state != "gating");
  run_journal("orders", {.directory = directory("right"), .sync = Sync::every}, [] { return true; });
  EXPECT_EQ(stat_ring("orders").journal->durable_sequence, 3U);
}

TEST_F(JournalLives, ThatIsEmptyWhereOneWasIsNotBegunAnew) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 10);
  }
  std::filesystem::rename(directory(), directory("unmounted"));
  try {
    static_cast<void>(Publisher::open("orders"));
    FAIL() << "began a new journal over an old one";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::other_ring) << error.what();
  }
  std::filesystem::remove_all(directory());
  std::filesystem::rename(directory("unmounted"), directory());
  publish_numbers(*std::make_unique<Publisher>(Publisher::open("orders")), 1);
}

}  // namespace
}  // namespace ringbolt::test
