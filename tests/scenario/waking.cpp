// Sleeping and waking between processes: every wake-up arrives, whether the kernel orders the flag or the parties do.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

// From now on this process is refused membarrier(2), as in a strict container.
void refuse_membarrier() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(rules)), rules};
  require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs was refused");
  require(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp was refused");
  errno = 0;
  require(::syscall(SYS_membarrier, 0, 0, 0) == -1 && errno == EPERM, "the filter does not filter");
}

class Waking : public Scene {
 protected:
  struct Board {
    Count ready;
    Count late;  // waits that only the safety net ended
  };
  static constexpr std::uint64_t kNetNs = 90'000'000;  // the safety net is 100 ms: a wait of this length missed its wake-up

  // Reads `in`, answers on `out`, sleeping for each event.
  void answer(const char* in, const char* out, std::uint64_t rounds, bool refused) {
    if (refused) refuse_membarrier();
    Publisher publisher = Publisher::open(out, {.capacity_bytes = core::kMinCapacityBytes});
    ++board_->ready;
    await("the other ring", [&] { return board_->ready == 2; });
    Consumer consumer = Consumer::attach(in, {.policy = Policy::gate, .start = Start::earliest});
    for (std::uint64_t i = 0; i < rounds; ++i) {
      receive(consumer, i);
      publisher.publish(i);
    }
  }
  void ask(const char* in, const char* out, std::uint64_t rounds, bool refused) {
    if (refused) refuse_membarrier();
    Publisher publisher = Publisher::open(out, {.capacity_bytes = core::kMinCapacityBytes});
    ++board_->ready;
    await("the other ring", [&] { return board_->ready == 2; });
    Consumer consumer = Consumer::attach(in, {.policy = Policy::gate, .start = Start::earliest});
    for (std::uint64_t i = 0; i < rounds; ++i) {
      if (i % 16 == 0) spend_ns(i * 7'919 % 40'000);  // so that the other is found at every point of falling asleep
      const std::uint64_t before = now_ns();
      publisher.publish(i);
      receive(consumer, i);
      if (now_ns() - before >= kNetNs) ++board_->late;
    }
  }
  static void receive(Consumer& consumer, std::uint64_t expected) {
    const auto event = consumer.next_for(10s);
    require(event.has_value(), "nothing came for 10 s");
    require(event->as<std::uint64_t>() == expected, "another event than the one that was sent");
  }
  void run(bool asker_refused, bool answerer_refused, std::uint64_t rounds) {
    const auto first = start("asker", [&] { ask("answers", "questions", rounds, asker_refused); });
    const auto second = start("answerer", [&] { answer("questions", "answers", rounds, answerer_refused); });
    first->finish();
    second->finish();
    // A machine that stops for 90 ms now and then is no lost wake-up; a lost one in a thousand would be a hundred here.
    EXPECT_LE(board_->late, rounds / 1'000) << "wake-ups were lost";
  }

  Shared<Board> board_;
};

TEST_F(Waking, NoWakeUpIsLost) { run(false, false, scaled(20'000)); }
TEST_F(Waking, NoWakeUpIsLostWhereTheSleeperIsRefusedTheBarrier) { run(false, true, scaled(2'000)); }
TEST_F(Waking, NoWakeUpIsLostWhereBothAreRefusedTheBarrier) { run(true, true, scaled(2'000)); }

// The same for a publisher that sleeps until a gate moves.
TEST_F(Waking, APublisherIsWokenByTheGateItWaitsFor) {
  Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const Shape shape{.usual_bytes = 100};
  const std::uint64_t events = scaled(300'000);
  const auto consumer = start("consumer", [&] {
    Consumer attached = Consumer::attach("ring", {.policy = Policy::gate});
    ++board_->ready;
    Ledger ledger(shape, 1);
    while (ledger.next() <= events) {
      ledger.read_some(attached, 64);
      if (ledger.next() % 1'024 < 64) spend_ns(30'000);  // long enough for the publisher to sleep
    }
  });
  await("the consumer to attach", [&] { return board_->ready == 1; });
  Source source(publisher, shape, seed());
  while (publisher.next_sequence() <= events) source.publish();
  consumer->finish();
  EXPECT_GT(stat_ring("ring").consumers.empty() ? 1U : stat_ring("ring").consumers.at(0).blocked_count, 0U);
}

}  // namespace
}  // namespace ringbolt::scenario
