// Sleeping and waking: no wake-up is ever lost. Every wait has a time-out as a safety net, which would hide a lost one; so
// the system calls of this test are watched, and a sleep that ended by its time-out although there was work counts as lost.
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>

#include "counts.hpp"
#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kSleeps = 60'000;
constexpr std::uint64_t kShortSliceNs = 1'000'000;  // a sleeper that nobody has promised to wake sleeps no longer
constexpr std::uint64_t kSafetyNetNs = 100'000'000;
constexpr std::uint64_t kSettled = 200;  // rounds after which everybody has been promised

struct Board {
  Count asked;    // the round for which the sleeper waits
  Count work_ns;  // when the call that did its work had returned; 0: not yet
  Count over;
  Count slept;  // sleeps in the kernel
  Count lost;   // that ended by the time-out although there was work
  Count short_slices;
  Count barriers_refused;
  Count ready;
};

using SystemCall = long (*)(long, ...);
SystemCall real_syscall() {
  static const auto real = reinterpret_cast<SystemCall>(::dlsym(RTLD_NEXT, "syscall"));
  return real;
}

// What the system calls of this process are written down in; null: nowhere.
Board* watched = nullptr;
bool wakes_slowly = false;

long watched_wait(const void* word, long operation, long seen, const timespec* timeout) {
  const std::uint64_t began_ns = now_ns();
  const auto longest_ns =
      static_cast<std::uint64_t>(timeout->tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(timeout->tv_nsec);
  const long result = real_syscall()(SYS_futex, word, operation, seen, timeout, nullptr, 0L);
  const int error = result == 0 ? 0 : errno;
  if (error == 0 || error == ETIMEDOUT) ++watched->slept;
  if (longest_ns <= kShortSliceNs) {
    if (watched->asked > kSettled) ++watched->short_slices;
  } else if (const std::uint64_t work_ns = watched->work_ns; error == ETIMEDOUT && work_ns != 0) {
    // Whoever wakes has done so before its call returns; a tenth is for the clock's and the kernel's inexactness.
    if (work_ns + longest_ns / 10 < began_ns + longest_ns) ++watched->lost;
  }
  errno = error;
  return result;
}

long watched_wake(const void* word, long operation, long count) {
  const long result = real_syscall()(SYS_futex, word, operation, count, nullptr, nullptr, 0L);
  if (wakes_slowly) spend_ns(60'000);  // as if it had been interrupted: those who were woken may sleep again meanwhile
  return result;
}

// Until it has read an event. A descriptor's safety net is a timer, whose time the sleep then took.
void read_one_on_descriptor(Consumer& consumer) {
  pollfd one{consumer.fd(), POLLIN, 0};
  while (consumer.poll([](const Event&) {}, 1) == 0) {
    if (::poll(&one, 1, 0) != 0) continue;
    const std::uint64_t began_ns = now_ns();
    ++watched->slept;
    ::poll(&one, 1, -1);
    const std::uint64_t work_ns = watched->work_ns;
    if (work_ns != 0 && now_ns() > work_ns + kSafetyNetNs / 2 && now_ns() > began_ns + kSafetyNetNs / 10 * 9)
      ++watched->lost;
  }
}

// Has this process refuse itself membarrier(2), as a container's filter may.
void refuse_barriers() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0,
          "the kernel takes no filter for system calls");
}

// Sharing one processor, the two sides would take turns and never race.
void take_processor(std::size_t which) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || which-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

// One of the two sides, in a process of its own.
struct Side {
  bool refused_barriers = false;
  bool slow = false;
  bool on_descriptor = false;
  void begin(Board& board, std::size_t processor) const {
    take_processor(processor);
    if (refused_barriers) refuse_barriers();
    wakes_slowly = slow;
    watched = &board;
  }
};

class Sleeping : public Scene {
 protected:
  // Waits until it is asked for work and does it after a delay that closes in on the instant at which the sleeper falls
  // asleep: where it slept it comes earlier next time, where it did not, later.
  template <class Work>
  void work_when_asked(Work work, std::uint64_t seed) {
    Random random(seed);
    std::uint64_t delay_ns = 10'000;
    for (std::uint64_t round = 1;; ++round) {
      for (std::uint64_t looks = 0; board_->asked < round; ++looks) {
        if (board_->over != 0) return;
        if (looks % 1'024 == 1'023) ::sched_yield();
      }
      const std::uint64_t slept = board_->slept;
      spend_ns(delay_ns + random.below(400));
      work();
      board_->work_ns = now_ns();
      for (std::uint64_t looks = 0; board_->asked == round && board_->over == 0; ++looks) {
        if (looks % 1'024 == 1'023) ::sched_yield();
      }
      const std::uint64_t step_ns = random.below(1'000);
      delay_ns = board_->slept == slept ? std::min<std::uint64_t>(delay_ns + step_ns, 200'000)
                                        : delay_ns - std::min(delay_ns, step_ns);
    }
  }
  // Asks for work and waits for it, again and again.
  template <class Wait>
  void sleep_for_work(Wait wait, std::uint64_t sleeps) {
    for (std::uint64_t round = 1; another(board_->slept, sleeps); ++round) {
      if (round > 20 * std::max<std::uint64_t>(board_->slept, sleeps)) fail("it hardly ever slept");
      board_->work_ns = 0;
      board_->asked = round;
      wait();
    }
    board_->over = 1;
  }
  void expect_no_wake_up_lost(std::uint64_t sleeps) {
    test::print_counts(
        {{"sleep and wake races", board_->asked}, {"sleeps", board_->slept}, {"short slices", board_->short_slices}});
    EXPECT_GE(board_->slept, sleeps);
    EXPECT_EQ(board_->lost, 0U);
  }

  void run_consumer_asleep(Side publisher, Side consumer, std::uint64_t sleeps);
  void run_publisher_asleep(Side publisher, Side consumer, std::uint64_t sleeps);
  void run_follower_asleep(Side leader, Side follower, std::uint64_t sleeps);

  Shared<Board> board_;
};

// The consumer sleeps until the publisher publishes.
void Sleeping::run_consumer_asleep(Side publisher, Side consumer, std::uint64_t sleeps) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const auto waker = start("publisher", [&] {
    publisher.begin(*board_, 0);
    Publisher mine = Publisher::open("ring");
    ++board_->ready;
    work_when_asked([&] { mine.publish(mine.next_sequence()); }, seed());
    mine.close();
  });
  const auto sleeper = start("consumer", [&] {
    consumer.begin(*board_, 1);
    Consumer mine = Consumer::attach("ring");
    await("the publisher", [&] { return board_->ready == 1; });
    sleep_for_work(
        [&] {
          if (consumer.on_descriptor) return read_one_on_descriptor(mine);
          require(mine.next().has_value(), "no event");
        },
        sleeps);
  });
  for (const auto& process : {waker.get(), sleeper.get()}) {
    await("both sides to end", [&] { return process->ended(); });
    process->finish();
  }
  expect_no_wake_up_lost(sleeps);
}

// The publisher sleeps until the consumer makes room.
void Sleeping::run_publisher_asleep(Side publisher, Side consumer, std::uint64_t sleeps) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const auto waker = start("consumer", [&] {
    consumer.begin(*board_, 0);
    Consumer mine = Consumer::attach("ring", {.policy = Policy::gate});
    ++board_->ready;
    work_when_asked([&] { mine.poll([](const Event&) {}, 100); }, seed());
  });
  const auto sleeper = start("publisher", [&] {
    publisher.begin(*board_, 1);
    Publisher mine = Publisher::open("ring");
    await("the consumer", [&] { return board_->ready == 1; });
    const auto fill = [&] {
      while (mine.try_publish(mine.next_sequence())) {
      }
    };
    fill();
    sleep_for_work(
        [&] {
          mine.publish(mine.next_sequence());
          fill();
        },
        sleeps);
  });
  for (const auto& process : {waker.get(), sleeper.get()}) {
    await("both sides to end", [&] { return process->ended(); });
    process->finish();
  }
  expect_no_wake_up_lost(sleeps);
}

// A consumer sleeps until the one that it comes after has committed.
void Sleeping::run_follower_asleep(Side leader, Side follower, std::uint64_t sleeps) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const auto publisher = start("publisher", [&] {
    await("both consumers", [&] { return board_->ready == 2; });  // so that they begin with the same event
    Publisher mine = Publisher::open("ring");
    while (board_->over == 0)
      static_cast<void>(mine.publish_for(std::as_bytes(std::span("event")), std::chrono::milliseconds(1)));
  });
  const auto waker = start("leader", [&] {
    leader.begin(*board_, 0);
    Consumer mine = Consumer::attach("ring", {.name = "leader", .policy = Policy::gate});
    ++board_->ready;
    work_when_asked(
        [&] {
          while (mine.poll([](const Event&) {}, 1) == 0) {
          }
        },
        seed());
  });
  const auto sleeper = start("follower", [&] {
    await("the leader", [&] { return board_->ready == 1; });
    follower.begin(*board_, 1);
    Consumer mine = Consumer::attach("ring", {.name = "follower", .policy = Policy::gate, .after = {"leader"}});
    ++board_->ready;
    sleep_for_work(
        [&] {
          if (follower.on_descriptor) return read_one_on_descriptor(mine);
          require(mine.next().has_value(), "no event");
        },
        sleeps);
  });
  for (const auto& process : {waker.get(), sleeper.get(), publisher.get()}) {
    await("all to end", [&] { return process->ended(); });
    process->finish();
  }
  expect_no_wake_up_lost(sleeps);
}

TEST_F(Sleeping, AConsumerIsWokenByEachEvent) { run_consumer_asleep({}, {}, kSleeps); }

TEST_F(Sleeping, AConsumerIsWokenByASlowWaker) { run_consumer_asleep({.slow = true}, {}, kSleeps / 30); }

TEST_F(Sleeping, AConsumerThatMayNotFenceOthersIsWokenByAPublisherThatFences) {
  run_consumer_asleep({}, {.refused_barriers = true}, kSleeps / 30);
  EXPECT_EQ(board_->short_slices, 0U) << "the publisher never answered";
}

TEST_F(Sleeping, AConsumerIsWokenByAPublisherThatCannotBeFenced) {
  run_consumer_asleep({.refused_barriers = true}, {}, kSleeps / 30);
}

TEST_F(Sleeping, AConsumerIsWokenOnItsDescriptor) { run_consumer_asleep({}, {.on_descriptor = true}, kSleeps); }

TEST_F(Sleeping, AConsumerIsWokenOnItsDescriptorByASlowWaker) {
  run_consumer_asleep({.slow = true}, {.on_descriptor = true}, kSleeps / 30);
}

TEST_F(Sleeping, AConsumerIsWokenOnItsDescriptorByAPublisherThatCannotBeFenced) {
  run_consumer_asleep({.refused_barriers = true}, {.on_descriptor = true}, kSleeps / 30);
}

TEST_F(Sleeping, AFollowerIsWokenOnItsDescriptor) { run_follower_asleep({}, {.on_descriptor = true}, kSleeps / 12); }

TEST_F(Sleeping, APublisherIsWokenByEachGate) { run_publisher_asleep({}, {}, kSleeps / 12); }

TEST_F(Sleeping, APublisherIsWokenByAConsumerThatCannotBeFenced) {
  run_publisher_asleep({}, {.refused_barriers = true}, kSleeps / 30);
}

TEST_F(Sleeping, AFollowerIsWokenByTheCommitsBeforeIt) { run_follower_asleep({}, {}, kSleeps / 12); }

TEST_F(Sleeping, AFollowerIsWokenByAConsumerThatCannotBeFenced) {
  run_follower_asleep({.refused_barriers = true}, {}, kSleeps / 30);
}

}  // namespace
}  // namespace ringbolt::scenario

// In front of the C library's, for this executable: the library under test makes its futex calls through it.
extern "C" long syscall(long number, ...) noexcept {
  using namespace ringbolt::scenario;
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (watched != nullptr && number == SYS_futex) {
    const auto* const word = reinterpret_cast<const void*>(arguments[0]);
    if (arguments[1] == FUTEX_WAIT) {
      return watched_wait(word, arguments[1], arguments[2], reinterpret_cast<const timespec*>(arguments[3]));
    }
    if (arguments[1] == FUTEX_WAKE) return watched_wake(word, arguments[1], arguments[2]);
  }
  return real_syscall()(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
