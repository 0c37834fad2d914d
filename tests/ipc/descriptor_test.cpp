// Waiting on a consumer's descriptor, in a poll of one's own.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "child.hpp"
#include "support.hpp"

#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/parking.hpp>

namespace ringbolt::test {
namespace {

constexpr auto kSafetyNet = std::chrono::nanoseconds(ipc::kLongestSleepNs);

bool is_readable(int fd, std::chrono::milliseconds within = 0ms) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(within.count())) == 1 && (one.revents & POLLIN) != 0;
}

class WaitingOnADescriptor : public IpcTest {
 protected:
  WaitingOnADescriptor() : publisher_(Publisher::open("orders", {.capacity_bytes = kSmall, .mode = 0644})) {}

  static Consumer lossy() { return Consumer::attach("orders", {.policy = Policy::lossy, .start = Start::earliest}); }
  // With nothing left to read, so that it sleeps.
  static void read_all(Consumer& consumer) {
    while (consumer.poll([](const Event&) {}) != 0) {
    }
  }
  // Asleep, and not because a bell was rung by nobody.
  static void fall_asleep(Consumer& consumer) {
    const int fd = consumer.fd();
    ASSERT_TRUE(eventually([&] {
      read_all(consumer);
      return !is_readable(fd);
    }));
  }
  [[nodiscard]] RingFile registry() const { return RingFile(ring_path("orders") + "/consumers"); }
  [[nodiscard]] std::int64_t touched_ns(const char* file) const {
    struct stat status {};
    EXPECT_EQ(::stat((ring_path("orders") + "/" + file).c_str(), &status), 0);
    return status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
  }

  Publisher publisher_;
};

TEST_F(WaitingOnADescriptor, ItIsReadableUntilALookFoundNothing) {
  Consumer consumer = lossy();
  const int fd = consumer.fd();
  EXPECT_EQ(consumer.fd(), fd);
  EXPECT_TRUE(is_readable(fd)) << "nobody has looked yet";
  EXPECT_EQ(consumer.poll([](const Event&) {}), 0U);
  EXPECT_FALSE(is_readable(fd));
  publish_numbered(publisher_, 3, 8);
  EXPECT_TRUE(is_readable(fd));
  EXPECT_EQ(poll_sequences(consumer, 2), sequences(1, 2));
  EXPECT_TRUE(is_readable(fd)) << "there is more";
  EXPECT_EQ(poll_sequences(consumer, 1), sequences(3, 3));
  EXPECT_EQ(consumer.poll([](const Event&) {}), 0U);
  EXPECT_FALSE(is_readable(fd));
}

TEST_F(WaitingOnADescriptor, TryNextTellsItTheSame) {
  Consumer consumer = lossy();
  const int fd = consumer.fd();
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::empty);
  EXPECT_FALSE(is_readable(fd));
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(is_readable(fd));
  EXPECT_EQ(consumer.try_next(event), Status::ok);
  EXPECT_EQ(consumer.try_next(event), Status::empty);
  EXPECT_FALSE(is_readable(fd));
}

TEST_F(WaitingOnADescriptor, ItWorksInAnEpollThatReportsEdges) {
  Consumer consumer = lossy();
  const ipc::Descriptor outer(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event edges{};
  edges.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(::epoll_ctl(outer.get(), EPOLL_CTL_ADD, consumer.fd(), &edges), 0);
  const auto wait_for_edge = [&](std::chrono::milliseconds within) {
    epoll_event event{};
    return ::epoll_wait(outer.get(), &event, 1, static_cast<int>(within.count())) == 1;
  };
  for (std::uint64_t i = 1; i <= 50; ++i) {
    ASSERT_TRUE(eventually([&] {
      read_all(consumer);
      return !wait_for_edge(0ms);
    }));
    publish_numbered(publisher_, 1, 8);
    ASSERT_TRUE(wait_for_edge(kSafetyNet / 1ms * 1ms)) << "event " << i;
    ASSERT_EQ(poll_sequences(consumer), sequences(i, i));
  }
}

TEST_F(WaitingOnADescriptor, OneTouchWakesAllAndNobodyElsePaysForThem) {
  Consumer first = lossy();
  Consumer second = lossy();
  fall_asleep(first);
  fall_asleep(second);
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(is_readable(first.fd()));
  EXPECT_TRUE(is_readable(second.fd()));
  // They are awake now. A sleeper on the futex is woken, and no file is touched.
  const std::int64_t touched = touched_ns("events");
  Child sleeper([](const Words& words) {
    Consumer consumer = Consumer::attach("orders", {.name = "sleeper", .start = Start::latest});
    words.say("attached");
    EXPECT_TRUE(consumer.next_for(kLong));
  });
  sleeper.words().expect("attached");
  ASSERT_TRUE(eventually([&] { return registry().registry().waiters.load_acquire() != 0; }));
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(sleeper.join());
  EXPECT_EQ(touched_ns("events"), touched);
}

TEST_F(WaitingOnADescriptor, AnotherProcessIsWokenForEachEventAndNotByTheSafetyNet) {
  constexpr static int rounds = 200;
  Child consuming([](const Words& words) {
    Consumer consumer = lossy();
    const int fd = consumer.fd();
    words.say("attached");
    std::uint64_t next = 1;
    const auto began = std::chrono::steady_clock::now();
    while (next <= rounds) {
      ASSERT_TRUE(is_readable(fd, 30'000ms));
      consumer.poll([&](const Event& event) { ASSERT_EQ(event.sequence, next++); });
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, rounds * kSafetyNet / 2);
  });
  consuming.words().expect("attached");
  const RingFile file(ring_path("orders") + "/consumers");
  for (int i = 0; i < rounds; ++i) {
    ASSERT_TRUE(eventually([&] { return file.registry().bell.load_acquire() != 0; }));
    publish_numbered(publisher_, 1, 8);
  }
  EXPECT_TRUE(consuming.join());
}

TEST_F(WaitingOnADescriptor, AFollowerIsWokenByWhomItComesAfter) {
  Consumer leader = Consumer::attach("orders", {.name = "leader", .policy = Policy::gate});
  Consumer follower = Consumer::attach("orders", {.policy = Policy::gate, .after = {"leader"}});
  fall_asleep(follower);
  publish_numbered(publisher_, 1, 8);
  EXPECT_FALSE(is_readable(follower.fd())) << "the leader has not committed it";
  EXPECT_EQ(poll_sequences(leader), sequences(1, 1));
  EXPECT_TRUE(is_readable(follower.fd()));
  EXPECT_EQ(poll_sequences(follower), sequences(1, 1));
}

TEST_F(WaitingOnADescriptor, ADeathBetweenCommitAndWakeUpIsFeltForAMomentOnly) {
  Consumer consumer = lossy();
  fall_asleep(consumer);
  registry().registry().waiters.store_release(0);  // as a waker leaves it that dies before it wakes
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(is_readable(consumer.fd(), kSafetyNet / 1ms * 1ms + 5'000ms));
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 1));
}

TEST_F(WaitingOnADescriptor, TheEndOfTheStreamIsReadableForGood) {
  Consumer consumer = lossy();
  fall_asleep(consumer);
  publisher_.close();
  EXPECT_TRUE(is_readable(consumer.fd()));
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::closed);
  EXPECT_TRUE(is_readable(consumer.fd()));
}

TEST_F(WaitingOnADescriptor, RemovalOfTheRingIsNoticed) {
  Consumer consumer = lossy();
  fall_asleep(consumer);
  remove_ring("orders", true);
  EXPECT_TRUE(is_readable(consumer.fd(), 1'000ms));
  expect_error([&] { consumer.poll([](const Event&) {}); }, Code::removed);
}

TEST_F(WaitingOnADescriptor, IsRefusedWhereTheRingWasRemoved) {
  Consumer consumer = lossy();
  remove_ring("orders", true);
  EXPECT_ANY_THROW(static_cast<void>(consumer.fd()));
}

TEST_F(WaitingOnADescriptor, WhoCannotWriteTheRegistryLooksByTheClock) {
  if (!can_become_others()) GTEST_SKIP() << "becoming another user needs root";
  Child reader([](const Words& words) {
    ASSERT_TRUE(become(kNobody, kNogroup));
    Consumer consumer = lossy();
    fall_asleep(consumer);
    words.say("asleep");
    ASSERT_TRUE(eventually([&] {
      EXPECT_TRUE(is_readable(consumer.fd(), 5'000ms));
      return consumer.poll([](const Event&) {}) == 1;
    }));
  });
  reader.words().expect("asleep");
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(reader.join());
}

TEST_F(WaitingOnADescriptor, AShareIsLookedAtByTheClock) {
  const std::string socket = place() + "/orders.sock";
  Publisher share = Publisher::open("shared", {.capacity_bytes = kSmall, .share = {.socket = socket}});
  Consumer consumer = Consumer::attach("unix:" + socket, {.policy = Policy::lossy});
  fall_asleep(consumer);
  share.publish("hello");
  ASSERT_TRUE(eventually([&] {
    EXPECT_TRUE(is_readable(consumer.fd(), 5'000ms));
    return consumer.poll([](const Event& event) { EXPECT_EQ(event.text(), "hello"); }) == 1;
  }));
}

TEST_F(WaitingOnADescriptor, AMovedConsumerKeepsIt) {
  Consumer first = lossy();
  const int fd = first.fd();
  Consumer second = std::move(first);
  EXPECT_EQ(second.fd(), fd);
  fall_asleep(second);
  publish_numbered(publisher_, 1, 8);
  EXPECT_TRUE(is_readable(fd));
}

// Whatever cannot be made: an error that names the limit, and nothing left behind.
TEST_F(WaitingOnADescriptor, LackOfDescriptorsIsAnErrorThatLeavesNothingBehind) {
  Child child([](const Words& /*words*/) {
    Consumer consumer = lossy();
    const rlimit limit{256, 4'096};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<ipc::Descriptor> fillers;
    const auto fill = [&] {
      std::size_t room = 0;
      for (int one = ::dup(0); one >= 0; one = ::dup(0), ++room) fillers.emplace_back(one);
      return room;
    };
    EXPECT_GT(fill(), 3U);
    for (std::size_t room = 0; room < 3; ++room) {
      expect_error([&] { static_cast<void>(consumer.fd()); }, Code::system, {"ulimit -n", "max_user_instances"});
      EXPECT_EQ(fill(), room);
      fillers.resize(fillers.size() - room - 1);
    }
    EXPECT_GE(consumer.fd(), 0);
  });
  EXPECT_TRUE(child.join());
}

TEST_F(WaitingOnADescriptor, AForkedChildIsToldToAttachForItself) {
  Consumer consumer = lossy();
  static_cast<void>(consumer.fd());
  Child child([&](const Words& /*words*/) { expect_error([&] { static_cast<void>(consumer.fd()); }, Code::forked); });
  EXPECT_TRUE(child.join());
}

}  // namespace
}  // namespace ringbolt::test
