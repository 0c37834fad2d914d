// A consumer's cursor beside the journal: what survives a death at any store, and what is said of a file that is not one.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/cursor_file.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "support.hpp"

namespace ringbolt::ipc {

bool operator==(const Cursor& a, const Cursor& b) {
  return a.ring_id == b.ring_id && a.epoch == b.epoch && a.sequence == b.sequence;
}
void PrintTo(const Cursor& cursor, std::ostream* out) {
  *out << "sequence " << cursor.sequence << " of epoch " << cursor.epoch;
}

namespace {

using test::bytes_of;
using test::expect_error;

constexpr JournalId kJournal{0x1111, 0x2222};
constexpr JournalId kStranger{0x3333, 0x4444};
using FileBytes = std::array<char, core::kCursorFileBytes>;

// Where the copy begins that the second of the two has and the first has not.
std::size_t differing_copy(const FileBytes& before, const FileBytes& after) {
  std::size_t copy = 0;
  while (copy + core::kCopyDistance < before.size() &&
         std::memcmp(before.data() + copy, after.data() + copy, core::kCopyDistance) == 0)
    copy += core::kCopyDistance;
  return copy;
}
// The first copy is what was durable when the file was opened; the other two are stored in turn.
std::size_t other_copy(std::size_t copy) { return 3 * core::kCopyDistance - copy; }

Cursor cursor_at(std::uint64_t sequence) { return {{7, 8}, 3, sequence}; }

class CursorTest : public test::IpcTest {
 protected:
  [[nodiscard]] CursorFile open(std::string_view name = "billing", const JournalId& journal = kJournal) {
    return CursorFile::open(place(), name, journal, guard_);
  }
  [[nodiscard]] std::string path(const std::string& name = "billing") const { return place() + "/cursors/" + name; }

  [[nodiscard]] FileBytes bytes() const {
    FileBytes result{};
    std::ifstream(path(), std::ios::binary).read(result.data(), static_cast<std::streamsize>(result.size()));
    return result;
  }
  void put(const FileBytes& bytes) const {
    std::fstream(path(), std::ios::binary | std::ios::in | std::ios::out)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  ForkGuard guard_;
};

TEST_F(CursorTest, IsMadeWithItsDirectoryAndHoldsNothingYet) {
  const CursorFile cursor = open();
  EXPECT_EQ(cursor.read(), std::nullopt);
  EXPECT_EQ(names_in(place() + "/cursors"), std::vector<std::string>{"billing"});
  EXPECT_EQ(std::filesystem::file_size(path()), core::kCursorFileBytes);
}

TEST_F(CursorTest, GivesBackWhatWasStoredLast) {
  CursorFile cursor = open();
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    cursor.store(cursor_at(sequence));
    EXPECT_EQ(cursor.read(), cursor_at(sequence));
    EXPECT_EQ(read_cursor(place(), "billing"), cursor_at(sequence));
  }
}

TEST_F(CursorTest, IsFoundByTheNextLife) {
  for (std::uint64_t life = 1; life <= 4; ++life) {
    CursorFile cursor = open();
    EXPECT_EQ(cursor.read(), life == 1 ? std::nullopt : std::optional(cursor_at(life - 1)));
    cursor.store(cursor_at(life));
    cursor.sync();
  }
}

TEST_F(CursorTest, MayMoveBackToAnEarlierEvent) {
  CursorFile cursor = open();
  cursor.store(cursor_at(100));
  cursor.store(cursor_at(7));
  EXPECT_EQ(cursor.read(), cursor_at(7));
}

TEST_F(CursorTest, MovesWithItsObject) {
  CursorFile first = open();
  first.store(cursor_at(1));
  CursorFile second = std::move(first);
  second.store(cursor_at(2));
  EXPECT_EQ(second.read(), cursor_at(2));
}

TEST_F(CursorTest, IsNeverHalfOfAStoreWhateverTheWordAtWhichItsOwnerDied) {
  std::optional<CursorFile> cursor = open();
  cursor->store(cursor_at(1));
  cursor->store(cursor_at(2));
  const FileBytes before = bytes();
  cursor->store(cursor_at(3));
  const FileBytes after = bytes();
  cursor.reset();
  // The order of the stores: the checksum's word becomes 0, then word by word, that one last.
  const std::size_t copy = differing_copy(before, after);
  const std::size_t words = sizeof(core::CursorCopy) / 8;
  for (std::size_t done = 0; done <= words; ++done) {
    FileBytes torn = before;
    std::memset(torn.data() + copy + 8 * (words - 1), 0, 8);
    std::memcpy(torn.data() + copy, after.data() + copy, 8 * done);
    put(torn);
    EXPECT_EQ(read_cursor(place(), "billing"), cursor_at(done == words ? 3 : 2)) << done << " words";
    EXPECT_EQ(open().read(), cursor_at(done == words ? 3 : 2)) << done << " words";
  }
}

TEST_F(CursorTest, OfADeathInItsFirstStoreHoldsNothing) {
  std::optional<CursorFile> cursor = open();
  const FileBytes before = bytes();
  cursor->store(cursor_at(1));
  FileBytes torn = bytes();
  cursor.reset();
  const std::size_t copy = differing_copy(before, torn);
  std::memset(torn.data() + copy + 72, 0, 56);
  put(torn);
  CursorFile again = open();
  EXPECT_EQ(again.read(), std::nullopt);
  again.store(cursor_at(4));
  EXPECT_EQ(again.read(), cursor_at(4));
}

TEST_F(CursorTest, FallsBackToTheOtherCopyWhicheverByteIsDamaged) {
  std::optional<CursorFile> cursor = open();
  cursor->store(cursor_at(1));
  const FileBytes one = bytes();
  cursor->store(cursor_at(2));
  const FileBytes two = bytes();
  cursor.reset();
  const std::size_t newest = differing_copy(one, two);
  for (std::size_t byte = 0; byte < sizeof(core::CursorCopy); ++byte) {
    FileBytes damaged = two;
    damaged[newest + byte] = static_cast<char>(damaged[newest + byte] ^ 0x10);
    put(damaged);
    EXPECT_EQ(read_cursor(place(), "billing"), cursor_at(1)) << "byte " << byte;
    damaged[other_copy(newest) + byte] = static_cast<char>(damaged[other_copy(newest) + byte] ^ 0x01);
    put(damaged);
    EXPECT_EQ(read_cursor(place(), "billing"), std::nullopt) << "byte " << byte;
  }
}

TEST_F(CursorTest, StoresOverTheDamagedCopyAndKeepsTheGoodOne) {
  std::optional<CursorFile> cursor = open();
  cursor->store(cursor_at(1));
  const FileBytes one = bytes();
  cursor->store(cursor_at(2));
  FileBytes damaged = bytes();
  cursor.reset();
  const std::size_t newest = differing_copy(one, damaged);
  damaged[newest] = static_cast<char>(damaged[newest] ^ 1);
  put(damaged);
  const std::size_t kept = other_copy(newest);
  cursor = open();
  const FileBytes opened = bytes();
  EXPECT_EQ(std::memcmp(opened.data() + kept, damaged.data() + kept, sizeof(core::CursorCopy)), 0);
  EXPECT_EQ(cursor->read(), cursor_at(1));
}

TEST_F(CursorTest, OfAnotherJournalIsRefused) {
  open().store(cursor_at(1));
  expect_error([&] { static_cast<void>(open("billing", kStranger)); }, Code::damaged, {"billing", "another journal"});
  EXPECT_EQ(open().read(), cursor_at(1));
}

TEST_F(CursorTest, OfGarbageIsRefusedAndListedAsUnread) {
  static_cast<void>(open());
  FileBytes garbage;
  garbage.fill('x');
  put(garbage);
  expect_error([&] { static_cast<void>(open()); }, Code::damaged, {"billing"});
  EXPECT_EQ(read_cursor(place(), "billing"), std::nullopt);
  ASSERT_EQ(list_cursors(place()).size(), 1U);
  EXPECT_EQ(list_cursors(place())[0].second.sequence, 0U);
  EXPECT_TRUE(forget_cursor(place(), "billing"));
  EXPECT_EQ(open().read(), std::nullopt);
}

TEST_F(CursorTest, OfAnotherSizeIsRefused) {
  static_cast<void>(open());
  for (const std::uint64_t size : {std::uint64_t{0}, core::kCursorFileBytes - 1, core::kCursorFileBytes + 1}) {
    std::filesystem::resize_file(path(), size);
    expect_error([&] { static_cast<void>(open()); }, Code::damaged, {"billing", "12288"});
    EXPECT_EQ(list_cursors(place())[0].second.sequence, 0U);
  }
}

TEST_F(CursorTest, ThatIsNoRegularFileIsRefused) {
  std::filesystem::create_directories(path());
  expect_error([&] { static_cast<void>(open()); }, Code::damaged, {"billing"});
  std::filesystem::remove(path());
  std::filesystem::create_symlink("/dev/zero", path());
  expect_error([&] { static_cast<void>(open()); }, Code::damaged, {"billing"});
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(list_cursors(place())[0].second.sequence, 0U);
}

TEST_F(CursorTest, OfANewerVersionIsRefused) {
  open().store(cursor_at(1));
  FileBytes newer{};
  core::CursorCopy copy{};
  copy.magic = core::kCursorMagic;
  copy.version = core::kJournalVersion + 1;
  copy.byte_order = core::kByteOrderMark;
  copy.checksum = struct_checksum(copy);
  std::memcpy(newer.data(), &copy, sizeof copy);
  put(newer);
  expect_error([&] { static_cast<void>(open()); }, Code::wrong_version, {"billing"});
}

// However it came to be: the copy behind it would not be the newest, and what is stored would be lost.
TEST_F(CursorTest, OfAGenerationThatNobodyCountsToIsRefused) {
  for (const std::uint64_t generation : {~std::uint64_t{0}, core::kLargestGeneration, core::kLargestGeneration - 1}) {
    open().store(cursor_at(1));
    FileBytes file = bytes();
    for (std::size_t at = 0; at < file.size(); at += core::kCopyDistance) {
      core::CursorCopy copy{};
      std::memcpy(&copy, file.data() + at, sizeof copy);
      if (copy.sequence != 1) continue;
      copy.generation = generation;
      copy.checksum = struct_checksum(copy);
      std::memcpy(file.data() + at, &copy, sizeof copy);
    }
    std::memset(file.data() + 2 * core::kCopyDistance, 'x', sizeof(core::CursorCopy));
    put(file);
    try {
      CursorFile cursor = open();
      for (std::uint64_t sequence = 2; sequence < 5; ++sequence) {
        cursor.store(cursor_at(sequence));
        EXPECT_EQ(cursor.read(), cursor_at(sequence)) << generation;
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::damaged);
    }
    put(FileBytes{});
  }
}

TEST_F(CursorTest, BelongsToOneAtATime) {
  const CursorFile cursor = open();
  expect_error([&] { static_cast<void>(open()); }, Code::in_use, {"billing"});
  expect_error([&] { forget_cursor(place(), "billing"); }, Code::in_use, {"billing"});
  EXPECT_NO_THROW(static_cast<void>(open("audit")));
}

TEST_F(CursorTest, IsForgottenOnce) {
  EXPECT_FALSE(forget_cursor(place(), "billing"));
  open().store(cursor_at(1));
  EXPECT_TRUE(forget_cursor(place(), "billing"));
  EXPECT_FALSE(forget_cursor(place(), "billing"));
  EXPECT_EQ(read_cursor(place(), "billing"), std::nullopt);
}

TEST_F(CursorTest, ListsThoseThatAreThereByName) {
  EXPECT_TRUE(list_cursors(place()).empty());
  open("b").store(cursor_at(2));
  open("a").store(cursor_at(1));
  static_cast<void>(open("c"));
  std::ofstream(place() + "/cursors/.d.new") << "half";
  const auto cursors = list_cursors(place());
  ASSERT_EQ(cursors.size(), 3U);
  EXPECT_EQ(cursors[0].first, "a");
  EXPECT_EQ(cursors[1].first, "b");
  EXPECT_EQ(cursors[1].second, cursor_at(2));
  EXPECT_EQ(cursors[2].second.sequence, 0U);
}

TEST_F(CursorTest, LeavesNothingOfAnUnfinishedOne) {
  std::filesystem::create_directory(place() + "/cursors");
  std::ofstream(path(".billing.new")) << "half";
  static_cast<void>(open());
  EXPECT_EQ(names_in(place() + "/cursors"), std::vector<std::string>{"billing"});
}

TEST_F(CursorTest, NeedsAJournalDirectoryAndAName) {
  expect_error([&] { static_cast<void>(CursorFile::open(place() + "/nowhere", "billing", kJournal, guard_)); },
               Code::not_found, {"nowhere"});
  for (const char* bad : {"", ".hidden", "../up", "a/b"}) {
    expect_error([&] { static_cast<void>(open(bad)); }, Code::bad_name);
    expect_error([&] { static_cast<void>(read_cursor(place(), bad)); }, Code::bad_name);
  }
}

// The descriptor under which the test's process has a file open.
int descriptor_of(const std::string& file) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == file) return std::stoi(entry.path().filename());
  }
  return -1;
}

TEST_F(CursorTest, NeverBelievesASyncAfterOneThatFailed) {
  std::optional<CursorFile> cursor = open();
  cursor->store(cursor_at(1));
  const int fd = descriptor_of(std::filesystem::canonical(path()));
  ASSERT_GE(fd, 0);
  const int kept = ::dup(fd);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::dup2(null, fd), fd);  // cannot be synced
  expect_error([&] { cursor->sync(); }, Code::system, {"billing"});
  ASSERT_EQ(::dup2(kept, fd), fd);
  ::close(kept);
  ::close(null);
  expect_error([&] { cursor->sync(); }, Code::system, {"billing", "earlier"});
  cursor.reset();
  cursor = open();
  EXPECT_NO_THROW(cursor->sync());
  EXPECT_EQ(cursor->read(), cursor_at(1));
}

// A power cut may leave a mixture of whatever was stored since.
TEST_F(CursorTest, NeverStoresOverWhatASyncMadeDurable) {
  CursorFile cursor = open();
  const FileBytes empty = bytes();
  cursor.store(cursor_at(1));
  const std::size_t durable = differing_copy(empty, bytes());
  cursor.sync();
  const FileBytes synced = bytes();
  for (std::uint64_t sequence = 2; sequence < 12; ++sequence) {
    cursor.store(cursor_at(sequence));
    EXPECT_EQ(std::memcmp(bytes().data() + durable, synced.data() + durable, sizeof(core::CursorCopy)), 0) << sequence;
  }
}

// Otherwise the sync of the next life would have nothing to write, and say so of what the disk never got. The same bytes, which
// shows on a disk alone: in the time of the last change.
TEST_F(CursorTest, IsStoredAgainWhenItIsOpened) {
  std::string disk = std::filesystem::current_path() / "cursor-test-XXXXXX";
  ASSERT_NE(::mkdtemp(disk.data()), nullptr);
  const auto changed_ns = [&] {
    struct stat status {};
    EXPECT_EQ(::stat((disk + "/cursors/billing").c_str(), &status), 0);
    return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  };
  {
    CursorFile cursor = CursorFile::open(disk, "billing", kJournal, guard_);
    cursor.store(cursor_at(1));
    cursor.sync();
  }
  const auto before = changed_ns();
  while (static_cast<std::int64_t>(clock_ns(CLOCK_REALTIME_COARSE)) <= before) std::this_thread::yield();
  static_cast<void>(CursorFile::open(disk, "billing", kJournal, guard_));
  struct statfs system {};
  ASSERT_EQ(::statfs(disk.c_str(), &system), 0);
  if (system.f_type != TMPFS_MAGIC) {
    EXPECT_GT(changed_ns(), before);
  }
  std::filesystem::remove_all(disk);
}

// A life that stored without a sync leaves a newest copy that the disk may not have. The next life does not know which of the
// others it has, so it stores over none of them before it has made the newest one durable. Found by the simulator.
TEST_F(CursorTest, OpenedAgainLeavesTheOtherCopiesAlone) {
  {
    CursorFile cursor = open();
    cursor.store(cursor_at(40));
    cursor.sync();
    for (std::uint64_t sequence = 41; sequence <= 44; ++sequence) cursor.store(cursor_at(sequence));
  }
  const FileBytes before = bytes();
  const CursorFile cursor = open();
  EXPECT_EQ(bytes(), before);
  EXPECT_EQ(cursor.read(), cursor_at(44));
}

TEST_F(CursorTest, IsReadWholeWhileItsOwnerStores) {
  CursorFile cursor = open();
  cursor.store(cursor_at(1));
  bool stop = false;
  std::thread reader([&, this] {
    std::uint64_t newest = 1;
    for (int i = 0; i < 2'000 && !HasFailure(); ++i) {
      const std::optional<Cursor> seen = read_cursor(place(), "billing");
      EXPECT_TRUE(seen.has_value()) << "look " << i;
      if (!seen) break;
      EXPECT_EQ(*seen, cursor_at(seen->sequence));
      EXPECT_GE(seen->sequence, newest);
      newest = seen->sequence;
    }
    std::atomic_ref(stop).store(true);
  });
  for (std::uint64_t sequence = 2; !std::atomic_ref(stop).load(); ++sequence) cursor.store(cursor_at(sequence));
  reader.join();
}

}  // namespace
}  // namespace ringbolt::ipc
