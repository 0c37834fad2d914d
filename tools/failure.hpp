// How a command ends, and what it says when it did not do what it was asked.
#pragma once

#include <ringbolt/ipc/error.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace ringbolt::command {

// What the process exits with. The same for all commands; `docs/cli.md` has the list.
enum Exit : int {
  kDone = 0,
  kNotSo = 1,     // looked, and the answer is no: in use, not allowed, no space, damaged, ...
  kUsage = 2,     // the command line makes no sense
  kNotFound = 3,  // no such ring or consumer, or it was removed
  kTimedOut = 4,
};
[[nodiscard]] Exit exit_for(Code code) noexcept;

// A failure of the command itself, not of the library: the sentence and how to end.
struct Failure : std::runtime_error {
  Failure(Exit exit, const std::string& sentence) : std::runtime_error(sentence), status(exit) {}
  Exit status;
};

// Says on standard error what failed, and what was probably meant where a name was not found. Returns how to end.
// `ring` and `consumer` are the names that were typed; empty if none was.
Exit report(const Error& error, std::string_view ring, std::string_view consumer);

}  // namespace ringbolt::command
