// The page that the demo's processes share besides the ring: what each has seen, and the few signals between them. Made by
// the demo before it forks; it outlives every process but the demo's own.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "demo_audit.hpp"

namespace ringbolt::demo {

enum class Role : std::uint8_t { publisher, standby, fast, slow, phoenix, late };
inline constexpr std::array kRoles{Role::publisher, Role::standby, Role::fast, Role::slow, Role::phoenix, Role::late};
inline constexpr std::array kConsumers{Role::fast, Role::slow, Role::phoenix, Role::late};

[[nodiscard]] constexpr std::string_view role_name(Role role) noexcept {
  constexpr std::array<std::string_view, kRoles.size()> names{"publisher", "standby", "fast", "slow", "phoenix", "late"};
  return names[static_cast<std::size_t>(role)];
}
// A promise of Ringbolt that can be broken on purpose, to see that the verdict notices.
enum class Cheat : std::uint8_t {
  none,
  drop,    // `fast` forgets an event
  repeat,  // `fast` sees an event twice
  hide,    // `slow` keeps its gaps to itself
  tear,    // the publisher damages a payload
  skip,    // the publisher publishes another line of the log than is due
};
[[nodiscard]] constexpr Cheat cheat_named(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 6> names{"none", "drop", "repeat", "hide", "tear", "skip"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Cheat>(i);
  }
  return Cheat::none;
}

// What one role shows the others. Written by its process, read by the demo.
struct Slot {
  LedgerCell ledger;
  core::Word64 lives;               // attached or opened so many times
  std::array<char, 512> trouble{};  // why it failed; read after its death
};

struct Board {
  core::Word64 start_ns;  // of the demo's time, on the steady clock; 0: not yet. The publisher moves it when it was held up
  core::Word64 ended;     // 1: everything is published and the stream is closed
  core::Word64 took_over_ns;
  core::Word64 next_at_take_over;  // the sequence that the successor went on with
  core::Word64 first_after_ns;     // when it was published
  std::array<Slot, kRoles.size()> slots;

  [[nodiscard]] Slot& of(Role role) noexcept { return slots[static_cast<std::size_t>(role)]; }
  [[nodiscard]] const Slot& of(Role role) const noexcept { return slots[static_cast<std::size_t>(role)]; }
};

// The steady clock of the machine.
[[nodiscard]] inline std::uint64_t steady_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

}  // namespace ringbolt::demo
