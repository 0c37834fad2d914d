// `ringbolt tail DIR`: the events of a journal, with no ring and no publisher needed.
#pragma once

#include "commands.hpp"

namespace ringbolt::command {

Exit tail_journal(const TailCommand& command);

}  // namespace ringbolt::command
