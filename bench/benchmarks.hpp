// The benchmarks of `ringbolt-bench`. Each prints its table, adds its rows to the report, and throws Error or
// std::runtime_error if something is wrong: a payload that differs from what was published, or an event too few.
#pragma once

#include "report.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ringbolt::bench {

inline constexpr std::uint64_t kRingBytes = std::uint64_t{1} << 20;

// How long to measure.
struct Effort {
  std::size_t slices = 15;
  double scale = 1;        // of the events in a slice
  bool every_cell = true;  // otherwise a few representative parameters
  bool peers = true;       // other libraries, too
  bool smoke = false;      // nothing that only makes numbers better

  [[nodiscard]] std::uint64_t events(double at_full_scale, std::uint64_t least) const {
    const auto scaled = static_cast<std::uint64_t>(at_full_scale * scale);
    return scaled < least ? least : scaled;
  }
};
inline constexpr Effort kQuick{.slices = 5, .scale = 0.3, .every_cell = false};
// Whether it works, and nothing about how fast: for tests.
inline constexpr Effort kSmoke{.slices = 1, .scale = 0.002, .every_cell = false, .smoke = true};

struct LatencyOptions {
  std::vector<std::size_t> payloads{32, 8, 64, 256, 1024, 4096};  // bytes, multiples of 8
};
// Round trips between two processes, as a ratio to round trips over two cache lines.
void run_latency(Report& report, const Effort& effort, const LatencyOptions& options);

// How late an event arrives that was due at a time, at fixed rates up to saturation.
void run_oneway(Report& report, const Effort& effort);

// How long a sleeping consumer takes to have an event, against a bare system call that wakes.
void run_wake(Report& report, const Effort& effort);

// Events a second, by payload, capacity, consumers and policy.
void run_throughput(Report& report, const Effort& effort);

// A publish of 64 bytes against a memcpy of as many bytes, and with consumers that do not run against none.
void run_publish(Report& report, const Effort& effort);

// A publish with up to 256 consumers that are blocked elsewhere, awake, asleep, slow or gating.
void run_consumers(Report& report, const Effort& effort);

// The longest publishes beside a consumer that is killed, stopped or overrun.
void run_jitter(Report& report, const Effort& effort);

// How long a publisher waits for a gating consumer that was killed.
void run_reclaim(Report& report, const Effort& effort);

// Attaching while the publisher runs, against mapping a file.
void run_join(Report& report, const Effort& effort);

struct JournalBenchOptions {
  std::string directory = ".";    // on the file system that is measured
  std::uint64_t mebibytes = 256;  // of records in each slice
};
// A journal's recording against plain writes, and its replay against memcpy.
void run_journal(Report& report, const Effort& effort, const JournalBenchOptions& options);

// A consumer of the journal that is behind, until it is live, while the publisher goes on; against memcpy.
void run_catchup(Report& report, const Effort& effort, const JournalBenchOptions& options);

}  // namespace ringbolt::bench
