// Waiting without the kernel: spin, then say when it is time to do something more patient.
#pragma once

#include <ringbolt/core/shared_word.hpp>

#include <cstddef>
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

// How long a consumer that has drained the ring leaves it alone before it looks again. Whoever looks at once takes the line
// away that the publisher is writing, gets one event for it, and slows both down; a pause of some tens of nanoseconds lets a batch
// come. It grows by one hint as long as each hint brings an event, and there is none where events come one at a time: a look that
// finds nothing ends it, and the first drained look after that does not begin one.
class Pace {
 public:
  void pause() const noexcept {
    for (std::uint32_t round = 1; round < looks_; ++round) spin_hint();
  }
  // A look ended because the ring was empty, behind so many events.
  void drained(std::size_t events) noexcept {
    if (events > looks_) {
      looks_ += 1 + looks_ / 4;
      if (looks_ > kMostLooks) looks_ = kMostLooks;
    } else {
      looks_ = events == 0 ? 0 : (looks_ + static_cast<std::uint32_t>(events)) / 2;
    }
  }
  // A look ended before the ring was empty.
  void behind() noexcept { looks_ = 0; }

 private:
  static constexpr std::uint32_t kMostLooks = 32;  // some 0.3 µs, or 1.4 µs where a hint is long
  std::uint32_t looks_ = 0;
};

}  // namespace ringbolt::core
