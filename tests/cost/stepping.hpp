// Counts what the processor executes: the trap flag makes each instruction end in a SIGTRAP, whose handler counts it and looks
// at the next one. The count is the same every time, on every x86-64 machine, with nothing to install.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ringbolt::cost {

// Between two marks.
struct Cost {
  std::size_t instructions = 0;
  std::size_t locked = 0;  // with a lock prefix, or xchg with memory
  std::size_t fences = 0;  // mfence, lfence, sfence
  std::size_t system_calls = 0;
  friend auto operator<=>(const Cost&, const Cost&) = default;
};

// Why nothing can be counted here; empty: it can.
[[nodiscard]] std::string why_not();

// Takes SIGTRAP as long as it lives; one at a time, one thread.
class Stepping {
 public:
  Stepping();
  Stepping(const Stepping&) = delete;
  Stepping& operator=(const Stepping&) = delete;
  ~Stepping();

  // Begins to count, and ends; the marks themselves are left out. Inline, so that no call is counted.
  static void begin() noexcept {
#if defined(__x86_64__)
    // Below the red zone. The trap comes behind the instruction that follows `popfq`.
    asm volatile("lea -128(%%rsp), %%rsp; pushfq; orl $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
#endif
  }
  static void end() noexcept {
#if defined(__x86_64__)
    asm volatile("lea -128(%%rsp), %%rsp; pushfq; andl $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
#endif
  }
  // Of what was between the last two marks.
  [[nodiscard]] static Cost last() noexcept;
};

[[nodiscard]] Cost median(std::vector<Cost> costs);

// Not inlined, so that the compiler sees the operation as it would in a user's function.
template <class Operation>
[[nodiscard, gnu::noinline]] Cost cost_of_one(Operation& operation) {
  Stepping::begin();
  operation();
  Stepping::end();
  return Stepping::last();
}

// What `operation` costs in the middle of a run of many: the median, because once in a while it has more to do. `prepare` comes
// before each and is not counted.
template <class Prepare, class Operation>
[[nodiscard]] Cost cost_of(Prepare prepare, Operation operation) {
  constexpr int kWarm = 3;
  constexpr int kTimes = 11;
  std::vector<Cost> costs;
  const Stepping stepping;
  for (int i = 0; i < kWarm + kTimes; ++i) {
    prepare();
    const Cost cost = cost_of_one(operation);
    if (i >= kWarm) costs.push_back(cost);
  }
  return median(std::move(costs));
}
template <class Operation>
[[nodiscard]] Cost cost_of(Operation operation) {
  return cost_of([] {}, operation);
}

}  // namespace ringbolt::cost
