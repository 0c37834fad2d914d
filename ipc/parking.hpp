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
// Who sleeps on a descriptor, in a poll of its own, is woken by a bell: a file of the ring that the waker touches and the
// sleeper watches (inotify). One touch wakes them all, nobody writes into the file, and a reader may watch it but not touch it.
//
//   sleeper                                              waker, when it has seen the flag
//   -------                                              -----
//   [B1] what the bell has rung so far is read           flag = 0; futex word + 1; wake all
//   seen = futex word                        acq         [B3] bell != 0?                           rlx
//   bell = 1; [S1] flag = 1                  rlx              bell = 0; touch the file
//   [S2] membarrier(GLOBAL_EXPEDITED)
//   [S3] is there work now? then do not sleep
//   [B2] is the futex word another? then do not sleep    rlx
//
// A waker that had taken somebody else's flag may find no bell at [B3] and clear our flag all the same: it changed the futex word
// before [B3], so that either [B2] sees that, or [B3] comes behind [S2] and sees the bell. A second waker that finds the bell
// cleared may be early: the first one is about to ring.
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

// A file of a ring, by its directory's descriptor, which is not owned. No directory: there is nothing to ring.
struct Bell {
  int directory = -1;
  const char* file = nullptr;
  // Touches the file. An owner or writer of the file can; whom the kernel refuses rings for nobody, and sleepers have a time-out.
  void ring() const noexcept;
};
void yield_processor() noexcept;

// One flag, with the futex and the bell that belong to it. Does not own them.
class WaitChannel {
 public:
  WaitChannel() noexcept = default;
  WaitChannel(core::Word32& flag, core::Word32& futex, core::Word64* fence_request, core::Word64* fence_ack) noexcept
      : flag_(&flag), futex_(&futex), fence_request_(fence_request), fence_ack_(fence_ack) {}
  [[nodiscard]] WaitChannel with_bell(core::Word32& word, Bell bell) const noexcept {
    WaitChannel channel = *this;
    channel.bell_word_ = &word;
    channel.bell_ = bell;
    return channel;
  }
  // Can a sleeper be woken by its descriptor? Then the bell's file is what it watches.
  [[nodiscard]] bool has_bell() const noexcept { return bell_word_ != nullptr && bell_.directory >= 0; }
  [[nodiscard]] const char* bell_file() const noexcept { return bell_.file; }

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
    if (bell_word_ == nullptr || bell_word_->load_relaxed() == 0) return;  // [B3] relaxed: the add above, or [S2], orders it
    bell_word_->store_relaxed(0);                                          // relaxed: whoever hears the bell comes after it
    RINGBOLT_STEP(bell_cleared);
    bell_.ring();
  }

  // Sleeps until woken, at most `timeout_ns`, unless `ready()` says that there is work. `epoch` is the publisher's.
  template <class Ready>
  void park(Ready ready, std::uint64_t timeout_ns, std::uint64_t epoch) {
    const Sleep sleep = announce(epoch, false);
    if (ready()) return;  // [S3]
    futex_wait(*futex_, sleep.seen, timeout_ns < sleep.longest_ns ? timeout_ns : sleep.longest_ns);
  }

  // The same for whoever then sleeps on a descriptor, and has done [B1]: for at most how long, or 0: there may be work.
  template <class Ready>
  [[nodiscard]] std::uint64_t listen(Ready ready, std::uint64_t epoch) {
    const Sleep sleep = announce(epoch, true);
    const bool rung = futex_->load_relaxed() != sleep.seen;  // [B2] relaxed: [S2] orders it
    return ready() || rung ? 0 : sleep.longest_ns;           // [S3]
  }

 private:
  struct Sleep {
    std::uint32_t seen;  // the futex word
    std::uint64_t longest_ns;
  };
  // Up to [S2].
  [[nodiscard]] Sleep announce(std::uint64_t epoch, bool on_descriptor) noexcept {
    const std::uint32_t seen = futex_->load_acquire();
    if (on_descriptor) {
      bell_word_->store_relaxed(1);  // relaxed: [S2] orders it
      RINGBOLT_STEP(bell_set);
    }
    flag_->store_relaxed(1);  // [S1] relaxed: [S2] orders it
    RINGBOLT_STEP(sleep_flagged);
    bool promised = true;
    if (!barrier_in_all_processes()) {  // [S2]
      core::fence_seq_cst();
      promised = fence_ack_ != nullptr && fence_ack_->load_relaxed() == epoch;
      if (fence_request_ != nullptr) fence_request_->store_relaxed(1);
    }
    RINGBOLT_STEP(sleep_fenced);
    return {seen, promised ? kLongestSleepNs : kShortSleepNs};
  }

  core::Word32* flag_ = nullptr;
  core::Word32* futex_ = nullptr;
  core::Word64* fence_request_ = nullptr;
  core::Word64* fence_ack_ = nullptr;
  core::Word32* bell_word_ = nullptr;
  Bell bell_;
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
    } else if (strategy_ == Wait::park && channel != nullptr) {
      channel->park(ready, timeout_ns, epoch);
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
