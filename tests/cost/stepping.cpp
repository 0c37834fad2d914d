#include "cost/stepping.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <ucontext.h>

#include <algorithm>

namespace ringbolt::cost {
namespace {

// Written by the handler, which runs between two instructions of the one thread that counts.
Cost counted;
struct sigaction before {};

#if defined(__x86_64__)

// The marks' own instructions behind the first trap: `lea`, and `lea`, `pushfq`, `andl`, `popfq`.
constexpr std::size_t kMarks = 5;

bool is_prefix(std::uint8_t byte) {
  constexpr std::uint8_t kPrefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3};
  return std::ranges::find(kPrefixes, byte) != std::end(kPrefixes);
}

// The instruction that comes next, as far as it is of interest.
void look_at(const std::uint8_t* code) {
  bool locked = false;
  while (is_prefix(*code) || *code == 0xf0) locked |= *code++ == 0xf0;
  if ((*code & 0xf0) == 0x40) ++code;  // REX
  const bool with_memory = code[1] < 0xc0;
  if (locked || ((code[0] == 0x86 || code[0] == 0x87) && with_memory)) ++counted.locked;
  if (code[0] != 0x0f) return;
  if (code[1] == 0x05) ++counted.system_calls;
  if (code[1] == 0xae && code[2] >= 0xe8) ++counted.fences;
}

void on_trap(int /*signal*/, siginfo_t* /*info*/, void* context) {
  const greg_t next = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  ++counted.instructions;
  look_at(reinterpret_cast<const std::uint8_t*>(next));
}

#else

constexpr std::size_t kMarks = 0;
void on_trap(int /*signal*/, siginfo_t* /*info*/, void* /*context*/) {}

#endif

}  // namespace

std::string why_not() {
#if !defined(__x86_64__)
  return "instructions are counted on x86-64";
#elif !defined(__OPTIMIZE__)
  return "instructions are counted in an optimised build";
#else
  return "";
#endif
}

Stepping::Stepping() {
  struct sigaction action {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGTRAP, &action, &before);
  counted = {};
}

Stepping::~Stepping() { ::sigaction(SIGTRAP, &before, nullptr); }

Cost Stepping::last() noexcept {
  Cost cost = std::exchange(counted, Cost{});
  cost.instructions -= std::min(cost.instructions, kMarks);
  return cost;
}

Cost median(std::vector<Cost> costs) {
  const auto middle = costs.begin() + static_cast<std::ptrdiff_t>(costs.size() / 2);
  std::ranges::nth_element(costs, middle);
  return *middle;
}

}  // namespace ringbolt::cost
