// The cursor of a named consumer that reads a journal's directory without a ring: `ringbolt tail DIR --as NAME`. The same
// file that a consumer of that name on the ring keeps.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ringbolt {

class JournalCursor {
 public:
  // Makes it if it is missing; nobody else can have it open. Throws Error: bad_name, not_found (no journal), not_allowed,
  // no_space, in_use, damaged, wrong_version, foreign_layout, system.
  [[nodiscard]] static JournalCursor open(const std::string& directory, std::string_view name);
  JournalCursor(JournalCursor&&) noexcept;
  JournalCursor& operator=(JournalCursor&&) noexcept;
  ~JournalCursor();

  [[nodiscard]] std::uint64_t sequence() const noexcept;                // last committed event; 0: none
  [[nodiscard]] std::array<std::uint64_t, 2> ring_id() const noexcept;  // that it was read from
  // This name resumes after that event, which was read from that ring in that epoch of the journal. No system call.
  void commit(std::uint64_t sequence, const std::array<std::uint64_t, 2>& ring_id, std::uint64_t epoch) noexcept;
  // Makes it durable. Throws Error: system, no_space.
  void sync();

 private:
  struct Impl;
  explicit JournalCursor(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
