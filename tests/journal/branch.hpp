// What a journal must hold: the oracle of the crash tests. A branch is the stream of events that a publisher and its
// successors agree on. A power cut takes away what the journal did not keep, and the next publisher goes on with other
// events of the same numbers; so believing bytes of before is always noticed.
#pragma once

#include <ringbolt/ipc/journal_log.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "random.hpp"
#include "sim_disk.hpp"

namespace ringbolt::ipc::test {

// How large the events of a history are.
enum class Sizes : std::uint8_t { any, small, same, two };

class Branch {
 public:
  Branch(std::uint64_t first_sequence, Sizes sizes, std::uint64_t seed)
      : first_(first_sequence), sizes_(sizes), random_(seed) {}

  // The event as the ring has it; the first time it is asked for, it is published, which must be in order.
  [[nodiscard]] core::Record event(std::uint64_t sequence);
  // Everything from `sequence` on has never been.
  void cut(std::uint64_t sequence);
  // The journal goes on at `sequence`; what it does not have before that, it will never have.
  void go_on_at(std::uint64_t recorded_until, std::uint64_t sequence);
  // The first sequence from `sequence` on that the journal should have.
  [[nodiscard]] std::uint64_t recorded_from(std::uint64_t sequence) const noexcept;

  // ---- what is known of the journal
  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
  std::uint64_t durable = 0;  // the last event that was reported durable
  std::uint64_t written = 0;  // the last one that was handed over, or passed over
  bool begun = false;         // an epoch was begun, so that there must be something

  // Walks all segments, whose end recovery says is `next_sequence`: everything up to there must be as it was published. Empty,
  // or what is wrong.
  [[nodiscard]] std::string check(SimDisk& disk, std::uint64_t next_sequence) const;

 private:
  struct Event {
    std::uint64_t timestamp_ns = 0;
    std::uint64_t offset = 0;  // in bytes_
    std::uint32_t size = 0;
    std::uint32_t type = 0;
    bool recorded = true;
  };

  [[nodiscard]] std::uint32_t draw_size();
  [[nodiscard]] const Event* find(std::uint64_t sequence) const noexcept;
  [[nodiscard]] bool same(const Found& found) const noexcept;
  [[nodiscard]] std::string check_segment(SimDisk& disk, std::uint64_t first, const core::SegmentHeader& header,
                                          const core::SegmentHeader* next, std::uint64_t& expected) const;

  std::uint64_t first_;
  Sizes sizes_;
  Random random_;
  std::vector<Event> events_;
  std::vector<std::byte> bytes_;
};

}  // namespace ringbolt::ipc::test
