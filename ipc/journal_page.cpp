#include <linux/fs.h>

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_page.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringbolt::ipc {
namespace {

constexpr const char* kName = "journal";
constexpr const char* kHiddenName = ".journal.new";

std::uint64_t checksum_of(const core::JournalPage& page) noexcept {
  const std::uint64_t head =
      core::fnv1a(reinterpret_cast<const std::uint8_t*>(&page), offsetof(core::JournalPage, checksum));
  return core::fnv1a(reinterpret_cast<const std::uint8_t*>(page.directory.data()), page.directory.size(), head);
}

}  // namespace

std::optional<JournalPageFile> JournalPageFile::open(const RingDirectory& directory, Access access, ForkGuard& guard) {
  const Descriptor fd = directory.open_file(kName, access == Access::read_only ? O_RDONLY : O_RDWR);
  const std::string path = directory.file(kName);
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    throw_refused("cannot open " + path, errno, "the ring's owner decides who may, with --mode and --group at its creation");
  }
  const auto broken = [&](Code code, const char* why) {
    return Error(code, path + " " + why + ": remove the ring with `ringbolt rm --force`; the journal itself is elsewhere");
  };
  if (bytes_in(fd.get(), path) < sizeof(core::JournalPage)) throw broken(Code::too_short, "is too short");
  JournalPageFile file;
  file.file_ = FileMapping(fd.get(), sizeof(core::JournalPage), access, path, guard);
  const core::JournalPage& page = file.page();
  if (page.magic != core::kJournalMagic) throw broken(Code::damaged, "is damaged (no magic number)");
  if (page.version != core::kJournalVersion) throw broken(Code::wrong_version, "was made by another version of Ringbolt");
  if (page.byte_order != core::kByteOrderMark || page.checksum != checksum_of(page) || page.directory.back() != '\0')
    throw broken(Code::damaged, "is damaged (its checksum does not match)");
  file.directory_.assign(page.directory.data(),
                         ::strnlen(page.directory.data(), page.directory.size()));  // it may change now
  return file;
}

void JournalPageFile::make(const RingDirectory& directory, const std::array<std::uint64_t, 2>& ring_id,
                           const JournalOptions& options, bool own_process, const JournalExtent& extent) {
  const auto fail = [&](const char* what) {
    const int error = errno;
    sys::unlinkat(directory.fd.get(), kHiddenName, 0);
    throw Error(error == ENOSPC ? Code::no_space : Code::system,
                std::string("cannot ") + what + " " + directory.file(kName) + ": " + std::strerror(error), error);
  };
  if (options.directory.size() >= core::kDirectoryBytes) {
    throw Error(Code::bad_option, "the path of the journal has " + std::to_string(options.directory.size()) +
                                      " characters: at most 2047 are allowed");
  }
  sys::unlinkat(directory.fd.get(), kHiddenName, 0);  // left by a death at this place
  const Descriptor fd = directory.open_file(kHiddenName, O_RDWR | O_CREAT | O_EXCL);
  if (!fd) fail("create");
  if (sys::posix_fallocate(fd.get(), sizeof(core::JournalPage)) != 0) fail("allocate");
  ForkGuard guard;
  JournalPageFile file;
  file.file_ = FileMapping(fd.get(), sizeof(core::JournalPage), Access::read_write, directory.file(kName), guard);
  core::JournalPage& page = file.page();
  page.magic = core::kJournalMagic;
  page.version = core::kJournalVersion;
  page.byte_order = core::kByteOrderMark;
  page.ring_id = ring_id;
  std::ranges::copy(options.directory, page.directory.begin());
  page.checksum = checksum_of(page);
  file.set_options(options, own_process);
  file.set_journal_id(extent.id);
  page.oldest_sequence.store_relaxed(extent.oldest_sequence);  // relaxed: nobody else can see the page yet
  page.written_sequence.store_relaxed(extent.next_sequence - 1);
  page.durable_sequence.store_relaxed(extent.next_sequence - 1);
  struct stat events {};
  if (sys::fstatat(directory.fd.get(), "events", &events, AT_SYMLINK_NOFOLLOW) != 0) fail("find the rights for");
  if (sys::fchmod(fd.get(), events.st_mode & 0644) != 0) fail("set the rights of");  // who reads the events may read this
  if (sys::fchown(fd.get(), static_cast<uid_t>(-1), events.st_gid) != 0) fail("set the group of");
  if (sys::renameat2(directory.fd.get(), kHiddenName, directory.fd.get(), kName, RENAME_NOREPLACE) == 0) {
    RINGBOLT_STEP(journal_page_written);
    return;
  }
  if (errno != EEXIST) fail("rename");
  sys::unlinkat(directory.fd.get(), kHiddenName, 0);
}

JournalOptions JournalPageFile::options() const {
  const core::JournalPage& from = page();  // relaxed below: each stands alone, and is written by who opens the journal
  JournalOptions options;
  options.directory = directory_;
  options.sync = static_cast<Sync>(from.sync.load_relaxed());
  options.interval = std::chrono::nanoseconds(from.interval_ns.load_relaxed());
  options.interval_bytes = from.interval_bytes.load_relaxed();
  options.segment_bytes = from.segment_bytes.load_relaxed();
  options.keep_bytes = from.keep_bytes.load_relaxed();
  options.keep_age = std::chrono::nanoseconds(from.keep_age_ns.load_relaxed());
  options.keep_unread = from.keep_unread.load_relaxed() != 0;
  return options;
}

// Two words that are read while they are written: whole, or not there yet.
std::array<std::uint64_t, 2> JournalPageFile::journal_id() const noexcept {
  const std::uint64_t first = page().journal_id[0].load_acquire();
  const std::uint64_t second = page().journal_id[1].load_acquire();
  if (first == 0 || page().journal_id[0].load_acquire() != first) return {};
  return {first, second};
}
void JournalPageFile::set_journal_id(const std::array<std::uint64_t, 2>& id) const noexcept {
  if (journal_id() == id) return;
  page().journal_id[0].store_release(0);
  page().journal_id[1].store_release(id[1]);
  page().journal_id[0].store_release(id[0]);
}

void JournalPageFile::set_options(const JournalOptions& options, bool own_process) const noexcept {
  core::JournalPage& to = page();  // relaxed below: each stands alone
  to.sync.store_relaxed(static_cast<std::uint64_t>(options.sync));
  to.interval_ns.store_relaxed(static_cast<std::uint64_t>(options.interval.count()));
  to.interval_bytes.store_relaxed(options.interval_bytes);
  to.segment_bytes.store_relaxed(options.segment_bytes);
  to.keep_bytes.store_relaxed(options.keep_bytes);
  to.keep_age_ns.store_relaxed(static_cast<std::uint64_t>(options.keep_age.count()));
  to.keep_unread.store_relaxed(options.keep_unread ? 1 : 0);
  to.own_process.store_relaxed(own_process ? 1 : 0);
}

}  // namespace ringbolt::ipc
