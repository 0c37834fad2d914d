// What people and other programs do to a journal's files. Each is told by name, or heals; none is taken for something else.
#include <ringbolt/core/journal_layout.hpp>

#include "scenario/support_stream.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Shape kShape{.usual_bytes = 200};
constexpr std::uint64_t kEvents = 5'000;  // more than ten segments
constexpr std::uint64_t kSegmentBytes = 65'536;

bool names(const Error& error, const fs::path& file) {
  return std::string(error.what()).find(file.filename()) != std::string::npos;
}

void overwrite(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(offset));
  out << bytes;
  require(out.good(), "cannot write to " + file.string());
}

class JournalFiles : public Scene {
 protected:
  void SetUp() override {
    if (!disk_syncs()) GTEST_SKIP() << "there is no disk: " << disk() << " is in memory";
    journal_ = disk() + "/journal";
  }
  [[nodiscard]] PublisherOptions options(OnStall on_stall = OnStall::wait) const {
    return {.capacity_bytes = core::kMinCapacityBytes,
            .journal = {.directory = journal_, .sync = Sync::every, .segment_bytes = kSegmentBytes, .on_stall = on_stall}};
  }
  // The ring and the journal with events 1 to `kEvents`, and nobody who has them open.
  void make(std::uint64_t events = kEvents) const {
    Publisher publisher = Publisher::open("ring", options());
    Source source(publisher, kShape, 1);
    for (std::uint64_t i = 0; i < events; ++i) source.publish();
    publisher.wait_durable(publisher.next_sequence() - 1);
  }
  [[nodiscard]] std::vector<fs::path> segments() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(journal_)) {
      if (entry.path().extension() == ".segment") all.push_back(entry.path());
    }
    std::ranges::sort(all);
    return all;
  }
  static std::uint64_t first_of(const fs::path& segment) { return std::stoull(segment.stem()); }
  // Reads all that the journal has; what it is refused with.
  [[nodiscard]] std::optional<Error> read(Ledger& ledger) const {
    return error_of([&] {
      JournalReader reader = JournalReader::open(journal_);
      Event event;
      Status status = Status::ok;
      while ((status = reader.next(event)) == Status::ok || status == Status::gap) {
        if (status == Status::ok) ledger.event(event);
        if (status == Status::gap) ledger.gap(reader.last_gap());
      }
    });
  }
  [[nodiscard]] std::optional<Error> open_refusal() const {
    return error_of([this] { static_cast<void>(Publisher::open("ring", options())); });
  }
  static void read_until(Consumer& consumer, Ledger& ledger, std::uint64_t last) {
    while (ledger.next() <= last) require(ledger.read_some(consumer), "the stream is closed");
  }
  [[nodiscard]] static JournalStat journal_stat() { return stat_ring("ring").journal.value(); }

  std::string journal_;
};

// Moved away under a journal that runs, its directory is missed, and used again when it is back.
TEST_F(JournalFiles, ADirectoryThatIsMovedAwayAndBackLosesNothing) {
  Publisher publisher = Publisher::open("ring", options(OnStall::fail));
  Source source(publisher, kShape, seed());
  Consumer consumer = Consumer::attach("ring", {.policy = Policy::gate});
  for (std::uint64_t i = 0; i < 400; ++i) source.publish();
  Ledger ledger(kShape, 1);
  read_until(consumer, ledger, 400);
  fs::rename(journal_, journal_ + ".away");
  await("the publisher to be told", [&] {
    static_cast<void>(ledger.read_some(consumer));
    return source.try_publish().status == Status::journal_stalled;
  });
  EXPECT_EQ(error_of([&] { source.publish(); }).value().system_errno(), ENOENT);
  EXPECT_EQ(journal_stat().state, "stalled");
  const std::uint64_t held = publisher.next_sequence() - 1;
  read_until(consumer, ledger, held);  // who reads the ring goes on

  fs::rename(journal_ + ".away", journal_);
  await("it to heal", [&] { return source.try_publish().status == Status::ok; });
  const std::uint64_t last = publisher.next_sequence() - 1;
  EXPECT_TRUE(publisher.wait_durable(last));
  Ledger journal(kShape, 1);
  EXPECT_EQ(read(journal), std::nullopt);
  EXPECT_EQ(journal.received(), last);
}

// Deleted, it is not begun anew behind its owner's back: what its events were, nobody knows. The ring still has its own.
TEST_F(JournalFiles, ADirectoryThatIsDeletedIsMissedUntilTheRingIsRemovedToo) {
  std::uint64_t last = 0;
  {
    Publisher publisher = Publisher::open("ring", options(OnStall::fail));
    Source source(publisher, kShape, seed());
    for (std::uint64_t i = 0; i < kEvents; ++i) source.publish();
    publisher.wait_durable(kEvents);
    fs::remove_all(journal_);
    await("the publisher to be told", [&] { return source.try_publish().status == Status::journal_stalled; });
    EXPECT_EQ(journal_stat().error, ENOENT);
    last = publisher.next_sequence() - 1;
    EXPECT_LT(publisher.durable_sequence(), last);
  }
  const auto refusal = open_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::other_ring) << refusal->what();
  EXPECT_NE(std::string(refusal->what()).find(journal_), std::string::npos) << refusal->what();
  Consumer consumer = Consumer::attach("ring", {.policy = Policy::lossy});
  Ledger ledger(kShape);
  read_until(consumer, ledger, last);
  EXPECT_EQ(ledger.lost(), 0U);
  remove_ring("ring");
  EXPECT_EQ(Publisher::open("ring", options()).next_sequence(), 1U);
}

TEST_F(JournalFiles, ASegmentMissingInTheMiddleIsToldByName) {
  make();
  const auto all = segments();
  const std::size_t gone = all.size() / 2;
  fs::remove(all[gone]);
  Ledger ledger(kShape, 1);
  const auto refusal = read(ledger);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::damaged);
  EXPECT_TRUE(names(*refusal, all[gone]) || names(*refusal, all[gone - 1])) << refusal->what();
  EXPECT_NE(std::string(refusal->what()).find(std::to_string(first_of(all[gone]))), std::string::npos) << refusal->what();
  EXPECT_EQ(ledger.next(), first_of(all[gone])) << "what is before it is there";

  // To a consumer that needs it, likewise; who comes behind it reads on, into the ring.
  Consumer needs = Consumer::attach("ring", {.start = Start::at(1)});
  Ledger until(kShape, 1);
  EXPECT_EQ(error_of([&] { read_until(needs, until, kEvents); }).value().code(), Code::damaged);
  Consumer behind = Consumer::attach("ring", {.start = Start::at(first_of(all[gone + 1]))});
  Ledger after(kShape, first_of(all[gone + 1]));
  read_until(behind, after, kEvents);
  EXPECT_EQ(after.lost(), 0U);
}

TEST_F(JournalFiles, TheLastSegmentMissingIsToldByNameBeforeAnythingIsWritten) {
  make();
  const auto last = segments().back();
  fs::remove(last);
  const auto refusal = open_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::damaged);
  EXPECT_TRUE(names(*refusal, last)) << refusal->what();
}

TEST_F(JournalFiles, ASegmentOfLengthZeroIsToldByName) {
  make();
  const auto all = segments();
  const auto middle = all[all.size() / 2];
  fs::resize_file(middle, 0);
  Ledger ledger(kShape, 1);
  const auto refusal = read(ledger);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::too_short);
  EXPECT_TRUE(names(*refusal, middle)) << refusal->what();
  fs::resize_file(all.back(), 0);
  const auto open = open_refusal();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->code(), Code::too_short);
  EXPECT_TRUE(names(*open, all.back())) << open->what();
}

TEST_F(JournalFiles, ANewerVersionIsLeftAlone) {
  make();
  for (const auto& segment : segments())
    overwrite(segment, offsetof(core::SegmentHeader, version), std::string("\7\0\0\0", 4));
  Ledger ledger(kShape, 1);
  EXPECT_EQ(read(ledger).value().code(), Code::wrong_version);
  const auto before = fs::last_write_time(segments().back());
  const auto refusal = open_refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::wrong_version);
  EXPECT_TRUE(names(*refusal, segments().front()) || names(*refusal, segments().back())) << refusal->what();
  EXPECT_EQ(fs::last_write_time(segments().back()), before) << "it was written to";
}

TEST_F(JournalFiles, ADamagedRecordIsToldByFileOffsetAndEvent) {
  make();
  const auto all = segments();
  const auto damaged = all[all.size() / 2];
  const std::uint64_t wanted = first_of(damaged) + 10;
  JournalReader reader = JournalReader::open(journal_);
  reader.seek(wanted);
  Event event;
  ASSERT_EQ(reader.next(event), Status::ok);
  const std::uint64_t offset = reader.place().offset;
  overwrite(damaged, offset + offsetof(core::RecordHeader, timestamp_ns), "!");
  Ledger ledger(kShape, 1);
  const auto refusal = read(ledger);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::damaged);
  EXPECT_TRUE(names(*refusal, damaged)) << refusal->what();
  for (const std::uint64_t number : {offset, wanted})
    EXPECT_NE(std::string(refusal->what()).find(std::to_string(number)), std::string::npos) << refusal->what();
  EXPECT_EQ(ledger.next(), wanted);
}

TEST_F(JournalFiles, ACursorOfGarbageIsToldByNameAndConcernsNobodyElse) {
  make(1'000);
  for (const char* const name : {"billing", "audit"}) {
    Consumer consumer = Consumer::attach("ring", {.name = name, .start = Start::at(1)});
    Ledger ledger(kShape, 1);
    read_until(consumer, ledger, 500);
    consumer.commit_durable();
  }
  fs::remove_all(directory() + "/ring");
  const fs::path cursor = journal_ + "/cursors/billing";
  const std::uint64_t bytes = fs::file_size(cursor);
  std::string garbage(bytes, '\0');
  for (char& byte : garbage) byte = static_cast<char>(random().next());
  overwrite(cursor, 0, garbage);
  Publisher publisher = Publisher::open("ring", options());
  const auto refusal = error_of([] { static_cast<void>(Consumer::attach("ring", {.name = "billing"})); });
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::damaged);
  EXPECT_TRUE(names(*refusal, cursor)) << refusal->what();
  EXPECT_GT(Consumer::attach("ring", {.name = "audit"}).next_sequence(), 500U);
  fs::remove(cursor);  // as the message says: it begins as a new one
  EXPECT_EQ(Consumer::attach("ring", {.name = "billing"}).next_sequence(), 1U);
}

TEST_F(JournalFiles, OneJournalIsForOneRing) {
  make();
  {
    const Publisher publisher = Publisher::open("ring", options());
    PublisherOptions other = options();
    EXPECT_EQ(error_of([&] { static_cast<void>(Publisher::open("other", other)); }).value().code(), Code::in_use);
    EXPECT_EQ(error_of([&] { run_journal("ring", options().journal, [] { return true; }); }).value().code(), Code::in_use);
    other.journal.directory += ".other";
    EXPECT_EQ(error_of([&] { run_journal("ring", other.journal, [] { return true; }); }).value().code(),
              Code::options_differ);
  }
  Publisher::open("other", {.capacity_bytes = core::kMinCapacityBytes}).publish("event");
  const auto refusal = error_of([this] { static_cast<void>(Publisher::open("other", options())); });
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::other_ring) << refusal->what();
  Ledger ledger(kShape, 1);
  EXPECT_EQ(read(ledger), std::nullopt);
  EXPECT_EQ(ledger.received(), kEvents) << "the refusal changed it";
}

}  // namespace
}  // namespace ringbolt::scenario
