#include <linux/fs.h>

#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/parking.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/removal.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace ringbolt::ipc {
namespace {

// Names in a directory, `.` and `..` left out. Takes the descriptor.
std::vector<std::string> names_in(int fd) {
  std::vector<std::string> names;
  DIR* const directory = sys::fdopendir(fd);
  if (directory == nullptr) {
    sys::close(fd);
    return names;
  }
  while (const dirent* entry = sys::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  sys::closedir(directory);
  return names;
}

// Of a directory only if it is empty: no ring makes any.
void remove_entry(int directory, const char* name) noexcept {
  if (sys::unlinkat(directory, name, 0) != 0) sys::unlinkat(directory, name, AT_REMOVEDIR);
}

}  // namespace

bool remove_directory(int parent, const char* name) noexcept {
  const int fd = sys::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    const Descriptor keep(sys::duplicate(fd));
    for (const std::string& file : names_in(fd)) remove_entry(keep.get(), file.c_str());
  }
  return sys::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;  // then somebody else has swept it away
}

void remove_site(int parent, int fd, const char* name) noexcept {
  for (const char* file : {"events", "consumers", "locks", "lease", "journal", ".journal.new"}) sys::unlinkat(fd, file, 0);
  sys::unlinkat(parent, name, AT_REMOVEDIR);
}

std::uint64_t random_word() noexcept {
  std::uint64_t word = 0;
  if (sys::getrandom(&word, sizeof word) != sizeof word)
    word = monotonic_ns() ^ static_cast<std::uint64_t>(::getpid()) << 32;
  return word;
}

std::string hidden_name(const std::string& base, const char* kind) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(random_word()));
  return "." + base + "." + kind + "-" + digits.data();
}

void sweep_hidden(int parent, const std::string& base) {
  const int listing = sys::openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) return;
  for (const std::string& name : names_in(listing)) {
    if (!name.starts_with("." + base + ".new-") && !name.starts_with("." + base + ".gone-")) continue;
    const Descriptor site(sys::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Whoever takes the lease owns the directory: a creator that finds it taken goes elsewhere.
    const Descriptor lease(sys::openat(site.get(), "lease", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (lease && try_lock_byte(lease.get(), kPublisherByte)) static_cast<void>(remove_directory(parent, name.c_str()));
  }
}

void sweep_alive_files(int ring, std::uint64_t epoch) {
  const std::string own = "alive." + std::to_string(epoch);
  const int listing = sys::openat(ring, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) return;
  for (const std::string& name : names_in(listing)) {
    if (name.starts_with("alive.") && name != own) sys::unlinkat(ring, name.c_str(), 0);
  }
}

}  // namespace ringbolt::ipc

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): a function of the outer namespace made of the inner one

namespace {

// The name of the ring in `.BASE.new-…` or `.BASE.gone-…`; empty: it is another name.
std::string base_of_hidden(const std::string& name) {
  constexpr std::size_t digits = 16;
  const std::size_t dash = name.rfind('-');
  if (!name.starts_with('.') || dash == std::string::npos || name.size() != dash + 1 + digits) return {};
  for (const std::string_view kind : {".new", ".gone"}) {
    const std::string_view front(name.data(), dash);
    if (front.ends_with(kind) && front.size() > kind.size() + 1) return name.substr(1, dash - kind.size() - 1);
  }
  return {};
}

// Does nobody hold the hidden directory? Not for what cannot be looked at.
bool is_left(int parent, const std::string& name) {
  const Descriptor site(sys::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!site) return false;
  const Descriptor lease(sys::openat(site.get(), "lease", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return lease ? !byte_is_locked(lease.get(), kPublisherByte) : errno == ENOENT;
}

Descriptor open_directory(const std::string& path) {
  return Descriptor(sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Whoever misspells a path must not lose what is there.
void check_is_ring(const RingDirectory& directory) {
  struct stat status {};
  for (const char* file : {"events", "consumers", "locks", "lease"}) {
    if (sys::fstatat(directory.fd.get(), file, &status, AT_SYMLINK_NOFOLLOW) == 0) return;
  }
  if (!directory.still_there()) return;  // somebody else is removing it, which is another answer
  throw Error(Code::damaged, directory.path + " is not a ring: there is none of a ring's files in it: choose another name");
}
void check_holds_nothing_else(const RingDirectory& directory, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    const int listing = sys::openat(directory.fd.get(), file.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (listing < 0 || names_in(listing).empty()) continue;
    throw Error(Code::damaged, "cannot remove ring " + directory.path + ": in it is the directory '" + file +
                                   "', which is not empty and not of a ring's making: move it elsewhere first");
  }
}

// The directory is renamed by name, so somebody else's new ring might be hit in its place: then it gets its name back. Once it is
// hidden whoever makes the next ring may sweep it away, if nobody holds its lease: then it is gone, as was wanted.
bool hide(int parent, const std::string& base, const std::string& hidden, const RingDirectory& directory) {
  if (sys::renameat(parent, base.c_str(), parent, hidden.c_str()) != 0) return false;
  RINGBOLT_STEP(ring_hidden);
  struct stat meant {};
  struct stat hit {};
  const bool swept = sys::fstatat(parent, hidden.c_str(), &hit, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
  sys::fstat(directory.fd.get(), &meant);
  if (swept && meant.st_nlink == 0) return true;
  if (meant.st_ino == hit.st_ino && meant.st_dev == hit.st_dev) return true;
  sys::renameat2(parent, hidden.c_str(), parent, base.c_str(), RENAME_NOREPLACE);
  errno = ENOENT;
  return false;
}

}  // namespace

std::vector<std::string> list_leftovers(const std::string& directory) {
  const Descriptor parent = open_directory(directory);
  const int listing = parent ? sys::openat(parent.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (listing < 0) return {};
  std::vector<std::string> names = names_in(listing);
  std::erase_if(names,
                [&](const std::string& name) { return base_of_hidden(name).empty() || !is_left(parent.get(), name); });
  if (names.empty()) return names;
  constexpr std::uint64_t nap_ns = 20'000'000;  // a directory that is just being made is held by nobody for a moment
  sleep_ns(nap_ns);
  std::erase_if(names, [&](const std::string& name) { return !is_left(parent.get(), name); });
  std::ranges::sort(names);
  return names;
}

void sweep_leftovers(const std::string& directory) {
  const std::vector<std::string> names = list_leftovers(directory);
  const Descriptor parent = open_directory(directory);
  for (const std::string& name : names) {
    if (parent) sweep_hidden(parent.get(), base_of_hidden(name));
  }
}

void remove_ring(std::string_view name, bool force) {
  const RingDirectory directory = RingDirectory::open(name);
  const std::filesystem::path path(directory.path);
  const std::string base = path.filename();
  const Descriptor parent(sys::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const auto refuse = [&](int error) {
    const std::string what = "cannot remove ring " + directory.path;
    if (error == ENOENT)
      throw Error(Code::not_found, what + ": " + std::strerror(error) + ": somebody else has just removed it", error);
    throw_refused(what, error, "only its owner can");
  };
  if (!parent) refuse(errno);
  check_is_ring(directory);

  ForkGuard guard;
  const Descriptor lease = directory.open_file("lease", O_RDWR | O_CREAT, guard);
  // What lies in the lease's place and is no file, nobody can publish with.
  const bool no_file = !lease && (errno == EISDIR || errno == ELOOP || errno == ENXIO || errno == ENODEV);
  if (!lease && !no_file) refuse(errno);
  if (lease && !try_lock_byte(lease.get(), kPublisherByte) && !force) {
    throw Error(Code::in_use, "ring '" + std::string(name) +
                                  "' has a live publisher: stop it first, or remove the ring under it with --force");
  }
  if (!directory.still_there()) refuse(ENOENT);
  // What takes a descriptor comes first, so that a lack of them leaves the ring whole.
  const int listing = sys::openat(directory.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) refuse(errno);
  const std::vector<std::string> files = names_in(listing);
  check_holds_nothing_else(directory, files);
  // The registry tells publisher and consumers to look; a ring too damaged to have one is removed all the same. It is
  // told before the deed, so that a death in between leaves nobody who was not told.
  std::optional<Registry> registry;
  try {
    registry.emplace(directory, Access::read_write, guard);
    registry->header().removed.store_release(1);
    RINGBOLT_STEP(removal_told);
  } catch (const Error&) {
  }
  const std::string hidden = hidden_name(base, "gone");
  if (!hide(parent.get(), base, hidden, directory)) refuse(errno);
  for (const std::string& file : files) remove_entry(directory.fd.get(), file.c_str());
  const bool gone = remove_directory(parent.get(), hidden.c_str()) ||  // and what a publisher has put there meanwhile
                    remove_directory(parent.get(), hidden.c_str());
  const int error = gone ? 0 : errno;
  RINGBOLT_STEP(ring_emptied);
  sweep_hidden(parent.get(), base);
  if (registry) {
    registry->sleepers().wake_all();
    registry->gate_sleepers().wake_all();
  }
  if (!gone) {
    throw_refused("ring " + directory.path + " is removed, but its memory is still in use by files in " +
                      std::string(path.parent_path() / hidden) + " that cannot be",
                  error, "only its owner can");
  }
}

}  // namespace ringbolt
