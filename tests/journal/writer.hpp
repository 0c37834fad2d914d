// A journal on a simulated disk, and who writes it: for the tests that say step by step what happens.
#pragma once

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_log.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "branch.hpp"
#include "sim_disk.hpp"

namespace ringbolt::ipc::test {

struct Writer {
  static constexpr std::uint64_t kSegmentBytes = 4'096;

  // Events that all are as long as a control record.
  explicit Writer(std::uint64_t seed = 1) : disk(seed), branch(1, Sizes::same, seed) {}

  // Recovers, and begins an epoch behind what was found.
  void open();
  // The publisher's next events, staged and written; an errno.
  [[nodiscard]] int write(std::uint64_t events);
  [[nodiscard]] int write_and_sync(std::uint64_t events);
  // Opens the journal of an image of a power cut now: what was recovered, checked against what was published.
  [[nodiscard]] Recovered after_power_cut(std::uint64_t seed);
  // The error that opening a copy of the disk answers; empty if it opens.
  [[nodiscard]] std::optional<Error> refusal(SimDisk& copy) const;
  [[nodiscard]] std::string segment_of(std::uint64_t sequence);
  // Where the record of that event begins in its segment.
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t sequence);

  SimDisk disk;
  Branch branch;
  LogOptions options{
      .segment_bytes = kSegmentBytes, .syncs = true, .zero_ahead = false, .threads = false, .buffer_bytes = 4'096};
  std::unique_ptr<JournalLog> log;
};

}  // namespace ringbolt::ipc::test
