// Opening a ring for publishing: a new one, one that a predecessor left, one that somebody else holds; and closing it.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Opening : public IpcTest {
 protected:
  // A standby of a ring that is removed and made anew; it may stand still meanwhile.
  void take_over_what_was_made_anew(const std::string& ring, bool stands_still);
};

void Opening::take_over_what_was_made_anew(const std::string& ring, bool stands_still) {
  Child first([&](const Words& words) {
    auto mine = Publisher::open(ring, {.capacity_bytes = kSmall});
    publish_numbered(mine, 10, 8);
    words.say("open");
    static_cast<void>(words.hear());
  });
  first.words().expect("open");
  Child standby([&](const Words& words) {
    words.say("standing by");
    auto mine = Publisher::open(ring, {.standby = kForever});
    EXPECT_EQ(mine.publish("x"), 4U);
    EXPECT_EQ(mine.epoch(), 2U);
    words.say("took over");
    static_cast<void>(words.hear());
  });
  standby.words().expect("standing by");
  ASSERT_TRUE(eventually([&] {  // it has the lease open
    std::error_code vanished;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(standby.pid()) + "/fd")) {
      if (std::filesystem::read_symlink(entry.path(), vanished) == ring_path(ring) + "/lease") return true;
    }
    return false;
  }));
  if (stands_still) {
    standby.signal(SIGSTOP);
    int status = 0;
    ASSERT_EQ(::waitpid(standby.pid(), &status, WUNTRACED), standby.pid());
  }
  remove_ring(ring, true);
  {
    auto second = Publisher::open(ring, {.capacity_bytes = kSmall});
    first.kill();  // and the old lease is free
    publish_numbered(second, 3, 8);
    EXPECT_TRUE(stat_ring(ring).publisher_alive);
    EXPECT_EQ(stat_ring(ring).epoch, 1U);
    expect_error([&] { static_cast<void>(Publisher::open(ring)); }, Code::in_use);
  }
  standby.signal(SIGCONT);
  standby.words().expect("took over");
  auto consumer = Consumer::attach(ring);
  EXPECT_EQ(poll_texts(consumer).size(), 4U);
}

TEST_F(Opening, MakesARingOfWhichNothingIsHidden) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(names_in(place()), std::vector<std::string>{"orders"});
  EXPECT_EQ(names_in(ring_path("orders")), (std::vector<std::string>{"alive.1", "consumers", "events", "lease", "locks"}));
}

TEST_F(Opening, ContinuesWhereTheLastPublisherEnded) {
  for (std::uint64_t epoch = 1; epoch <= 4; ++epoch) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    EXPECT_EQ(publisher.epoch(), epoch);
    EXPECT_EQ(publisher.next_sequence(), (epoch - 1) * 100 + 1);
    publish_numbered(publisher, 100, 50);
  }
  auto consumer = Consumer::attach("orders");
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 400));
}

TEST_F(Opening, ContinuesAfterMoreThanALap) {
  {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publish_numbered(publisher, 1'234, 300);
  }
  auto publisher = Publisher::open("orders");
  EXPECT_EQ(publisher.next_sequence(), 1'235U);
  EXPECT_EQ(publish_numbered(publisher, 1, 300), 1'235U);
  auto consumer = Consumer::attach("orders", {.start = Start::at(1'234)});
  EXPECT_EQ(poll_sequences(consumer), sequences(1'234, 1'235));
}

TEST_F(Opening, ContinuesAfterAKill) {
  Child child([](const Words& words) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publish_numbered(publisher, 1'000, 300);
    words.say("published");
    static_cast<void>(words.hear());
  });
  child.words().expect("published");
  child.kill();
  auto publisher = Publisher::open("orders");
  EXPECT_EQ(publisher.epoch(), 2U);
  EXPECT_EQ(publisher.next_sequence(), 1'001U);
  EXPECT_EQ(names_in(ring_path("orders")), (std::vector<std::string>{"alive.2", "consumers", "events", "lease", "locks"}));
}

// Between its epoch and the file of the one before.
TEST_F(Opening, RemovesWhatAPublisherThatDiedWhileTakingOverDidNot) {
  for (int life = 0; life < 3; ++life) {
    Publisher::open("orders", {.capacity_bytes = kSmall}).close();
    std::ofstream(ring_path("orders") + "/alive." + std::to_string(life));
  }
  const auto publisher = Publisher::open("orders");
  EXPECT_EQ(names_in(ring_path("orders")), (std::vector<std::string>{"alive.4", "consumers", "events", "lease", "locks"}));
}

TEST_F(Opening, ASecondLivePublisherIsRefusedWithThePidOfTheFirst) {
  Child child([](const Words& words) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    words.say("open");
    static_cast<void>(words.hear());
  });
  child.words().expect("open");
  const std::string pid = std::to_string(child.pid());
  expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::in_use, {"'orders'", pid, "stand by"});
  child.kill();
  EXPECT_EQ(Publisher::open("orders").epoch(), 2U);
}

TEST_F(Opening, ASecondPublisherOfTheSameProcessIsRefusedToo) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::in_use, {std::to_string(::getpid())});
  publisher.publish("still mine");
}

TEST_F(Opening, AStandbyGivesUpWhenItsTimeIsOver) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  const auto began = std::chrono::steady_clock::now();
  expect_error([] { static_cast<void>(Publisher::open("orders", {.standby = 30ms})); }, Code::in_use,
               {std::to_string(::getpid()), "outlived"});
  EXPECT_GE(std::chrono::steady_clock::now() - began, 30ms);
}

TEST_F(Opening, AStandbyTakesOverWhenThePublisherIsKilled) {
  Child publisher([](const Words& words) {
    auto mine = Publisher::open("orders", {.capacity_bytes = kSmall});
    publish_numbered(mine, 10, 8);
    words.say("open");
    static_cast<void>(words.hear());
  });
  publisher.words().expect("open");
  Child standby([](const Words& words) {
    words.say("standing by");
    auto mine = Publisher::open("orders", {.standby = kForever});
    EXPECT_EQ(mine.next_sequence(), 11U);
    publish_numbered(mine, 1, 8);
    words.say("took over");
    static_cast<void>(words.hear());
  });
  standby.words().expect("standing by");
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  publisher.kill();
  standby.words().expect("took over");
  EXPECT_EQ(stat_ring("orders").publisher_pid, static_cast<std::uint64_t>(standby.pid()));
  auto consumer = Consumer::attach("orders");
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 11));
}

// Between opening the lease and holding it the ring is removed, and another one has its name and a publisher: the lease of
// the old one is worth nothing.
TEST_F(Opening, AStandbyDoesNotTakeTheLeaseOfARingThatIsGone) { take_over_what_was_made_anew("orders", false); }

// It finds the old lease free before it finds that the ring is gone.
TEST_F(Opening, AStandbyThatStoodStillDoesNotTakeTheLeaseOfARingThatIsGone) {
  for (const char* ring : {"first", "second", "third"}) take_over_what_was_made_anew(ring, true);
}

TEST_F(Opening, WithoutCreateFindsNothingWhereThereIsNothing) {
  expect_error([] { static_cast<void>(Publisher::open("orders", {.create = false})); }, Code::not_found, {"'orders'"});
  EXPECT_TRUE(names_in(place()).empty());
  create_ring("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(Publisher::open("orders", {.create = false}).capacity_bytes(), kSmall);
}

TEST_F(Opening, RefusesOtherOptionsAndSaysHowTheyDiffer) {
  create_ring("orders", {.capacity_bytes = kSmall, .timestamps = false, .consumer_slots = 3, .first_sequence = 7});
  const auto differs = [](const PublisherOptions& options, const std::vector<std::string>& words) {
    expect_error([&] { static_cast<void>(Publisher::open("orders", options)); }, Code::options_differ, words);
  };
  differs({.capacity_bytes = 2 * kSmall}, {"'orders'", "capacity_bytes 65536 and not 131072", "ringbolt rm"});
  differs({.timestamps = true}, {"timestamps 0 and not 1"});
  differs({.consumer_slots = 4}, {"consumer_slots 3 and not 4"});
  differs({.first_sequence = 8}, {"first_sequence 7 and not 8"});
  differs({.huge_pages = true}, {"huge_pages"});
  differs({.capacity_bytes = 2 * kSmall, .consumer_slots = 4}, {"capacity_bytes", "consumer_slots"});
  const auto same =
      Publisher::open("orders", {.capacity_bytes = kSmall, .timestamps = false, .consumer_slots = 3, .first_sequence = 7});
  EXPECT_EQ(same.epoch(), 1U) << "a refused open is no publisher";
}

TEST_F(Opening, TakesANameWithASlashAsAPath) {
  const std::string path = place() + "/deeper/orders";
  auto publisher = Publisher::open(path, {.capacity_bytes = kSmall});
  publisher.publish("a");
  use_place(place() + "/deeper");
  auto consumer = Consumer::attach("orders");
  EXPECT_EQ(poll_texts(consumer).size(), 1U);
  EXPECT_EQ(stat_ring(path).path, path);
  EXPECT_EQ(stat_ring(path + "/").newest_sequence, 1U) << "a slash behind the name changes nothing";
}

TEST_F(Opening, MakesTheDirectoryOfAllRingsWhereItIsMissing) {
  use_place(place() + "/new");
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(list_rings(), std::vector<std::string>{"orders"});
}

using Closing = IpcTest;

TEST_F(Closing, IsSeenByConsumersBehindTheLastEvent) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  publisher.publish("last");
  publisher.close();
  EXPECT_FALSE(consumer.closed()) << "there is an event to be read yet";
  EXPECT_EQ(consumer.wait_for(kLong), Status::ok);
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_TRUE(consumer.closed());
  EXPECT_EQ(consumer.try_next(event), Status::closed);
  EXPECT_EQ(consumer.wait_for(kLong), Status::closed);
  EXPECT_EQ(consumer.next_for(event, kLong), Status::closed);
  EXPECT_FALSE(consumer.next());
  EXPECT_EQ(consumer.try_poll([](const Event&) {}).status, Status::closed);
  EXPECT_TRUE(stat_ring("orders").closed);
}

TEST_F(Closing, IsNotWhatADestroyedPublisherDoes) {
  auto consumer = [] {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    return Consumer::attach("orders");
  }();
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::empty);
  EXPECT_FALSE(consumer.closed());
  EXPECT_FALSE(consumer.publisher_alive());
  EXPECT_EQ(consumer.next_for(event, 1ms), Status::timed_out);
  auto successor = Publisher::open("orders");
  EXPECT_TRUE(consumer.publisher_alive());
  successor.publish("from the successor");
  EXPECT_EQ(poll_texts(consumer), std::vector<std::string>{"from the successor"});
}

TEST_F(Closing, IsUndoneByALaterOpen) {
  {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publisher.publish("one");
    publisher.close();
  }
  auto consumer = Consumer::attach("orders");
  EXPECT_EQ(poll_texts(consumer), std::vector<std::string>{"one"});
  EXPECT_TRUE(consumer.closed());
  auto publisher = Publisher::open("orders");
  EXPECT_FALSE(consumer.closed());
  EXPECT_FALSE(stat_ring("orders").closed);
  EXPECT_EQ(publisher.publish("two"), 2U);
  EXPECT_EQ(poll_texts(consumer), std::vector<std::string>{"two"});
}

TEST_F(Closing, WorksOnAnEmptyStream) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publisher.close();
  auto consumer = Consumer::attach("orders");
  EXPECT_TRUE(consumer.closed());
  EXPECT_EQ(consumer.wait_for(kLong), Status::closed);
}

TEST_F(Closing, IsToldToASleepingConsumer) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  for (const Wait wait : {Wait::spin, Wait::yield, Wait::backoff, Wait::park}) {
    Child child([&](const Words& words) {
      auto consumer = Consumer::attach("orders", {.start = Start::latest, .wait = wait});
      words.say("waiting");
      EXPECT_FALSE(consumer.next());
      EXPECT_TRUE(consumer.closed());
    });
    child.words().expect("waiting");
    publisher.close();
    EXPECT_TRUE(child.join());
  }
}

// For those who have not left yet.
TEST_F(Closing, IsUndoneByPublishingAgain) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  publisher.publish("one");
  publisher.close();
  publisher.close();
  EXPECT_EQ(poll_texts(consumer).size(), 1U);
  EXPECT_TRUE(consumer.closed());
  const std::vector<std::function<void()>> ways{
      [&] { publisher.publish("again"); },
      [&] { publisher.try_publish("again"); },
      [&] { publisher.publish_for(bytes_of("again"), kLong); },
      [&] {
        publisher.publish_batch(std::vector{BatchEvent{bytes_of("again"), 0}});
      },
      [&] { publisher.claim(5).commit(); },
      [&] {
        Claim claim = publisher.claim(5);
        publisher.close();
        claim.commit();
      },
  };
  for (std::size_t i = 0; i < ways.size(); ++i) {
    SCOPED_TRACE(i);
    publisher.close();
    EXPECT_TRUE(consumer.closed());
    ways[i]();
    EXPECT_FALSE(stat_ring("orders").closed) << "an event behind the end that consumers were told";
    EXPECT_EQ(poll_texts(consumer).size(), 1U);
    Event event;
    EXPECT_EQ(consumer.try_next(event), Status::empty);
  }
}

}  // namespace
}  // namespace ringbolt::test
