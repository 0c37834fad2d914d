// From the ring into the log: one round after the other copies what is published, writes it, and syncs it when that is due.
// Knows no clock, no thread and no registry; its owner waits, moves the gate and tells the others.
#pragma once

#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/journal_log.hpp>

#include <cstdint>

namespace ringbolt::ipc {

class Recorder {
 public:
  // `reader` gates and stands at the event that the log expects next, behind a `begin_epoch`.
  Recorder(const core::Reader& reader, JournalLog& log, const JournalOptions& options) noexcept;

  enum class Did : std::uint8_t {
    nothing,   // nothing was published
    recorded,  // something was written or synced
    failed,    // the disk refused (`error`): try again later; nothing is lost
  };
  // Throws Error (damaged, evicted) where the ring is not what it should be.
  [[nodiscard]] Did round(std::uint64_t now_ns);
  // Syncs what is written, whether or not it is due.
  [[nodiscard]] Did finish();

  // Is there an event that no round has seen?
  [[nodiscard]] bool published() const noexcept;
  // Behind the last event that need not stay in the ring.
  [[nodiscard]] const core::Place& safe() const noexcept { return safe_; }
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }
  // Until the next sync is due; ~0: none is.
  [[nodiscard]] std::uint64_t due_in_ns(std::uint64_t now_ns) const noexcept;

 private:
  [[nodiscard]] Did fail(int error) noexcept;
  [[nodiscard]] int write();
  [[nodiscard]] int sync();
  [[nodiscard]] bool unsynced() const noexcept;
  void note_progress() noexcept;

  core::Reader reader_;
  JournalLog* log_;
  Sync policy_;
  std::uint64_t interval_ns_;
  std::uint64_t interval_bytes_;
  core::Place safe_;
  std::uint64_t unsynced_since_ns_ = 0;  // 0: nothing is
  bool failed_ = false;
  int error_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t syncs_ = 0;
};

}  // namespace ringbolt::ipc
