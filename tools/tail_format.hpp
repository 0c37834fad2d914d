// The forms in which `tail` writes an event or a gap.
#pragma once

#include <ringbolt/ipc/event.hpp>

#include <fmt/format.h>

#include <string>

#include "commands.hpp"

namespace ringbolt::command {

void append_event(fmt::memory_buffer& to, TailFormat format, const Event& event);
// For people, on standard error: only JSON has a place for a gap among the events.
[[nodiscard]] std::string gap_line(const Gap& gap);

}  // namespace ringbolt::command
