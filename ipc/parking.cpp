#include <linux/membarrier.h>
#include <sched.h>
#include <time.h>

#include <ringbolt/ipc/parking.hpp>
#include <ringbolt/ipc/system.hpp>

#include <climits>

namespace ringbolt::ipc {
namespace {

timespec to_timespec(std::uint64_t ns) noexcept {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

bool register_for_barriers() noexcept {
  // Registering twice is cheap, so a forked child, which must register again, needs no special case.
  return sys::membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;
}

bool barrier_in_all_processes() noexcept { return sys::membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0; }

// std::atomic::wait would not do: the standard library's futexes are private to one process.
void futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t timeout_ns) noexcept {
  const timespec timeout = to_timespec(timeout_ns);
  static_cast<void>(sys::futex_wait(word.address(), seen, timeout));  // whatever it answers, the caller looks again
}

void futex_wake_all(const core::Word32& word) noexcept { static_cast<void>(sys::futex_wake(word.address(), INT_MAX)); }

void sleep_ns(std::uint64_t duration_ns) noexcept {
  const timespec duration = to_timespec(duration_ns);
  sys::nanosleep(duration);
}

void Bell::ring() const noexcept {
  if (directory >= 0) static_cast<void>(sys::touch(directory, file));
}

void yield_processor() noexcept { ::sched_yield(); }

}  // namespace ringbolt::ipc
