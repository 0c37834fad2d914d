#include <ringbolt/core/shared_word.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>
#include <thread>

namespace ringbolt::ipc {
namespace {

using core::CursorCopy;

constexpr const char* kDirectory = "cursors";
constexpr int kMostReads = 200;  // of a file that its owner stores to all the time
constexpr int kReadsForNewest = 40;
constexpr std::chrono::seconds kCreationTimeout{5};
constexpr std::size_t kWords = sizeof(CursorCopy) / sizeof(std::uint64_t);
using Copies = std::array<CursorCopy, core::kCursorCopies>;
constexpr std::uint64_t offset_of(std::size_t copy) noexcept { return copy * core::kCopyDistance; }

std::string directory_path(const std::string& journal) { return journal + "/" + kDirectory; }
std::string file_path(const std::string& journal, std::string_view name) {
  return directory_path(journal) + "/" + std::string(name);
}

[[noreturn]] void throw_failed(const std::string& what, int error) {
  const std::string sentence = what + ": " + std::strerror(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT: throw Error(Code::no_space, sentence + ": make room on the journal's file system", error);
    case ENOENT: throw Error(Code::not_found, sentence + ": give the directory of a journal", error);
    case EACCES:
    case EPERM:
    case EROFS:
      throw Error(Code::not_allowed, sentence + ": become a user who may write in the journal's directory `cursors`", error);
    case ELOOP:
    case EISDIR:
    case ENOTDIR:
    case ENXIO: throw Error(Code::damaged, sentence + ": it is no regular file: remove it", error);
    default: throw Error(Code::system, sentence + ": check the disk, and the process's limits (`ulimit -a`)", error);
  }
}

// The words of a copy in the mapping. The owner stores to them, others in other processes read the file.
core::Word64* words_of(std::byte* copy) noexcept { return reinterpret_cast<core::Word64*>(copy); }

enum class CopyStatus : std::uint8_t { good, zeros, damaged, wrong_version, foreign_layout };

CopyStatus judge(const CursorCopy& copy) noexcept {
  const auto bytes = std::as_bytes(std::span(&copy, 1));
  if (std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return CopyStatus::zeros;
  if (copy.magic == __builtin_bswap64(core::kCursorMagic)) return CopyStatus::foreign_layout;
  if (copy.magic != core::kCursorMagic) return CopyStatus::damaged;
  if (copy.checksum != struct_checksum(copy)) return CopyStatus::damaged;
  if (copy.version != core::kJournalVersion) return CopyStatus::wrong_version;
  if (copy.generation > core::kLargestGeneration) return CopyStatus::damaged;
  return copy.byte_order == core::kByteOrderMark ? CopyStatus::good : CopyStatus::foreign_layout;
}

struct Newest {
  CursorContent content;
  std::uint32_t index = 0;  // of the copy
  bool all_whole = true;
};

// A copy that is still all zeros: whoever died, or lost power, in his first stores has stored nothing yet.
Newest newest_of(const Copies& copies) noexcept {
  Newest newest;
  newest.content.status = CursorStatus::damaged;
  bool all_whole = true;
  for (std::uint32_t i = 0; i < copies.size(); ++i) {
    const CopyStatus status = judge(copies[i]);
    all_whole = all_whole && status != CopyStatus::damaged;
    CursorStatus& best = newest.content.status;
    if (status == CopyStatus::good) {
      if (best == CursorStatus::good && copies[i].generation <= newest.content.copy.generation) continue;
      newest = {{CursorStatus::good, copies[i]}, i};
    } else if (best != CursorStatus::good) {
      if (status == CopyStatus::wrong_version) best = CursorStatus::wrong_version;
      if (status == CopyStatus::foreign_layout) best = CursorStatus::foreign_layout;
      if (status == CopyStatus::zeros && best == CursorStatus::damaged) newest = {{CursorStatus::never_stored, {}}, i};
    }
  }
  newest.all_whole = all_whole;
  return newest;
}

// While its owner stores, copies may be met half written; so more than one look before believing in damage, and some before
// taking an older copy for the newest.
template <class Fetch>
Newest look(Fetch fetch) {
  Newest newest;
  for (int i = 0; i < kMostReads; ++i) {
    Copies copies{};
    for (std::size_t copy = 0; copy < copies.size(); ++copy) {
      if (!fetch(offset_of(copy), copies[copy])) return {};
    }
    newest = newest_of(copies);
    if (newest.content.status != CursorStatus::damaged && (newest.all_whole || i >= kReadsForNewest)) break;
  }
  return newest;
}

bool read_whole(int fd, std::span<std::byte> bytes, std::uint64_t offset) noexcept {
  while (!bytes.empty()) {
    const ssize_t count = sys::pread(fd, bytes.data(), bytes.size(), offset);
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

Newest look_at_file(int fd) {
  struct stat status {};
  if (sys::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  if (static_cast<std::uint64_t>(status.st_size) != core::kCursorFileBytes) return {{CursorStatus::wrong_size, {}}, 0};
  return look([fd](std::uint64_t offset, CursorCopy& copy) {
    return read_whole(fd, std::as_writable_bytes(std::span(&copy, 1)), offset);
  });
}

Newest look_at_mapping(std::byte* data) noexcept {
  return look([data](std::uint64_t offset, CursorCopy& copy) {
    std::array<std::uint64_t, kWords> words{};
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_of(data + offset)[i].load_acquire();
    std::memcpy(&copy, words.data(), sizeof copy);
    return true;
  });
}

Cursor cursor_of(const CursorCopy& copy) noexcept { return {copy.ring_id, copy.epoch, copy.sequence}; }

[[noreturn]] void throw_bad_file(CursorStatus status, const std::string& path) {
  switch (status) {
    case CursorStatus::wrong_version:
      throw Error(Code::wrong_version, path + " was written by another version of Ringbolt: read it with that one");
    case CursorStatus::foreign_layout:
      throw Error(Code::foreign_layout, path + " was written on a machine with the other byte order: use it there");
    case CursorStatus::wrong_size:
      throw Error(Code::damaged, path + " is no cursor, as it does not have " + std::to_string(core::kCursorFileBytes) +
                                     " bytes: remove it, and its consumer begins as a new one");
    case CursorStatus::unreadable: throw Error(Code::system, "cannot read " + path + ": check the disk");
    case CursorStatus::good:
    case CursorStatus::never_stored:
    case CursorStatus::damaged: break;
  }
  throw Error(Code::damaged, path + " holds no cursor that holds together: remove it, and its consumer begins as a new one");
}

// Locked, so that two processes that make the same cursor do not take each other's unfinished file.
void lock_directory(int directory, const std::string& path) {
  const Deadline deadline{kCreationTimeout};
  while (sys::flock(directory, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK && error != EINTR) throw_failed("cannot lock " + path, error);
    if (deadline.passed())
      throw Error(Code::in_use, "cannot make a cursor in " + path + ": a process that makes one has stopped: end it");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

int allocate(int fd) {
  if (sys::fallocate(fd, core::kCursorFileBytes) != 0 && errno != EOPNOTSUPP) return errno;
  // Written as well, so that what is synced here is all that a later sync of the data needs.
  const std::array<std::byte, core::kCursorFileBytes> zeros{};
  for (std::size_t done = 0; done < zeros.size();) {
    const ssize_t written = sys::pwrite(fd, zeros.data() + done, zeros.size() - done, done);
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    done += static_cast<std::size_t>(written);
  }
  return 0;
}

// The file comes to its name whole and on the disk.
void make_file(int directory, const std::string& name, const std::string& path) {
  const std::string hidden = "." + name + ".new";
  static_cast<void>(sys::unlinkat(directory, hidden.c_str(), 0));  // left by a death at this place
  const Descriptor made(sys::openat(directory, hidden.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
  int error = made ? allocate(made.get()) : errno;
  if (error == 0 && sys::fsync(made.get()) != 0) error = errno;
  if (error == 0 && sys::renameat(directory, hidden.c_str(), directory, name.c_str()) != 0) error = errno;
  if (error == 0 && sys::fsync(directory) != 0) error = errno;
  if (error == 0) return;
  if (made) static_cast<void>(sys::unlinkat(directory, hidden.c_str(), 0));
  throw_failed("cannot make " + path, error);
}

Descriptor open_directory_of(const std::string& journal, bool make, ForkGuard& guard) {
  const std::string path = directory_path(journal);
  if (make && sys::mkdir(path.c_str(), 0770) == 0) {
    const Descriptor parent(sys::open(journal.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || sys::fsync(parent.get()) != 0) throw_failed("cannot make " + path, errno);
  } else if (make && errno != EEXIST) {
    throw_failed("cannot make " + path, errno);
  }
  Descriptor directory(guard.open_guarded(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0));
  if (!directory) throw_failed("cannot open " + path, errno);
  return directory;
}

// Opened for writing and locked, and still of that name; not open if there is none.
Descriptor hold(int directory, const std::string& name, const std::string& path, ForkGuard& guard) {
  for (;;) {
    Descriptor file(guard.open_guarded(directory, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0));
    if (!file && errno == ENOENT) return file;
    if (!file) throw_failed("cannot open " + path, errno);
    if (!try_lock_byte(file.get(), 0)) {
      throw Error(Code::in_use, "cannot open " + path + ": another process has the cursor of consumer '" + name +
                                    "' open: end it, or choose another name");
    }
    struct stat status {};
    if (sys::fstat(file.get(), &status) != 0) throw_failed("cannot open " + path, errno);
    if (status.st_nlink != 0) return file;  // otherwise it was removed between the two calls
  }
}

}  // namespace

CursorFile CursorFile::open(const std::string& journal_directory, std::string_view name, const JournalId& journal_id,
                            ForkGuard& guard) {
  check_name(name, "consumer name");
  CursorFile cursor;
  cursor.path_ = file_path(journal_directory, name);
  cursor.journal_id_ = journal_id;
  cursor.guard_ = &guard;
  const std::string own_name(name);
  const Descriptor directory = open_directory_of(journal_directory, true, guard);
  cursor.file_ = hold(directory.get(), own_name, cursor.path_, guard);
  if (!cursor.file_) {
    lock_directory(directory.get(), directory_path(journal_directory));
    cursor.file_ = hold(directory.get(), own_name, cursor.path_, guard);
    if (!cursor.file_) {
      make_file(directory.get(), own_name, cursor.path_);
      cursor.file_ = hold(directory.get(), own_name, cursor.path_, guard);
    }
    if (!cursor.file_) throw Error(Code::in_use, "cannot open " + cursor.path_ + ": it is being removed: try again");
  }
  const Newest found = look_at_file(cursor.file_.get());
  const CursorContent& content = found.content;
  if (content.status != CursorStatus::good && content.status != CursorStatus::never_stored)
    throw_bad_file(content.status, cursor.path_);
  // What is stored here from now on must not count to what nobody believes.
  if (content.copy.generation > core::kLargestGeneration / 2) throw_bad_file(CursorStatus::damaged, cursor.path_);
  if (content.status == CursorStatus::good && content.copy.journal_id != journal_id) {
    throw Error(Code::damaged, cursor.path_ +
                                   " is the cursor of another journal (other_journal): put it back beside that one, or "
                                   "remove it, and its consumer begins as a new one");
  }
  cursor.mapping_ = FileMapping(cursor.file_.get(), core::kCursorFileBytes, Access::read_write, cursor.path_, guard);
  cursor.generation_ = content.copy.generation;
  cursor.newest_copy_ = cursor.durable_copy_ = found.index;
  // The page cache may show what a sync that failed before did not bring to the disk: stored again, it is synced again. The
  // same bytes in the same place: which of the other copies the disk has is not known, and this one may not be on it yet.
  if (content.status == CursorStatus::good) {
    core::Word64* const words = words_of(cursor.mapping_.data() + offset_of(found.index));
    for (std::size_t i = 0; i < kWords; ++i) words[i].store_release(words[i].load_acquire());
    cursor.sync();
  }
  return cursor;
}

std::optional<Cursor> CursorFile::read() const noexcept {
  const Newest newest = look_at_mapping(mapping_.data());
  if (newest.content.status != CursorStatus::good) return std::nullopt;
  return cursor_of(newest.content.copy);
}

void CursorFile::store(const Cursor& cursor) noexcept {
  CursorCopy copy{};
  copy.magic = core::kCursorMagic;
  copy.version = core::kJournalVersion;
  copy.byte_order = core::kByteOrderMark;
  copy.journal_id = journal_id_;
  copy.ring_id = cursor.ring_id;
  copy.generation = ++generation_;
  copy.epoch = cursor.epoch;
  copy.sequence = cursor.sequence;
  copy.checksum = struct_checksum(copy);
  // Never over what a sync made durable: a power cut may leave a mixture of what is stored from here on.
  do {
    newest_copy_ = (newest_copy_ + 1) % core::kCursorCopies;
  } while (newest_copy_ == durable_copy_);
  std::array<std::uint64_t, kWords> plain{};
  std::memcpy(plain.data(), &copy, sizeof copy);
  core::Word64* const words = words_of(mapping_.data() + offset_of(newest_copy_));
  words[kWords - 1].store_relaxed(0);  // the checksum's word: no half of this copy counts; relaxed: what follows orders it
  for (std::size_t i = 0; i < kWords; ++i) words[i].store_release(plain[i]);
}

void CursorFile::sync() {
  if (guard_->inherited())
    throw Error(Code::forked, "cannot sync " + path_ + ": this process is a forked child of its owner: open it again there");
  const std::string what = "cannot sync " + path_;
  if (failure_ != 0) {
    throw Error(Code::system,
                what + ": an earlier sync failed (" + std::strerror(failure_) +
                    "), and none after it can be believed: check the disk, and open the cursor again",
                failure_);
  }
  if (sys::fdatasync(file_.get()) == 0) {
    durable_copy_ = newest_copy_;
    return;
  }
  failure_ = errno;
  throw Error(failure_ == ENOSPC || failure_ == EDQUOT ? Code::no_space : Code::system,
              what + ": " + std::strerror(failure_) + ": check the disk, and open the cursor again", failure_);
}

CursorContent look_at_cursor(const std::string& journal_directory, const std::string& name) {
  const Descriptor file(
      sys::open(file_path(journal_directory, name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return file ? look_at_file(file.get()).content : CursorContent{};
}

std::vector<std::pair<std::string, Cursor>> list_cursors(const std::string& journal_directory) {
  std::vector<std::pair<std::string, Cursor>> cursors;
  const std::string path = directory_path(journal_directory);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name.front() == '.') continue;  // being made
    const CursorContent content = look_at_cursor(journal_directory, name);
    cursors.emplace_back(name, content.status == CursorStatus::good ? cursor_of(content.copy) : Cursor{});
  }
  if (error && error.value() != ENOENT) throw_failed("cannot list " + path, error.value());
  std::ranges::sort(cursors, {}, &std::pair<std::string, Cursor>::first);
  return cursors;
}

std::optional<Cursor> read_cursor(const std::string& journal_directory, std::string_view name) {
  check_name(name, "consumer name");
  const CursorContent content = look_at_cursor(journal_directory, std::string(name));
  if (content.status != CursorStatus::good) return std::nullopt;
  return cursor_of(content.copy);
}

bool forget_cursor(const std::string& journal_directory, std::string_view name) {
  check_name(name, "consumer name");
  const std::string path = file_path(journal_directory, name);
  const std::string own_name(name);
  ForkGuard guard;
  struct stat status {};
  if (sys::stat(directory_path(journal_directory).c_str(), &status) != 0 && errno == ENOENT) return false;
  const Descriptor directory = open_directory_of(journal_directory, false, guard);
  const Descriptor file = hold(directory.get(), own_name, path, guard);
  if (!file) return false;
  if (sys::unlinkat(directory.get(), own_name.c_str(), 0) != 0) throw_failed("cannot remove " + path, errno);
  if (sys::fsync(directory.get()) != 0) throw_failed("cannot sync " + directory_path(journal_directory), errno);
  return true;
}

}  // namespace ringbolt::ipc
