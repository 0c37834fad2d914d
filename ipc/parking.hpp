// Sleeping until another process has done something, without that process paying for sleepers that are not there.
//
// A waker does its work (commits an event, moves a gate), then loads one `flag` word, with nothing but a compiler barrier
// in between. Missing a sleeper would be a store-load race; the sleeper pays for excluding it:
//
//   sleeper                                              waker
//   -------                                              -----
//   seen = futex word                        acq         its work                                 [W2] or [G1]
//   [S1] flag = 1                            rlx         compiler barrier
//   [S2] membarrier(GLOBAL_EXPEDITED)                    [S4] flag != 0?                           rlx
//   [S3] is there work now? then do not sleep                 flag = 0; futex word + 1; wake all
//   sleep while the futex word is `seen`
//
// [S2] is a full fence in every process that registered, at some point between two of its instructions: if the waker's
// work came before that point, [S3] sees it; otherwise [S4] comes after it and sees [S1]. The waker clears the flag
// before it changes the futex word, so a sleeper that read the new word sets the flag anew. It is a flag and not a count,
// which the first kill -9 would leave wrong.
//
// Who may not register (an old kernel, a seccomp filter) fences after each piece of work instead. Whom the kernel refuses
// [S2] sets `fence_request`, fences itself, and sleeps in short slices until the publisher has answered. Every sleep has a
// time-out as a safety net.
#pragma once

#include <ringbolt/core/spin.hpp>
#include <ringbolt/core/step.hpp>
#include <ringbolt/core/wake.hpp>
#include <ringbolt/ipc/event.hpp>

#include <cstdint>

namespace ringbolt::ipc {

inline constexpr std::uint64_t kLongestSleepNs = 100'000'000;  // the safety net
inline constexpr std::uint64_t kShortSleepNs = 1'000'000;      // where nobody promised to wake us
#if defined(RINGBOLT_STEPS)
inline constexpr std::uint32_t kSpinRounds = 4;  // where a test schedules, spinning only takes its steps
#else
inline constexpr std::uint32_t kSpinRounds = 400;  // some 10 µs before yielding or parking
#endif

// Lets other processes' [S2] fence this process. True if the kernel agreed. Called once per process, again after fork.
[[nodiscard]] bool register_for_barriers() noexcept;
// [S2]. False if it was refused.
[[nodiscard]] bool barrier_in_all_processes() noexcept;

// Sleeps while the word is `seen`, at most so long. Returns early for no reason now and then.
void futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t timeout_ns) noexcept;
void futex_wake_all(const core::Word32& word) noexcept;
void sleep_ns(std::uint64_t duration_ns) noexcept;
void yield_processor() noexcept;

// One flag and the futex that belongs to it. Does not own them.
class WaitChannel {
 public:
  WaitChannel() noexcept = default;
  WaitChannel(core::Word32& flag, core::Word32& futex, core::Word64* fence_request, core::Word64* fence_ack) noexcept
      : flag_(&flag), futex_(&futex), fence_request_(fence_request), fence_ack_(fence_ack) {}

  // Before it wakes, the publisher's answer to a sleeper that was refused [S2]: true, and from now on it has to fence before
  // each [S4]. Relaxed, like the sleeper's side: what was done without a fence is released by the change of the futex word
  // behind the answer, which ends every sleep that began before it.
  [[nodiscard]] bool answer_fence_request(std::uint64_t epoch) noexcept {
    if (fence_request_ == nullptr || fence_request_->load_relaxed() == 0) return false;
    fence_ack_->store_relaxed(epoch);
    return true;
  }

  // The waker's second half, after it saw the flag.
  void wake_all() noexcept {
    flag_->store_relaxed(0);  // relaxed: the add below releases it
    RINGBOLT_STEP(flag_cleared);
    futex_->fetch_add(1);
    RINGBOLT_STEP(futex_changed);
    futex_wake_all(*futex_);
  }

  // Sleeps until woken, at most `timeout_ns`, unless `ready()` says that there is work. `epoch` is the publisher's.
  template <class Ready>
  void park(Ready ready, std::uint64_t timeout_ns, std::uint64_t epoch) {
    const std::uint32_t seen = futex_->load_acquire();
    flag_->store_relaxed(1);  // [S1] relaxed: [S2] orders it
    RINGBOLT_STEP(sleep_flagged);
    if (!barrier_in_all_processes()) {  // [S2]
      core::fence_seq_cst();
      const bool answered = fence_ack_ != nullptr && fence_ack_->load_relaxed() == epoch;
      if (fence_request_ != nullptr) fence_request_->store_relaxed(1);
      if (!answered && timeout_ns > kShortSleepNs) timeout_ns = kShortSleepNs;
    }
    RINGBOLT_STEP(sleep_fenced);
    if (ready()) return;  // [S3]
    futex_wait(*futex_, seen, timeout_ns);
  }

 private:
  core::Word32* flag_ = nullptr;
  core::Word32* futex_ = nullptr;
  core::Word64* fence_request_ = nullptr;
  core::Word64* fence_ack_ = nullptr;
};

// One wait of somebody with nothing to do, by the chosen strategy. Call `pause` until there is work, then `reset`.
class Waiter {
 public:
  explicit Waiter(Wait strategy) noexcept : strategy_(strategy), spin_(kSpinRounds) {}
  void reset() noexcept {
    spin_.reset();
    nap_ns_ = kFirstNapNs;
  }

  // Waits a little, or until woken through `channel`; null: nobody will wake us, sleep by the clock.
  template <class Ready>
  void pause(WaitChannel* channel, Ready ready, std::uint64_t timeout_ns, std::uint64_t epoch) {
    if (spin_.again()) return;
    if (strategy_ == Wait::spin) {
      spin_.reset();
    } else if (strategy_ == Wait::yield) {
      yield_processor();
    } else if (channel != nullptr) {
      channel->park(ready, timeout_ns < kLongestSleepNs ? timeout_ns : kLongestSleepNs, epoch);
    } else {
      sleep_ns(timeout_ns < nap_ns_ ? timeout_ns : nap_ns_);
      nap_ns_ = nap_ns_ * 2 < kShortSleepNs ? nap_ns_ * 2 : kShortSleepNs;
    }
  }

 private:
  static constexpr std::uint64_t kFirstNapNs = 50'000;
  Wait strategy_;
  core::Spin spin_;
  std::uint64_t nap_ns_ = kFirstNapNs;
};

}  // namespace ringbolt::ipc
