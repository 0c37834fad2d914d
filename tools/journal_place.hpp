// A journal as the commands meet it: which directory is meant, and which part of it.
#pragma once

#include <ringbolt/ipc/journal_reader.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "commands.hpp"

namespace ringbolt::command {

// Is that the directory of a journal, and not a ring? It is one if it holds a segment, or has a slash and no ring in it. A
// ring goes before a directory of the same name in the working directory, which `./NAME` always means.
[[nodiscard]] bool is_journal(const std::string& name);
// The directory itself, or that of the ring's journal. Throws Error (not_found) and Failure (the ring has no journal).
[[nodiscard]] std::string journal_directory(const std::string& name);

// Reads a part of a journal that is there now: what is written meanwhile does not count.
class RangeReader {
 public:
  RangeReader(const std::string& directory, const JournalRange& range);
  // ok, gap (`last_gap`, within the range), or empty: the end of it.
  [[nodiscard]] Status next(Event& event);
  [[nodiscard]] const Gap& last_gap() const noexcept { return gap_; }
  [[nodiscard]] std::uint64_t done_events() const noexcept { return done_; }
  [[nodiscard]] std::uint64_t all_events() const noexcept { return all_; }

 private:
  JournalReader reader_;
  std::uint64_t below_;  // the sequence behind the last one
  Gap gap_;
  std::uint64_t done_ = 0;
  std::uint64_t all_ = 0;
};

// Shows on a terminal how much of a long work is done.
class Progress {
 public:
  void show(const char* what, std::uint64_t done, std::uint64_t all);
  ~Progress();

 private:
  std::int64_t next_ns_ = 0;
  bool shown_ = false;
};

}  // namespace ringbolt::command
