// The file `journal` in a ring's directory: where the ring's journal is and how it does. Made once, never replaced, so that
// whoever has it mapped sees every later journal.
#pragma once

#include <ringbolt/core/journal_layout.hpp>
#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/ring_directory.hpp>

#include <optional>
#include <string>

namespace ringbolt::ipc {

// What is in a journal before the ring gets it.
struct JournalExtent {
  std::array<std::uint64_t, 2> id{};  // zeros: it has none yet
  std::uint64_t oldest_sequence = 0;
  std::uint64_t next_sequence = 1;
};

class JournalPageFile {
 public:
  // Empty if the ring has no journal. Throws Error: damaged, wrong_version, not_allowed.
  [[nodiscard]] static std::optional<JournalPageFile> open(const RingDirectory& directory, Access access, ForkGuard& guard);
  // Writes the file of a ring that has none; visible when it is complete. If somebody else is faster, his stays. Throws Error
  // (no_space, system, bad_option).
  static void make(const RingDirectory& directory, const std::array<std::uint64_t, 2>& ring_id,
                   const JournalOptions& options, bool own_process, const JournalExtent& extent);

  [[nodiscard]] core::JournalPage& page() const noexcept { return *reinterpret_cast<core::JournalPage*>(file_.data()); }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] core::JournalState state() const noexcept {
    return static_cast<core::JournalState>(page().state.load_acquire());
  }
  // Relaxed: it stands alone.
  [[nodiscard]] Sync sync() const noexcept { return static_cast<Sync>(page().sync.load_relaxed()); }
  // How it was told to run when it was opened last; `directory` included.
  [[nodiscard]] JournalOptions options() const;
  [[nodiscard]] std::array<std::uint64_t, 2> journal_id() const noexcept;
  void set_journal_id(const std::array<std::uint64_t, 2>& id) const noexcept;
  void set_options(const JournalOptions& options, bool own_process) const noexcept;

 private:
  FileMapping file_;
  std::string directory_;
};

}  // namespace ringbolt::ipc
