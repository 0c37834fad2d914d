// Waiting without the kernel: spin, then say when it is time to do something more patient.
#pragma once

#include <ringbolt/core/shared_word.hpp>

#include <cstdint>

namespace ringbolt::core {

// Spins a bounded number of rounds. `again` pauses for some nanoseconds and answers whether to look once more; when it
// says no the caller yields or parks. One waiter each, reset after success.
class Spin {
 public:
  explicit constexpr Spin(std::uint32_t rounds) noexcept : rounds_(rounds) {}
  [[nodiscard]] bool again() noexcept {
    if (done_ >= rounds_) return false;
    ++done_;
    spin_hint();
    return true;
  }
  void reset() noexcept { done_ = 0; }

 private:
  std::uint32_t rounds_;
  std::uint32_t done_ = 0;
};

}  // namespace ringbolt::core
