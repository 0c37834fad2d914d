// How the command writes: numbers for people, payloads that may hold anything, tables.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::command {

// 1204 -> "1,204", whatever the locale.
[[nodiscard]] std::string thousands(std::uint64_t number);
// "1,204 events", "1 event".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one, std::string_view many);
// 16777216 -> "16 MiB"; three digits of what is not whole.
[[nodiscard]] std::string size_text(std::uint64_t bytes);
// 1234567 -> "1.23 ms".
[[nodiscard]] std::string duration_text(std::uint64_t duration_ns);
// Local time with the fraction that matters to people; empty for 0.
[[nodiscard]] std::string time_text(std::uint64_t timestamp_ns);

[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

// The payload on one line of a terminal, which nothing in it can command: control characters and what is not UTF-8 become
// \xNN. A tab stays.
void append_printable(fmt::memory_buffer& to, std::string_view payload);
[[nodiscard]] std::string printable(std::string_view payload);

void append_base64(fmt::memory_buffer& to, std::string_view bytes);
// The bytes; empty if it is not the base64 of any.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

// Rows in columns as wide as their widest cell, two spaces apart; no trailing spaces.
class Table {
 public:
  explicit Table(std::vector<std::string> head, std::vector<bool> right = {}) : right_(std::move(right)) {
    add(std::move(head));
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // A line each, the head first.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  std::vector<bool> right_;  // which columns are numbers
  std::vector<std::vector<std::string>> rows_;
};

// How far two names are apart: insertions, deletions and changes of a letter, and neighbours exchanged.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);
// The one of `names` that was probably meant; empty if none is near.
[[nodiscard]] std::string closest(std::string_view name, const std::vector<std::string>& names);

}  // namespace ringbolt::command
