// How far each source of a merge has come: read from the output's events, and written into them. Used by the merge alone.
#pragma once

#include <ringbolt/ipc/publisher.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ringbolt::ipc {

struct MergePosition {
  std::string ring_id;         // empty: not known, there was no table yet
  std::uint64_t sequence = 0;  // newest event that is in the output
};

class MergePositions {
 public:
  // Takes the output's next event into account. Whoever wrote the attributes: what does not read as it should is passed over.
  void take(const Event& event);
  // A table was seen, so nothing that lies before it is missing.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

  [[nodiscard]] const MergePosition* find(const std::string& source) const;
  void set(const std::string& source, const std::string& ring_id, std::uint64_t sequence);
  // A line for each source: name, ring id and sequence, a space between them.
  [[nodiscard]] std::string table() const;

 private:
  void take_table(std::string_view table);
  std::map<std::string, MergePosition, std::less<>> positions_;
  bool complete_ = false;
};

// What the output holds now, whose publisher is this process. Throws Error: bad_option if there are events and none tells, unless
// `start_over`.
[[nodiscard]] MergePositions find_merge_positions(const Publisher& output, bool start_over);

}  // namespace ringbolt::ipc
