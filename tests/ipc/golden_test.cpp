// Files that were written once, and must be readable for as long as their version says so: tests/golden/journal. A change
// that these tests do not survive is a new version of the format.
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/durable_point.hpp>
#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/segment_walk.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "journal_files.hpp"

namespace ringbolt::ipc {
namespace {

using test::kJournalledRing;

constexpr std::uint64_t kEvents = 60;

// Event n has n bytes, each of them n, the type n * 10 and the time n seconds.
std::vector<std::byte> golden_payload(std::uint64_t sequence) {
  return std::vector<std::byte>(static_cast<std::size_t>(sequence), static_cast<std::byte>(sequence));
}

class Golden : public test::IpcTest {
 protected:
  // A copy: reading may leave an index.
  void SetUp() override {
    const std::string kept = RINGBOLT_SOURCE_DIR "/tests/golden/journal";
    if (std::getenv("RINGBOLT_MAKE_GOLDEN") != nullptr) make(kept);
    std::filesystem::copy(kept, directory(), std::filesystem::copy_options::recursive);
  }
  [[nodiscard]] std::string directory() const { return place() + "/journal"; }

  // How they were written; for the next version of the format.
  static void make(const std::string& directory) {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    std::uint64_t next = 1;
    for (const std::uint64_t end : {std::uint64_t{25}, kEvents}) {  // two epochs
      test::JournalWriter writer(directory);
      for (; next <= end; ++next)
        writer.append_one(golden_payload(next), next * 1'000'000'000, static_cast<std::uint32_t>(next * 10));
      EXPECT_EQ(writer.log().note_durable_point(), 0);
    }
    const auto storage = open_directory(directory, false);
    const JournalLog log(*storage, {.segment_bytes = 4'096, .threads = false});
    ForkGuard guard;
    CursorFile::open(directory, "billing", log.id(), guard).store({kJournalledRing, 2, 42});
  }
};

TEST_F(Golden, JournalIsReadEventByEvent) {
  JournalReader reader = JournalReader::open(directory());
  Event event;
  for (std::uint64_t sequence = 1; sequence <= kEvents; ++sequence) {
    ASSERT_EQ(reader.next(event), Status::ok) << sequence;
    EXPECT_EQ(event.sequence, sequence);
    EXPECT_EQ(event.timestamp_ns, sequence * 1'000'000'000);
    EXPECT_EQ(event.type, sequence * 10);
    EXPECT_TRUE(std::ranges::equal(event.payload, golden_payload(sequence))) << sequence;
    EXPECT_EQ(reader.ring_id(), kJournalledRing);
  }
  EXPECT_EQ(reader.next(event), Status::empty);
  EXPECT_EQ(reader.place().epoch, 2U);
}

TEST_F(Golden, PlaceIsThatOfTheLastEventAlsoBehindItsSegment) {
  JournalReader reader = JournalReader::open(directory());
  Event event;
  while (reader.next_sequence() < 55) ASSERT_EQ(reader.next(event), Status::ok);
  EXPECT_EQ(reader.next(event, 55), Status::empty);
  reader.seek(200);
  EXPECT_EQ(reader.place().file, directory() + "/" + segment_name(1));
  EXPECT_EQ(reader.place().epoch, 2U);
}

TEST_F(Golden, RecordsAreTheBytesThatThisVersionWrites) {
  const auto storage = open_directory(directory(), false);
  SegmentWalk walk;
  ASSERT_EQ(walk.enter(*storage, 1), 0);
  const Found epoch = walk.look(true);
  ASSERT_EQ(epoch.lies, Lies::control);
  walk.pass(epoch);
  const std::uint64_t offset = walk.offset();
  const Found first = walk.look(true);
  ASSERT_EQ(first.lies, Lies::event);
  std::vector<std::byte> bytes(first.bytes);
  EXPECT_EQ(encode_record(bytes.data(), first.header, golden_payload(1), epoch_seed(1)), first.bytes);
  EXPECT_TRUE(std::ranges::equal(bytes, walk.bytes().subspan(offset, first.bytes)));
}

TEST_F(Golden, DurablePointCursorAndIndexAreRead) {
  const auto storage = open_directory(directory(), false);
  std::optional<core::DurablePoint> point;
  ASSERT_EQ(DurableFile(*storage).read(point), 0);
  ASSERT_TRUE(point.has_value());
  EXPECT_EQ(point->next_sequence, kEvents + 1);
  EXPECT_EQ(point->newest_epoch, 2U);
  const auto cursor = read_cursor(directory(), "billing");
  ASSERT_TRUE(cursor.has_value());
  EXPECT_EQ(cursor->sequence, 42U);
  EXPECT_EQ(cursor->ring_id, kJournalledRing);
  const std::vector<core::IndexEntry> index = load_index(*storage, point->journal_id, 1);
  ASSERT_EQ(index.size(), 1U);
  EXPECT_EQ(index[0].sequence, 26U);  // what the second life wrote of that segment
}

TEST_F(Golden, JournalHoldsTogetherAndIsWrittenOn) {
  EXPECT_TRUE(verify_journal(directory()).sound());
  test::JournalWriter writer(directory());
  EXPECT_EQ(writer.next(), kEvents + 1);
  EXPECT_EQ(writer.log().epoch(), 3U);
}

}  // namespace
}  // namespace ringbolt::ipc
