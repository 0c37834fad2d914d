// Sleeping and waking between processes, also where the kernel refuses the barrier that it stands on.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <ringbolt/ipc/parking.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <thread>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

// From here on this process's membarrier(2) fails with EPERM, as in a container with a strict filter. Cannot be undone.
bool refuse_barriers() {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
         !ipc::register_for_barriers() && !ipc::barrier_in_all_processes();
}

class Parking : public IpcTest {
 protected:
  Parking() { create_ring("orders", {.capacity_bytes = kSmall}); }

  [[nodiscard]] RingFile registry() const { return RingFile(ring_path("orders") + "/consumers"); }

  // One process publishes, one event whenever the other says that it sleeps; the other is woken for each.
  void wake_many_times(bool publisher_refused, bool consumer_refused) const {
    constexpr int rounds = 100;
    Child publishing([&](const Words& words) {
      ASSERT_TRUE(!publisher_refused || refuse_barriers());
      auto publisher = Publisher::open("orders");
      const RingFile file(ring_path("orders") + "/consumers");
      words.say("open");
      for (int i = 0; i < rounds; ++i) {
        ASSERT_TRUE(eventually([&] { return file.registry().waiters.load_acquire() != 0; }));
        publish_numbered(publisher, 1, 8);
      }
      static_cast<void>(words.hear());
    });
    publishing.words().expect("open");
    Child consuming([&](const Words& words) {
      ASSERT_TRUE(!consumer_refused || refuse_barriers());
      auto consumer = Consumer::attach("orders", {.name = "sleeper", .start = Start::latest});
      const auto began = std::chrono::steady_clock::now();
      for (int i = 0; i < rounds; ++i) ASSERT_TRUE(consumer.next_for(kLong));
      // Woken only by the safety net it would have slept for ten seconds.
      EXPECT_LT(std::chrono::steady_clock::now() - began, rounds * std::chrono::nanoseconds(ipc::kLongestSleepNs) / 2);
      words.say("done");
    });
    consuming.words().expect("done");
    EXPECT_TRUE(consuming.join());
    const RingFile file(ring_path("orders") + "/consumers");
    EXPECT_EQ(file.registry().fence_request.load_acquire() != 0, consumer_refused);
    EXPECT_EQ(file.registry().fence_ack.load_acquire(), publisher_refused || consumer_refused ? 1U : 0U)
        << "the publisher must say whether it fences";
  }
};

TEST_F(Parking, WakesASleeper) { wake_many_times(false, false); }
TEST_F(Parking, WakesASleeperToWhomTheBarrierIsRefused) { wake_many_times(false, true); }
TEST_F(Parking, WakesASleeperWhereThePublisherCannotRegister) { wake_many_times(true, false); }
TEST_F(Parking, WakesASleeperWhereNobodyHasBarriers) { wake_many_times(true, true); }

// Who backs off sleeps by the clock, and no waker has to know.
TEST_F(Parking, WhoBacksOffAsksForNoWakeUp) {
  auto publisher = Publisher::open("orders");
  Child consuming([](const Words& words) {
    auto consumer = Consumer::attach("orders", {.start = Start::latest, .wait = Wait::backoff});
    words.say("attached");
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(consumer.next_for(kLong));
  });
  consuming.words().expect("attached");
  const RingFile file(ring_path("orders") + "/consumers");
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(3ms);
    EXPECT_EQ(file.registry().waiters.load_acquire(), 0U);
    publish_numbered(publisher, 1, 8);
  }
  EXPECT_TRUE(consuming.join());
  EXPECT_EQ(file.registry().wake.load_acquire(), 1U) << "woken only when the publisher came";
}

TEST_F(Parking, ASuccessorFencesForASleeperThatAskedItsPredecessor) {
  const RingFile file(ring_path("orders") + "/consumers");
  file.registry().fence_request.store_release(1);
  { auto first = Publisher::open("orders"); }
  EXPECT_EQ(file.registry().fence_ack.load_acquire(), 1U);
  auto second = Publisher::open("orders");
  EXPECT_EQ(file.registry().fence_ack.load_acquire(), 2U);
}

TEST_F(Parking, WakesAPublisherThatWaitsForAGate) {
  for (const bool consumer_refused : {false, true}) {
    for (const bool publisher_refused : {false, true}) {
      SCOPED_TRACE(consumer_refused ? "consumer refused" : "consumer with barriers");
      SCOPED_TRACE(publisher_refused ? "publisher refused" : "publisher with barriers");
      Child consuming([&](const Words& words) {
        ASSERT_TRUE(!consumer_refused || refuse_barriers());
        auto consumer = Consumer::attach("orders", {.name = "gate", .policy = Policy::gate, .start = Start::latest});
        const RingFile file(ring_path("orders") + "/consumers");
        words.say("gating");
        for (int i = 0; i < 50; ++i) {
          ASSERT_TRUE(eventually([&] { return file.registry().gate_waiters.load_acquire() != 0; }));
          const std::uint32_t before = file.registry().gate_wake.load_acquire();
          ASSERT_EQ(poll_sequences(consumer, 1).size(), 1U);
          ASSERT_NE(file.registry().gate_wake.load_acquire(), before) << "who waits must be woken, not left to time-outs";
        }
        words.say("done");
        static_cast<void>(words.hear());
      });
      consuming.words().expect("gating");
      Child publishing([&](const Words&) {
        ASSERT_TRUE(!publisher_refused || refuse_barriers());
        auto publisher = Publisher::open("orders");
        publish_until_full(publisher, 1'000);
        for (int i = 0; i < 50; ++i) publish_numbered(publisher, 1, 1'000);
      });
      consuming.words().expect("done");
      EXPECT_TRUE(publishing.join());
      consuming.kill();
    }
  }
}

TEST_F(Parking, AKilledSleeperLeavesNothingThatIsPaidForTwice) {
  auto publisher = Publisher::open("orders");
  const RingFile file(ring_path("orders") + "/consumers");
  Child sleeping([](const Words&) {
    auto consumer = Consumer::attach("orders");
    static_cast<void>(consumer.next());
  });
  ASSERT_TRUE(eventually([&] { return file.registry().waiters.load_acquire() != 0; }));
  sleeping.kill();
  const std::uint32_t before = file.registry().wake.load_acquire();
  publisher.publish("x");
  EXPECT_EQ(file.registry().waiters.load_acquire(), 0U);
  EXPECT_EQ(file.registry().wake.load_acquire(), before + 1);
  publisher.publish("y");
  EXPECT_EQ(file.registry().wake.load_acquire(), before + 1) << "nobody sleeps: nobody is to be woken";
}

TEST_F(Parking, ASuccessorWakesThoseThatItsDeadPredecessorDidNot) {
  const RingFile file(ring_path("orders") + "/consumers");
  const std::uint32_t before = file.registry().wake.load_acquire();
  auto publisher = Publisher::open("orders");
  EXPECT_NE(file.registry().wake.load_acquire(), before);
}

// The two words of a channel, without a ring.
class Channel : public testing::Test {
 protected:
  core::Word32 flag_;
  core::Word32 futex_;
  core::Word64 request_;
  core::Word64 acknowledged_;
  ipc::WaitChannel channel_{flag_, futex_, &request_, &acknowledged_};

  void SetUp() override {
    flag_.store_relaxed(0);  // relaxed: no other thread yet
    futex_.store_relaxed(0);
    request_.store_relaxed(0);
    acknowledged_.store_relaxed(0);
    ASSERT_TRUE(ipc::register_for_barriers());
  }
};

TEST_F(Channel, DoesNotSleepWhereThereIsWork) {
  const auto began = std::chrono::steady_clock::now();
  channel_.park([] { return true; }, 60'000'000'000, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong);
  EXPECT_EQ(flag_.load_relaxed(), 1U) << "announced before it looked";
}

TEST_F(Channel, SleepsForItsTimeOut) {
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < 5ms) channel_.park([] { return false; }, 5'000'000, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong);
}

// A wake that comes between the look at the word and the sleep is not slept through.
TEST_F(Channel, DoesNotSleepThroughAWakeInBetween) {
  const auto began = std::chrono::steady_clock::now();
  channel_.park(
      [&] {
        channel_.wake_all();
        return false;
      },
      60'000'000'000, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong);
  EXPECT_EQ(flag_.load_relaxed(), 0U);
  EXPECT_EQ(futex_.load_relaxed(), 1U);
}

TEST_F(Channel, IsWokenFromItsSleep) {
  std::thread waker([&] {
    while (flag_.load_acquire() == 0) std::this_thread::yield();
    channel_.wake_all();
  });
  const auto began = std::chrono::steady_clock::now();
  channel_.park([] { return false; }, 60'000'000'000, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong);
  waker.join();
}

}  // namespace
}  // namespace ringbolt::test
