// A new journal made from events that exist already: what salvage keeps, what an import brings.
#pragma once

#include <ringbolt/ipc/journal_check.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace ringbolt {

class JournalBuilder {
 public:
  // In a directory that does not exist or is empty. `segment_bytes` 0: as usual. Throws Error: already_exists, not_found (no
  // parent directory), not_allowed, no_space, system.
  explicit JournalBuilder(const std::string& directory, std::uint64_t segment_bytes = 0);
  JournalBuilder(JournalBuilder&&) noexcept;
  JournalBuilder& operator=(JournalBuilder&&) noexcept;
  ~JournalBuilder();  // leaves nothing behind unless `finish` was called

  // The next event: sequence, timestamp, type, flags, payload and whose it is. What is missing before it becomes a gap; another
  // `epoch` begins one here. Throws Error: bad_option if its sequence is not beyond the last one's; no_space, system.
  void add(const JournalRecord& event);
  // Makes everything durable. Throws Error: no_space, system.
  void finish();
  [[nodiscard]] std::uint64_t events() const noexcept;
  // Of the new journal.
  [[nodiscard]] std::array<std::uint64_t, 2> id() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
