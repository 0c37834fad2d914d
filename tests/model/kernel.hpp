// What the kernel does for a sleeper, as the explorer sees it: barriers in all processes, and futexes whose wake-ups can be
// lost. A sleep without end is one that nobody will end: the explorer finds that all threads wait.
#pragma once

#include <ringbolt/ipc/parking.hpp>

#include <cstddef>
#include <cstdint>

namespace ringbolt::model {

struct Kernel {
  bool grants_barriers = true;
  std::uint64_t wakes = 0;
  std::uint64_t rings = 0;  // of any bell
  std::size_t waker = 0;    // the thread that a short sleep gives time to
};

// A byte that one process at a time can lock; a death unlocks it. Whoever locks it knows what all knew who had it before.
class LockByte {
 public:
  [[nodiscard]] bool is_held() const noexcept;
  [[nodiscard]] bool try_lock() noexcept;
  void unlock() noexcept;

 private:
  static constexpr std::size_t kNobody = ~std::size_t{0};
  std::size_t holder_ = kNobody;
};

// That of the present execution; a harness sets it anew.
extern Kernel kernel;

}  // namespace ringbolt::model
