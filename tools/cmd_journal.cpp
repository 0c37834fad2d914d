// `ringbolt journal`: a ring's journal in a process of its own, until it is told to stop.
#include <ringbolt/ipc/journal.hpp>

#include "commands.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {

Exit journal(const JournalCommand& command) {
  if (command.detach) {
    if (!command.options.directory.empty()) throw Failure(kUsage, "--detach takes no --dir: the ring knows its journal");
    detach_journal(command.ring);
    say("detached the journal of {}: events go unrecorded until the next one", command.ring);
    return kDone;
  }
  if (command.options.directory.empty())
    throw Failure(kUsage, "nothing says where the journal is: give --dir DIR, or --detach");
  catch_signals();
  say("recording {} in {}; Ctrl-C ends, and the ring waits for the next journal", command.ring, command.options.directory);
  run_journal(command.ring, command.options, [] { return stop_requested(); });
  if (!stop_requested()) say("ring {} was removed; what was published is in {}", command.ring, command.options.directory);
  return kDone;
}

}  // namespace ringbolt::command
