// Making a ring: everything is allocated and written under a hidden name, then the directory is renamed.
#include <grp.h>
#include <linux/fs.h>
#include <linux/mempolicy.h>

#include <ringbolt/core/takeover.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/journal_page.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/page_size.hpp>
#include <ringbolt/ipc/removal.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/share_memory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace ringbolt::ipc {
namespace {

constexpr std::uint32_t kDefaultMode = 0600;

std::string readable_bytes(std::uint64_t bytes) {
  constexpr std::uint64_t mebi = 1 << 20;
  if (bytes >= mebi) return std::to_string(bytes / mebi) + " MiB";
  return std::to_string(bytes / 1024) + " KiB";
}

// Where the file system that holds `path` is mounted.
std::string mount_point(std::filesystem::path path) {
  struct stat here {};
  if (sys::stat(path.c_str(), &here) != 0) return path;
  while (path.has_parent_path() && path != path.parent_path()) {
    struct stat above {};
    if (sys::stat(path.parent_path().c_str(), &above) != 0 || above.st_dev != here.st_dev) break;
    path = path.parent_path();
  }
  return path;
}

// What to do about what a process may not have, apart from room and rights.
const char* advice(int error) {
  switch (error) {
    case ENOENT: return ": its parent directory does not exist";
    case EFBIG: return ": raise the limit of a file's size (`ulimit -f`), or choose a smaller capacity";
    default: return ": check the process's limits (`ulimit -a`)";
  }
}

[[noreturn]] void throw_cannot_create(const std::string& path, std::uint64_t asked_bytes, int error) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::string sentence = "cannot create ring " + path + " (" + readable_bytes(asked_bytes) + "): " + std::strerror(error);
  if (error == EFBIG) throw Error(Code::no_space, sentence + advice(error), error);
  if (error == ENOSPC || error == EDQUOT || error == ENOMEM) {
    struct statfs system {};
    if (sys::statfs(parent.c_str(), &system) == 0) {
      const auto block = static_cast<std::uint64_t>(system.f_bsize);
      sentence += " on " + mount_point(parent) + " (free " + readable_bytes(system.f_bavail * block) + " of " +
                  readable_bytes(system.f_blocks * block) + ")";
    }
    sentence +=
        ": choose a smaller capacity, remove rings that nobody needs (`ringbolt ls`), or enlarge the mount "
        "(in a container: --shm-size)";
    throw Error(Code::no_space, sentence, error);
  }
  if (error == EACCES || error == EPERM || error == EROFS) {
    throw Error(Code::not_allowed, sentence + ": choose another directory with RINGBOLT_DIR", error);
  }
  throw Error(error == ENOENT ? Code::not_found : Code::system, sentence + advice(error), error);
}

void check_options(const PublisherOptions& options, std::string_view name) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Code::bad_option, "cannot create ring '" + std::string(name) + "': " + why);
  };
  if (options.capacity_bytes != 0 && !core::is_capacity(options.capacity_bytes)) {
    refuse("the capacity of " + std::to_string(options.capacity_bytes) +
           " bytes is not a power of two from 64 KiB to 16 GiB");
  }
  if (options.consumer_slots > core::kMaxConsumerSlots) {
    refuse(std::to_string(options.consumer_slots) + " consumers are more than the 65536 that a registry can hold");
  }
  if ((options.mode & ~0777U) != 0) refuse("the mode has bits other than rwxrwxrwx");
  if (options.first_sequence > core::kLargestFirstSequence)
    refuse("so large a first sequence leaves too few numbers behind it");
}

}  // namespace

gid_t group_id(const std::string& group) {
  std::vector<char> buffer(16'384);
  struct group entry {};
  struct group* found = nullptr;
  ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return found->gr_gid;
  throw Error(Code::bad_option, "there is no group '" + group + "' on this machine: `getent group` shows those there are");
}

namespace {

// The parent directory, made if it is the default one and missing. One that somebody else could have prepared is refused.
Descriptor open_parent(const std::string& ring_path, std::uint64_t asked_bytes) {
  std::string parent = std::filesystem::path(ring_path).parent_path();
  if (parent.empty()) parent = ".";
  if (sys::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) throw_cannot_create(ring_path, asked_bytes, errno);
  Descriptor fd(sys::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR)) {
    throw Error(Code::not_allowed,
                "cannot create ring " + ring_path +
                    ": its parent directory is a symbolic link, or no directory: name the directory itself (RINGBOLT_DIR)",
                errno);
  }
  if (!fd) throw_cannot_create(ring_path, asked_bytes, errno);
  if (const char* why = why_not_trusted(fd.get(), false)) {
    throw Error(Code::not_allowed,
                "cannot create ring " + ring_path + ": its parent directory " + why +
                    ", who could put another ring in its place: choose one of your own with RINGBOLT_DIR");
  }
  return fd;
}

// A hidden directory under construction. Removes itself unless it is given its name.
class Site {
 public:
  Site(int parent, std::string_view name, const std::string& base, const std::string& ring_path, std::uint64_t asked_bytes,
       ForkGuard& guard)
      : parent_(parent) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      name_ = hidden_name(base, "new");
      if (sys::mkdirat(parent, name_.c_str(), 0700) != 0) {
        if (errno == EEXIST) continue;
        throw_cannot_create(ring_path, asked_bytes, errno);
      }
      directory_ = {std::string(name), ring_path,
                    Descriptor(sys::openat(parent, name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))};
      if (directory_.fd) {
        lease_ = directory_.open_file("lease", O_RDWR | O_CREAT | O_EXCL, guard);
        if (lease_ && lock_or_remove()) {
          made_ = true;
          return;
        }
      }
      // Somebody swept it away between two of these calls: take another name.
      const int error = errno;
      remove();
      if (error == ENOSPC || error == EMFILE || error == ENFILE || error == EDQUOT)
        throw_cannot_create(ring_path, asked_bytes, error);
    }
    throw_cannot_create(ring_path, asked_bytes, EAGAIN);
  }
  ~Site() {
    if (made_) remove();
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  [[nodiscard]] const RingDirectory& directory() const noexcept { return directory_; }

  // False: the name is taken.
  [[nodiscard]] bool rename_to(const std::string& base) {
    if (sys::renameat2(parent_, name_.c_str(), parent_, base.c_str(), RENAME_NOREPLACE) == 0 ||
        ((errno == EINVAL || errno == ENOSYS) && sys::renameat(parent_, name_.c_str(), parent_, base.c_str()) == 0)) {
      made_ = false;
      return true;
    }
    return false;
  }
  [[nodiscard]] HeldRing take() noexcept { return {std::move(directory_), std::move(lease_)}; }

 private:
  // A lock alone proves nothing: whoever swept the directory away held it meanwhile, and has let go of it since.
  bool lock_or_remove() {
    try {
      struct stat lease {};
      return try_lock_byte(lease_.get(), kPublisherByte) && sys::fstat(lease_.get(), &lease) == 0 && lease.st_nlink != 0;
    } catch (...) {
      remove();
      throw;
    }
  }
  void remove() noexcept {
    remove_site(parent_, directory_.fd.get(), name_.c_str());
    made_ = false;
  }

  int parent_;
  std::string name_;
  bool made_ = false;
  RingDirectory directory_;
  Descriptor lease_;
};

// A file of so many bytes, all of them allocated: what cannot be had is missed now, and never as SIGBUS later.
Descriptor allocate(const RingDirectory& site, const char* file, std::uint64_t bytes, std::uint64_t asked_bytes) {
  Descriptor fd = site.open_file(file, O_RDWR | O_CREAT | O_EXCL);
  if (!fd || sys::ftruncate(fd.get(), bytes) != 0) throw_cannot_create(site.path, asked_bytes, errno);
  return fd;
}

void fill(const RingDirectory& site, int fd, std::uint64_t bytes, std::uint64_t asked_bytes) {
  int result = sys::fallocate(fd, bytes);
  if (result != 0 && errno == EOPNOTSUPP) result = sys::posix_fallocate(fd, bytes);
  if (result != 0) throw_cannot_create(site.path, asked_bytes, errno);
}

void set_access(int fd, mode_t mode, const std::string& group, const RingDirectory& site) {
  if (!group.empty() && sys::fchown(fd, static_cast<uid_t>(-1), group_id(group)) != 0) {
    throw Error(
        Code::not_allowed,
        "cannot give " + site.path + " to group '" + group + "': " + std::strerror(errno) + ": be a member of it, or root",
        errno);
  }
  if (sys::fchmod(fd, mode) != 0)
    throw_refused("cannot set the rights of " + site.path, errno, "choose another directory with RINGBOLT_DIR");
}

// Bits of `mode` for classes of users that have the given permission in it, e.g. rw for whoever may write.
mode_t for_classes(mode_t mode, mode_t permission, mode_t granted) {
  mode_t result = 0;
  for (const int shift : {6, 3, 0}) {
    if ((mode >> shift & permission) != 0) result |= granted << shift;
  }
  return result;
}

std::uint32_t option_bits(const PublisherOptions& options) {
  std::uint32_t bits = 0;
  if (options.timestamps.value_or(true)) bits |= core::kOptionTimestamps;
  if (options.huge_pages) bits |= core::kOptionHugePages;
  if (options.prefault) bits |= core::kOptionPrefault;
  if (options.lock_memory) bits |= core::kOptionLockMemory;
  if (options.numa_node >= 0) bits |= core::kOptionNumaNode;
  return bits;
}

template <class Header>
std::uint64_t checksum_of(const Header& header) {
  return core::fnv1a(reinterpret_cast<const std::uint8_t*>(&header), offsetof(Header, checksum));
}

// What is fixed at creation, and a stream that is empty.
void write_header(core::EventsHeader& header, const PublisherOptions& options, std::uint64_t capacity, std::uint64_t offset,
                  std::uint32_t slots, const std::array<std::uint64_t, 2>& ring_id) {
  header.magic = core::kEventsMagic;
  header.layout_version = core::kLayoutVersion;
  header.byte_order = core::kByteOrderMark;
  header.fingerprint = core::layout_fingerprint();
  header.ring_id = ring_id;
  header.capacity_bytes = capacity;
  header.data_offset = offset;
  header.first_sequence = options.first_sequence != 0 ? options.first_sequence : 1;
  header.created_ns = wall_ns();
  header.options = option_bits(options);
  header.consumer_slots = slots;
  header.numa_node = options.numa_node >= 0 ? options.numa_node : -1;
  header.checksum = checksum_of(header);
  core::start_stream(header, header.first_sequence);
}
void write_header(core::RegistryHeader& header, std::uint32_t slots, const std::array<std::uint64_t, 2>& ring_id) {
  header.magic = core::kConsumersMagic;
  header.layout_version = core::kLayoutVersion;
  header.byte_order = core::kByteOrderMark;
  header.fingerprint = core::layout_fingerprint();
  header.ring_id = ring_id;
  header.slots = slots;
  header.entry_bytes = sizeof(core::ConsumerEntry);
  header.checksum = checksum_of(header);
}
std::uint64_t registry_bytes(std::uint32_t slots, std::uint64_t page) {
  const std::uint64_t wanted = sizeof(core::RegistryHeader) + std::uint64_t{slots} * sizeof(core::ConsumerEntry);
  return (wanted + page - 1) / page * page;
}

void write_events(const Site& site, const PublisherOptions& options, std::uint64_t capacity, std::uint32_t slots,
                  mode_t mode, const std::array<std::uint64_t, 2>& ring_id) {
  const RingDirectory& directory = site.directory();
  ForkGuard guard;
  const std::uint64_t page = file_page_bytes(directory.fd.get());
  if (capacity % page != 0) {
    throw Error(Code::bad_option, "cannot create ring '" + directory.name + "': its file system has pages of " +
                                      readable_bytes(page) + ": choose a capacity of at least that, or another directory");
  }
  const std::uint64_t offset = options.huge_pages && page < kHugePageBytes ? kHugePageBytes : page;
  const Descriptor fd = allocate(directory, "events", offset + capacity, capacity);
  const FileMapping head(fd.get(), page, Access::read_write, directory.file("events"), guard);
  const DoubleMapping data(fd.get(), offset, capacity, offset, Access::read_write, directory.file("events"), guard);
  // Where the pages come from is decided before there are any.
  core::EventsHeader wishes{};
  wishes.options = option_bits(options) & (core::kOptionHugePages | core::kOptionNumaNode);
  wishes.numa_node = options.numa_node;
  wishes.capacity_bytes = capacity;
  static_cast<void>(apply_memory_options(wishes, data.data(), fd.get()));
  fill(directory, fd.get(), offset + capacity, capacity);

  write_header(*reinterpret_cast<core::EventsHeader*>(head.data()), options, capacity, offset, slots, ring_id);
  set_access(fd.get(), (mode & 0444) | 0600, options.group, directory);
}

// The journal's gate stands at the first event before there is one: nothing goes by while its process is on its way.
void hold_for_journal(core::RegistryHeader& header, std::uint64_t first_sequence) {
  auto& entry = *reinterpret_cast<core::ConsumerEntry*>(reinterpret_cast<std::byte*>(&header) + sizeof header);
  // Relaxed, all of them: nobody else can see the ring yet.
  std::array<char, core::kNameBytes> name{};
  std::memcpy(name.data(), kJournalConsumer, std::strlen(kJournalConsumer));
  for (std::size_t i = 0; i < entry.name.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data() + 8 * i, 8);
    entry.name[i].store_relaxed(word);
  }
  entry.cursor_sequence.store_relaxed(first_sequence - 1);
  entry.policy.store_relaxed(static_cast<std::uint64_t>(core::Policy::gate));
  entry.options.store_relaxed(core::kEntryInPlace | core::kEntryJournal);
  entry.attach_number.store_relaxed(1);
  entry.state.store_relaxed(core::state_word(1, core::EntryState::gating));
  header.next_attach_number.store_relaxed(1);
  header.changes.store_relaxed(1);
}

void write_registry(const Site& site, const PublisherOptions& options, std::uint32_t slots, mode_t mode,
                    const std::array<std::uint64_t, 2>& ring_id) {
  const RingDirectory& directory = site.directory();
  ForkGuard guard;
  const std::uint64_t page = file_page_bytes(directory.fd.get());
  const std::uint64_t bytes = registry_bytes(slots, page);
  const Descriptor fd = allocate(directory, "consumers", bytes, bytes);
  fill(directory, fd.get(), bytes, bytes);
  const FileMapping head(fd.get(), page, Access::read_write, directory.file("consumers"), guard);
  auto& header = *reinterpret_cast<core::RegistryHeader*>(head.data());
  write_header(header, slots, ring_id);
  if (!options.journal.directory.empty()) hold_for_journal(header, options.first_sequence != 0 ? options.first_sequence : 1);
  set_access(fd.get(), registry_mode(mode), options.group, directory);

  // Whoever could open the lock file could hold a dead consumer's byte: only those who may write the registry get it.
  const Descriptor locks = directory.open_file("locks", O_RDWR | O_CREAT | O_EXCL);
  if (!locks) throw_cannot_create(directory.path, bytes, errno);
  set_access(locks.get(), for_classes(mode, 2, 6) | 0600, options.group, directory);
}

}  // namespace

std::optional<HeldRing> make_ring(std::string_view name, const PublisherOptions& options, ForkGuard& guard,
                                  const JournalExtent& extent) {
  check_options(options, name);
  const std::string path = ring_path(name);
  const std::string base = std::filesystem::path(path).filename();
  const std::uint64_t capacity = options.capacity_bytes != 0 ? options.capacity_bytes : core::kDefaultCapacityBytes;
  const std::uint32_t slots = options.consumer_slots != 0 ? options.consumer_slots : core::kDefaultConsumerSlots;
  const mode_t mode = options.mode != 0 ? options.mode : kDefaultMode;
  const Descriptor parent = open_parent(path, capacity);
  sweep_hidden(parent.get(), base);

  Site site(parent.get(), name, base, path, capacity, guard);
  const std::array<std::uint64_t, 2> ring_id{random_word(), random_word()};
  write_events(site, options, capacity, slots, mode, ring_id);
  RINGBOLT_STEP(events_written);
  write_registry(site, options, slots, mode, ring_id);
  RINGBOLT_STEP(registry_written);
  if (!options.journal.directory.empty())
    JournalPageFile::make(site.directory(), ring_id, options.journal, options.journal.own_process, extent);
  set_access(site.directory().fd.get(), for_classes(mode, 4, 5) | 0700, options.group, site.directory());
  if (!site.rename_to(base)) {
    if (errno == EEXIST || errno == ENOTEMPTY) return std::nullopt;
    throw_cannot_create(path, capacity, errno);
  }
  RINGBOLT_STEP(ring_named);
  return site.take();
}

SharedMemory make_shared_memory(std::string_view name, const PublisherOptions& options) {
  check_options(options, name);
  ForkGuard guard;
  const std::uint64_t capacity = options.capacity_bytes != 0 ? options.capacity_bytes : core::kDefaultCapacityBytes;
  const std::uint32_t slots = options.consumer_slots != 0 ? options.consumer_slots : core::kDefaultConsumerSlots;
  const std::array<std::uint64_t, 2> ring_id{random_word(), random_word()};
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::string what = "ring '" + std::string(name) + "'";
  SharedMemory memory{make_memory(what, page + capacity), make_memory(what, registry_bytes(slots, page))};
  const FileMapping events(memory.events.get(), page, Access::read_write, what, guard);
  const FileMapping registry(memory.registry.get(), page, Access::read_write, what, guard);
  write_header(*reinterpret_cast<core::EventsHeader*>(events.data()), options, capacity, page, slots, ring_id);
  write_header(*reinterpret_cast<core::RegistryHeader*>(registry.data()), slots, ring_id);
  return memory;
}

namespace {

// Do the pages behind this mapping come in 2 MiB pieces?
bool mapped_hugely(const std::byte* address) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  char start[20];
  std::snprintf(start, sizeof start, "%lx-", reinterpret_cast<unsigned long>(address));
  bool here = false;
  while (std::getline(maps, line)) {
    if (line.starts_with(start)) {
      here = true;
    } else if (here && (line.starts_with("ShmemPmdMapped:") || line.starts_with("FilePmdMapped:"))) {
      if (line.find_first_of("123456789") != std::string::npos) return true;
    } else if (here && line.starts_with("VmFlags:")) {
      return false;
    }
  }
  return false;
}

bool bind_to_node(std::byte* data, std::uint64_t bytes, int node) {
  if (node < 0 || node >= 1024) return false;
  constexpr std::size_t word_bits = 8 * sizeof(unsigned long);
  std::array<unsigned long, 1024 / word_bits> nodes{};
  nodes[static_cast<std::size_t>(node) / word_bits] = 1UL << (static_cast<std::size_t>(node) % word_bits);
  return sys::mbind(data, bytes, MPOL_BIND, nodes.data(), 1024UL + 1) == 0;
}

}  // namespace

std::uint64_t apply_memory_options(const core::EventsHeader& header, std::byte* data, int fd) {
  const std::uint64_t capacity = header.capacity_bytes;
  std::uint64_t granted = header.options & core::kOptionTimestamps;
  if ((header.options & core::kOptionNumaNode) != 0 && bind_to_node(data, capacity, header.numa_node))
    granted |= core::kOptionNumaNode;
  if ((header.options & core::kOptionHugePages) != 0) sys::madvise(data, 2 * capacity, MADV_HUGEPAGE);
  if ((header.options & core::kOptionPrefault) != 0 && sys::madvise(data, 2 * capacity, MADV_POPULATE_WRITE) == 0)
    granted |= core::kOptionPrefault;
  if ((header.options & core::kOptionLockMemory) != 0 && sys::mlock(data, capacity) == 0) granted |= core::kOptionLockMemory;
  if ((header.options & core::kOptionHugePages) != 0 && (on_hugetlbfs(fd) || mapped_hugely(data)))
    granted |= core::kOptionHugePages;
  return granted;
}

}  // namespace ringbolt::ipc
