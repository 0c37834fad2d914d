// The journal of a ring: the optional durable log that makes one stream with it.
//
//   auto publisher = ringbolt::Publisher::open("orders", {.journal = {.directory = "/var/lib/orders", .sync = ringbolt::Sync::every}});
//   publisher.wait_durable(publisher.publish(bytes));
//
// It is a consumer that gates: a thread of the publisher's process, or a process of its own (`run_journal`). What it has not
// made durable yet stays in the ring, so a failed write or sync loses nothing. Its gate outlives it: a publisher whose
// journal is gone waits (or is told `journal_stalled`) when the ring is full, until another journal takes its place or
// somebody detaches it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt {

// When what is written is brought to the disk.
enum class Sync : std::uint8_t {
  none,      // when the kernel likes: survives a crash of any process, not of the machine
  interval,  // every so many milliseconds or bytes
  every,     // at once; one sync for all that arrived during the last one (group commit)
};

// What a publisher does when the ring is full because the journal cannot write.
enum class OnStall : std::uint8_t {
  wait,  // until it can again
  fail,  // Status::journal_stalled, or Error (journal_stalled) where there is no status; nothing is published
};

struct JournalOptions {
  std::string directory{};  // made if it is missing; one journal each. Empty: no journal
  Sync sync = Sync::interval;
  std::chrono::nanoseconds interval{10'000'000};          // Sync::interval: at most so long until it is durable
  std::uint64_t interval_bytes = std::uint64_t{8} << 20;  // or so much
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;  // of a file; at least 4096
  std::uint64_t keep_bytes = 0;                           // oldest segments go beyond so much; 0: no limit
  std::chrono::nanoseconds keep_age{0};                   // and when their newest event is older; 0: no limit
  bool keep_unread = true;                                // but not what a named consumer has not committed yet
  OnStall on_stall = OnStall::wait;
  bool own_process = false;  // for a publisher: `run_journal` runs it, elsewhere; the ring only knows its directory
};

// The name of the journal's entry among the consumers.
inline constexpr const char* kJournalConsumer = ".journal";

// For `ConsumerOptions::after`: sees an event only when a power cut can no longer take it back.
struct AfterDurable {
  operator std::string() const { return kJournalConsumer; }                 // NOLINT(google-explicit-constructor)
  operator std::vector<std::string>() const { return {kJournalConsumer}; }  // NOLINT(google-explicit-constructor)
};
inline constexpr AfterDurable durable{};

// Runs the journal of a ring in this thread until `stop` says so, asked every 100 ms or sooner, or the ring is removed. What
// is published until then is recorded. Throws Error: not_found, in_use (another process runs it), other_ring, damaged,
// options_differ (the ring has a journal elsewhere), no_space, not_allowed, bad_option, registry_full.
void run_journal(std::string_view ring, const JournalOptions& options, const std::function<bool()>& stop);

// Releases the gate of a journal that nobody runs: from here on events may go unrecorded. The next journal records which.
// Throws Error: not_found (no ring, or no journal), in_use (a live process runs it).
void detach_journal(std::string_view ring);

}  // namespace ringbolt
