// What a process was stepped through came to, and the table that docs/correctness.md has of it.
#pragma once

#include "kill/operation.hpp"

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
  std::vector<std::uint64_t> system_calls;  // instants behind them
  std::vector<State> states;                // each shows the shared bytes as they were never before
};

// One row for each outcome: between which stores it is found.
[[nodiscard]] std::vector<std::string> rows_of(const Operation::Facts& facts, const Trace& trace);
// What the others meet while one is stopped.
[[nodiscard]] std::vector<std::string> rows_of_stops();
// Is this row in the document?
[[nodiscard]] bool documented(const std::string& row);

}  // namespace ringbolt::kill
