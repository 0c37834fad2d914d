// What a process was stepped through came to, and the table that docs/correctness.md has of it.
#pragma once

#include "kill/operation.hpp"

#include <array>
#include <string>
#include <vector>

namespace ringbolt::kill {

// A process's way through an operation. Instructions are numbered from 1; an instant is the number of those that are over.
struct Trace {
  struct State {
    std::uint64_t instant = 0;
    std::uint64_t step = 0;  // passed last, + 1; 0: none
    std::size_t outcome = 0;
  };
  std::uint64_t instructions = 0;
  std::vector<std::uintptr_t> addresses;  // at each instant, of the instruction that comes next
  std::vector<State> states;              // each shows the shared bytes as they were never before
};

// A place on the way to an instant that the processor can find by itself: by the address there, and how often the process
// comes by until then. As few stops as possible, and instructions to be stepped through behind them.
struct Waypoint {
  std::uint64_t instant = 0;
  std::uint64_t visits = 0;  // 0: step all the way
};
[[nodiscard]] Waypoint waypoint(const Trace& trace, std::uint64_t to);

// One row for each outcome: between which stores it is found.
[[nodiscard]] std::vector<std::string> rows_of(const Operation::Facts& facts, const Trace& trace);
// At which steps one is stopped in an operation: those that are passed in it.
[[nodiscard]] std::string row_of_steps(const Operation::Facts& facts, const std::array<std::uint64_t, kPlaces>& passed);
// What the others meet while one is stopped.
[[nodiscard]] std::vector<std::string> rows_of_stops();
// Is this row in the document?
[[nodiscard]] bool documented(const std::string& row);

}  // namespace ringbolt::kill
