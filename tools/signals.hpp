// Ctrl-C and `kill`, for commands that run until they are told to stop.
//
// The first SIGINT, SIGTERM or SIGHUP asks the command to end: it finishes what it is doing, commits what it has printed, and
// then dies of that signal, so that a shell knows. The second one kills at once.
#pragma once

#include <chrono>

namespace ringbolt::command {

// From now on the first signal is only noted.
void catch_signals();
[[nodiscard]] bool stop_requested() noexcept;
// Dies of the signal that was noted; returns if there was none.
void die_if_stopped();

// Sleeps so long, or until a signal; false if there was one.
bool sleep_for(std::chrono::nanoseconds duration);
// Waits until `fd` can be read; false if a signal came first.
bool wait_readable(int fd);
// Waits until `fd` can be written, at most so long.
bool wait_writable(int fd, std::chrono::milliseconds timeout);

}  // namespace ringbolt::command
