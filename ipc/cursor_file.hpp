// The cursor of a named consumer beside the journal: the file `cursors/NAME`, laid out as core::CursorCopy says. Used by
// consumers of a journalled ring, by `tail --as`, and by retention, which asks what nobody has read yet.
//
// Three copies, stored through a mapping, checksum last: the one that a sync made durable stays, the others are stored in
// turn. A process that is killed at any store leaves another copy whole. After a power cut an older cursor may be found, or none, never one that was not stored: the consumer then sees
// events again. What `sync` returned from is found.
#pragma once

#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/mapping.hpp>
#include <ringbolt/ipc/segment.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringbolt::ipc {

struct Cursor {
  std::array<std::uint64_t, 2> ring_id{};  // that the event was read from
  std::uint64_t epoch = 0;                 // of the journal
  std::uint64_t sequence = 0;              // last committed event; 0: none
};

// One consumer's, held: nobody else has it open. One thread at a time.
class CursorFile {
 public:
  // Makes what is missing, durably, but not the journal's directory. The guard outlives this object. Throws Error:
  // bad_name, not_found (no journal directory), not_allowed, no_space, in_use, wrong_version, foreign_layout, system;
  // damaged for a file of another size, of another journal, or in which neither copy holds together.
  [[nodiscard]] static CursorFile open(const std::string& journal_directory, std::string_view name,
                                       const JournalId& journal_id, ForkGuard& guard);

  // What was stored last, by whichever process; empty if nothing ever was.
  [[nodiscard]] std::optional<Cursor> read() const noexcept;
  // Some tens of nanoseconds, no system call. Survives the death of the process; for a power cut, `sync`.
  void store(const Cursor& cursor) noexcept;
  // Makes durable what was stored. Throws Error (system, no_space; forked). A failed sync is not repeated, because one that
  // succeeds says nothing about what the failed one lost: it goes on throwing until the file is opened anew.
  void sync();

 private:
  CursorFile() = default;

  Descriptor file_;
  FileMapping mapping_;
  std::string path_;
  JournalId journal_id_{};
  const ForkGuard* guard_ = nullptr;
  std::uint64_t generation_ = 0;
  std::uint32_t newest_copy_ = 0;
  std::uint32_t durable_copy_ = 0;  // is not stored over
  int failure_ = 0;                 // errno of the sync that failed
};

// The consumers that have a cursor beside a journal, by name. A file that cannot be read, or holds nothing that holds
// together, is listed with sequence 0, as that of somebody who has read nothing yet: no event is removed on its word.
// Throws Error (not_allowed, system) if the directory cannot be listed; a journal without cursors has none.
[[nodiscard]] std::vector<std::pair<std::string, Cursor>> list_cursors(const std::string& journal_directory);
// Empty if there is none, or none that holds together. Changes nothing. Throws Error (bad_name).
[[nodiscard]] std::optional<Cursor> read_cursor(const std::string& journal_directory, std::string_view name);
// Removes it; false: there is none. Throws Error: bad_name, in_use (its consumer lives), not_allowed, system.
bool forget_cursor(const std::string& journal_directory, std::string_view name);

// What a cursor's file holds, for whoever checks it.
enum class CursorStatus : std::uint8_t {
  good,
  never_stored,
  wrong_size,
  damaged,
  wrong_version,
  foreign_layout,
  unreadable
};
struct CursorContent {
  CursorStatus status = CursorStatus::unreadable;
  core::CursorCopy copy{};  // the newest that holds together
};
[[nodiscard]] CursorContent look_at_cursor(const std::string& journal_directory, const std::string& name);

}  // namespace ringbolt::ipc
