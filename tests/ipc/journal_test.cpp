// A ring with a journal, from both doors, in one process: what is promised when nothing dies. Deaths and disks that fail are
// in tests/scenario, power cuts in tests/journal.
#include <atomic>
#include <thread>

#include "journalled_ring.hpp"

namespace ringbolt::test {
namespace {

using Journal = JournalledRing;

TEST_F(Journal, KeepsWhatTheRingCannot) {
  Publisher publisher = Publisher::open("orders", journalled());
  publish_numbers(publisher, 10'000);
  publisher.wait_durable(10'000);
  Consumer consumer = Consumer::attach("orders", {.start = Start::earliest});
  EXPECT_EQ(consumer.policy(), Policy::journal);
  EXPECT_TRUE(consumer.in_journal());
  EXPECT_EQ(read_up_to(consumer, 10'000), 10'000U);
  publish_numbers(publisher, 100);
  EXPECT_EQ(read_up_to(consumer, 10'100), 100U);
  EXPECT_FALSE(consumer.in_journal());
  EXPECT_EQ(consumer.counters().turns_to_ring, 1U);
}

TEST_F(Journal, CatchesUpAConsumerThatIsOverrunAgainAndAgain) {
  Publisher publisher = Publisher::open("orders", journalled(Sync::interval));
  Consumer consumer = Consumer::attach("orders");
  for (std::uint64_t turn = 1; turn <= 5; ++turn) {
    publish_numbers(publisher, 5'000);  // more than the ring holds
    publisher.wait_durable(turn * 5'000);
    EXPECT_EQ(read_up_to(consumer, turn * 5'000), 5'000U);
    EXPECT_EQ(consumer.counters().turns_to_journal, turn);
    EXPECT_EQ(consumer.counters().gap_events, 0U);
  }
}

TEST_F(Journal, ToldDurableIsInTheFiles) {
  Publisher publisher = Publisher::open("orders", journalled());
  const std::uint64_t sequence = publisher.publish_durable(std::uint64_t{1});
  EXPECT_EQ(sequence, 1U);
  EXPECT_GE(publisher.durable_sequence(), 1U);
  JournalReader reader = JournalReader::open(directory());
  Event event;
  ASSERT_EQ(reader.next(event), Status::ok);
  EXPECT_EQ(event.as<std::uint64_t>(), 1U);
  EXPECT_EQ(reader.next(event), Status::empty);
}

TEST_F(Journal, WaitsForDurableOnlyWhereThereIsSuchAThing) {
  Publisher plain = Publisher::open("plain", {.capacity_bytes = kSmall});
  EXPECT_THROW(plain.wait_durable(plain.publish(std::uint64_t{1})), Error);
  Publisher never = Publisher::open("never", journalled(Sync::none));
  EXPECT_THROW(never.wait_durable(never.publish(std::uint64_t{1})), Error);
  EXPECT_EQ(never.durable_sequence(), 0U);
  try {
    static_cast<void>(Consumer::attach("never", {.name = "a", .policy = Policy::gate, .after = ringbolt::durable}));
    FAIL() << "came after what is never durable";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_option) << error.what();
  }
}

TEST_F(Journal, ShowsAfterDurableOnlyWhatIsDurable) {
  Publisher publisher = Publisher::open("orders", journalled());
  Consumer consumer = Consumer::attach("orders", {.start = Start::earliest, .after = ringbolt::durable});
  for (std::uint64_t sequence = 1; sequence <= 200; ++sequence) {
    publisher.publish(sequence);
    if (sequence % 7 != 0) continue;
    Event event;
    while (consumer.try_next(event) == Status::ok) EXPECT_LE(event.sequence, publisher.durable_sequence());
  }
  publisher.wait_durable(200);
  EXPECT_EQ(consumer.next_sequence() + read_up_to(consumer, 200), 201U);
}

TEST_F(Journal, GoesOnBehindItsLastEventWhenTheRingIsGone) {
  std::uint64_t next = 1;
  for (int life = 0; life < 4; ++life) {
    Publisher publisher = Publisher::open("orders", journalled(life % 2 == 0 ? Sync::every : Sync::none));
    ASSERT_EQ(publisher.next_sequence(), next);
    publish_numbers(publisher, 3'000);
    next += 3'000;
    Consumer consumer = Consumer::attach("orders", {.start = Start::earliest});
    EXPECT_EQ(read_up_to(consumer, next - 1), next - 1);
    publisher = Publisher::open("another", {.capacity_bytes = kSmall});  // ends the first one, its journal with it
    lose_ring("orders");
  }
}

TEST_F(Journal, KeepsANamesCursorBesideIt) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 3'000);
    publisher.wait_durable(3'000);
    Consumer consumer = Consumer::attach("orders", {.name = "billing"});
    EXPECT_EQ(read_up_to(consumer, 3'000), 3'000U);
    publish_numbers(publisher, 10);
    while (consumer.next_sequence() <= 3'005) ASSERT_TRUE(consumer.next_for(kLong).has_value());
    consumer.commit_durable(3'003);
  }
  lose_ring("orders");
  Publisher publisher = Publisher::open("orders", journalled());
  Consumer consumer = Consumer::attach("orders", {.name = "billing"});
  EXPECT_EQ(consumer.next_sequence(), 3'004U);
  EXPECT_EQ(read_up_to(consumer, 3'010), 7U);
  EXPECT_EQ(stat_ring("orders").consumers.at(1).cursor_sequence, 3'010U);
}

TEST_F(Journal, TellsAGatingConsumerWhatTheNewRingNeverHeld) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 50);
    Consumer consumer = Consumer::attach("orders", {.name = "audit", .policy = Policy::gate, .start = Start::earliest});
    EXPECT_EQ(read_up_to(consumer, 50), 50U);
    publish_numbers(publisher, 50);
    publisher.wait_durable(100);
  }
  lose_ring("orders");
  Publisher publisher = Publisher::open("orders", journalled());
  Consumer consumer = Consumer::attach("orders", {.name = "audit", .policy = Policy::gate});
  publish_numbers(publisher, 1);
  std::vector<Gap> gaps;
  read_up_to(consumer, 101, &gaps);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].first, 51U);
  EXPECT_EQ(gaps[0].last, 100U);
}

// What it committed was taken back, and the present event of that number was published by a ring that is gone as well: only the
// journal knows, and a consumer that does not read it asks it all the same. Found by the simulator.
TEST_F(Journal, TellsAConsumerOfAnyPolicyThatWhatItCommittedWasTakenBack) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 50);
    publisher.wait_durable(50);
  }
  std::filesystem::copy(directory(), directory("before"), std::filesystem::copy_options::recursive);
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 10);
    Consumer consumer = Consumer::attach("orders", {.name = "audit", .policy = Policy::lossy, .start = Start::earliest});
    read_up_to(consumer, 60);
    consumer.commit_durable(60);
  }
  lose_ring("orders");
  std::filesystem::copy(directory() + "/cursors", directory("before") + "/cursors",
                        std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(directory());
  std::filesystem::rename(directory("before"), directory());
  {
    Publisher publisher = Publisher::open("orders", journalled());
    ASSERT_EQ(publisher.next_sequence(), 51U);
    publish_numbers(publisher, 30);
    publisher.wait_durable(80);
  }
  lose_ring("orders");
  const Publisher publisher = Publisher::open("orders", journalled());
  expect_error([] { static_cast<void>(Consumer::attach("orders", {.name = "audit", .policy = Policy::lossy})); },
               Code::cursor_ahead);
}

// Found by the simulator: it was told that it had no right to.
TEST_F(Journal, LetsWhatWasCommittedBeforeItBeganBeMadeDurable) {
  PublisherOptions options = journalled();
  options.journal.own_process = true;
  Publisher publisher = Publisher::open("orders", options);
  Consumer consumer = Consumer::attach("orders", {.name = "audit", .policy = Policy::gate});
  publish_numbers(publisher, 5);
  read_up_to(consumer, 5);
  consumer.commit(5);
  std::atomic<bool> begun = false;
  run_journal("orders", options.journal, [&] { return begun.exchange(true); });
  EXPECT_NO_THROW(consumer.commit_durable(5));
  EXPECT_TRUE(std::filesystem::exists(directory() + "/cursors/audit"));
}

TEST_F(Journal, IsRunAgainByTheNextPublisherWithoutBeingNamed) {
  { publish_numbers(*std::make_unique<Publisher>(Publisher::open("orders", journalled())), 10); }
  Publisher publisher = Publisher::open("orders");
  publisher.publish_durable(std::uint64_t{11});
  EXPECT_EQ(stat_ring("orders").journal->sync, "every");
}

TEST_F(Journal, HasOnePlaceAndOneWriter) {
  Publisher publisher = Publisher::open("orders", journalled());
  const auto code_of = [](auto&& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    return Code::system;
  };
  EXPECT_EQ(code_of([&] { run_journal("orders", {.directory = directory("other")}, [] { return true; }); }),
            Code::options_differ);
  EXPECT_EQ(code_of([&] { run_journal("orders", {.directory = directory()}, [] { return true; }); }), Code::in_use);
  EXPECT_EQ(code_of([&] { static_cast<void>(Publisher::open("two", journalled())); }), Code::in_use);
  EXPECT_EQ(code_of([&] { detach_journal("orders"); }), Code::in_use);
  EXPECT_EQ(code_of([&] { run_journal("nobody", {.directory = directory()}, [] { return true; }); }), Code::not_found);
}

TEST_F(Journal, OfAnotherRingIsRefused) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 100);
  }
  Publisher::open("other", {.capacity_bytes = kSmall}).publish(std::uint64_t{1});
  try {
    run_journal("other", {.directory = directory()}, [] { return true; });
    FAIL() << "recorded two rings in one journal";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::other_ring) << error.what();
  }
}

TEST_F(Journal, RunsInAProcessOfItsOwn) {
  create_ring("orders", {.capacity_bytes = kSmall});
  std::atomic<bool> stop = false;
  std::thread journal(
      [&] { run_journal("orders", {.directory = directory(), .sync = Sync::every}, [&] { return stop.load(); }); });
  while (!stat_ring("orders").journal || stat_ring("orders").journal->state != "running") std::this_thread::yield();
  Publisher publisher = Publisher::open("orders");
  publish_numbers(publisher, 5'000);
  publisher.wait_durable(5'000);
  EXPECT_TRUE(stat_ring("orders").journal->own_process);
  stop = true;
  journal.join();
  EXPECT_EQ(stat_ring("orders").journal->state, "away");

  // Its gate outlives it: the publisher fills the ring and no more.
  while (publisher.try_publish(publisher.next_sequence()).status == Status::ok) {
  }
  const std::uint64_t last = publisher.next_sequence() - 1;
  EXPECT_EQ(publisher.publish_for(std::as_bytes(std::span("x", 1)), 20ms).status, Status::timed_out);
  stop = false;
  std::thread successor(
      [&] { run_journal("orders", {.directory = directory(), .sync = Sync::every}, [&] { return stop.load(); }); });
  publisher.wait_durable(last);
  stop = true;
  successor.join();
  JournalReader reader = JournalReader::open(directory());
  EXPECT_EQ(reader.newest_sequence(), last);
  EXPECT_EQ(stat_ring("orders").journal->unrecorded_events, 0U);
}

TEST_F(Journal, TellsAPublisherThatItStalls) {
  PublisherOptions options = journalled();
  options.journal.own_process = true;
  options.journal.on_stall = OnStall::fail;
  Publisher publisher = Publisher::open("orders", options);
  run_journal("orders", {.directory = directory(), .sync = Sync::every}, [] { return true; });  // comes, and goes
  Status status = Status::ok;
  while (status == Status::ok) status = publisher.try_publish(publisher.next_sequence()).status;
  EXPECT_EQ(status, Status::journal_stalled);
  EXPECT_EQ(publisher.publish_for(std::as_bytes(std::span("x", 1)), kLong).status, Status::journal_stalled);
  try {
    publisher.publish(std::uint64_t{1});
    FAIL() << "published into a full ring";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::journal_stalled) << error.what();
  }
  EXPECT_THROW(publisher.wait_durable(publisher.next_sequence() - 1), Error);
}

TEST_F(Journal, WhenDetachedRecordsWhatWentBy) {
  std::atomic<bool> stop = false;
  const auto run = [&] {
    run_journal("orders", {.directory = directory(), .sync = Sync::every}, [&] { return stop.load(); });
  };
  Publisher publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  {
    std::thread journal(run);
    publish_numbers(publisher, 100);
    while (!stat_ring("orders").journal || stat_ring("orders").journal->durable_sequence < 100) std::this_thread::yield();
    stop = true;
    journal.join();
  }
  detach_journal("orders");
  EXPECT_EQ(stat_ring("orders").journal->state, "detached");
  publish_numbers(publisher, 5'000);  // would not fit in the ring
  stop = false;
  std::thread journal(run);
  while (stat_ring("orders").journal->durable_sequence < 5'100) std::this_thread::yield();
  const std::uint64_t unrecorded = stat_ring("orders").journal->unrecorded_events;
  EXPECT_GT(unrecorded, 0U);
  Consumer consumer = Consumer::attach("orders", {.start = Start::earliest});
  std::vector<Gap> gaps;
  EXPECT_EQ(read_up_to(consumer, 5'100, &gaps), 5'100 - unrecorded);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].first, 101U);
  EXPECT_EQ(gaps[0].count(), unrecorded);
  stop = true;
  journal.join();
}

TEST_F(Journal, StartsAtATimeInThePast) {
  Publisher publisher = Publisher::open("orders", journalled());
  publish_numbers(publisher, 4'000);
  publisher.wait_durable(4'000);
  JournalReader reader = JournalReader::open(directory());
  reader.seek(1'500);
  Event event;
  ASSERT_EQ(reader.next(event), Status::ok);
  const std::uint64_t then = event.timestamp_ns;
  Consumer consumer = Consumer::attach("orders", {.start = Start::at_time(then)});
  const auto first = consumer.next_for(kLong);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->timestamp_ns, then);
  EXPECT_LE(first->sequence, 1'500U);
  Consumer numbered = Consumer::attach("orders", {.start = Start::at(2'222)});
  EXPECT_EQ(numbered.next_sequence(), 2'222U);
  EXPECT_EQ(read_up_to(numbered, 4'000), 1'779U);
}

TEST_F(Journal, ForgetsAndSeeksBesideItToo) {
  {
    Publisher publisher = Publisher::open("orders", journalled());
    publish_numbers(publisher, 100);
    publisher.wait_durable(100);
    {
      Consumer consumer = Consumer::attach("orders", {.name = "a"});
      read_up_to(consumer, 50);
    }
    {
      Consumer consumer = Consumer::attach("orders", {.name = "b"});
      read_up_to(consumer, 50);
    }
    EXPECT_EQ(seek_consumer("orders", "a", Start::at(20)), 20U);
    forget_consumer("orders", "b");
  }
  lose_ring("orders");
  Publisher publisher = Publisher::open("orders", journalled());
  EXPECT_EQ(Consumer::attach("orders", {.name = "a"}).next_sequence(), 20U);
  EXPECT_EQ(Consumer::attach("orders", {.name = "b"}).next_sequence(), 1U);
}

TEST_F(Journal, RemovesWhatIsOldButNothingUnread) {
  PublisherOptions options = journalled(Sync::none);
  options.journal.keep_bytes = 256 << 10;
  Publisher publisher = Publisher::open("orders", options);
  publish_numbers(publisher, 10);
  {
    Consumer consumer = Consumer::attach("orders", {.name = "slow"});
    read_up_to(consumer, 5);
  }
  publish_numbers(publisher, 40'000);
  while (stat_ring("orders").journal->written_sequence < 40'010) std::this_thread::yield();
  EXPECT_EQ(JournalReader::open(directory()).oldest_sequence(), 1U);
  forget_consumer("orders", "slow");
  publish_numbers(publisher, 5'000);
  while (JournalReader::open(directory()).oldest_sequence() < 20'000) std::this_thread::yield();
  Consumer late = Consumer::attach("orders", {.start = Start::at(1)});
  std::vector<Gap> gaps;
  std::uint64_t accounted = read_up_to(late, 45'010, &gaps);
  ASSERT_FALSE(gaps.empty());  // more than one if it goes on removing meanwhile
  EXPECT_EQ(gaps[0].first, 1U);
  for (const Gap& gap : gaps) accounted += gap.count();
  EXPECT_EQ(accounted, 45'010U);
}

TEST_F(Journal, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [&](JournalOptions options) {
    try {
      static_cast<void>(Publisher::open("orders", {.capacity_bytes = kSmall, .journal = options}));
      return false;
    } catch (const Error& error) {
      return error.code() == Code::bad_option && list_rings().empty();
    }
  };
  EXPECT_TRUE(refused({.directory = directory(), .segment_bytes = 100}));
  EXPECT_TRUE(refused({.directory = directory(), .interval = 0ns}));
  EXPECT_TRUE(refused({.directory = place() + "/j"})) << "in memory";
  EXPECT_THROW(static_cast<void>(Publisher::open("orders", {.journal = {.directory = disk_ + "/no/such"}})), Error);
  EXPECT_THROW(static_cast<void>(Consumer::attach("orders", {.name = ".journal"})), Error);
}

}  // namespace
}  // namespace ringbolt::test
