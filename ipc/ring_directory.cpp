#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/page_size.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace ringbolt {

namespace {

std::string default_parent_directory() { return "/dev/shm/ringbolt-" + std::to_string(::geteuid()); }

}  // namespace

std::string ring_parent_directory() {
  if (const char* chosen = std::getenv("RINGBOLT_DIR"); chosen != nullptr && *chosen != '\0') return chosen;
  return default_parent_directory();
}

std::vector<std::string> list_rings() {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(ring_parent_directory(), missing)) {
    const std::string name = entry.path().filename();
    std::error_code ignored;
    if (name.front() != '.' && std::filesystem::exists(entry.path() / "events", ignored)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace ringbolt

namespace ringbolt::ipc {

void check_name(std::string_view name, const char* whose) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  std::string quoted = std::string(whose) + " '" + std::string(name.substr(0, 80)) + "'";
  std::ranges::replace(quoted, '\0', '?');  // would end the sentence
  if (name.empty())
    throw Error(Code::bad_name, std::string("the ") + whose + " is empty: give 1 to 64 characters of A-Z a-z 0-9 . _ -");
  if (name.size() > kLongestName) {
    throw Error(Code::bad_name,
                "the " + quoted + " has " + std::to_string(name.size()) + " characters: at most 64 are allowed");
  }
  if (!std::ranges::all_of(name, allowed) || name.front() == '.') {
    throw Error(Code::bad_name,
                "the " + quoted + " has characters that are not allowed: use A-Z a-z 0-9 . _ - and no dot in front");
  }
}

std::string ring_path(std::string_view name) {
  const bool is_path = name.find('/') != std::string_view::npos;
  while (name.size() > 1 && name.back() == '/') name.remove_suffix(1);  // a trailing slash is what completion leaves
  check_name(name.substr(name.rfind('/') + 1), "ring name");
  const std::string given = (is_path ? "" : ring_parent_directory() + "/") + std::string(name);
  std::error_code gone;
  std::string path = std::filesystem::absolute(given, gone);  // a later chdir must not change what is meant
  if (gone) {
    throw Error(Code::not_found,
                "cannot tell where " + given.substr(0, 80) + " is, as the working directory is gone: give an absolute path",
                gone.value());
  }
  if (path.size() >= PATH_MAX) {
    throw Error(Code::bad_name, "the path '" + path.substr(0, 80) + "...' is too long for a ring name: at most " +
                                    std::to_string(PATH_MAX - 1) + " characters are allowed");
  }
  if (path.find('\0') != std::string::npos) {
    throw Error(Code::bad_name, std::string("the ring name '") + path.c_str() +
                                    "...' has a zero byte in it, which is not allowed: give a path without");
  }
  return path;
}

namespace {

// The ring that was most likely meant: the closest name by the number of letters to change, if it is close at all.
std::string suggestion(std::string_view name) {
  std::string best;
  std::size_t best_distance = 3;
  for (const std::string& other : list_rings()) {
    std::vector<std::size_t> row(other.size() + 1);
    for (std::size_t j = 0; j <= other.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= name.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= other.size(); ++j) {
        const std::size_t substituted = diagonal + (name[i - 1] == other[j - 1] ? 0 : 1);
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substituted}));
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = other;
    }
  }
  return best;
}

[[noreturn]] void throw_not_found(std::string_view name, const std::string& path) {
  const std::string near = suggestion(name);
  throw Error(Code::not_found,
              "no ring '" + std::string(name) + "' at " + path + ": " +
                  (near.empty() ? "create it by publishing to it; `ringbolt ls` shows the rings there are"
                                : "did you mean '" + near + "'?"),
              ENOENT);
}

constexpr const char* kOwnerDecides = "the ring's owner decides who may, with --mode and --group at its creation";

void check_header(const core::EventsHeader& header, const std::string& path) {
  if (header.magic == __builtin_bswap64(core::kEventsMagic)) {
    throw Error(Code::foreign_layout, path + " was made on a machine with the other byte order: it can only be read there");
  }
  if (header.magic != core::kEventsMagic) {
    throw Error(Code::damaged,
                path + " is not a ring, or its header is damaged (no magic number): remove it with `ringbolt rm --force`");
  }
  if (header.layout_version != core::kLayoutVersion) {
    throw Error(Code::wrong_version, path + " has layout version " + std::to_string(header.layout_version) +
                                         " and this library reads version " + std::to_string(core::kLayoutVersion) +
                                         ": use the same Ringbolt release for both");
  }
  if (header.byte_order != core::kByteOrderMark || header.fingerprint != core::layout_fingerprint()) {
    throw Error(
        Code::foreign_layout,
        path + " was made by a build whose structs have other sizes or offsets: use the same Ringbolt release for both");
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  if (header.checksum != core::fnv1a(bytes, offsetof(core::EventsHeader, checksum)) ||
      !core::is_capacity(header.capacity_bytes) || header.first_sequence == 0 ||
      header.first_sequence > core::kLargestFirstSequence || header.consumer_slots == 0 ||
      header.consumer_slots > core::kMaxConsumerSlots) {
    throw Error(Code::damaged,
                path + " has a damaged header (its checksum does not match): remove it with `ringbolt rm --force`");
  }
}

// Why a path that should lead to a regular file leads to none: a directory, a link, a device, a socket or a pipe.
bool is_no_file(int error) { return error == EISDIR || error == ELOOP || error == ENXIO || error == ENODEV; }

}  // namespace

void throw_refused(const std::string& what, int error, const char* whose_right) {
  if (is_no_file(error))
    throw Error(Code::damaged, what + ": it is no regular file: remove the ring with `ringbolt rm --force`", error);
  if (error == ENOSPC || error == EDQUOT)
    throw Error(Code::no_space, what + ": " + std::strerror(error) + ": make room in its file system", error);
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  throw Error(
      denied ? Code::not_allowed : Code::system,
      what + ": " + std::strerror(error) + ": " + (denied ? whose_right : "check the process's limits (`ulimit -a`)"),
      error);
}

const char* why_not_trusted(int directory, bool any_owner) noexcept {
  struct stat status {};
  if (sys::fstat(directory, &status) != 0) return "cannot be looked at";
  if (!any_owner && status.st_uid != ::geteuid() && status.st_uid != 0) return "belongs to somebody else";
  if ((status.st_mode & S_ISVTX) != 0) return nullptr;  // sticky: nobody renames what is not theirs
  if ((status.st_mode & S_IWOTH) != 0) return "can be written by everybody";
  if ((status.st_mode & S_IWGRP) != 0) return "can be written by its group";
  return nullptr;
}

namespace {

// Where a ring's directory is looked for. The parent of a name without slash was not chosen with the name: somebody else
// could have been there first. A path is followed wherever whoever gave it wants to go.
Descriptor open_ring_directory(std::string_view name, const std::string& path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if (name.find('/') != std::string_view::npos) return Descriptor(sys::open(path.c_str(), flags));
  const std::filesystem::path whole(path);
  const Descriptor parent(sys::open(whole.parent_path().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!parent) return {};
  if (const char* why = why_not_trusted(parent.get(), ring_parent_directory() != default_parent_directory())) {
    throw Error(Code::not_allowed, "cannot look for ring '" + std::string(name) + "' in " + whole.parent_path().string() +
                                       ", which " + why +
                                       ", who could put another ring in its place: choose another directory with "
                                       "RINGBOLT_DIR, or give the ring's path");
  }
  return Descriptor(sys::openat(parent.get(), whole.filename().c_str(), flags));
}

}  // namespace

RingDirectory RingDirectory::open(std::string_view name) {
  if (name.starts_with(kSharePrefix)) {
    throw Error(Code::bad_option, std::string(name) +
                                      " is a share, which is for consumers alone: attach, or `ringbolt tail`; "
                                      "for anything else ask who publishes it");
  }
  RingDirectory directory{std::string(name), ring_path(name), {}};
  directory.fd = open_ring_directory(name, directory.path);
  if (!directory.fd) {
    if (errno == ENOENT) throw_not_found(name, directory.path);
    if (errno == ENOTDIR || errno == ELOOP) {
      throw Error(Code::damaged,
                  directory.path +
                      " is not a ring: it, or what it lies in, is no directory, or a symbolic link: choose another name",
                  errno);
    }
    throw_refused("cannot open " + directory.path, errno, kOwnerDecides);
  }
  return directory;
}

namespace {

// Where somebody has put a pipe, O_NONBLOCK keeps open(2) from waiting for its other end; it means nothing for a file.
constexpr int kAlways = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
constexpr mode_t kPrivate = 0600;

// Whatever else can be opened is closed again.
Descriptor regular(Descriptor opened) noexcept {
  struct stat status {};
  if (!opened) return opened;
  const int error = sys::fstat(opened.get(), &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : ENXIO;
  if (error != 0) opened = {};
  errno = error;
  return opened;
}

}  // namespace

Descriptor RingDirectory::open_file(const char* file, int flags) const noexcept {
  return regular(Descriptor(sys::openat(fd.get(), file, flags | kAlways, kPrivate)));
}

Descriptor RingDirectory::open_file(const char* file, int flags, ForkGuard& guard) const {
  return regular(Descriptor(guard.open_guarded(fd.get(), file, flags | kAlways, kPrivate)));
}

std::uint64_t bytes_in(int fd, const std::string& path) {
  struct stat status {};
  if (sys::fstat(fd, &status) != 0) throw_refused("cannot look at " + path, errno, kOwnerDecides);
  return static_cast<std::uint64_t>(status.st_size);
}

bool RingDirectory::still_there() const noexcept {
  struct stat held {};
  struct stat named {};
  return sys::fstat(fd.get(), &held) == 0 && sys::lstat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

bool RingDirectory::removed() const noexcept {
  struct stat held {};
  return sys::fstat(fd.get(), &held) == 0 && held.st_nlink == 0;
}

EventsFile::EventsFile(const RingDirectory& directory, Access access, ForkGuard& guard) {
  const std::string path = directory.file("events");
  const Descriptor fd = directory.open_file("events", access == Access::read_only ? O_RDONLY : O_RDWR);
  if (!fd) {
    if (errno != ENOENT) throw_refused("cannot open " + path, errno, kOwnerDecides);
    if (!directory.still_there()) throw_not_found(directory.name, directory.path);
    throw Error(Code::damaged, directory.path + " is not a ring: there is no file `events` in it: choose another name",
                ENOENT);
  }
  map(fd.get(), path, access, guard);
}

EventsFile::EventsFile(const Descriptor& file, const std::string& path, Access access, ForkGuard& guard) {
  map(file.get(), path, access, guard);
}

void EventsFile::map(int fd, const std::string& path, Access access, ForkGuard& guard) {
  const std::uint64_t file_bytes = bytes_in(fd, path);
  const auto too_short = [&] {
    return Error(Code::too_short, path + " has " + std::to_string(file_bytes) +
                                      " bytes and ends before its data: remove it with `ringbolt rm --force`");
  };
  const std::uint64_t page = file_page_bytes(fd);
  if (file_bytes < page) throw too_short();
  head_ = FileMapping(fd, page, access, path, guard);
  core::EventsHeader& seen = header();
  check_header(seen, path);
  const std::uint64_t offset = seen.data_offset;
  capacity_ = seen.capacity_bytes;
  first_sequence_ = seen.first_sequence;
  consumer_slots_ = seen.consumer_slots;
  if (!core::is_capacity(capacity_) || offset % page != 0 || offset < sizeof(core::EventsHeader) ||
      offset > kLargestPageBytes) {
    throw Error(Code::foreign_layout, path + " was made for another page size: it can only be read on such a machine");
  }
  if (file_bytes < offset + capacity_) throw too_short();
  data_ = DoubleMapping(fd, offset, capacity_, offset > page ? offset : page, access, path, guard);
}

bool publisher_is_alive(const RingDirectory& directory, const core::EventsHeader& header) {
  for (;;) {
    const std::uint64_t epoch = header.epoch.load_acquire();
    if (epoch == 0) return false;
    const Descriptor alive = directory.open_file(("alive." + std::to_string(epoch)).c_str(), O_RDONLY);
    if (alive) return byte_is_locked(alive.get(), kPublisherByte);
    if (errno != ENOENT && !is_no_file(errno))  // then nobody knows
      throw_refused("cannot see whether a publisher of " + directory.path + " lives", errno, kOwnerDecides);
    if (header.epoch.load_acquire() == epoch) return false;  // otherwise a successor has just taken over: look again
  }
}

Descriptor make_alive_file(const RingDirectory& directory, std::uint64_t epoch, ForkGuard& guard) {
  constexpr const char* hidden = ".alive.new";
  sys::unlinkat(directory.fd.get(), hidden, 0);
  const auto fail = [&](const char* what) {
    const int error = errno;
    const std::string sentence =
        std::string("cannot ") + what + " " + directory.file(hidden) + ": " + std::strerror(error) + ": ";
    if (error == EISDIR || error == EEXIST)  // a directory in its place, which nobody of ours has made
      return Error(Code::damaged, sentence + "remove the ring with `ringbolt rm --force`", error);
    return Error(error == ENOSPC || error == EDQUOT ? Code::no_space : Code::system,
                 sentence + "check the room in its file system and the process's limits (`ulimit -a`)", error);
  };
  Descriptor alive = directory.open_file(hidden, O_RDWR | O_CREAT | O_EXCL, guard);
  if (!alive) throw fail("create");
  if (!try_lock_byte(alive.get(), kPublisherByte)) throw fail("lock");
  struct stat events {};
  if (sys::fstatat(directory.fd.get(), "events", &events, AT_SYMLINK_NOFOLLOW) != 0) throw fail("find the rights for");
  // Whoever may read the events may ask whether the publisher lives.
  if (sys::fchmod(alive.get(), events.st_mode & 0644) != 0) throw fail("set the rights of");
  if (sys::fchown(alive.get(), static_cast<uid_t>(-1), events.st_gid) != 0) throw fail("set the group of");
  const std::string name = "alive." + std::to_string(epoch);
  if (sys::renameat(directory.fd.get(), hidden, directory.fd.get(), name.c_str()) != 0) throw fail("rename");
  return alive;
}

}  // namespace ringbolt::ipc
