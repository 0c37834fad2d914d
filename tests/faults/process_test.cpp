// Who is alive is the kernel's word and not a number's: processes that are zombies, whose number another one has, that live
// in namespaces of their own; and a disk that does not answer.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "ipc/child.hpp"
#include "ipc/journalled_ring.hpp"
#include "nth_call.hpp"

namespace ringbolt::test {
namespace {

class Processes : public IpcTest {
 protected:
  // Publishes and gates at once, and waits to be killed.
  static void hold_everything(const Words& words) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    auto anonymous = Consumer::attach("orders", {.policy = Policy::gate});
    publish_numbered(publisher, 10, 100);
    words.say("held");
    static_cast<void>(words.hear());
  }
  // Nothing that was held is held any more: another one publishes, and no gate is in its way.
  static void expect_nothing_held() {
    EXPECT_FALSE(stat_ring("orders").publisher_alive);
    EXPECT_FALSE(stat_of("orders", "billing").alive);
    auto publisher = Publisher::open("orders");
    EXPECT_EQ(publisher.next_sequence(), 11U);
    publish_numbered(publisher, 2'000, 100);
    EXPECT_EQ(Consumer::attach("orders", {.name = "billing", .policy = Policy::gate}).policy(), Policy::gate);
  }
};

TEST_F(Processes, ThatAreZombiesAreDeadForTheOthers) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    publish_numbered(publisher, 10, 100);
    ::kill(::getpid(), SIGKILL);
  }
  siginfo_t end{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT), 0);  // it is one now, and stays one
  EXPECT_EQ(::kill(pid, 0), 0) << "its number still says that it lives";
  expect_nothing_held();
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(Processes, WhoseNumberAnotherOneHasAreDead) {
  Child child(hold_everything);
  child.words().expect("held");
  const pid_t pid = child.pid();
  child.kill();
  std::array<pid_t, 1> wanted{pid};
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<std::uint64_t>(wanted.data());
  arguments.set_tid_size = 1;
  const auto other = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
  if (other == 0) {
    for (;;) ::pause();
  }
  if (other < 0) GTEST_SKIP() << "a process cannot be given a number here: " << std::strerror(errno);
  EXPECT_EQ(other, pid);
  EXPECT_EQ(static_cast<pid_t>(stat_of("orders", "billing").pid), other);
  expect_nothing_held();
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

// A child in namespaces of its own consumes and gates, is seen to live, and seen to be dead when it is killed.
class Namespaces : public Processes {
 protected:
  void consume_from(int flags, const std::string& ring) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
    Child child([&](const Words& words) {
      std::string why;
      if (::unshare(flags) != 0) why = std::string("no namespace of its own: ") + std::strerror(errno);
      if (why.empty() && (flags & CLONE_NEWTIME) != 0) {
        std::ofstream offsets("/proc/self/timens_offsets");
        offsets << "monotonic 100000 0\n" << std::flush;
        if (!offsets) why = "the clock of a time namespace cannot be set";
      }
      if (why.empty() && (flags & CLONE_NEWNS) != 0) {
        const std::string other = std::filesystem::path(ring).parent_path();
        std::filesystem::create_directory(other);
        if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount(place().c_str(), other.c_str(), nullptr, MS_BIND, nullptr) != 0)
          why = std::string("cannot mount: ") + std::strerror(errno);
      }
      if (!why.empty()) {
        words.say(why);
        return;
      }
      // A new process is the first one in the namespaces of processes and of time.
      const pid_t inner = ::fork();
      if (inner != 0) {
        int status = 0;
        ::waitpid(inner, &status, 0);
        EXPECT_EQ(status, 0);
        return;
      }
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      auto consumer = Consumer::attach(ring, {.name = "billing", .policy = Policy::gate});
      words.say("attached");
      EXPECT_TRUE(consumer.publisher_alive());
      while (consumer.next_sequence() <= 1'000 && consumer.wait_for(kLong) == Status::ok) poll_sequences(consumer);
      EXPECT_EQ(consumer.wait_for(1ms), Status::timed_out);
      words.say(std::to_string(consumer.next_sequence()));
      static_cast<void>(words.hear());
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    });
    const std::string said = child.words().hear();
    if (said != "attached") {
      EXPECT_TRUE(child.join());
      GTEST_SKIP() << said;
    }
    publish_numbered(publisher, 1'000, 100);
    child.words().expect("1001");
    EXPECT_TRUE(stat_of("orders", "billing").alive);
    publish_until_full(publisher, 100);
    EXPECT_EQ(publisher.try_publish(numbered_payload(publisher.next_sequence(), 100)).status, Status::full) << "it gates";
    child.kill();  // and the inner one with it
    EXPECT_TRUE(eventually([] { return !stat_of("orders", "billing").alive; }));
    publish_numbered(publisher, 1'000, 100);
  }
};

TEST_F(Namespaces, OfProcessesHideNobodysDeath) { consume_from(CLONE_NEWPID, "orders"); }
TEST_F(Namespaces, OfUsersHideNobodysDeath) { consume_from(CLONE_NEWUSER, "orders"); }
TEST_F(Namespaces, OfMountsHideNobodysDeath) { consume_from(CLONE_NEWNS, place() + "/.elsewhere/orders"); }
TEST_F(Namespaces, OfTimeChangeNoTimeOut) { consume_from(CLONE_NEWTIME, "orders"); }

// A publisher in a namespace of its own, whose number outside is another one's.
TEST_F(Namespaces, OfProcessesHideNoPublisher) {
  Child child([&](const Words& words) {
    if (::unshare(CLONE_NEWPID) != 0) {
      words.say(std::string("no namespace of its own: ") + std::strerror(errno));
      return;
    }
    if (::fork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      hold_everything(words);
      ::_exit(0);
    }
    ::pause();
  });
  const std::string said = child.words().hear();
  if (said != "held") GTEST_SKIP() << said;
  EXPECT_EQ(stat_ring("orders").publisher_pid, 1U) << "in there";
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  EXPECT_TRUE(stat_of("orders", "billing").alive);
  expect_error([] { static_cast<void>(Publisher::open("orders")); }, Code::in_use, {"orders", "live publisher"});
  child.kill();
  EXPECT_TRUE(eventually([] { return !stat_ring("orders").publisher_alive && !stat_of("orders", "billing").alive; }));
  expect_nothing_held();
}

class HungDisk : public JournalledRing {
 protected:
  void SetUp() override {
    disk_ = place() + "-disk";
    std::filesystem::create_directory(disk_);
  }
};

// Nobody waits for it but who asked to: the publisher goes on until the ring is full, and consumers until they have it all.
TEST_F(HungDisk, HoldsUpOnlyWhoWaitsForIt) {
  PublisherOptions options = journalled();
  options.journal.on_stall = OnStall::fail;
  auto publisher = Publisher::open("orders", options);
  auto consumer = Consumer::attach("orders", {.name = "billing"});
  publish_numbers(publisher, 10);
  ASSERT_TRUE(publisher.wait_durable(10, kLong));
  EXPECT_EQ(read_up_to(consumer, 10), 10U);
  for (const Call call : {Call::fdatasync, Call::write}) {
    const std::uint64_t durable = publisher.next_sequence() - 1;
    const Hanging hanging(call);
    publish_numbers(publisher, 10);
    ASSERT_TRUE(eventually([&] { return hanging.somebody_hangs(); }));
    EXPECT_FALSE(publisher.wait_durable(durable + 10, 20ms)) << "it is not durable, whatever time passes";
    EXPECT_EQ(publisher.durable_sequence(), durable);
    publish_numbers(publisher, 500);
    EXPECT_EQ(read_up_to(consumer, durable + 510), 510U);
    ASSERT_TRUE(
        eventually([&] { return publisher.try_publish(publisher.next_sequence()).status == Status::journal_stalled; }));
    EXPECT_EQ(publisher.publish_for(bytes_of("x"), 20ms).status, Status::journal_stalled);
    expect_error([&] { publisher.publish("x"); }, Code::journal_stalled, {"orders"});
    EXPECT_TRUE(stat_ring("orders").publisher_alive);
    hanging.let_go();
    const std::uint64_t last = publisher.next_sequence() - 1;
    EXPECT_TRUE(publisher.wait_durable(last, kLong));
    read_up_to(consumer, last);
  }
}

}  // namespace
}  // namespace ringbolt::test
