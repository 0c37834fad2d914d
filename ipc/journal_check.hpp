// Looking at a journal's files as they are, whole or damaged, whether or not a ring or a publisher exists: verify, dump,
// salvage, trim. Used by the command, and by whoever looks after journals.
//
// Nothing here changes a journal, except `trim_journal`. All of it works beside a live writer; what that writes meanwhile
// may or may not be seen.
#pragma once

#include <ringbolt/ipc/event.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt {

enum class FindingKind : std::uint8_t {
  torn_tail,              // the end of what was written does not hold together, and never was durable: normal after a crash
  gap,                    // events that were never recorded, as the journal itself says
  damaged_record,         // events that were recorded and do not hold together any more
  missing_segment,        // a whole file of events is not there
  damaged_header,         // of a segment; its events are still looked for
  damaged_index,          // readers make another one
  damaged_cursor,         // its consumer cannot attach until it is removed
  damaged_durable_point,  // recovery would begin at the wrong place, or refuse
};
[[nodiscard]] const char* finding_name(FindingKind kind) noexcept;

struct JournalFinding {
  FindingKind kind = FindingKind::torn_tail;
  std::string file;  // its path
  std::uint64_t offset = 0;
  // The events that are lost by it, both ends included; none: last is first - 1.
  std::uint64_t first_sequence = 1;
  std::uint64_t last_sequence = 0;
  std::string why;  // for people

  [[nodiscard]] std::uint64_t events() const noexcept { return last_sequence + 1 - first_sequence; }
  // Something that was recorded is not as it was. A torn tail or a gap is none.
  [[nodiscard]] bool is_damage() const noexcept { return kind != FindingKind::torn_tail && kind != FindingKind::gap; }
};

struct JournalEpoch {
  std::uint64_t epoch = 0;
  std::string ring_id;  // whose events they are; 32 hexadecimal digits
  std::uint64_t first_sequence = 0;
  std::uint64_t opened_ns = 0;  // wall clock; 0: its beginning was removed
};

struct JournalCheck {
  std::string directory;
  std::string journal_id;
  std::uint64_t segments = 0;
  std::uint64_t events = 0;          // that hold together
  std::uint64_t bytes = 0;           // of the segments' files
  std::uint64_t first_sequence = 0;  // 0: no event
  std::uint64_t last_sequence = 0;
  std::vector<JournalEpoch> epochs;
  std::vector<JournalFinding> findings;

  [[nodiscard]] bool sound() const noexcept;                 // no finding is damage
  [[nodiscard]] std::uint64_t lost_events() const noexcept;  // by damage
};

using JournalProgress = std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)>;

// Reads every byte and looks at every checksum. Throws Error: not_found, not_allowed, wrong_version, foreign_layout, system;
// what is damaged is a finding.
[[nodiscard]] JournalCheck verify_journal(std::string_view directory, const JournalProgress& progress = {});

// One record as it lies in a file.
struct JournalRecord {
  enum class Kind : std::uint8_t {
    event,
    control,  // an epoch begins
    broken,   // bytes that hold no record together, up to the next one that does
  };
  Kind kind = Kind::event;
  bool counts = true;  // false: behind a torn tail, or written again in the next segment
  std::string_view file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // with header and padding
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;  // of a broken one: what was expected there
  std::uint64_t timestamp_ns = 0;
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  std::uint32_t type = 0;
  std::uint16_t flags = 0;
  std::uint16_t undurable = 0;
  std::span<const std::byte> payload;
  std::array<std::uint64_t, 2> ring_id{};
  std::uint64_t opened_ns = 0;  // of a control record
};

// Every record of every segment in the order of the files, also what does not count. Ends when the callback says false.
// Throws like `verify_journal`.
void for_each_record(std::string_view directory, const std::function<bool(const JournalRecord&)>& callback);

// Writes what is valid into a new journal in `into`, which must not exist or be empty; sequences, timestamps, types and
// cursors stay, and what is lost becomes a gap. Returns how many events were kept; `check` says what was found. Leaves
// nothing behind when it throws Error: already_exists, no_space and those of `verify_journal`.
std::uint64_t salvage_journal(std::string_view from, std::string_view into, JournalCheck& check,
                              const JournalProgress& progress = {});

// What may go; the segments that are within every limit that is set go, whole.
struct TrimOptions {
  std::uint64_t before_sequence = 0;  // what has only events below it; 0: not set
  std::uint64_t before_ns = 0;        // what has only events stamped before that wall-clock time; 0: not set
  std::uint64_t keep_bytes = 0;       // oldest first until the rest is at most so large; 0: not set
  bool even_unread = false;           // also what a named consumer has not committed
};
struct TrimResult {
  std::uint64_t segments = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t oldest_sequence = 0;  // now
  std::string kept_for;               // the consumer that kept more from going; empty: none did
};
// Safe beside a live journal. Throws Error: bad_option (no limit, or more than one), not_found, not_allowed, system.
TrimResult trim_journal(std::string_view directory, const TrimOptions& options);

}  // namespace ringbolt
