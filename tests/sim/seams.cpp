// Where production code meets the system, the simulator stands in: by its own definition of what `ipc/parking.hpp` and
// `ipc/storage.hpp` declare, and by the linker's --wrap for the few system calls that tell the time, wait, or take something
// that the kernel gives back at a death. Files of the ring, the registry, locks and cursors are real, on a tmpfs.
#include <ringbolt/core/step.hpp>
#include <ringbolt/ipc/fast_clock.hpp>
#include <ringbolt/ipc/parking.hpp>
#include <ringbolt/ipc/segment_maker.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstring>
#include <functional>
#include <utility>

#include "disk.hpp"
#include "machine.hpp"

namespace ringbolt::sim {
namespace {
std::uint64_t until_action = 0;
std::function<void()> action;
constexpr std::uint64_t kWallNs = 1'700'000'000'000'000'000;
}  // namespace
void at_access(std::uint64_t nth, std::function<void()> what) {
  action = std::move(what);
  until_action = nth;
}
bool waits_for_access() noexcept { return until_action != 0; }
}  // namespace ringbolt::sim

using ringbolt::sim::Machine;

// ---- the hooks of production code ---------------------------------------------------------------------------------------------

extern "C" void ringbolt_on_access() {
  if (Machine* const machine = Machine::current()) return machine->point();
  if (ringbolt::sim::until_action != 0 && --ringbolt::sim::until_action == 0) ringbolt::sim::action();
}
extern "C" void ringbolt_on_step(ringbolt::core::Step /*step*/) { ringbolt_on_access(); }

namespace ringbolt::ipc {

bool processor_ticks_hold() noexcept { return false; }  // the machine has its own time
bool register_for_barriers() noexcept { return true; }
// One thread sees its own stores in order.
bool barrier_in_all_processes() noexcept {
  ringbolt_on_access();
  return true;
}
void futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t timeout_ns) noexcept {
  if (Machine* const machine = Machine::current()) machine->futex_wait(word, seen, timeout_ns);
}
void futex_wake_all(const core::Word32& /*word*/) noexcept {
  ringbolt_on_access();
  if (Machine* const machine = Machine::current()) machine->futex_wake();
}
void Bell::ring() const noexcept { ringbolt_on_access(); }  // nobody here waits on a descriptor
void sleep_ns(std::uint64_t duration_ns) noexcept {
  if (Machine* const machine = Machine::current()) machine->sleep(duration_ns);
}
void yield_processor() noexcept { sleep_ns(1'000); }

}  // namespace ringbolt::ipc

// ---- system calls -------------------------------------------------------------------------------------------------------------

extern "C" {

int __real_clock_gettime(clockid_t clock, timespec* now);
int __real_open(const char* path, int flags, ...);
int __real_openat(int directory, const char* path, int flags, ...);
int __real_close(int fd);
void* __real_mmap(void* address, std::size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void* address, std::size_t bytes);
int __real_statfs(const char* path, struct statfs* system);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
ssize_t __real_getrandom(void* to, std::size_t bytes, unsigned flags);
void __real__ZN8ringbolt3ipc12SegmentMakerC1ERNS0_7StorageEb(void* self, void* storage, bool with_thread);

int __wrap_clock_gettime(clockid_t clock, timespec* now) {
  const Machine* const machine = Machine::current();
  if (machine == nullptr) return __real_clock_gettime(clock, now);
  const std::uint64_t ns = machine->now_ns() + (clock == CLOCK_REALTIME ? ringbolt::sim::kWallNs : 0);
  *now = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  return 0;
}

int __wrap_nanosleep(const timespec* duration, timespec* /*left*/) {
  ringbolt::ipc::sleep_ns(static_cast<std::uint64_t>(duration->tv_sec) * 1'000'000'000 +
                          static_cast<std::uint64_t>(duration->tv_nsec));
  return 0;
}

int __wrap_sched_yield() {
  ringbolt::ipc::yield_processor();
  return 0;
}

int __wrap_open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int fd = __real_open(path, flags, (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0);
  va_end(rest);
  if (Machine* const machine = Machine::current()) machine->opened(fd);
  return fd;
}

int __wrap_openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int fd = __real_openat(directory, path, flags, (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0);
  va_end(rest);
  if (Machine* const machine = Machine::current()) machine->opened(fd);
  return fd;
}

int __wrap_close(int fd) {
  if (Machine* const machine = Machine::current()) machine->closed(fd);
  return __real_close(fd);
}

void* __wrap_mmap(void* address, std::size_t bytes, int protection, int flags, int fd, off_t offset) {
  void* const made = __real_mmap(address, bytes, protection, flags, fd, offset);
  if (Machine* const machine = Machine::current(); machine != nullptr && made != MAP_FAILED) machine->mapped(made, bytes);
  return made;
}

int __wrap_munmap(void* address, std::size_t bytes) {
  if (Machine* const machine = Machine::current()) machine->unmapped(address, bytes);
  return __real_munmap(address, bytes);
}

// The journal's directory is on a disk, whatever holds its lock and its cursors here.
int __wrap_statfs(const char* path, struct statfs* system) {
  const int result = __real_statfs(path, system);
  const std::size_t length = std::strlen(path);
  if (result == 0 && length > 8 && std::strcmp(path + length - 8, "/journal") == 0) system->f_type = 0xEF53;
  return result;
}

int __wrap_fdatasync(int fd) {
  ringbolt_on_access();
  if (ringbolt::sim::Disk* const disk = ringbolt::sim::Disk::current()) disk->cursor_synced(fd);
  return 0;
}
int __wrap_fsync(int fd) { return __wrap_fdatasync(fd); }

ssize_t __wrap_getrandom(void* to, std::size_t bytes, unsigned flags) {
  ringbolt::sim::Disk* const disk = ringbolt::sim::Disk::current();
  if (disk == nullptr) return __real_getrandom(to, bytes, flags);
  auto* const out = static_cast<unsigned char*>(to);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<unsigned char>(disk->random_word());
  return static_cast<ssize_t>(bytes);
}

// Segments are made by whoever needs them: a thread of its own would not repeat exactly.
void __wrap__ZN8ringbolt3ipc12SegmentMakerC1ERNS0_7StorageEb(void* self, void* storage, bool /*with_thread*/) {
  __real__ZN8ringbolt3ipc12SegmentMakerC1ERNS0_7StorageEb(self, storage, false);
}

}  // extern "C"
