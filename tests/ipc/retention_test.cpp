// What goes from a journal, what stays, and who is in the way.
#include <unistd.h>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/cursor_file.hpp>

#include <ringbolt/ipc/retention.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "journal_files.hpp"

namespace ringbolt::ipc {
namespace {

using test::segments_in;

constexpr std::uint64_t kEverything = ~std::uint64_t{0};
constexpr std::uint64_t kSegment = 4'096;

// Passes calls on, notes them, and fails the one that it is told to.
class WatchedStorage final : public Storage {
 public:
  explicit WatchedStorage(const std::string& directory) : inner_(open_directory(directory, false)) {}
  int create(const std::string& name, std::unique_ptr<StorageFile>& file) override { return inner_->create(name, file); }
  int open(const std::string& name, bool writable, std::unique_ptr<StorageFile>& file) override {
    return inner_->open(name, writable, file);
  }
  int rename(const std::string& from, const std::string& to) override { return inner_->rename(from, to); }
  int remove(const std::string& name) override {
    calls.push_back("remove " + name);
    return name == cannot_remove ? EROFS : inner_->remove(name);
  }
  int sync_directory() override {
    calls.emplace_back("sync");
    return inner_->sync_directory();
  }
  int list(std::vector<std::string>& names) override { return inner_->list(names); }
  std::string path(const std::string& name) const override { return inner_->path(name); }

  std::vector<std::string> calls;
  std::string cannot_remove;

 private:
  std::unique_ptr<Storage> inner_;
};

class RetentionTest : public test::IpcTest {
 protected:
  RetentionTest() {
    test::JournalWriter writer(directory_);
    writer.append(40, 400);  // eight or so a segment
    segments_ = segments_in(directory_);
  }
  Removed remove(const Keep& keep, std::uint64_t from = kEverything, std::uint64_t now = wall_ns()) {
    WatchedStorage storage(directory_);
    Removed removed;
    EXPECT_EQ(remove_old_segments(storage, keep, from, now, removed), 0);
    return removed;
  }
  void commit(std::string_view name, std::uint64_t sequence) {
    ForkGuard guard;
    CursorFile::open(directory_, name, {1, 1}, guard).store({{}, 1, sequence});
  }

  std::string directory_ = place() + "/journal";
  std::vector<std::uint64_t> segments_;
};

TEST_F(RetentionTest, KeepsEverythingWithoutLimits) {
  const Removed removed = remove({});
  EXPECT_EQ(removed.segments, 0U);
  EXPECT_EQ(removed.first_sequence_now, 1U);
  EXPECT_EQ(segments_in(directory_), segments_);
}

TEST_F(RetentionTest, RemovesTheOldestUntilTheRestFits) {
  ASSERT_GE(segments_.size(), 4U);
  const Removed removed = remove({.bytes = 2 * kSegment});
  EXPECT_EQ(segments_in(directory_), std::vector(segments_.end() - 2, segments_.end()));
  EXPECT_EQ(removed.segments, segments_.size() - 2);
  EXPECT_EQ(removed.bytes, removed.segments * kSegment);
  EXPECT_EQ(removed.events, segments_.end()[-2] - 1);
  EXPECT_EQ(removed.first_sequence_now, segments_.end()[-2]);
}

TEST_F(RetentionTest, KeepsWhatFitsExactly) {
  EXPECT_EQ(remove({.bytes = segments_.size() * kSegment}).segments, 0U);
  EXPECT_EQ(remove({.bytes = segments_.size() * kSegment - 1}).segments, 1U);
}

TEST_F(RetentionTest, NeverRemovesTheLastOne) {
  EXPECT_EQ(remove({.bytes = 1}).first_sequence_now, segments_.back());
  EXPECT_EQ(remove({.bytes = 1}).segments, 0U);
  EXPECT_EQ(segments_in(directory_), std::vector{segments_.back()});
}

TEST_F(RetentionTest, LeavesWhereRecoveryWouldBegin) {
  const auto storage = open_directory(directory_, false);
  std::unique_ptr<StorageFile> file;
  ASSERT_EQ(storage->open(segment_name(segments_[1]), false, file), 0);
  core::SegmentHeader header{};
  ASSERT_EQ(read_segment_header(*file, segments_[1], header), HeaderStatus::good);
  DurableFile durable(*storage);
  std::optional<core::DurablePoint> newest;
  ASSERT_EQ(durable.read(newest), 0);
  ASSERT_EQ(durable.write(start_of(header)), 0);
  EXPECT_EQ(remove({.bytes = 1}).first_sequence_now, segments_[1]);
}

TEST_F(RetentionTest, TakesTheIndexAway) {
  ASSERT_TRUE(std::filesystem::exists(directory_ + "/" + index_name(1)));
  remove({.bytes = 1});
  for (const std::string& name : names_in(directory_)) EXPECT_FALSE(name.ends_with(".index")) << name;
}

TEST_F(RetentionTest, StopsAtTheSegmentOfTheFirstEventToKeep) {
  EXPECT_EQ(remove({.bytes = 1}, segments_[2] - 1).first_sequence_now, segments_[1]);  // the last event of the second
  EXPECT_EQ(remove({.bytes = 1}, segments_[2]).first_sequence_now, segments_[2]);
  EXPECT_EQ(remove({.bytes = 1}, 0).segments, 0U);
}

TEST_F(RetentionTest, JudgesAgeByTheBeginningOfTheNextSegment) {
  const std::uint64_t now = wall_ns();
  const std::uint64_t hour = 3'600'000'000'000;
  EXPECT_EQ(remove({.age_ns = hour}, kEverything, now).segments, 0U);
  EXPECT_EQ(remove({.age_ns = hour}, kEverything, now + hour / 2).segments, 0U);
  EXPECT_EQ(remove({.age_ns = hour}, kEverything, now + hour + 1).first_sequence_now, segments_.back());
}

TEST_F(RetentionTest, KeepsWhatTheClockSaysIsStillToCome) {
  EXPECT_EQ(remove({.age_ns = 1}, kEverything, 1'000).segments, 0U);
  EXPECT_EQ(remove({.age_ns = 1}, kEverything, 0).segments, 0U);
}

TEST_F(RetentionTest, DecidesNothingByADamagedHeader) {
  test::flip_byte(test::segment_path(directory_, segments_[1]), 60);
  EXPECT_EQ(remove({.age_ns = 1}, kEverything, wall_ns() + 1'000'000'000).segments, 0U);
}

TEST_F(RetentionTest, BringsEachRemovalToTheDiskBeforeTheNext) {
  WatchedStorage storage(directory_);
  Removed removed;
  ASSERT_EQ(remove_segments_before(storage, segments_[2], removed), 0);
  EXPECT_EQ(storage.calls, (std::vector<std::string>{"remove " + index_name(1), "remove " + segment_name(1), "sync",
                                                     "remove " + index_name(segments_[1]),
                                                     "remove " + segment_name(segments_[1]), "sync"}));
}

TEST_F(RetentionTest, TellsWhatStoppedItAndWhatWentBefore) {
  WatchedStorage storage(directory_);
  storage.cannot_remove = segment_name(segments_[1]);
  Removed removed;
  EXPECT_EQ(remove_segments_before(storage, kEverything, removed), EROFS);
  EXPECT_EQ(removed.segments, 1U);
  EXPECT_EQ(removed.first_sequence_now, segments_[1]);
  EXPECT_EQ(segments_in(directory_).front(), segments_[1]);
}

TEST_F(RetentionTest, LeavesAReaderInsideASegmentWhatItReads) {
  const auto storage = open_directory(directory_, false);
  std::unique_ptr<StorageFile> file;
  ASSERT_EQ(storage->open(segment_name(1), false, file), 0);
  int error = 0;
  const auto mapped = file->map(error);
  remove({.bytes = 1});
  EXPECT_FALSE(std::filesystem::exists(test::segment_path(directory_, 1)));
  const Found found = look_at(mapped.subspan(core::kSegmentDataOffset + kControlRecordBytes), 1, 1, epoch_seed(1));
  EXPECT_EQ(found.lies, Lies::event);
}

// What a reader has listed is gone when it opens it, and it lists again: the gap begins where it did all the same.
TEST_F(RetentionTest, LosesNothingOfTheGapOfAReaderThatItIsFasterThan) {
  {
    test::JournalWriter writer(directory_);
    writer.sync_each(false);
    writer.append(3'000, 400);
  }
  segments_ = segments_in(directory_);
  ASSERT_GT(segments_.size(), 250U);
  JournalReader reader = JournalReader::open(directory_);
  // One segment goes in each round, sooner or later after the reader has begun it.
  std::uint64_t round = 0;
  std::thread remover([&] {
    for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
      while (std::atomic_ref(round).load() <= i) std::this_thread::yield();
      for (const std::uint64_t until = monotonic_ns() + i % 64 * 2'000; monotonic_ns() < until;) {
      }
      ::unlink(test::segment_path(directory_, segments_[i]).c_str());
    }
  });
  Event event;
  std::uint64_t gaps = 0;
  while (reader.next_sequence() < segments_.back()) {
    std::atomic_ref(round).fetch_add(1);
    reader.seek(1);
    if (reader.next(event) == Status::gap) {
      ++gaps;
      EXPECT_EQ(reader.last_gap().first, 1U);
    }
  }
  remover.join();
  EXPECT_GT(gaps, 0U);
  EXPECT_EQ(reader.last_gap().last, segments_.back() - 1);
}

TEST_F(RetentionTest, LeavesAJournalThatOpensAndGoesOn) {
  remove({.bytes = 1});
  test::JournalWriter writer(directory_);
  EXPECT_EQ(writer.log().recovered().first_sequence, segments_.back());
  EXPECT_EQ(writer.next(), 41U);
}

TEST_F(RetentionTest, KnowsTheOldestEventThatANamedConsumerHasNotCommitted) {
  EXPECT_EQ(oldest_unread(directory_), kEverything);
  commit("a", 30);
  EXPECT_EQ(oldest_unread(directory_), 31U);
  commit("b", 12);
  EXPECT_EQ(oldest_unread(directory_), 13U);
  EXPECT_EQ(keep_from(directory_, {}), 13U);
  EXPECT_EQ(keep_from(directory_, {.unread = false}), kEverything);
}

TEST_F(RetentionTest, KeepsEverythingForACursorThatCannotBeRead) {
  commit("a", 30);
  commit("b", 12);
  std::filesystem::resize_file(directory_ + "/cursors/b", 5);
  EXPECT_EQ(oldest_unread(directory_), 0U);
  EXPECT_EQ(remove({.bytes = 1}, oldest_unread(directory_)).segments, 0U);
}

TEST_F(RetentionTest, KeepsEverythingForAConsumerThatHasCommittedNothing) {
  ForkGuard guard;
  static_cast<void>(CursorFile::open(directory_, "new", {1, 1}, guard));
  EXPECT_EQ(oldest_unread(directory_), 0U);
}

}  // namespace
}  // namespace ringbolt::ipc
