// The benchmarks of `ringbolt-bench`. Each prints its table, adds its rows to the report, and throws Error or
// std::runtime_error if something is wrong, a payload that differs from what was published included.
#pragma once

#include "report.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ringbolt::bench {

inline constexpr std::uint64_t kRingBytes = std::uint64_t{1} << 20;

struct LatencyOptions {
  std::vector<std::size_t> payloads{32, 8, 64, 256, 1024};  // bytes, multiples of 8; the verdict is about the first
  std::size_t slices = 15;
  bool timestamps = false;
};
// Round trips between two processes over two rings, as a ratio to round trips over two cache lines.
void run_latency(Report& report, const LatencyOptions& options);

struct PublishOptions {
  std::size_t slices = 101;  // against memcpy
  std::size_t rounds = 31;   // with and without consumers
};
// A publish of 64 bytes against a memcpy of as many bytes, and with consumers that do not run against none.
void run_publish(Report& report, const PublishOptions& options);

struct ReclaimOptions {
  std::size_t kills = 41;
};
// How long a publisher waits for a gating consumer that was killed.
void run_reclaim(Report& report, const ReclaimOptions& options);

struct ThroughputOptions {
  std::vector<std::size_t> payloads{8, 32, 64, 256, 1024, 4096};
  std::size_t slices = 9;
};
// Events a second from one process to a gating consumer in another, every payload checked.
void run_throughput(Report& report, const ThroughputOptions& options);

struct JournalBenchOptions {
  std::string directory = ".";    // on the file system that is measured
  std::uint64_t mebibytes = 256;  // of records in each slice
  std::size_t slices = 15;
};
// A journal's recording against plain writes, and its replay against memcpy.
void run_journal(Report& report, const JournalBenchOptions& options);

}  // namespace ringbolt::bench
