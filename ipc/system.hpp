// The one seam for system calls: what the library asks of the kernel about files, memory, locks and threads goes through
// here, under the call's own name and with its own meaning. In builds with the fault hook of `core/step.hpp` a test is asked
// before each call, and may have it fail with an errno or do only a part, wait, or die there; and it is told when the call
// has come back. In every other build nothing is left of that.
//
// Two rules are added, so that they stand in one place. A call that a signal interrupted before it did anything is made again;
// `fsync` and `fdatasync` never are: what an interrupted sync has done is not known (see `storage.hpp`). And no file is written
// beyond RLIMIT_FSIZE: the kernel would send SIGXFSZ, which kills, before it says EFBIG.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

namespace ringbolt::ipc::sys {

// clang-format off
#define RINGBOLT_EACH_CALL(X)                                                                                          \
  X(open) X(close) X(mkdir) X(rename) X(unlink) X(dup) X(list) X(stat) X(statfs)                                                \
  X(truncate) X(allocate) X(chmod) X(chown) X(read) X(write) X(fsync) X(fdatasync)                                     \
  X(lock) X(flock) X(mmap) X(madvise) X(mlock) X(mbind) X(getrlimit) X(getrandom) X(membarrier) X(futex) X(thread) \
  X(memfd) X(seal) X(event) X(socket) X(bind) X(accept) X(connect) X(send) X(receive) X(poll) X(peer)   \
  X(epoll) X(timer) X(watch) X(touch)
// clang-format on

enum class Call : std::uint32_t {
#define RINGBOLT_CALL_NAME(name) name,
  RINGBOLT_EACH_CALL(RINGBOLT_CALL_NAME)
#undef RINGBOLT_CALL_NAME
      count
};

// What the hook answers: 0 to go on, an errno to fail with, or this, to do a part of what was asked.
inline constexpr int kShort = -1;

}  // namespace ringbolt::ipc::sys

#if defined(RINGBOLT_STEPS)
// Nothing is asked, or told, where no test defines them.
extern "C" [[gnu::weak]] int ringbolt_on_call(ringbolt::ipc::sys::Call call);
extern "C" [[gnu::weak]] void ringbolt_after_call(ringbolt::ipc::sys::Call call);
#endif

namespace ringbolt::ipc::sys {

#if defined(RINGBOLT_STEPS)
inline int asked(Call call) noexcept { return ringbolt_on_call != nullptr ? ringbolt_on_call(call) : 0; }
inline void told(Call call) noexcept {
  const int error = errno;
  if (ringbolt_after_call != nullptr) ringbolt_after_call(call);
  errno = error;
}
#else
constexpr int asked(Call /*call*/) noexcept { return 0; }
constexpr void told(Call /*call*/) noexcept {}
#endif

// The call itself, of which the test is told when it has come back.
template <class Function>
auto made(Call call, Function function) noexcept {
  const auto result = function();
  told(call);
  return result;
}

// True, with errno set: the call is not made. For calls that a library makes for us, ask this in front of it.
inline bool refused(Call call) noexcept {
  const int answer = asked(call);
  if (answer <= 0) return false;
  errno = answer;
  return true;
}

template <class Function>
auto uninterrupted(Function function) noexcept {
  auto result = function();
  while (result < 0 && errno == EINTR) result = function();
  return result;
}

template <class Function>
int once(Call call, Function function) noexcept {
  return refused(call) ? -1 : static_cast<int>(made(call, function));
}
template <class Function>
int again(Call call, Function function) noexcept {
  return uninterrupted([&] { return once(call, function); });
}
template <class Function>
ssize_t transfer(Call call, std::size_t bytes, Function function) noexcept {
  return uninterrupted([&]() -> ssize_t {
    const int answer = asked(call);
    if (answer > 0) {
      errno = answer;
      return -1;
    }
    return made(call, [&] { return function(answer == kShort && bytes > 1 ? bytes / 2 : bytes); });
  });
}

inline int getrlimit(int which, struct ::rlimit* limit) noexcept {
  return once(Call::getrlimit, [&] { return ::getrlimit(static_cast<__rlimit_resource>(which), limit); });
}
// With errno set: a file may not be so long.
inline bool too_long(std::uint64_t bytes) noexcept {
  struct ::rlimit limit {};
  if (sys::getrlimit(RLIMIT_FSIZE, &limit) != 0 || bytes <= limit.rlim_cur) return false;
  errno = EFBIG;
  return true;
}

// ---- names ----

inline int openat(int directory, const char* name, int flags, mode_t mode = 0) noexcept {
  return again(Call::open, [&] { return ::openat(directory, name, flags, mode); });
}
inline int open(const char* path, int flags) noexcept { return sys::openat(AT_FDCWD, path, flags); }
inline int mkdirat(int directory, const char* name, mode_t mode) noexcept {
  return again(Call::mkdir, [&] { return ::mkdirat(directory, name, mode); });
}
inline int mkdir(const char* path, mode_t mode) noexcept { return sys::mkdirat(AT_FDCWD, path, mode); }
inline int renameat(int from, const char* name, int to, const char* new_name) noexcept {
  return again(Call::rename, [&] { return ::renameat(from, name, to, new_name); });
}
inline int renameat2(int from, const char* name, int to, const char* new_name, unsigned flags) noexcept {
  return again(Call::rename, [&] { return ::syscall(SYS_renameat2, from, name, to, new_name, flags); });
}
inline int unlinkat(int directory, const char* name, int flags) noexcept {
  return again(Call::unlink, [&] { return ::unlinkat(directory, name, flags); });
}
inline DIR* fdopendir(int fd) noexcept {
  return refused(Call::list) ? nullptr : made(Call::list, [&] { return ::fdopendir(fd); });
}
inline const dirent* readdir(DIR* directory) noexcept {
  return refused(Call::list) ? nullptr : made(Call::list, [&] { return ::readdir(directory); });
}
inline void closedir(DIR* directory) noexcept { ::closedir(directory); }

// ---- descriptors and files ----

// Never again, whatever it says: the descriptor is gone, and its number may be somebody else's by now.
inline void close(int fd) noexcept {
  static_cast<void>(asked(Call::close));
  static_cast<void>(made(Call::close, [&] { return ::close(fd); }));
}
inline int duplicate(int fd) noexcept {
  return once(Call::dup, [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
}
inline int dup3(int fd, int to, int flags) noexcept {
  return once(Call::dup, [&] { return ::dup3(fd, to, flags); });
}
inline int fstat(int fd, struct ::stat* status) noexcept {
  return once(Call::stat, [&] { return ::fstat(fd, status); });
}
inline int fstatat(int directory, const char* name, struct ::stat* status, int flags) noexcept {
  return once(Call::stat, [&] { return ::fstatat(directory, name, status, flags); });
}
inline int stat(const char* path, struct ::stat* status) noexcept { return sys::fstatat(AT_FDCWD, path, status, 0); }
inline int lstat(const char* path, struct ::stat* status) noexcept {
  return sys::fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
inline int statfs(const char* path, struct ::statfs* system) noexcept {
  return again(Call::statfs, [&] { return ::statfs(path, system); });
}
inline int fstatfs(int fd, struct ::statfs* system) noexcept {
  return again(Call::statfs, [&] { return ::fstatfs(fd, system); });
}
inline int ftruncate(int fd, std::uint64_t bytes) noexcept {
  if (too_long(bytes)) return -1;
  return again(Call::truncate, [&] { return ::ftruncate(fd, static_cast<off_t>(bytes)); });
}
inline int fallocate(int fd, std::uint64_t bytes) noexcept {
  if (too_long(bytes)) return -1;
  return again(Call::allocate, [&] { return ::fallocate(fd, 0, 0, static_cast<off_t>(bytes)); });
}
// Unlike posix_fallocate(3) it answers -1 and errno, like its neighbours.
inline int posix_fallocate(int fd, std::uint64_t bytes) noexcept {
  if (too_long(bytes)) return -1;
  return again(Call::allocate, [&] { return (errno = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes))) == 0 ? 0 : -1; });
}
inline int fchmodat(int directory, const char* name, mode_t mode) noexcept {
  return once(Call::chmod, [&] { return ::fchmodat(directory, name, mode, 0); });
}
inline int fchmod(int fd, mode_t mode) noexcept {
  return once(Call::chmod, [&] { return ::fchmod(fd, mode); });
}
inline int fchown(int fd, uid_t user, gid_t group) noexcept {
  return once(Call::chown, [&] { return ::fchown(fd, user, group); });
}
inline ssize_t pread(int fd, void* to, std::size_t bytes, std::uint64_t offset) noexcept {
  return transfer(Call::read, bytes, [&](std::size_t part) { return ::pread(fd, to, part, static_cast<off_t>(offset)); });
}
inline ssize_t pwrite(int fd, const void* from, std::size_t bytes, std::uint64_t offset) noexcept {
  if (too_long(offset + bytes)) return -1;
  return transfer(Call::write, bytes,
                  [&](std::size_t part) { return ::pwrite(fd, from, part, static_cast<off_t>(offset)); });
}
inline int fsync(int fd) noexcept {
  return once(Call::fsync, [&] { return ::fsync(fd); });
}
inline int fdatasync(int fd) noexcept {
  return once(Call::fdatasync, [&] { return ::fdatasync(fd); });
}
inline void drop_from_page_cache(int fd) noexcept { ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

// ---- locks ----

inline int fcntl_lock(int fd, int command, struct ::flock* lock) noexcept {
  return again(Call::lock, [&] { return ::fcntl(fd, command, lock); });
}
inline int flock(int fd, int operation) noexcept {
  return again(Call::flock, [&] { return ::flock(fd, operation); });
}

// ---- memory ----

inline void* mmap(void* address, std::size_t bytes, int protection, int flags, int fd, std::uint64_t offset) noexcept {
  if (refused(Call::mmap)) return MAP_FAILED;
  return made(Call::mmap, [&] { return ::mmap(address, bytes, protection, flags, fd, static_cast<off_t>(offset)); });
}
inline void munmap(void* address, std::size_t bytes) noexcept { ::munmap(address, bytes); }
inline int madvise(void* address, std::size_t bytes, int advice) noexcept {
  return again(Call::madvise, [&] { return ::madvise(address, bytes, advice); });
}
inline int mlock(const void* address, std::size_t bytes) noexcept {
  return once(Call::mlock, [&] { return ::mlock(address, bytes); });
}
inline int mbind(void* address, std::size_t bytes, int mode, const unsigned long* nodes, unsigned long most) noexcept {
  return once(Call::mbind, [&] { return ::syscall(SYS_mbind, address, bytes, mode, nodes, most, 0); });
}

// ---- shares: sealed memory and sockets ----

inline int memfd_create(const char* name, unsigned flags) noexcept {
  return once(Call::memfd, [&] { return ::syscall(SYS_memfd_create, name, flags); });
}
inline int add_seals(int fd, int seals) noexcept {
  return once(Call::seal, [&] { return ::fcntl(fd, F_ADD_SEALS, seals); });
}
inline int get_seals(int fd) noexcept {
  return once(Call::seal, [&] { return ::fcntl(fd, F_GET_SEALS); });
}
inline int eventfd(int flags) noexcept {
  return once(Call::event, [&] { return ::eventfd(0, flags); });
}
// Cannot fail: the counter is far from its end.
inline void signal_event(int fd) noexcept { static_cast<void>(::eventfd_write(fd, 1)); }
inline int socket(int domain, int type) noexcept {
  return once(Call::socket, [&] { return ::socket(domain, type, 0); });
}
inline int bind(int fd, const ::sockaddr* address, socklen_t bytes) noexcept {
  return once(Call::bind, [&] { return ::bind(fd, address, bytes); });
}
inline int listen(int fd, int backlog) noexcept {
  return once(Call::bind, [&] { return ::listen(fd, backlog); });
}
inline int accept4(int fd, int flags) noexcept {
  return once(Call::accept, [&] { return ::accept4(fd, nullptr, nullptr, flags); });
}
inline int connect(int fd, const ::sockaddr* address, socklen_t bytes) noexcept {
  return again(Call::connect, [&] { return ::connect(fd, address, bytes); });
}
inline ssize_t send(int fd, const ::msghdr& message, int flags) noexcept {
  return uninterrupted([&]() -> ssize_t { return refused(Call::send) ? -1 : ::sendmsg(fd, &message, flags); });
}
inline ssize_t receive(int fd, ::msghdr& message, int flags) noexcept {
  return uninterrupted([&]() -> ssize_t { return refused(Call::receive) ? -1 : ::recvmsg(fd, &message, flags); });
}
inline ssize_t receive(int fd, void* to, std::size_t bytes, int flags) noexcept {
  return uninterrupted([&]() -> ssize_t { return refused(Call::receive) ? -1 : ::recv(fd, to, bytes, flags); });
}
inline int poll(::pollfd* watched, std::size_t count, int timeout_ms) noexcept {
  return again(Call::poll, [&] { return ::poll(watched, count, timeout_ms); });
}
// What the kernel knows about who is at the other end of a socket: an option of SOL_SOCKET.
inline int peer_option(int fd, int option, void* to, socklen_t* bytes) noexcept {
  return once(Call::peer, [&] { return ::getsockopt(fd, SOL_SOCKET, option, to, bytes); });
}

// ---- waiting on a descriptor ----

inline int epoll_create() noexcept {
  return once(Call::epoll, [&] { return ::epoll_create1(EPOLL_CLOEXEC); });
}
inline int epoll_add(int epoll, int fd) noexcept {
  ::epoll_event readable{};
  readable.events = EPOLLIN;
  return once(Call::epoll, [&] { return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &readable); });
}
inline int timerfd_create(clockid_t clock, int flags) noexcept {
  return once(Call::timer, [&] { return ::timerfd_create(clock, flags); });
}
// Cannot fail: the descriptor is a timer, and the time a time.
inline void timerfd_settime(int fd, const ::itimerspec& when) noexcept { ::timerfd_settime(fd, 0, &when, nullptr); }
inline int inotify_init(int flags) noexcept {
  return once(Call::watch, [&] { return ::inotify_init1(flags); });
}
// 0, or -1 with errno set.
inline int inotify_add_watch(int fd, const char* path, std::uint32_t events) noexcept {
  return once(Call::watch, [&] { return ::inotify_add_watch(fd, path, events) < 0 ? -1 : 0; });
}
inline ssize_t read(int fd, void* to, std::size_t bytes) noexcept {
  return uninterrupted([&] { return ::read(fd, to, bytes); });
}
// Sets a file's times to now.
inline int touch(int directory, const char* file) noexcept {
  return once(Call::touch, [&] { return ::utimensat(directory, file, nullptr, AT_SYMLINK_NOFOLLOW); });
}

// ---- the process ----

inline ssize_t getrandom(void* to, std::size_t bytes) noexcept {
  return transfer(Call::getrandom, bytes, [&](std::size_t part) { return ::getrandom(to, part, 0); });
}
inline int membarrier(int command) noexcept {
  return once(Call::membarrier, [&] { return ::syscall(SYS_membarrier, command, 0, 0); });
}
// Whoever waits looks again, whatever it answers.
inline int futex_wait(const void* word, std::uint32_t seen, const timespec& timeout) noexcept {
  return once(Call::futex, [&] { return ::syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, nullptr, 0); });
}
inline int futex_wake(const void* word, int most) noexcept {
  return static_cast<int>(::syscall(SYS_futex, word, FUTEX_WAKE, most, nullptr, nullptr, 0));
}
inline void nanosleep(const timespec& duration) noexcept { ::nanosleep(&duration, nullptr); }
inline bool process_exists(std::uint64_t pid) noexcept { return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM; }
// Throws std::system_error, as std::thread does.
template <class Function>
std::thread start_thread(Function&& function) {
  if (refused(Call::thread)) throw std::system_error(errno, std::generic_category(), "thread");
  return std::thread(std::forward<Function>(function));
}

}  // namespace ringbolt::ipc::sys
