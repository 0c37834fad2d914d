// Files of a journal whose checksums are right and which still say what no writer says.
#include <ringbolt/ipc/journal_reader.hpp>
#include <ringbolt/ipc/segment_index.hpp>
#include <ringbolt/ipc/segment_walk.hpp>

#include <cstring>

#include "journal_files.hpp"

namespace ringbolt {
namespace {

using ipc::SegmentWalk;
using test::expect_error;

class HostileJournal : public test::IpcTest {
 protected:
  static constexpr std::uint64_t kEvents = 200;

  // Two segments and more, each with some index entries.
  void write_journal() const {
    test::JournalWriter writer(directory_, {.segment_bytes = 256 << 10, .threads = false});
    writer.append(kEvents, 4'000);
  }
  // Where each event of the first segment lies.
  [[nodiscard]] std::vector<core::IndexEntry> places() const {
    std::vector<core::IndexEntry> all;
    SegmentWalk walk;
    EXPECT_EQ(walk.enter(*storage(), 1), 0);
    for (auto found = walk.look(true); found.lies != ipc::Lies::nothing && found.lies != ipc::Lies::broken;
         found = walk.look(true)) {
      if (found.lies == ipc::Lies::event)
        all.push_back({found.header.sequence, found.header.timestamp_ns, walk.offset(), walk.epoch()});
      walk.pass(found);
    }
    return all;
  }
  void store_index(const std::vector<core::IndexEntry>& entries) const {
    SegmentWalk walk;
    ASSERT_EQ(walk.enter(*storage(), 1), 0);
    ASSERT_EQ(ipc::store_index(*storage(), walk.header().journal_id, 1, entries), 0);
  }
  [[nodiscard]] std::unique_ptr<ipc::Storage> storage() const { return ipc::open_directory(directory_, false); }

  std::string directory_ = place() + "/journal";
};

TEST_F(HostileJournal, IndexThatNamesAnotherEventFindsNoWrongTime) {
  write_journal();
  const auto all = places();
  auto lies = all[1];
  lies.sequence = 1'000'000;  // is not there
  auto late = all[40];
  late.timestamp_ns = 2;
  for (const core::IndexEntry& entry : {lies, late}) {
    store_index({entry});
    JournalReader reader = JournalReader::open(directory_);
    EXPECT_EQ(reader.seek_time(10'000), 10U) << entry.sequence;
  }
}

TEST_F(HostileJournal, EpochThatBeginsBeyondTheNextSegmentIsDamageAndNoEndlessLoop) {
  write_journal();
  std::vector<std::uint64_t> segments = test::segments_in(directory_);
  ASSERT_GT(segments.size(), 1U);
  const auto all = places();
  const std::uint64_t cut = all[10].offset;  // event 11 gives way to an epoch that begins behind this segment
  std::vector<std::byte> control(ipc::kControlRecordBytes);
  ipc::encode_epoch(control.data(),
                    {.epoch = 2, .ring_id = {1, 2}, .first_sequence = segments[1] + 1, .opened_ns = 1, .reserved = 0}, 1);
  std::vector<char> bytes(control.size());
  std::memcpy(bytes.data(), control.data(), control.size());
  test::overwrite(test::segment_path(directory_, 1), cut, bytes);
  JournalReader reader = JournalReader::open(directory_);
  Event event;
  for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) ASSERT_EQ(reader.next(event), Status::ok);
  expect_error([&] { static_cast<void>(reader.next(event)); }, Code::damaged, {"event 11", "offset"});
}

}  // namespace
}  // namespace ringbolt
