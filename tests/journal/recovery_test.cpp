// What opening a journal says of what it finds, case by case.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "writer.hpp"

namespace ringbolt::ipc::test {
namespace {

class Recovery : public testing::Test {
 protected:
  void SetUp() override { writer_.open(); }

  // Another byte in the middle of that event, on a copy of the disk.
  void damage(std::uint64_t sequence) {
    writer_.disk.copy_to(copy_);
    const std::array<std::byte, 1> byte{std::byte{0x5a}};
    const std::string name = writer_.segment_of(sequence);
    const std::uint64_t at = writer_.offset_of(sequence) + sizeof(PlainHeader) + 5;
    const std::byte was = copy_.look(name)[at];
    copy_.poke(name, at, std::array{was ^ byte[0]});
  }
  template <class Value>
  void poke(const std::string& name, std::uint64_t offset, Value value) {
    copy_.poke(name, offset, std::as_bytes(std::span(&value, 1)));
  }
  // Opens the copy, which must be refused for that reason, naming the file.
  std::string refusal(Code code, const std::string& file) {
    const std::optional<Error> error = writer_.refusal(copy_);
    if (!error) {
      ADD_FAILURE() << "was opened";
      return "";
    }
    EXPECT_EQ(code_name(error->code()), std::string(code_name(code))) << error->what();
    EXPECT_NE(std::string(error->what()).find(file), std::string::npos) << error->what();
    return error->what();
  }

  Writer writer_;
  SimDisk copy_{2};
};

TEST_F(Recovery, CutsATornTail) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  ASSERT_EQ(writer_.write(5), 0);
  damage(8);
  const JournalLog log(copy_, writer_.options);
  EXPECT_TRUE(log.recovered().torn);
  EXPECT_EQ(log.recovered().next_sequence, 8U);
  EXPECT_EQ(writer_.branch.check(copy_, 8), "");
}

// Only the number of the cut event was missing. The record that is written in its place has the same number in the same
// bytes, and a power cut may keep no more of it than those.
TEST_F(Recovery, DoesNotLetANewRecordsNumberCompleteACutEvent) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  ASSERT_EQ(writer_.write(5), 0);
  const std::string name = writer_.segment_of(8);
  const std::uint64_t offset = writer_.offset_of(8);
  writer_.disk.copy_to(copy_);
  poke(name, offset, std::uint64_t{0});
  ASSERT_EQ(JournalLog(copy_, writer_.options).recovered().next_sequence, 8U);
  poke(name, offset, std::uint64_t{8});
  EXPECT_EQ(JournalLog(copy_, writer_.options).recovered().next_sequence, 8U);
}

TEST_F(Recovery, RefusesDamageBeforeAnEventThatProvesIt) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  damage(3);
  const std::string offset = std::to_string(writer_.offset_of(3));
  const std::string said = refusal(Code::damaged, segment_name(1));
  EXPECT_NE(said.find("offset " + offset), std::string::npos) << said;
  EXPECT_NE(said.find("event 3"), std::string::npos) << said;
}

// Everything before the newest segment was synced before that was begun, so opening reads none of it again; readers do.
TEST_F(Recovery, LeavesOlderSegmentsToTheirReaders) {
  ASSERT_EQ(writer_.write_and_sync(120), 0);
  const std::string missing = writer_.segment_of(60);
  ASSERT_NE(missing, segment_name(1));
  ASSERT_NE(missing, writer_.segment_of(120));
  damage(20);
  EXPECT_EQ(JournalLog(copy_, writer_.options).recovered().next_sequence, 121U);
  EXPECT_NE(writer_.branch.check(copy_, 121).find("ends before event 20"), std::string::npos);
  writer_.disk.copy_to(copy_);
  ASSERT_EQ(copy_.remove(missing), 0);
  EXPECT_EQ(JournalLog(copy_, writer_.options).recovered().next_sequence, 121U);
  EXPECT_NE(writer_.branch.check(copy_, 121), "");
}

// Policy none: a sync that nobody waited for failed, and a power cut left a hole.
TEST_F(Recovery, SetsAsideWhatIsBehindAHoleOfAPolicyThatNeverSyncs) {
  Writer writer;
  writer.options.syncs = false;
  writer.open();
  writer.disk.fail(Call::sync, 0, EIO);
  ASSERT_EQ(writer.write(120), 0);
  ASSERT_NE(writer.log->background_failure(), 0);
  const std::string second = writer.segment_of(60);
  const std::string third = writer.segment_of(120);
  writer.disk.copy_to(copy_);
  copy_.poke(segment_name(1), writer.offset_of(20), std::array<std::byte, 1>{std::byte{0xff}});
  const JournalLog log(copy_, writer.options);
  EXPECT_TRUE(log.recovered().torn);
  EXPECT_EQ(log.recovered().next_sequence, 20U);
  EXPECT_EQ(writer.branch.check(copy_, 20), "");
  EXPECT_FALSE(copy_.look(second + ".cut").empty());
  EXPECT_FALSE(copy_.look(third + ".cut").empty());
}

TEST_F(Recovery, RefusesWhereTheNewestSegmentIsMissing) {
  ASSERT_EQ(writer_.write_and_sync(60), 0);
  ASSERT_EQ(writer_.log->note_durable_point(), 0);
  writer_.disk.copy_to(copy_);
  const std::string missing = writer_.segment_of(60);
  ASSERT_NE(missing, segment_name(1));
  ASSERT_EQ(copy_.remove(missing), 0);
  EXPECT_NE(refusal(Code::damaged, missing).find("is missing"), std::string::npos);
}

TEST_F(Recovery, RefusesASegmentOfLengthZero) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  writer_.disk.copy_to(copy_);
  copy_.truncate(segment_name(1), 0);
  refusal(Code::too_short, segment_name(1));
}

TEST_F(Recovery, RefusesASegmentThatIsShorterThanItsHeaderSays) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  writer_.disk.copy_to(copy_);
  copy_.truncate(segment_name(1), Writer::kSegmentBytes - 1);
  refusal(Code::too_short, segment_name(1));
}

TEST_F(Recovery, RefusesANewerVersion) {
  writer_.disk.copy_to(copy_);
  poke(segment_name(1), offsetof(core::SegmentHeader, version), core::kJournalVersion + 1);
  refusal(Code::wrong_version, segment_name(1));
}

TEST_F(Recovery, RefusesTheOtherByteOrder) {
  writer_.disk.copy_to(copy_);
  poke(segment_name(1), offsetof(core::SegmentHeader, magic), __builtin_bswap64(core::kSegmentMagic));
  refusal(Code::foreign_layout, segment_name(1));
}

TEST_F(Recovery, RefusesAHeaderWhoseChecksumDoesNotMatch) {
  writer_.disk.copy_to(copy_);
  poke(segment_name(1), offsetof(core::SegmentHeader, created_ns), std::uint64_t{1});
  refusal(Code::damaged, segment_name(1));
}

TEST_F(Recovery, RefusesADurablePointOfAnotherJournal) {
  Writer other(3);
  other.open();
  writer_.disk.copy_to(copy_);
  copy_.poke("durable", 0, other.disk.look("durable"));
  refusal(Code::damaged, "durable");
}

TEST_F(Recovery, GoesOnWithoutADurablePoint) {
  ASSERT_EQ(writer_.write_and_sync(120), 0);
  writer_.disk.copy_to(copy_);
  ASSERT_EQ(copy_.remove("durable"), 0);
  const JournalLog log(copy_, writer_.options);
  EXPECT_EQ(log.recovered().next_sequence, 121U);
  EXPECT_EQ(writer_.branch.check(copy_, 121), "");
}

TEST_F(Recovery, SurvivesAFailedSync) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  writer_.disk.fail(Call::sync, 0, EIO);
  ASSERT_EQ(writer_.write_and_sync(5), EIO);
  EXPECT_EQ(writer_.log->durable_sequence(), 5U);
  ASSERT_EQ(writer_.log->begin_again(), 0);
  EXPECT_EQ(writer_.log->staged_sequence(), 5U);
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  EXPECT_EQ(writer_.log->durable_sequence(), 10U);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) EXPECT_EQ(writer_.after_power_cut(seed).next_sequence, 11U);
}

// The page cache shows the next process what the disk does not have, and a sync says nothing about it.
TEST_F(Recovery, SurvivesAFailedSyncOverARestart) {
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  writer_.disk.fail(Call::sync, 0, EIO);
  ASSERT_EQ(writer_.write_and_sync(5), EIO);
  writer_.log.reset();
  writer_.disk.restart();
  writer_.open();
  const std::uint64_t recovered = writer_.log->recovered().next_sequence;
  EXPECT_EQ(recovered, 11U);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) EXPECT_EQ(writer_.after_power_cut(seed).next_sequence, recovered);
}

TEST_F(Recovery, KeepsEverythingWhereTheDiskIsFullAndHeals) {
  constexpr std::uint64_t kRefusals = 1'000;
  ASSERT_EQ(writer_.write_and_sync(5), 0);
  writer_.disk.fail(Call::allocate, 0, ENOSPC, kRefusals);
  int error = 0;
  while (error == 0 && writer_.log->staged_sequence() < 200) error = writer_.write_and_sync(1);
  EXPECT_EQ(error, ENOSPC);
  const std::uint64_t kept = writer_.log->safe_sequence();
  EXPECT_GT(kept, 60U);  // the segment in use and the one made ahead
  EXPECT_LT(kept, 200U);
  for (int attempt = 0; attempt < 5; ++attempt) {
    EXPECT_EQ(writer_.log->begin_again(), ENOSPC);
    EXPECT_EQ(writer_.log->safe_sequence(), kept);
  }
  for (std::uint64_t seed = 1; seed <= 50; ++seed) EXPECT_EQ(writer_.after_power_cut(seed).next_sequence, kept + 1);
  writer_.disk.heal();
  ASSERT_EQ(writer_.log->begin_again(), 0);
  ASSERT_EQ(writer_.write_and_sync(100), 0);
  EXPECT_EQ(writer_.log->durable_sequence(), kept + 100);
  for (std::uint64_t seed = 1; seed <= 50; ++seed) EXPECT_EQ(writer_.after_power_cut(seed).next_sequence, kept + 101);
}

// A cut while the next one is written leaves the one before it.
TEST(DurablePoint, HasAGoodCopyAfterAnyPowerCut) {
  SimDisk disk(1);
  SimDisk image(2);
  Random random(3);
  DurableFile file(disk);
  core::DurablePoint point{};
  for (point.offset = 1; point.offset <= 5; ++point.offset) ASSERT_EQ(file.write(point), 0);
  disk.kill_at(2);
  ASSERT_EQ(file.write(point), EIO);
  std::array<std::uint64_t, 2> seen{};
  for (int i = 0; i < 500; ++i) {
    disk.cut_power(random, image);
    std::optional<core::DurablePoint> found;
    ASSERT_EQ(DurableFile(image).read(found), 0);
    ASSERT_TRUE(found && (found->offset == 5 || found->offset == 6));
    ++seen[found->offset - 5];
  }
  EXPECT_GT(seen[0], 0U);
  EXPECT_GT(seen[1], 0U);
}

std::uint64_t bytes_read_after(std::uint64_t segments) {
  Writer writer;
  writer.open();
  while (writer.log->segments_begun() < segments) EXPECT_EQ(writer.write_and_sync(1), 0);
  EXPECT_EQ(writer.write_and_sync(10), 0);
  writer.log.reset();
  writer.disk.restart();
  const std::uint64_t before = writer.disk.bytes_read();
  const JournalLog log(writer.disk, writer.options);
  EXPECT_EQ(writer.branch.check(writer.disk, log.recovered().next_sequence), "");
  EXPECT_EQ(log.recovered().segments, segments);
  return writer.disk.bytes_read() - before;
}

TEST_F(Recovery, ReadsNoMoreOfSixtyFourSegmentsThanOfFour) {
  const std::uint64_t few = bytes_read_after(4);
  EXPECT_GT(few, Writer::kSegmentBytes / 2);
  EXPECT_EQ(bytes_read_after(64), few);
}

// Each byte of each file damaged, in several ways: refused, or cut behind the last event that another one proves, or found by
// whoever reads the segments; never an event that was not published.
TEST_F(Recovery, NeverBelievesADamagedByte) {
  constexpr std::uint64_t kEvents = 90;
  for (std::uint64_t i = 0; i < kEvents; ++i) ASSERT_EQ(writer_.write_and_sync(1), 0);
  std::vector<std::string> names;
  ASSERT_EQ(writer_.disk.list(names), 0);
  std::uint64_t opened = 0;
  std::uint64_t refused = 0;
  for (const std::string& name : names) {
    for (std::size_t at = 0; at < writer_.disk.look(name).size(); ++at) {
      for (const std::byte change : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
        writer_.disk.copy_to(copy_);
        copy_.poke(name, at, std::array{copy_.look(name)[at] ^ change});
        std::uint64_t next = 0;
        if (!writer_.refusal(copy_)) {
          const JournalLog log(copy_, writer_.options);
          next = log.recovered().next_sequence;
          EXPECT_GE(next, kEvents) << name << " at " << at;
          EXPECT_LE(next, kEvents + 1) << name << " at " << at;
        }
        ++(next == 0 ? refused : opened);
        writer_.branch.durable = next == 0 ? 0 : next - 1;
        const std::string wrong = writer_.branch.check(copy_, next == 0 ? kEvents + 1 : next);
        EXPECT_EQ(wrong.find("is not what was published"), std::string::npos) << name << " at " << at << ": " << wrong;
      }
    }
  }
  EXPECT_GT(opened, 1'000U);
  EXPECT_GT(refused, 1'000U);
}

}  // namespace
}  // namespace ringbolt::ipc::test
