// What the command writes for people, on standard error: sentences, and a progress line where somebody is looking.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace ringbolt::command {

[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

// May standard output be coloured? A terminal, no NO_COLOR in the environment, not a dumb one.
[[nodiscard]] bool stdout_has_color();

// Writes `line` and a newline to standard error in one piece, after wiping a progress line.
void write_line(std::string_view line);

// `ringbolt: ` and a sentence.
template <class... Arguments>
void say(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write_line("ringbolt: " + fmt::format(format, std::forward<Arguments>(arguments)...));
}

// A line that is written over in place. Does nothing unless standard error is a terminal.
void show_progress(std::string_view line);
void wipe_progress();

}  // namespace ringbolt::command
