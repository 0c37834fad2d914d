// What can be seen of a ring from outside, with read access alone, whether its publisher lives or not.
#pragma once

#include <ringbolt/ipc/event.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt {

struct ConsumerStat {
  std::string name;    // empty: anonymous
  std::string policy;  // gate, lossy, latest
  std::string state;   // attached, gating, evicted, away, dead, joining
  std::uint64_t budget_ns = 0;
  bool alive = false;   // its process lives; from the kernel where the lock file can be opened, otherwise from the pid
  bool gating = false;  // its gate stands: the publisher waits for it, also if it is dead and nobody has looked yet
  std::uint64_t pid = 0;
  std::uint64_t cursor_sequence = 0;  // last committed event; 0: none
  std::uint64_t lag_events = 0;       // published and not committed
  std::uint64_t gap_events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t skipped_events = 0;
  std::uint64_t evictions = 0;
  std::uint64_t blocked_count = 0;  // times the publisher waited for this consumer
  std::uint64_t blocked_ns = 0;
  std::vector<std::string> after;  // whom it follows
  std::string waits_for;           // the one of those that it waits for now and that is dead or away; otherwise empty
};

struct JournalStat {
  std::string directory;
  std::string sync;  // none, interval, every
  std::string
      state;  // running, stalled (the disk refuses; the ring holds what is not written), away (nobody runs it, and its
              // gate stays), detached (events go unrecorded)
  bool own_process = false;
  std::uint64_t pid = 0;  // of the last one
  int error = 0;          // errno of the last failure since it was opened; 0: none
  std::uint64_t failures = 0;
  std::uint64_t written_sequence = 0;
  std::uint64_t durable_sequence = 0;
  std::uint64_t lag_events = 0;       // published and not durable; under policy none: not written
  std::uint64_t oldest_sequence = 0;  // 0: none yet
  std::uint64_t epoch = 0;
  std::uint64_t syncs = 0;
  std::uint64_t unrecorded_events = 0;  // that went by while it was detached
};

struct RingStat {
  std::string name;
  std::string path;
  std::string ring_id;  // 32 hexadecimal digits
  std::uint64_t capacity_bytes = 0;
  std::uint64_t epoch = 0;
  bool publisher_alive = false;
  std::uint64_t publisher_pid = 0;  // of the last one
  bool closed = false;
  bool timestamps = true;
  std::uint64_t first_sequence = 1;
  std::uint64_t oldest_sequence = 0;  // that a consumer can still start from; 0: no event yet
  std::uint64_t newest_sequence = 0;  // 0: no event yet
  std::uint64_t published_events = 0;
  std::uint64_t published_bytes = 0;  // headers included
  std::uint64_t newest_timestamp_ns = 0;
  std::uint64_t created_ns = 0;
  std::uint32_t consumer_slots = 0;
  // Options of creation that may fail without failing creation: asked for and granted.
  struct Option {
    std::string name;
    bool granted = false;
  };
  std::vector<Option> options;
  std::optional<JournalStat> journal;
  bool consumers_readable = true;  // false: no right to read the registry
  std::vector<ConsumerStat> consumers;
};

// Throws Error: not_found, not_allowed, wrong_version, foreign_layout, too_short, damaged. Creates and changes nothing.
[[nodiscard]] RingStat stat_ring(std::string_view ring);

}  // namespace ringbolt
