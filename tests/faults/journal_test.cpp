// Each system call of what one does with a journal fails in turn. Afterwards everything that was acknowledged as durable is
// there, and the stream has no hole.
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/journal_check.hpp>

#include <filesystem>

#include "ipc/journalled_ring.hpp"
#include "nth_call.hpp"

namespace ringbolt::test {
namespace {

constexpr std::uint64_t kBefore = 150;         // events of an earlier life, in several segments
constexpr std::uint64_t kSegmentBytes = 4096;  // the least
constexpr std::uint64_t kEvents = 150;         // that a use publishes

class JournalFaults : public JournalledRing {
 protected:
  void SetUp() override {
    disk_ = place() + "-disk";
    std::filesystem::create_directory(disk_);
  }
  [[nodiscard]] PublisherOptions options() const {
    PublisherOptions chosen = journalled();
    chosen.journal.segment_bytes = kSegmentBytes;
    chosen.journal.on_stall = OnStall::fail;
    return chosen;
  }
  void forget() const {
    for (const std::string& name : names_in(place())) std::filesystem::remove_all(ring_path(name));
    std::filesystem::remove_all(directory());
    std::filesystem::remove_all(directory("other"));
  }
  void live_before(std::uint64_t events = kBefore) {
    auto publisher = Publisher::open("orders", options());
    publish_numbers(publisher, events);
    ASSERT_TRUE(publisher.wait_durable(events, kLong));
    published_ = durable_ = events;
  }
  // Publishes, and notes what was acknowledged. A journal that stands still is waited for, though not for long.
  void publish_and_wait(Publisher& publisher, std::uint64_t events) {
    constexpr std::uint64_t at_once = 30;
    for (std::uint64_t done = 0; done < events; done += at_once) {
      publish_numbers(publisher, at_once);
      published_ = publisher.next_sequence() - 1;
      if (publisher.wait_durable(published_, 5ms)) durable_ = published_;
    }
  }
  // The next life goes on where the last one ended, or, if its ring is lost, behind what was durable at least.
  void expect_stream(const Outcome& outcome) {
    const bool lost = outcome.fault.nth % 2 == 0;
    if (lost) lose_ring("orders");
    auto publisher = Publisher::open("orders", options());
    const std::uint64_t next = publisher.next_sequence();
    EXPECT_LE(next, published_ + 1);
    EXPECT_GE(next, (lost ? durable_ : published_) + 1) << "events are gone";
    publish_numbers(publisher, 10);
    EXPECT_TRUE(publisher.wait_durable(next + 9, kLong));
    expect_whole_journal(next + 9);
  }
  void expect_whole_journal(std::uint64_t last) const {
    const JournalCheck check = verify_journal(directory());
    for (const JournalFinding& finding : check.findings)
      EXPECT_TRUE(finding.kind == FindingKind::torn_tail || finding.kind == FindingKind::damaged_index)
          << finding_name(finding.kind) << " at " << finding.file << ": " << finding.why;
    EXPECT_EQ(check.last_sequence, last);
    EXPECT_EQ(check.last_sequence - check.first_sequence + 1, check.events) << "a hole";
    EXPECT_EQ(read_journal(), last - check.first_sequence + 1);
  }
  // How many events a check that came to an end has to find: all, unless a file could not be read and is named for it.
  static std::uint64_t only_what_the_disk_refuses_is_lost(const Outcome& outcome, const JournalCheck& check) {
    const bool refused = outcome.fault.answer == EIO || outcome.fault.answer == ENOSPC;
    return refused && !check.sound() ? check.events : kBefore;
  }
  // How many events there are, each behind the last one.
  [[nodiscard]] std::uint64_t read_journal() const {
    JournalReader reader = JournalReader::open(directory());
    std::uint64_t count = 0;
    std::uint64_t last = 0;
    Event event;
    while (reader.next(event) == Status::ok) {
      EXPECT_TRUE(last == 0 || event.sequence == last + 1) << event.sequence << " after " << last;
      EXPECT_EQ(event.as<std::uint64_t>(), event.sequence);
      last = event.sequence;
      ++count;
    }
    return count;
  }

  std::uint64_t published_ = 0;
  std::uint64_t durable_ = 0;  // acknowledged
};

TEST_F(JournalFaults, WhileItIsWrittenLoseNothingDurable) {
  fail_each_call({
      .prepare = [&] { published_ = durable_ = 0; },
      .run =
          [&] {
            PublisherOptions chosen = options();
            chosen.journal.keep_bytes = 2 * kSegmentBytes;
            auto publisher = Publisher::open("orders", chosen);
            publish_and_wait(publisher, kEvents);
          },
      .check = [&](const Outcome& outcome) { expect_stream(outcome); },
      .clean = [&] { forget(); },
      .is_long = true,
  });
}

TEST_F(JournalFaults, WhileItIsRecoveredLoseNothingDurable) {
  fail_each_call({
      .prepare =
          [&] {
            live_before();
            lose_ring("orders");
          },
      .run =
          [&] {
            auto publisher = Publisher::open("orders", options());
            EXPECT_EQ(publisher.next_sequence(), kBefore + 1);
            publish_and_wait(publisher, 30);
          },
      .check = [&](const Outcome& outcome) { expect_stream(outcome); },
      .clean = [&] { forget(); },
      .is_long = true,
  });
}

TEST_F(JournalFaults, OfAJournalProcessLoseNothingDurable) {
  std::optional<Publisher> publisher;
  fail_each_call({
      .prepare =
          [&] {
            PublisherOptions chosen = options();
            chosen.journal.own_process = true;
            publisher = Publisher::open("orders", chosen);
            publish_numbers(*publisher, kEvents);
            published_ = kEvents;
            durable_ = 0;
          },
      .run = [&] { run_journal("orders", options().journal, [] { return true; }); },
      .check =
          [&](const Outcome& outcome) {
            durable_ = publisher->durable_sequence();
            publisher.reset();
            expect_stream(outcome);
          },
      .clean =
          [&] {
            publisher.reset();
            forget();
          },
      .is_long = true,
  });
}

// It reads everything, or says that it could not: it never ends early as if there were no more.
TEST_F(JournalFaults, OfAReaderHideNoEvent) {
  std::uint64_t read = 0;
  live_before();
  fail_each_call({
      .prepare = [&] { read = 0; },
      .run = [&] { read = read_journal(); },
      .check = [&](const Outcome& outcome) { EXPECT_TRUE(read == kBefore || !outcome.succeeded()) << read; },
      .clean = [] {},
  });
  expect_whole_journal(kBefore);
}

// What cannot be read is a finding, with the events that it holds; nothing is called sound that was not looked at.
TEST_F(JournalFaults, OfACheckAreNotTakenForASoundJournal) {
  JournalCheck check;
  live_before();
  fail_each_call({
      .prepare = [&] { check = {}; },
      .run = [&] { check = verify_journal(directory()); },
      .check =
          [&](const Outcome& outcome) {
            if (!outcome.succeeded()) return;
            EXPECT_EQ(only_what_the_disk_refuses_is_lost(outcome, check), check.events);
          },
      .clean = [] {},
  });
  expect_whole_journal(kBefore);
}

TEST_F(JournalFaults, OfASalvageLeaveAWholeCopyOrNone) {
  std::uint64_t kept = 0;
  JournalCheck check;
  live_before();
  const std::string other = directory("other");
  fail_each_call({
      .prepare = [&] { check = {}; },
      .run = [&] { kept = salvage_journal(directory(), other, check); },
      .check =
          [&](const Outcome& outcome) {
            if (outcome.succeeded()) {
              EXPECT_EQ(only_what_the_disk_refuses_is_lost(outcome, check), kept);
              EXPECT_TRUE(kept == 0 || (verify_journal(other).events == kept && verify_journal(other).sound()));
            } else if (!outcome.of(Call::unlink) && !outcome.of(Call::list) && !outcome.of(Call::open)) {
              EXPECT_FALSE(std::filesystem::exists(other)) << "something was left behind";
            }
          },
      .clean = [&] { std::filesystem::remove_all(other); },
  });
  expect_whole_journal(kBefore);
}

TEST_F(JournalFaults, OfATrimTakeNoMoreThanWasAskedFor) {
  fail_each_call({
      .prepare = [&] { live_before(); },
      .run = [&] { static_cast<void>(trim_journal(directory(), {.before_sequence = kBefore / 2})); },
      .check =
          [&](const Outcome& outcome) {
            EXPECT_LE(JournalReader::open(directory()).oldest_sequence(), kBefore / 2);
            expect_stream(outcome);
          },
      .clean = [&] { forget(); },
  });
}

// It goes on behind its last commit, from the journal or from the ring.
TEST_F(JournalFaults, OfANamedConsumerLoseNoCommit) {
  std::optional<Publisher> publisher;
  std::uint64_t committed = 0;
  fail_each_call({
      .prepare =
          [&] {
            live_before();
            lose_ring("orders");  // what was before is in the journal alone
            publisher = Publisher::open("orders", options());
            publish_numbers(*publisher, 10);
            ASSERT_TRUE(publisher->wait_durable(kBefore + 10, kLong));
            publisher.reset();
            committed = 0;
          },
      .run =
          [&] {
            auto consumer = Consumer::attach("orders", {.name = "billing", .start = Start::earliest});
            while (auto event = consumer.next_for(0ns)) {
              EXPECT_EQ(event->sequence, committed + 1);
              consumer.commit(event->sequence);
              committed = event->sequence;
            }
          },
      .check =
          [&](const Outcome&) {
            if (committed != 0) lose_ring("orders");  // then only the cursor beside the journal knows
            publisher = Publisher::open("orders", options());
            auto consumer = Consumer::attach("orders", {.name = "billing"});
            EXPECT_EQ(read_up_to(consumer, kBefore + 10), kBefore + 10 - committed);
          },
      .clean =
          [&] {
            publisher.reset();
            forget();
          },
  });
}

TEST_F(JournalFaults, OfForgettingACursorLeaveItOrNot) {
  fail_each_call({
      .prepare =
          [&] {
            auto publisher = Publisher::open("orders", options());
            publish_numbers(publisher, 10);
            auto consumer = Consumer::attach("orders", {.name = "billing"});
            EXPECT_EQ(read_up_to(consumer, 10), 10U);
            published_ = durable_ = 10;
            ASSERT_TRUE(publisher.wait_durable(10, kLong));
          },
      .run =
          [&] {
            EXPECT_EQ(ipc::list_cursors(directory()).size(), 1U);
            EXPECT_TRUE(ipc::forget_cursor(directory(), "billing"));
            forget_consumer("orders", "billing");
            EXPECT_TRUE(ipc::list_cursors(directory()).empty());
          },
      .check =
          [&](const Outcome& outcome) {
            const auto cursor = ipc::read_cursor(directory(), "billing");
            EXPECT_FALSE(outcome.succeeded() && cursor);
            EXPECT_TRUE(!cursor || cursor->sequence == 10);
            expect_stream(outcome);
          },
      .clean = [&] { forget(); },
  });
}

}  // namespace
}  // namespace ringbolt::test
