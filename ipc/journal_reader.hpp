// Reading a journal, by any number of processes, whether or not somebody writes it: from a sequence or a time on, in order,
// each event once. Used by consumers that fell behind, and by the command. Changes nothing in the directory, except that
// it may leave an index where one was missing.
#pragma once

#include <ringbolt/ipc/event.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ringbolt {

struct JournalReaderOptions {
  bool verify = true;  // look at every checksum; without, only what is known to be written whole should be read
};

// Where an event lies; for people.
struct JournalPlace {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t epoch = 0;
};

class JournalReader {
 public:
  // Begins with the oldest event. Throws Error: not_found (no journal there), not_allowed, damaged, wrong_version,
  // foreign_layout, too_short.
  [[nodiscard]] static JournalReader open(std::string_view directory, const JournalReaderOptions& options = {});
  JournalReader(JournalReader&&) noexcept;
  JournalReader& operator=(JournalReader&&) noexcept;
  ~JournalReader();

  // The next event is this one. If it was removed already, a gap up to the oldest is reported first; if it is not written
  // yet, `next` says empty until it is. Throws like `open`.
  void seek(std::uint64_t sequence);
  // The first event stamped at or after that wall-clock time; the end if there is none yet. Returns its sequence.
  std::uint64_t seek_time(std::uint64_t timestamp_ns);

  // ok: an event, whose payload is valid until the next call. gap: events that were removed, or never recorded
  // (`last_gap`); the next call goes on behind them. empty: nothing more is written now. Reads only below `below`.
  // Throws Error (damaged, with file, offset and sequence) where a record does not hold together although more follows.
  [[nodiscard]] Status next(Event& event, std::uint64_t below = ~std::uint64_t{0});
  [[nodiscard]] const Gap& last_gap() const noexcept;

  [[nodiscard]] std::uint64_t next_sequence() const noexcept;
  // As they are now. 0: no event.
  [[nodiscard]] std::uint64_t oldest_sequence();
  [[nodiscard]] std::uint64_t newest_sequence();  // reads the last segment to its end
  // Of the event that `next` gave last.
  [[nodiscard]] JournalPlace place() const;
  // Whose event `next` gave last: the ring's id.
  [[nodiscard]] std::array<std::uint64_t, 2> ring_id();
  // Whose event this is, walking its segment: the ring's id; zeros if it is not there.
  [[nodiscard]] std::array<std::uint64_t, 2> ring_of(std::uint64_t sequence);

 private:
  struct Impl;
  explicit JournalReader(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
