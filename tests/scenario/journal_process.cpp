// What happens to the processes around a journal: its own is killed, or given up; a publisher forks; the clock is set back.
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ringbolt/ipc/clock.hpp>

#include "scenario/support_stream.hpp"

#include <atomic>
#include <optional>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr Shape kShape{.usual_bytes = 200};
constexpr std::uint64_t kSome = 3'000;  // events; some rings full
constexpr std::uint64_t kDeaths = 30;
constexpr std::uint64_t kRacers = 4;

std::atomic<std::int64_t> clock_is_ahead_s{0};

struct Board {
  Count published;
  Count stop;  // the journal ends by itself
  Count ready;
  Count won;
  Count refused;
};

class JournalProcess : public Scene {
 protected:
  void SetUp() override {
    if (!disk_syncs()) GTEST_SKIP() << "there is no disk: " << disk() << " is in memory";
  }
  [[nodiscard]] PublisherOptions options(bool own_process, OnStall on_stall = OnStall::wait) {
    return {.capacity_bytes = core::kMinCapacityBytes,
            .journal = {.directory = disk() + "/journal",
                        .sync = Sync::every,
                        .segment_bytes = 65'536,
                        .on_stall = on_stall,
                        .own_process = own_process}};
  }
  [[nodiscard]] std::unique_ptr<Process> start_journal() {
    board_->stop = 0;
    auto process =
        start("journal", [this] { run_journal("ring", options(true).journal, [&] { return board_->stop != 0; }); });
    await("the journal to run", [&] {
      const RingStat stat = stat_ring("ring");
      return stat.journal && stat.journal->state == "running" &&
             stat.journal->pid == static_cast<std::uint64_t>(process->pid());
    });
    return process;
  }
  static void fill(Source& source) {
    while (source.try_publish()) {
    }
  }
  // What this consumer is handed until event `last`, and what it is told it lost.
  static Ledger read_until(Consumer& consumer, std::uint64_t from, std::uint64_t last) {
    Ledger ledger(kShape, from);
    while (ledger.next() <= last) require(ledger.read_some(consumer, last + 1 - ledger.next()), "the stream is closed");
    return ledger;
  }
  [[nodiscard]] static JournalStat journal_stat() { return stat_ring("ring").journal.value(); }

  Shared<Board> board_;
};

// The ring holds what is not recorded, up to the brim; a consumer of policy journal has all of it at once, also what lies
// before the oldest checkpoint.
TEST_F(JournalProcess, KilledItsSuccessorRecordsEverything) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  auto journal = start_journal();
  Publisher publisher = Publisher::open("ring", options(true));
  Source source(publisher, kShape, seed());
  Consumer consumer = Consumer::attach("ring", {.name = "audit"});
  std::uint64_t next = 1;
  for (std::uint64_t death = 0; another(death, kDeaths); ++death) {
    for (std::uint64_t i = random().below(kSome); i > 0; --i) source.publish();
    journal->die();
    fill(source);
    EXPECT_EQ(source.publish_for(5ms).status, Status::timed_out);
    const std::uint64_t last = publisher.next_sequence() - 1;
    const Ledger ledger = read_until(consumer, next, last);
    ASSERT_EQ(ledger.lost(), 0U);
    next = last + 1;
    journal = start_journal();
    EXPECT_EQ(source.publish_for(10s).status, Status::ok);
    EXPECT_TRUE(publisher.wait_durable(last));
  }
  const std::uint64_t last = publisher.next_sequence() - 1;
  publisher.wait_durable(last);
  EXPECT_EQ(journal_stat().unrecorded_events, 0U);
  board_->stop = 1;
  journal->finish();
  JournalReader reader = JournalReader::open(disk() + "/journal");
  Ledger ledger(kShape, 1);
  Event event;
  while (reader.next(event) == Status::ok) ledger.event(event);
  EXPECT_EQ(ledger.received(), last);
}

// What a failed sync may have lost is still in the ring.
TEST_F(JournalProcess, WhatIsNotDurableIsStillInTheRing) {
  PublisherOptions chosen = options(false);
  chosen.journal.sync = Sync::interval;
  chosen.journal.interval = 20ms;
  Publisher publisher = Publisher::open("ring", chosen);
  Source source(publisher, kShape, seed());
  std::uint64_t held_from = 1;
  std::uint64_t held_bytes = 0;
  for (std::uint64_t i = 0; i < 2 * kSome; ++i) {
    held_bytes += core::record_bytes(kShape.size_of(source.publish()));
    for (const std::uint64_t durable = publisher.durable_sequence(); held_from <= durable; ++held_from)
      held_bytes -= core::record_bytes(kShape.size_of(held_from));
    ASSERT_LE(held_bytes, publisher.capacity_bytes()) << "event " << held_from << " is nowhere for sure";
  }
}

TEST_F(JournalProcess, KilledAPublisherThatWantsToKnowIsToldSo) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  auto journal = start_journal();
  Publisher publisher = Publisher::open("ring", options(true, OnStall::fail));
  Source source(publisher, kShape, seed());
  publisher.wait_durable(source.publish());
  journal->stop();  // alive, and does not get on
  fill(source);
  await("the publisher to be told", [&] { return source.try_publish().status == Status::journal_stalled; });
  EXPECT_EQ(source.publish_for(10s).status, Status::journal_stalled);
  EXPECT_EQ(error_of([&] { source.publish(); }).value().code(), Code::journal_stalled);
  EXPECT_EQ(error_of([] { detach_journal("ring"); }).value().code(), Code::in_use);
  journal->go_on();
  EXPECT_TRUE(publisher.wait_durable(publisher.next_sequence() - 1));
  EXPECT_EQ(source.try_publish().status, Status::ok);
}

TEST_F(JournalProcess, DetachedItsSuccessorAndTheConsumersKnowWhatWentBy) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  auto journal = start_journal();
  Publisher publisher = Publisher::open("ring", options(true));
  Source source(publisher, kShape, seed());
  publisher.wait_durable(source.publish());
  journal->die();
  fill(source);
  const auto blocked = start("detach", [this] {
    await("the publisher to wait", [&] { return board_->ready != 0; });
    detach_journal("ring");
  });
  board_->ready = 1;
  for (std::uint64_t i = 0; i < kSome; ++i) source.publish();  // begins on a full ring
  blocked->finish();
  EXPECT_EQ(journal_stat().state, "detached");
  const std::uint64_t detached_at = publisher.next_sequence() - 1;

  journal = start_journal();
  publisher.wait_durable(detached_at);
  for (std::uint64_t i = 0; i < kSome; ++i) source.publish();
  const std::uint64_t last = publisher.next_sequence() - 1;
  publisher.wait_durable(last);
  const std::uint64_t unrecorded = journal_stat().unrecorded_events;
  EXPECT_GT(unrecorded, 0U);
  EXPECT_LT(unrecorded, detached_at);
  Consumer consumer = Consumer::attach("ring", {.start = Start::at(1)});
  const Ledger ledger = read_until(consumer, 1, last);
  EXPECT_EQ(ledger.lost(), unrecorded);
  EXPECT_EQ(ledger.gaps(), 1U);
  EXPECT_EQ(ledger.received(), last - unrecorded);
}

TEST_F(JournalProcess, ExactlyOneOfFourRunsIt) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  for (std::uint64_t i = 0; i < 20; ++i) {
    for (Count* count : {&board_->ready, &board_->won, &board_->refused, &board_->stop}) *count = 0;
    std::vector<std::unique_ptr<Process>> racers;
    for (std::uint64_t k = 0; k < kRacers; ++k) {
      racers.push_back(start("racer", [this] {
        ++board_->ready;
        while (board_->ready < kRacers) core::spin_hint();
        bool asked = false;
        try {
          run_journal("ring", options(true).journal, [&] {
            if (!std::exchange(asked, true)) ++board_->won;
            return board_->won + board_->refused >= kRacers;
          });
        } catch (const Error& error) {
          require(error.code() == Code::in_use, error.what());
          ++board_->refused;
        }
      }));
    }
    for (const auto& racer : racers) {
      await("the race to end", [&] { return racer->ended(); });
      racer->finish();
    }
    ASSERT_EQ(board_->won, 1U);
    ASSERT_EQ(board_->refused, kRacers - 1);
  }
}

// A child has neither the publisher, nor the journal's thread, nor the consumer; ending, it takes nothing from its parent.
TEST_F(JournalProcess, AForkedChildIsToldSoAndHarmsNobody) {
  std::optional<Publisher> publisher = Publisher::open("ring", options(false));
  std::optional<Consumer> consumer = Consumer::attach("ring", {.name = "audit"});
  std::uint64_t next = 1;
  for (std::uint64_t i = 0; i < kDeaths; ++i) {
    Source source(*publisher, kShape, i);
    for (std::uint64_t k = random().below(1'000); k > 0; --k) source.publish();  // the journal is busy at the fork
    const auto child = start("child", [&] {
      const std::byte byte{};
      Event event;
      const auto forked = [](auto action) { return error_of(action).value().code() == Code::forked; };
      require(forked([&] { publisher->publish(std::span(&byte, 1)); }), "a child published");
      require(forked([&] { publisher->wait_durable(1); }), "a child waited for what is durable");
      require(forked([&] { static_cast<void>(consumer->next_for(event, 1s)); }), "a child consumed");
      require(forked([&] { consumer->commit_durable(next - 1); }), "a child committed");
      publisher.reset();
      consumer.reset();
    });
    await("the child to end", [&] { return child->ended(); });
    child->finish();
    const std::uint64_t last = source.publish();
    EXPECT_TRUE(publisher->wait_durable(last));
    EXPECT_EQ(read_until(*consumer, next, last).lost(), 0U);
    consumer->commit_durable();
    next = last + 1;
    EXPECT_EQ(journal_stat().state, "running");
    EXPECT_EQ(error_of([&] { static_cast<void>(Publisher::open("ring")); }).value().code(), Code::in_use);
    EXPECT_EQ(error_of([&] { static_cast<void>(Consumer::attach("ring", {.name = "audit"})); }).value().code(),
              Code::in_use);
  }
}

// Stamps never decrease within a ring, also not over a publisher's death, and so neither do they in its journal.
TEST_F(JournalProcess, AClockThatIsSetBackShowsInNoStamp) {
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto publisher = start("publisher", [&] {
      Publisher mine = Publisher::open("ring", options(false));
      Source source(mine, kShape, i);
      for (std::uint64_t k = 0; k < kSome; ++k) {
        if (k % 100 == 0)
          clock_is_ahead_s = static_cast<std::int64_t>(random().below(10'000)) - static_cast<std::int64_t>(i) * 10'000;
        source.publish();
      }
      mine.wait_durable(mine.next_sequence() - 1);
      ::raise(SIGKILL);
    });
    ASSERT_EQ(publisher->wait(), -SIGKILL);
  }
  JournalReader reader = JournalReader::open(disk() + "/journal");
  Ledger ledger(kShape, 1);  // looks at the stamps
  Event event;
  std::uint64_t newest_ns = 0;
  while (reader.next(event) == Status::ok) {
    ledger.event(event);
    newest_ns = event.timestamp_ns;
  }
  EXPECT_EQ(ledger.received(), 5 * kSome);
  EXPECT_GT(newest_ns, ipc::wall_ns()) << "the clock was never ahead";
  const std::uint64_t found = reader.seek_time(newest_ns);
  ASSERT_EQ(reader.next(event), Status::ok);
  EXPECT_EQ(event.sequence, found);
  EXPECT_EQ(event.timestamp_ns, newest_ns);
}

}  // namespace
}  // namespace ringbolt::scenario

// In the place of the C library's: this program's wall clock can be set.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  if (clock == CLOCK_REALTIME) now->tv_sec += ringbolt::scenario::clock_is_ahead_s;
  return result;
}
