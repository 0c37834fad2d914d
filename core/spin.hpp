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

// Whether a consumer that has drained the ring leaves it alone for a microsecond before it looks again. Whoever looks at once takes
// the line away that the publisher is writing, gets a few events for it, and slows both down; left alone, the publisher gets ahead,
// and both go at the speed of their caches. One look does not tell that from a publisher that has no more to say, so it is tried:
// a window of looks that found two events or more, with pauses, against the window before it, without. Pauses stay while they
// bring a quarter more events in the same time; where they do not, the next try waits for twice as many windows. Where events
// come one at a time there is no window and no pause, and a pause that brought less than two events is the last.
// `ticks` is a counter that goes up evenly. One consumer each.
template <std::uint64_t (*ticks)() noexcept>
class PaceBy {
 public:
  void pause() const noexcept {
    for (std::uint32_t hint = 0; hint < next_; ++hint) spin_hint();
  }
  [[nodiscard]] bool pauses() const noexcept { return next_ != 0; }
  // A look ended because the ring was empty, behind so many events.
  void drained(std::size_t events) noexcept {
    next_ = 0;
    if (events < 2) {
      if (hints_ != 0) stop(kFirstWait);
      return;
    }
    events_ += events;
    if (++looks_ == kWindow) [[unlikely]]
      end_window();
    next_ = hints_;
  }
  // A look ended before the ring was empty.
  void behind(std::size_t events) noexcept {
    next_ = 0;
    events_ += events;
  }

 private:
  static constexpr std::uint32_t kHints = 128;  // from 1 µs to 5, as long as a hint is
  static constexpr std::uint32_t kWindow = 32;  // looks
  static constexpr std::uint32_t kFirstWait = 1;
  static constexpr std::uint32_t kLongestWait = 1'024;  // windows from one try to the next
  static constexpr std::uint32_t kLongestTrust = 64;    // windows with pauses until one without is compared again

  void stop(std::uint32_t windows) noexcept {
    hints_ = looks_ = 0;
    wait_ = windows;
    begun_ = 0;
  }

  [[gnu::noinline]] void end_window() noexcept {
    const std::uint64_t now = ticks();
    const std::uint64_t rate = (events_ << 16) / (now - begun_ + 1);
    const bool whole = begun_ != 0;
    looks_ = 0;
    events_ = 0;
    begun_ = now;
    if (!whole) return;
    if (hints_ == 0) {
      if (--wait_ != 0) return;
      plain_rate_ = rate;
      hints_ = kHints;
      trust_ = kLongestTrust;
    } else if (rate < plain_rate_ + plain_rate_ / 4) {
      next_wait_ = next_wait_ < kLongestWait ? 2 * next_wait_ : kLongestWait;
      stop(next_wait_);
    } else {
      next_wait_ = kFirstWait;
      if (--trust_ == 0) stop(kFirstWait);
    }
  }

  std::uint32_t hints_ = 0;  // of each pause, at this time
  std::uint32_t next_ = 0;   // before the next look
  std::uint32_t looks_ = 0;  // of this window
  std::uint32_t wait_ = kFirstWait;
  std::uint32_t next_wait_ = kFirstWait;
  std::uint32_t trust_ = 0;
  std::uint64_t events_ = 0;  // of this window
  std::uint64_t begun_ = 0;   // ticks; 0: not yet
  std::uint64_t plain_rate_ = 0;
};
using Pace = PaceBy<processor_ticks>;

}  // namespace ringbolt::core
