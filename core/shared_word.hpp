// Words that more than one process reads and writes, and the fences between them.
//
// Every access to shared memory in this project names its order here, so that `memory_order` does not occur anywhere
// else. Each call site carries a label that says which access in another process it pairs with; `ring.hpp` holds the table.
#pragma once

#include <ringbolt/core/step.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ringbolt::core {

// A word of 4 or 8 bytes in shared memory. Lock-free and address-free, so it means the same in every process that maps it.
template <class T>
class SharedWord {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  static_assert(std::atomic<T>::is_always_lock_free && sizeof(std::atomic<T>) == sizeof(T));

 public:
  SharedWord() noexcept = default;
  SharedWord(const SharedWord&) = delete;
  SharedWord& operator=(const SharedWord&) = delete;

  [[nodiscard]] T load_acquire() const noexcept {
    RINGBOLT_ACCESS();
    return value_.load(std::memory_order_acquire);
  }
  [[nodiscard]] T load_relaxed() const noexcept {
    RINGBOLT_ACCESS();
    return value_.load(std::memory_order_relaxed);
  }
  // Relaxed, where a fence that comes later acquires what was seen. ThreadSanitizer knows no fences and gets an acquire.
  [[nodiscard]] T load_before_fence() const noexcept {
#if defined(__SANITIZE_THREAD__) || defined(RINGBOLT_TSAN)
    return load_acquire();
#else
    return load_relaxed();
#endif
  }
  void store_release(T value) noexcept {
    RINGBOLT_ACCESS();
    value_.store(value, std::memory_order_release);
  }
  void store_relaxed(T value) noexcept {
    RINGBOLT_ACCESS();
    value_.store(value, std::memory_order_relaxed);
  }
  // On failure `expected` becomes what was found.
  [[nodiscard]] bool compare_exchange(T& expected, T desired) noexcept {
    RINGBOLT_ACCESS();
    return value_.compare_exchange_strong(expected, desired, std::memory_order_acq_rel, std::memory_order_acquire);
  }
  T fetch_add(T increment) noexcept
    requires std::is_integral_v<T>
  {
    RINGBOLT_ACCESS();
    return value_.fetch_add(increment, std::memory_order_acq_rel);
  }

  // For system calls that take the word's address (futex).
  [[nodiscard]] const void* address() const noexcept { return &value_; }

 private:
  std::atomic<T> value_;
};

using Word32 = SharedWord<std::uint32_t>;
using Word64 = SharedWord<std::uint64_t>;

// Orders every load before it with every access after it.
inline void fence_acquire() noexcept { std::atomic_thread_fence(std::memory_order_acquire); }
// Orders every access before it with every access after it, stores with later loads included.
inline void fence_seq_cst() noexcept { std::atomic_thread_fence(std::memory_order_seq_cst); }
// Keeps the compiler from moving accesses; the processor may still. Enough where the other side pays with membarrier(2).
inline void fence_compiler() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

// Tells the processor that this is a spin loop.
inline void spin_hint() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // `yield` does nothing on most cores; `isb` waits some tens of cycles
#else
  fence_compiler();
#endif
}

// A counter that goes up evenly while a thread stays where it is; of any rate. 0 where none is known.
inline std::uint64_t processor_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return 0;
#endif
}

}  // namespace ringbolt::core
