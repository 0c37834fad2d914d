#include "kernel.hpp"

#include "explorer.hpp"

namespace ringbolt::model {

Kernel kernel;

bool LockByte::is_held() const noexcept {
  system_call();
  return holder_ != kNobody && !has_ended(holder_);
}

bool LockByte::try_lock() noexcept {
  if (is_held()) return false;
  holder_ = this_thread();
  take_over();
  return true;
}

void LockByte::unlock() noexcept {
  system_call();
  hand_over();
  holder_ = kNobody;
}

}  // namespace ringbolt::model

namespace ringbolt::ipc {

using model::kernel;

bool barrier_in_all_processes() noexcept {
  if (kernel.grants_barriers) model::fence_everywhere();
  return kernel.grants_barriers;
}

// The kernel compares and goes to sleep as one, against every wake-up. So the newest value is compared: whoever is about to
// change it wakes afterwards. A short sleep ends by itself, when the waker has had its time, and then its stores are seen; a
// long one is the protocol's to end, and its safety net is not relied upon.
void futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t timeout_ns) noexcept {
  if (model::read_by_kernel(word.address(), sizeof seen) != seen) return;
  const std::uint64_t before = kernel.wakes;
  const bool ends_by_itself = timeout_ns <= kShortSleepNs;
  model::wait_until([&] { return kernel.wakes != before || (ends_by_itself && model::has_ended(kernel.waker)); });
  if (ends_by_itself && model::has_ended(kernel.waker)) model::take_over();
}

void futex_wake_all(const core::Word32& /*word*/) noexcept {
  model::system_call();
  ++kernel.wakes;
}

void Bell::ring() const noexcept {
  model::system_call();
  model::hand_over();  // whoever hears it comes after it
  ++kernel.rings;
}

}  // namespace ringbolt::ipc
