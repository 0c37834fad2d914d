#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ringbolt/ipc/parking.hpp>

#include <climits>

namespace ringbolt::ipc {
namespace {

timespec to_timespec(std::uint64_t ns) noexcept {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

bool register_for_barriers() noexcept {
  // Registering twice is cheap, so a forked child, which must register again, needs no special case.
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

bool barrier_in_all_processes() noexcept { return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0; }

// std::atomic::wait would not do: the standard library's futexes are private to one process.
void futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t timeout_ns) noexcept {
  const timespec timeout = to_timespec(timeout_ns);
  ::syscall(SYS_futex, word.address(), FUTEX_WAIT, seen, &timeout, nullptr, 0);
}

void futex_wake_all(const core::Word32& word) noexcept {
  ::syscall(SYS_futex, word.address(), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void sleep_ns(std::uint64_t duration_ns) noexcept {
  const timespec duration = to_timespec(duration_ns);
  ::nanosleep(&duration, nullptr);
}

void yield_processor() noexcept { ::sched_yield(); }

}  // namespace ringbolt::ipc
