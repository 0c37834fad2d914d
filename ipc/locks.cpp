#include <sched.h>
#include <string.h>

#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/system.hpp>

#include <cerrno>

namespace ringbolt::ipc {
namespace {

struct flock one_byte(std::uint64_t byte, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

[[noreturn]] void throw_cannot_lock(const char* what, int error) {
  throw Error(Code::system,
              std::string("cannot ") + what + " a byte of a ring's lock file: " + ::strerror(error) +
                  ": the file system must support open-file-description locks (tmpfs, ext4, xfs and btrfs do)",
              error);
}

bool try_once(int fd, std::uint64_t byte) {
  struct flock lock = one_byte(byte, F_WRLCK);
  if (sys::fcntl_lock(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw_cannot_lock("lock", errno);
}

}  // namespace

bool try_lock_byte(int fd, std::uint64_t byte) {
  if (try_once(fd, byte)) return true;
  ::sched_yield();
  return try_once(fd, byte);
}

bool lock_byte_for(int fd, std::uint64_t byte, std::int64_t timeout_ns) {
  const Deadline deadline{std::chrono::nanoseconds(timeout_ns)};
  while (!try_once(fd, byte)) {
    if (deadline.passed()) return false;
    const timespec nap{0, 200'000};
    sys::nanosleep(nap);
  }
  return true;
}

void unlock_byte(int fd, std::uint64_t byte) noexcept {
  struct flock lock = one_byte(byte, F_UNLCK);
  sys::fcntl_lock(fd, F_OFD_SETLK, &lock);
}

bool byte_is_locked(int fd, std::uint64_t byte) {
  struct flock lock = one_byte(byte, F_RDLCK);  // conflicts with an exclusive lock alone
  if (sys::fcntl_lock(fd, F_OFD_GETLK, &lock) != 0) throw_cannot_lock("see who has locked", errno);
  return lock.l_type != F_UNLCK;
}

}  // namespace ringbolt::ipc
