// Results, errors and options of the C binding.
#include "door.hpp"

#include <ringbolt/ipc/log.hpp>

namespace ringbolt::c {
namespace {

// Of the last error of this thread.
thread_local std::string last_sentence;
thread_local const char* last_fixed_sentence = "";  // where there was no memory for the other
thread_local int last_errno = 0;

static_assert(result_of(Status::timed_out) == RINGBOLT_TIMED_OUT && result_of(Status::gap) == RINGBOLT_GAP);
static_assert(result_of(Code::bad_name) == RINGBOLT_ERROR_BAD_NAME && result_of(Code::system) == RINGBOLT_ERROR_SYSTEM);
static_assert(static_cast<int>(Policy::journal) == RINGBOLT_POLICY_JOURNAL &&
              static_cast<int>(Policy::latest) == RINGBOLT_POLICY_LATEST);
static_assert(static_cast<int>(Wait::park) + 1 == RINGBOLT_WAIT_PARK &&
              static_cast<int>(Wait::spin) + 1 == RINGBOLT_WAIT_SPIN);
static_assert(static_cast<int>(Sync::every) + 1 == RINGBOLT_SYNC_EVERY);

}  // namespace

std::int32_t fail(std::int32_t result, const char* sentence, int system_errno) noexcept {
  last_errno = system_errno;
  try {
    last_sentence = sentence;
    last_fixed_sentence = nullptr;
  } catch (...) {
    last_fixed_sentence = "out of memory";
  }
  return result;
}

std::int32_t fail_with_current_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return fail(result_of(error.code()), error.what(), error.system_errno());
  } catch (const std::bad_alloc&) {
    return fail(RINGBOLT_ERROR_NO_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return fail(RINGBOLT_ERROR_SYSTEM, error.what());
  } catch (...) {
    return fail(RINGBOLT_ERROR_SYSTEM, "an unknown exception");
  }
}

Wait wait_of(std::uint32_t wait) {
  if (wait == RINGBOLT_WAIT_DEFAULT) return Wait::park;
  return checked_enum<Wait>(wait - 1, RINGBOLT_WAIT_PARK - 1, "wait");
}

PublisherOptions publisher_options(const ringbolt_publisher_options* given) {
  const auto from = known(given, "ringbolt_publisher_options");
  const auto has = [&](std::uint32_t flag) { return (from.flags & flag) != 0; };
  if (from.flags >= RINGBOLT_JOURNAL_ELSEWHERE << 1) throw bad_option("flags has bits that this version does not know");
  if (has(RINGBOLT_TIMESTAMPS_ON) && has(RINGBOLT_TIMESTAMPS_OFF)) throw bad_option("timestamps are both on and off");
  PublisherOptions options;
  options.capacity_bytes = from.capacity_bytes;
  if (has(RINGBOLT_TIMESTAMPS_ON) || has(RINGBOLT_TIMESTAMPS_OFF)) options.timestamps = has(RINGBOLT_TIMESTAMPS_ON);
  options.consumer_slots = from.consumer_slots;
  options.huge_pages = has(RINGBOLT_HUGE_PAGES);
  options.prefault = has(RINGBOLT_PREFAULT);
  options.lock_memory = has(RINGBOLT_LOCK_MEMORY);
  options.numa_node = has(RINGBOLT_NUMA_NODE) ? from.numa_node : -1;
  options.mode = from.mode;
  options.group = text_or_empty(from.group);
  options.first_sequence = from.first_sequence;
  options.create = !has(RINGBOLT_MUST_EXIST);
  options.standby = duration(from.standby_ns, "standby_ns");
  options.wait = wait_of(from.wait);
  options.journal.directory = text_or_empty(from.journal);
  if (from.journal_sync != RINGBOLT_SYNC_DEFAULT)
    options.journal.sync = checked_enum<Sync>(from.journal_sync - 1, RINGBOLT_SYNC_EVERY - 1, "journal_sync");
  if (from.journal_interval_ns != 0) options.journal.interval = duration(from.journal_interval_ns, "journal_interval_ns");
  if (from.journal_segment_bytes != 0) options.journal.segment_bytes = from.journal_segment_bytes;
  options.journal.keep_bytes = from.journal_keep_bytes;
  options.journal.keep_age = duration(from.journal_keep_age_ns, "journal_keep_age_ns");
  options.journal.keep_unread = !has(RINGBOLT_DROP_UNREAD);
  options.journal.on_stall = has(RINGBOLT_FAIL_ON_STALL) ? OnStall::fail : OnStall::wait;
  options.journal.own_process = has(RINGBOLT_JOURNAL_ELSEWHERE);
  return options;
}

}  // namespace ringbolt::c

using namespace ringbolt;     // NOLINT(google-build-using-namespace): this file is the door in front of it
using namespace ringbolt::c;  // NOLINT(google-build-using-namespace)

const char* ringbolt_result_name(std::int32_t result) {
  if (result >= 0 && result <= RINGBOLT_TIMED_OUT) return status_name(static_cast<Status>(result));
  if (result < 0 && result >= RINGBOLT_ERROR_SYSTEM) return code_name(static_cast<Code>(-1 - result));
  if (result == RINGBOLT_ERROR_NO_MEMORY) return "no_memory";
  if (result == RINGBOLT_ERROR_BUFFER_TOO_SMALL) return "buffer_too_small";
  return "unknown";
}
const char* ringbolt_last_error() { return last_fixed_sentence != nullptr ? last_fixed_sentence : last_sentence.c_str(); }
std::int32_t ringbolt_last_errno() { return last_errno; }
const char* ringbolt_version() { return RINGBOLT_VERSION; }

std::int32_t ringbolt_create(const char* name, const ringbolt_publisher_options* options) {
  return guarded([&] {
    require(name, "name");
    create_ring(name, publisher_options(options));
  });
}
std::int32_t ringbolt_remove(const char* name, std::int32_t force) {
  return guarded([&] {
    require(name, "name");
    remove_ring(name, force != 0);
  });
}

std::int32_t ringbolt_stat(const char* name, ringbolt_ring_stat* stat) {
  return guarded([&] {
    require(name, "name");
    require(stat, "stat");
    const std::size_t size = stat->size;
    if (size < sizeof(size) || size > kLargestStruct)
      throw bad_option("stat.size is not set: it must be sizeof(ringbolt_ring_stat)");
    const RingStat found = stat_ring(name);
    ringbolt_ring_stat answer{};
    answer.size = size;
    answer.capacity_bytes = found.capacity_bytes;
    answer.epoch = found.epoch;
    answer.oldest_sequence = found.oldest_sequence;
    answer.newest_sequence = found.newest_sequence;
    answer.durable_sequence = found.journal ? found.journal->durable_sequence : 0;
    answer.published_events = found.published_events;
    answer.published_bytes = found.published_bytes;
    answer.newest_timestamp_ns = found.newest_timestamp_ns;
    answer.publisher_pid = found.publisher_pid;
    answer.publisher_alive = found.publisher_alive ? 1 : 0;
    answer.closed = found.closed ? 1 : 0;
    answer.timestamps = found.timestamps ? 1 : 0;
    answer.has_journal = found.journal ? 1 : 0;
    answer.consumers = static_cast<std::uint32_t>(found.consumers.size());
    found.ring_id.copy(static_cast<char*>(answer.ring_id), sizeof(answer.ring_id) - 1);
    std::memset(static_cast<void*>(stat), 0, size);  // a newer caller's fields, too
    std::memcpy(stat, &answer, std::min(size, sizeof(answer)));
  });
}

std::int32_t ringbolt_set_log(ringbolt_log log, void* context) {
  return guarded([&] {
    if (log == nullptr) {
      set_log({});
      return;
    }
    set_log([log, context](const LogRecord& record) {
      log(context, static_cast<std::int32_t>(record.level), std::string(record.ring).c_str(),
          std::string(record.sentence).c_str());
    });
  });
}
