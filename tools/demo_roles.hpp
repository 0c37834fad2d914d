// What each process of the demo does from its first to its last instruction. This is the part to read for how a publisher,
// a standby and consumers of several kinds are written; the rest of the demo watches them.
#pragma once

#include <string>

#include "demo_board.hpp"
#include "demo_plan.hpp"

namespace ringbolt::demo {

// What all of them know.
struct Stage {
  const Plan& plan;
  Board& board;
  std::string ring;
  Cheat cheat = Cheat::none;
};

// Plays the role until the stream is closed (consumers) or everything is published. Throws Error.
void play(Role role, const Stage& stage);

// The policy a role consumes with, for people.
[[nodiscard]] const char* policy_of(Role role) noexcept;

}  // namespace ringbolt::demo
