// `ringbolt create`, `rm`, `evict`, `forget` and `seek`: one call of the library and a sentence each.
#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/stat.hpp>

#include "commands.hpp"
#include "json.hpp"
#include "output.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {

Exit create(const CreateCommand& command) {
  create_ring(command.ring, command.options);
  const RingStat stat = stat_ring(command.ring);
  say("created {}: {}, up to {}, at {}", stat.name, size_text(stat.capacity_bytes),
      counted(stat.consumer_slots, "consumer", "consumers"), stat.path);
  return kDone;
}

Exit rm(const RmCommand& command) {
  remove_ring(command.ring, command.force);
  say("removed {}", command.ring);
  return kDone;
}

Exit evict(const ConsumerCommand& command) {
  try {
    evict_consumer(command.ring, command.consumer, command.force);
  } catch (const Error& error) {
    if (error.code() != Code::bad_option) throw;
    throw Failure(kNotSo, error.what());  // it does not gate: the ring says no, the command line was right
  }
  say("evicted {}: the publisher of {} no longer waits for it", command.consumer, command.ring);
  return kDone;
}

Exit forget(const ConsumerCommand& command) {
  forget_consumer(command.ring, command.consumer);
  say("forgot {} of {}: its cursor is gone", command.consumer, command.ring);
  return kDone;
}

Exit seek(const ConsumerCommand& command) {
  const std::uint64_t next = seek_consumer(command.ring, command.consumer, command.to);
  say("{} of {} resumes at {}", command.consumer, command.ring, next);
  if (command.json) print(seek_json(command.consumer, next));
  return kDone;
}

}  // namespace ringbolt::command
