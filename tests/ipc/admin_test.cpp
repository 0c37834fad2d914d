// Looking after rings from outside: create, list, remove, evict, forget, seek.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Admin : public IpcTest {
 protected:
  void touch(const std::string& path) const { std::ofstream(place() + "/" + path) << "x"; }
};

TEST_F(Admin, CreatesARingThatNobodyPublishesToYet) {
  create_ring("orders", {.capacity_bytes = kSmall});
  const RingStat stat = stat_ring("orders");
  EXPECT_FALSE(stat.publisher_alive);
  EXPECT_EQ(stat.epoch, 0U);
  EXPECT_EQ(Publisher::open("orders").epoch(), 1U);
}

TEST_F(Admin, CreatingWhatIsThereIsRefused) {
  create_ring("orders", {.capacity_bytes = kSmall});
  expect_error([] { create_ring("orders", {.capacity_bytes = kSmall}); }, Code::already_exists,
               {"'orders'", "remove it first"});
  EXPECT_EQ(names_in(place()), std::vector<std::string>{"orders"}) << "a failed creation leaves nothing behind";
  auto publisher = Publisher::open("orders");
  expect_error([] { create_ring("orders"); }, Code::already_exists);
}

TEST_F(Admin, ListsRingsSortedAndNothingElse) {
  EXPECT_TRUE(list_rings().empty());
  for (const char* name : {"orders", "audit", "Zebra"}) create_ring(name, {.capacity_bytes = kSmall});
  touch("a-file");
  std::filesystem::create_directory(place() + "/a-directory");
  std::filesystem::create_directory(place() + "/.orders.new-0123");
  EXPECT_EQ(list_rings(), (std::vector<std::string>{"Zebra", "audit", "orders"}));
  EXPECT_EQ(ring_parent_directory(), place());
  use_place(place() + "/nowhere");
  EXPECT_TRUE(list_rings().empty());
}

TEST_F(Admin, TheDefaultPlaceIsTheUsersOwnInSharedMemory) {
  ::unsetenv("RINGBOLT_DIR");
  EXPECT_EQ(ring_parent_directory(), "/dev/shm/ringbolt-" + std::to_string(::geteuid()));
  use_place("");
  EXPECT_EQ(ring_parent_directory(), "/dev/shm/ringbolt-" + std::to_string(::geteuid()));
}

TEST_F(Admin, SweepsAwayWhatADeathDuringCreationLeft) {
  for (const char* left : {".orders.new-0123", ".orders.gone-17"}) {
    std::filesystem::create_directory(place() + "/" + left);
    touch(std::string(left) + "/events");
    touch(std::string(left) + "/lease");
  }
  std::filesystem::create_directory(place() + "/.orders.new-4567");  // died before it had a lease
  std::filesystem::create_directory(place() + "/.other.new-0123");   // another ring's
  create_ring("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(names_in(place()), (std::vector<std::string>{".other.new-0123", "orders"}));
}

TEST_F(Admin, LeavesWhatIsBeingMadeAtThisMomentAlone) {
  std::filesystem::create_directory(place() + "/.orders.new-0123");
  const int lease = ::open((place() + "/.orders.new-0123/lease").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_len = 1;
  ASSERT_EQ(::fcntl(lease, F_OFD_SETLK, &lock), 0);
  create_ring("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(names_in(place()), (std::vector<std::string>{".orders.new-0123", "orders"}));
  ::close(lease);
}

TEST_F(Admin, RemovesARing) {
  create_ring("orders", {.capacity_bytes = kSmall});
  remove_ring("orders");
  EXPECT_TRUE(names_in(place()).empty());
  expect_error([] { remove_ring("orders"); }, Code::not_found, {"'orders'"});
}

TEST_F(Admin, RemovingARingWithALivePublisherNeedsForce) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  expect_error([] { remove_ring("orders"); }, Code::in_use, {"'orders'", "live publisher", "--force"});
  EXPECT_EQ(list_rings().size(), 1U);
  remove_ring("orders", true);
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Admin, ThePublisherOfARemovedRingIsTold) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publisher.publish("x");
  remove_ring("orders", true);
  expect_error([&] { publish_numbered(publisher, 1'000, 1'000); }, Code::removed, {"'orders'", "open it again"});
  expect_error([&] { publisher.close(); }, Code::removed);
  auto again = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(again.next_sequence(), 1U);
}

TEST_F(Admin, ConsumersOfARemovedRingReadWhatTheyCanReachAndAreTold) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publish_numbered(publisher, 3, 8);
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  remove_ring("orders", true);
  EXPECT_EQ(poll_sequences(consumer, 3), sequences(1, 3));
  const std::vector<std::string> words{"'orders'", "removed", "attach again"};
  Event event;
  expect_error([&] { static_cast<void>(consumer.try_next(event)); }, Code::removed, words);
  expect_error([&] { static_cast<void>(consumer.next()); }, Code::removed, words);
  expect_error([&] { static_cast<void>(consumer.wait_for(kLong)); }, Code::removed, words);
  expect_error([&] { poll_sequences(consumer); }, Code::removed, words);
}

TEST_F(Admin, ASleepingConsumerOfARemovedRingIsTold) {
  create_ring("orders", {.capacity_bytes = kSmall});
  Child child([](const Words& words) {
    auto consumer = Consumer::attach("orders");
    words.say("waiting");
    expect_error([&] { static_cast<void>(consumer.next()); }, Code::removed);
  });
  child.words().expect("waiting");
  remove_ring("orders");
  EXPECT_TRUE(child.join());
}

// Somebody with write access may set the word; it takes more to remove a ring.
TEST_F(Admin, AWordThatSaysRemovedIsNotBelievedByItself) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  RingFile(ring_path("orders") + "/consumers").registry().removed.store_release(1);
  publish_numbered(publisher, 200, 100);
  EXPECT_EQ(poll_sequences(consumer).size(), 200U);
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::empty);
  publisher.close();
}

// A registry that cannot tell: removed with `rm -r`, by hand.
TEST_F(Admin, ADirectoryTakenAwayByHandIsNoticedToo) {
  create_ring("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders");
  std::filesystem::remove_all(ring_path("orders"));
  expect_error(
      [&] {
        for (int i = 0; i < 100'000; ++i) poll_sequences(consumer);
      },
      Code::removed, {"'orders'"});
}

TEST_F(Admin, RemovesARingTooDamagedToBeOpened) {
  create_ring("orders", {.capacity_bytes = kSmall});
  for (const char* file : {"events", "consumers"}) ASSERT_EQ(::truncate((ring_path("orders") + "/" + file).c_str(), 10), 0);
  remove_ring("orders");
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Admin, RemovesARingThoughAnEarlierRemovalOfThisPidDied) {
  const std::string left = "/.orders.gone-" + std::to_string(::getpid());
  std::filesystem::create_directory(place() + left);
  touch(left + "/events");
  create_ring("other", {.capacity_bytes = kSmall});
  std::filesystem::rename(ring_path("other"), ring_path("orders"));
  remove_ring("orders");
  EXPECT_FALSE(std::filesystem::exists(ring_path("orders")));
}

class Evicting : public Admin {
 protected:
  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Evicting, FreesAGateAtOnce) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .read = Read::copy});
  publish_until_full(publisher_, 1'000);
  evict_consumer("orders", "billing");
  EXPECT_EQ(publisher_.try_publish(numbered_payload(publisher_.next_sequence(), 1'000)).status, Status::ok);
  EXPECT_EQ(stat_of("orders", "billing").state, "evicted");
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::evicted);
}

TEST_F(Evicting, WakesAPublisherThatWaitsForTheGate) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .read = Read::copy});
  publish_until_full(publisher_, 1'000);
  Child child([](const Words& words) {
    words.expect("go");
    while (stat_of("orders", "billing").blocked_count == 0) {
    }
    evict_consumer("orders", "billing");
  });
  child.words().say("go");
  publish_numbered(publisher_, 1, 1'000);
  EXPECT_TRUE(child.join());
}

TEST_F(Evicting, OneThatReadsInPlaceNeedsForceWhileItLives) {
  Child child([](const Words& words) {
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    words.say("gating");
    static_cast<void>(words.hear());
  });
  child.words().expect("gating");
  expect_error([] { evict_consumer("orders", "billing"); }, Code::in_use,
               {"'billing'", std::to_string(child.pid()), "--force"});
  EXPECT_EQ(stat_of("orders", "billing").state, "gating");
  child.kill();
  evict_consumer("orders", "billing");
  EXPECT_EQ(stat_of("orders", "billing").evictions, 1U);
}

TEST_F(Evicting, ConsumersThatDoNotGateIsAnError) {
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  expect_error([] { evict_consumer("orders", "billing"); }, Code::bad_option, {"'billing'", "does not gate"});
  expect_error([] { evict_consumer("orders", "nobody"); }, Code::not_found, {"'nobody'", "'orders'", "ringbolt stat"});
  expect_error([] { evict_consumer("none", "billing"); }, Code::not_found, {"'none'"});
  expect_error([] { evict_consumer("orders", "a b"); }, Code::bad_name);
}

using Forgetting = Evicting;

TEST_F(Forgetting, DropsANameAndItsCursor) {
  publish_numbered(publisher_, 10, 8);
  {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    poll_sequences(consumer);
    expect_error([] { forget_consumer("orders", "billing"); }, Code::in_use, {"'billing'", std::to_string(::getpid())});
  }
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 10U);
  forget_consumer("orders", "billing");
  EXPECT_TRUE(stat_ring("orders").consumers.empty());
  expect_error([] { forget_consumer("orders", "billing"); }, Code::not_found, {"'billing'"});
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 0U);
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 10));
}

using Seeking = Evicting;

TEST_F(Seeking, SetsWhereANameResumes) {
  publish_numbered(publisher_, 50, 500);
  {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    poll_sequences(consumer, 20);
  }
  const auto resumes_at = [] {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    Event event;
    return consumer.try_next(event) == Status::ok ? event.sequence : 0;
  };
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at(7)), 7U);
  EXPECT_EQ(resumes_at(), 7U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at(40)), 40U);
  EXPECT_EQ(resumes_at(), 40U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::earliest), 1U);
  EXPECT_EQ(resumes_at(), 1U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at_time(0)), 1U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::latest), 51U);
  EXPECT_EQ(resumes_at(), 0U);
  EXPECT_EQ(seek_consumer("orders", "billing", Start::at(53)), 53U);
  publish_numbered(publisher_, 4, 8);
  EXPECT_EQ(resumes_at(), 53U);
}

TEST_F(Seeking, RefusesWhatItCannotDo) {
  publish_numbered(publisher_, 5, 8);
  {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    poll_sequences(consumer);
    expect_error([] { seek_consumer("orders", "billing", Start::earliest); }, Code::in_use, {"'billing'", "stop it first"});
  }
  expect_error([] { seek_consumer("orders", "billing", Start::resume); }, Code::bad_option, {"seek needs a place"});
  expect_error([] { seek_consumer("orders", "nobody", Start::earliest); }, Code::not_found, {"'nobody'"});
  EXPECT_EQ(stat_of("orders", "billing").cursor_sequence, 5U);
  auto plain = Publisher::open("plain", {.capacity_bytes = kSmall, .timestamps = false});
  plain.publish("x");
  {
    auto consumer = Consumer::attach("plain", {.name = "billing"});
    poll_texts(consumer);
  }
  expect_error([] { seek_consumer("plain", "billing", Start::at_time(1)); }, Code::bad_option, {"'plain'", "timestamps"});
  auto consumer = Consumer::attach("plain", {.name = "billing"});
  EXPECT_TRUE(poll_texts(consumer).empty()) << "the failed seek must have let the entry go as it was";
}

// A death while an entry is held for seeking must not be possible to tell from one before it.
TEST_F(Seeking, LeavesTheEntryToWhoeverAttachesNext) {
  publish_numbered(publisher_, 5, 8);
  {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    poll_sequences(consumer);
  }
  for (std::uint64_t first = 1; first <= 5; ++first) {
    seek_consumer("orders", "billing", Start::at(first));
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    EXPECT_EQ(poll_sequences(consumer), sequences(first, 5));
  }
}

}  // namespace
}  // namespace ringbolt::test
