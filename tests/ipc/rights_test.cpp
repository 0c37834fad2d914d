// Who may do what: another user with read access alone, a group, a hostile reader, a directory that somebody prepared.
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

class Rights : public IpcTest {
 protected:
  void SetUp() override {
    if (!can_become_others()) GTEST_SKIP() << "becoming another user needs root";
  }
  // As `nobody`; with a group of its own, or one that was given to the ring.
  static void as_other_user(const std::function<void(const Words&)>& body, gid_t group = kNogroup) {
    Child child([&](const Words& words) {
      ASSERT_TRUE(become(kNobody, group));
      body(words);
    });
    EXPECT_TRUE(child.join());
  }
  [[nodiscard]] static mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
};

TEST_F(Rights, AreClosedToOthersByDefault) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  EXPECT_EQ(mode_of(ring_path("orders")), 0700U);
  for (const char* file : {"events", "consumers", "locks", "lease", "alive.1"})
    EXPECT_EQ(mode_of(ring_path("orders") + "/" + file), 0600U) << file;
  as_other_user([](const Words&) {
    const std::vector<std::string> words{"orders", "Permission denied", "owner"};
    expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::not_allowed, words);
    expect_error([] { static_cast<void>(stat_ring("orders")); }, Code::not_allowed, words);
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::not_allowed, words);
    expect_error([] { remove_ring("orders", true); }, Code::not_allowed, words);
  });
}

TEST_F(Rights, DoNotDependOnTheUmask) {
  const mode_t before = ::umask(077);
  create_ring("orders", {.capacity_bytes = kSmall, .mode = 0664});
  ::umask(0);
  create_ring("private", {.capacity_bytes = kSmall});
  ::umask(before);
  EXPECT_EQ(mode_of(ring_path("orders")), 0755U);
  EXPECT_EQ(mode_of(ring_path("orders") + "/events"), 0644U) << "nobody but the owner writes events";
  EXPECT_EQ(mode_of(ring_path("orders") + "/consumers"), 0664U);
  EXPECT_EQ(mode_of(ring_path("orders") + "/locks"), 0660U) << "who can lock could hold a dead consumer's byte";
  EXPECT_EQ(mode_of(ring_path("orders") + "/lease"), 0600U);
  EXPECT_EQ(mode_of(ring_path("private")), 0700U);
  EXPECT_EQ(mode_of(ring_path("private") + "/lease"), 0600U);
}

TEST_F(Rights, ToReadLetAnotherUserFollow) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644});
  publish_numbered(publisher, 10, 100);
  as_other_user([](const Words&) {
    auto lossy = Consumer::attach("orders");
    EXPECT_EQ(poll_sequences(lossy), sequences(1, 10));
    EXPECT_TRUE(lossy.publisher_alive());
    auto latest = Consumer::attach("orders", {.policy = Policy::latest});
    EXPECT_EQ(poll_sequences(latest), sequences(10, 10));
    auto at = Consumer::attach("orders", {.start = Start::at(4), .read = Read::in_place});
    EXPECT_EQ(poll_sequences(at), sequences(4, 10));
    at.commit();
    const RingStat stat = stat_ring("orders");
    EXPECT_TRUE(stat.publisher_alive);
    EXPECT_EQ(stat.newest_sequence, 10U);
    EXPECT_TRUE(stat.consumers_readable);
  });
  EXPECT_TRUE(stat_ring("orders").consumers.empty()) << "a reader must leave no trace";
}

TEST_F(Rights, ToReadShowOtherConsumersInTheStatistics) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644});
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher, 10, 100);
  poll_sequences(consumer, 4);
  as_other_user([](const Words&) {
    const ConsumerStat stat = stat_of("orders", "billing");
    EXPECT_EQ(stat.cursor_sequence, 4U);
    EXPECT_EQ(stat.lag_events, 6U);
    EXPECT_EQ(stat.state, "gating");
    EXPECT_TRUE(stat.alive) << "from the process table, since the locks are out of reach";
  });
}

// A sleeper that cannot say that it sleeps is not woken; it looks by itself.
TEST_F(Rights, ToReadAreEnoughToWait) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644});
  Child child([](const Words& words) {
    ASSERT_TRUE(become(kNobody, kNogroup));
    for (const Wait wait : {Wait::spin, Wait::yield, Wait::backoff, Wait::park}) {
      auto consumer = Consumer::attach("orders", {.start = Start::latest, .wait = wait});
      words.say("waiting");
      EXPECT_TRUE(consumer.next_for(kLong));
    }
    auto consumer = Consumer::attach("orders", {.start = Start::latest});
    words.say("waiting");
    EXPECT_FALSE(consumer.next());
    EXPECT_TRUE(consumer.closed());
  });
  for (int i = 0; i < 4; ++i) {
    child.words().expect("waiting");
    publisher.publish("x");
  }
  child.words().expect("waiting");
  publisher.close();
  EXPECT_TRUE(child.join());
}

TEST_F(Rights, ToReadAreNotEnoughForAnythingElse) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644});
  publish_numbered(publisher, 10, 100);
  as_other_user([&](const Words&) {
    const std::vector<std::string> words{"orders", "Permission denied", "--mode 0660 --group"};
    expect_error([] { static_cast<void>(Consumer::attach("orders", {.policy = Policy::gate})); }, Code::not_allowed, words);
    expect_error([] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); }, Code::not_allowed, words);
    expect_error([] { static_cast<void>(Consumer::attach("orders", {.after = {"a"}})); }, Code::not_allowed, words);
    expect_error([] { evict_consumer("orders", "billing"); }, Code::not_allowed);
    expect_error([] { forget_consumer("orders", "billing"); }, Code::not_allowed);
    expect_error([] { seek_consumer("orders", "billing", Start::latest); }, Code::not_allowed);
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::not_allowed, {"only its owner"});
    expect_error([] { remove_ring("orders", true); }, Code::not_allowed, {"only its owner"});
    for (const char* file : {"events", "consumers", "locks", "lease"}) {
      EXPECT_EQ(::open((ring_path("orders") + "/" + file).c_str(), O_RDWR | O_CLOEXEC), -1) << file;
      EXPECT_EQ(errno, EACCES);
      EXPECT_EQ(::truncate((ring_path("orders") + "/" + file).c_str(), 0), -1) << file;
    }
    EXPECT_EQ(::open((ring_path("orders") + "/lease").c_str(), O_RDONLY | O_CLOEXEC), -1);
    EXPECT_EQ(::open((ring_path("orders") + "/locks").c_str(), O_RDONLY | O_CLOEXEC), -1);
    const int events = ::open((ring_path("orders") + "/events").c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::mmap(nullptr, 4'096, PROT_READ | PROT_WRITE, MAP_SHARED, events, 0), MAP_FAILED);
  });
  publish_numbered(publisher, 1, 100);
}

TEST_F(Rights, ToTheEventsAloneLetAnotherUserFollow) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644});
  for (const char* file : {"consumers", "locks"}) ASSERT_EQ(::chmod((ring_path("orders") + "/" + file).c_str(), 0600), 0);
  publish_numbered(publisher, 10, 100);
  as_other_user([](const Words&) {
    auto consumer = Consumer::attach("orders");
    EXPECT_EQ(poll_sequences(consumer), sequences(1, 10));
    EXPECT_EQ(consumer.wait_for(1ms), Status::timed_out);
    const RingStat stat = stat_ring("orders");
    EXPECT_FALSE(stat.consumers_readable);
    EXPECT_EQ(stat.newest_sequence, 10U);
    expect_error([] { static_cast<void>(Consumer::attach("orders", {.policy = Policy::gate})); }, Code::not_allowed,
                 {"orders/consumers", "--mode 0660 --group"});
  });
}

TEST_F(Rights, OfAGroupLetItsMembersGate) {
  constexpr gid_t group = kNogroup;
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0660, .group = "nogroup"});
  EXPECT_EQ(mode_of(ring_path("orders")), 0750U);
  EXPECT_EQ(mode_of(ring_path("orders") + "/events"), 0640U);
  EXPECT_EQ(mode_of(ring_path("orders") + "/alive.1"), 0640U);
  Child child([](const Words& words) {
    ASSERT_TRUE(become(kNobody, group));
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .start = Start::latest});
    EXPECT_TRUE(consumer.publisher_alive());
    words.say("gating");
    words.expect("poll");
    EXPECT_GT(poll_sequences(consumer).size(), 50U);
    words.say("polled");
    static_cast<void>(words.hear());
  });
  child.words().expect("gating");
  publish_until_full(publisher, 1'000);
  EXPECT_EQ(publisher.try_publish(numbered_payload(publisher.next_sequence(), 1'000)).status, Status::full);
  child.words().say("poll");
  child.words().expect("polled");
  EXPECT_EQ(publisher.try_publish(numbered_payload(publisher.next_sequence(), 1'000)).status, Status::ok);
  child.kill();
  as_other_user([](const Words&) { expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::not_allowed); },
                kNogroup - 1);
}

// Everything that somebody can do who may open files for reading and does not mean well.
void be_hostile(const std::string& ring) {
  for (const char* name : {"", "/events", "/consumers", "/locks", "/lease", "/alive.1", "/alive.2"}) {
    const int fd = ::open((ring + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    struct flock lock {};
    lock.l_type = F_RDLCK;
    static_cast<void>(::fcntl(fd, F_OFD_SETLK, &lock));  // every byte there is, and will be
    static_cast<void>(::fcntl(fd, F_SETLK, &lock));
    static_cast<void>(::flock(fd, LOCK_EX | LOCK_NB));
    lock.l_type = F_WRLCK;
    static_cast<void>(::fcntl(fd, F_OFD_SETLK, &lock));
    void* const words = ::mmap(nullptr, 4'096, PROT_READ, MAP_SHARED, fd, 0);
    if (words == MAP_FAILED) continue;
    for (std::size_t offset = 0; offset < 1'024; offset += 4)
      ::syscall(SYS_futex, static_cast<char*>(words) + offset, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
}

TEST_F(Rights, ToReadDoNotLetAHostileReaderStopAnything) {
  Child first([](const Words& words) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644});
    publish_numbered(publisher, 10, 100);
    words.say("published");
    static_cast<void>(words.hear());
  });
  first.words().expect("published");
  Child gating([](const Words& words) {
    auto consumer = Consumer::attach("orders", {.name = "gating", .policy = Policy::gate});
    words.say("gating");
    static_cast<void>(words.hear());
  });
  gating.words().expect("gating");

  Child hostile([&](const Words& words) {
    ASSERT_TRUE(become(kNobody, kNogroup));
    be_hostile(ring_path("orders"));
    words.say("hostile");
    words.expect("again");
    be_hostile(ring_path("orders"));
    words.say("hostile");
    static_cast<void>(words.hear());  // holding on to all of it
  });
  hostile.words().expect("hostile");

  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  first.kill();
  EXPECT_FALSE(stat_ring("orders").publisher_alive) << "a reader's locks must not look like a publisher";
  auto publisher = Publisher::open("orders");
  EXPECT_EQ(publisher.epoch(), 2U);
  hostile.words().say("again");
  hostile.words().expect("hostile");
  EXPECT_TRUE(stat_ring("orders").publisher_alive);

  gating.kill();
  publish_numbered(publisher, 200, 1'000);  // the dead consumer's gate is reclaimed
  auto consumer = Consumer::attach("orders", {.name = "gating", .policy = Policy::gate});
  EXPECT_TRUE(stat_of("orders", "gating").alive);
  EXPECT_GT(consumer.poll([](const auto&) {}), 0U);
  remove_ring("orders", true);
}

TEST_F(Rights, NeededAreNotThoseOfADirectoryThatSomebodyElsePrepared) {
  const std::string prepared = place() + "/prepared";
  std::filesystem::create_directory(prepared);
  ASSERT_EQ(::chown(prepared.c_str(), kNobody, kNogroup), 0);
  use_place(prepared);
  const std::vector<std::string> words{"prepared/orders", "parent directory", "RINGBOLT_DIR"};
  expect_error([] { create_ring("orders", {.capacity_bytes = kSmall}); }, Code::not_allowed, words);
  expect_error([] { static_cast<void>(Publisher::open("orders", {.capacity_bytes = kSmall})); }, Code::not_allowed, words);
  EXPECT_TRUE(names_in(prepared).empty());
}

TEST_F(Rights, NeededAreNotThoseOfADirectoryThatEverybodyCanWrite) {
  const std::string open_place = place() + "/open";
  std::filesystem::create_directory(open_place);
  ASSERT_EQ(::chmod(open_place.c_str(), 0777), 0);
  use_place(open_place);
  expect_error([] { create_ring("orders", {.capacity_bytes = kSmall}); }, Code::not_allowed,
               {"written by everybody", "RINGBOLT_DIR"});
  EXPECT_TRUE(names_in(open_place).empty());
  ASSERT_EQ(::chmod(open_place.c_str(), 01777), 0);  // as /dev/shm itself: nobody can rename what is not theirs
  create_ring("orders", {.capacity_bytes = kSmall});
}

TEST_F(Rights, NeededAreNotThoseOfADirectoryThatItsGroupCanWrite) {
  const std::string group_place = place() + "/group";
  std::filesystem::create_directory(group_place);
  ASSERT_EQ(::chmod(group_place.c_str(), 0770), 0);
  use_place(group_place);
  expect_error([] { create_ring("orders", {.capacity_bytes = kSmall}); }, Code::not_allowed,
               {"written by its group", "RINGBOLT_DIR"});
  EXPECT_TRUE(names_in(group_place).empty());
  ASSERT_EQ(::chmod(group_place.c_str(), 0750), 0);
  create_ring("orders", {.capacity_bytes = kSmall});
  ASSERT_EQ(::chmod(group_place.c_str(), 0770), 0);  // and now somebody may have put another ring there
  expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::not_allowed, {"orders", "written by its group"});
  auto consumer = Consumer::attach(group_place + "/orders");  // whoever names the path has chosen it
}

TEST_F(Rights, NeededAreNotThoseBehindASymbolicLink) {
  std::filesystem::create_directory(place() + "/real");
  std::filesystem::create_symlink(place() + "/real", place() + "/link");
  use_place(place() + "/link");
  expect_error([] { create_ring("orders", {.capacity_bytes = kSmall}); }, Code::not_allowed,
               {"link/orders", "symbolic link", "RINGBOLT_DIR"});
  EXPECT_TRUE(names_in(place() + "/real").empty());
  use_place(place() + "/real");
  create_ring("orders", {.capacity_bytes = kSmall});
  use_place(place() + "/link");
  expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::damaged, {"link/orders", "symbolic link"});
  expect_error([] { remove_ring("orders"); }, Code::damaged, {"link/orders", "symbolic link"});
}

// Everybody may make a directory in /dev/shm, so also the one where another user's rings would be.
TEST_F(Rights, NeededAreNotThoseOfADefaultDirectoryThatSomebodyElseMade) {
  const auto victim = static_cast<uid_t>(3'000'000 + ::getpid());
  const std::string squatted = "/dev/shm/ringbolt-" + std::to_string(victim);
  ASSERT_EQ(::mkdir(squatted.c_str(), 0755), 0);
  create_ring(squatted + "/orders", {.capacity_bytes = kSmall, .mode = 0666});
  ASSERT_EQ(::chown((squatted + "/orders").c_str(), kNobody, kNogroup), 0);
  ASSERT_EQ(::chown(squatted.c_str(), kNobody, kNogroup), 0);
  Child child([&](const Words&) {
    ::unsetenv("RINGBOLT_DIR");
    ASSERT_TRUE(become(victim, kNogroup - 1));
    const std::vector<std::string> words{"orders", squatted, "belongs to somebody else", "RINGBOLT_DIR"};
    expect_error([] { static_cast<void>(Consumer::attach("orders")); }, Code::not_allowed, words);
    expect_error([] { static_cast<void>(stat_ring("orders")); }, Code::not_allowed, words);
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::not_allowed, words);
    expect_error([] { create_ring("others", {.capacity_bytes = kSmall}); }, Code::not_allowed,
                 {"others", "belongs to somebody else"});
    auto consumer = Consumer::attach(squatted + "/orders");  // whoever names the path has chosen it
  });
  EXPECT_TRUE(child.join());
  std::filesystem::remove_all(squatted);
}

TEST_F(Rights, MissingToCreateAreSaid) {
  as_other_user([](const Words&) {
    expect_error([] { create_ring("orders", {.capacity_bytes = kSmall}); }, Code::not_allowed,
                 {"orders", "Permission denied", "RINGBOLT_DIR"});
  });
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Rights, MissingForAGroupAreSaid) {
  const std::string own = place() + "/own";
  std::filesystem::create_directory(own);
  ASSERT_EQ(::chown(own.c_str(), kNobody, kNogroup), 0);
  as_other_user([&](const Words&) {
    use_place(own);
    expect_error([] { create_ring("orders", {.capacity_bytes = kSmall, .group = "root"}); }, Code::not_allowed,
                 {"orders", "'root'", "be a member of it"});
    EXPECT_TRUE(names_in(own).empty()) << "a failed creation must leave nothing behind";
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    publisher.publish("x");
  });
  EXPECT_EQ(stat_ring(own + "/orders").newest_sequence, 1U);
}

// Somebody else's ring where one's own was expected: consumers may follow it, publishing to it would be to fall for it.
TEST_F(Rights, ToPublishAreTheOwnersAlone) {
  ASSERT_EQ(::chmod(place().c_str(), 01777), 0);
  as_other_user([](const Words&) { create_ring("orders", {.capacity_bytes = kSmall, .mode = 0666}); });
  Child third([](const Words&) {
    ASSERT_TRUE(become(kNobody - 1, kNogroup));
    expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::not_allowed,
                 {"orders", "belongs to user 65534", "only its owner"});
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  });
  EXPECT_TRUE(third.join());
}

}  // namespace
}  // namespace ringbolt::test
