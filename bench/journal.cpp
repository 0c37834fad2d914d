// What a journal costs: recording against plain writes of the same bytes to the same file system, and reading it back from
// the page cache against memcpy. Both sides in one run, in turn.
#include <fcntl.h>
#include <unistd.h>

#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "journal_place.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "journal";
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::uint64_t kJournalledRingBytes = std::uint64_t{8} << 20;
constexpr double kWantedWrite = 0.5;
constexpr double kWantedReplay = 0.5;
constexpr double kWantedVerified = 1.0 / 3;

// Bytes per nanosecond, which is GB/s.
double rate(std::uint64_t bytes, std::uint64_t from) {
  return static_cast<double>(bytes) / (static_cast<double>(ticks() - from) * ns_per_tick());
}

double write_plainly(const std::string& path, std::uint64_t bytes) {
  const std::vector<char> block(kBlockBytes, 'x');
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot open " + path + ": " + std::strerror(errno));
  const std::uint64_t from = ticks();
  for (std::uint64_t done = 0; done < bytes; done += block.size()) {
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size()))
      throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno));
  }
  const double result = rate(bytes, from);
  ::close(fd);
  ::unlink(path.c_str());
  return result;
}

// Publishes so many events into a ring with a journal that never syncs; until the last one is in the files.
double record(const std::string& directory, std::size_t payload_bytes, std::uint64_t events) {
  double result = 0;
  {
    Publisher publisher = Publisher::open(
        kRing, {.capacity_bytes = kJournalledRingBytes, .journal = {.directory = directory, .sync = Sync::none}});
    const std::vector<std::byte> payload(payload_bytes, std::byte{7});
    const std::uint64_t from = ticks();
    for (std::uint64_t i = 0; i < events; ++i) publisher.publish(payload);
    while (stat_ring(kRing).journal->written_sequence < events) std::this_thread::yield();
    result = rate(events * core::record_bytes(payload_bytes), from);
  }
  remove_ring(kRing);
  return result;
}

double replay(const std::string& directory, bool verify, std::uint64_t events) {
  JournalReader reader = JournalReader::open(directory, {.verify = verify});
  Event event;
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  const std::uint64_t from = ticks();
  while (reader.next(event) == Status::ok) {
    // Every cache line is asked for: what only hops from header to header reads nothing.
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < event.payload.size(); at += 64) sum += std::to_integer<std::uint64_t>(event.payload[at]);
    bytes += sum == 0 ? 0 : event.payload.size();
    ++count;
  }
  const double result = rate(bytes, from);
  if (count != events) throw std::runtime_error(fmt::format("{} events were read of {}", count, events));
  return result;
}

double copy(std::uint64_t bytes) {
  static std::vector<char> from(std::size_t{64} << 20, 'a');
  static std::vector<char> to(from.size(), 'b');
  const std::uint64_t begun = ticks();
  for (std::uint64_t done = 0; done < bytes; done += from.size()) {
    std::memcpy(to.data(), from.data(), from.size());
    asm volatile("" ::"r"(to.data()) : "memory");
  }
  return rate(bytes, begun);
}

struct Ratio {
  std::string name;
  double wanted = 0;
  std::vector<double> ours{};
  std::vector<double> ratios{};
};

void show(Report& report, const Ratio& ratio, const char* against) {
  const Spread spread_of_ratio = spread(ratio.ratios);
  fmt::print("{:<28} {:>8.2f} GB/s {:>8.2f} ({:.2f} to {:.2f}) of {}, wanted {:.2f}: {}\n", ratio.name,
             quantile(ratio.ours, 0.5), spread_of_ratio.p50, spread_of_ratio.p10, spread_of_ratio.p90, against, ratio.wanted,
             spread_of_ratio.p50 >= ratio.wanted ? "met" : "missed");
  report.keep({.mode = "journal",
               .contender = ratio.name,
               .metric = "rate",
               .unit = "GB/s",
               .values = ratio.ours,
               .reference = against,
               .ratios = ratio.ratios,
               .aim = Row::Aim{ratio.wanted, true}});
}

}  // namespace

void run_journal(Report& report, const Effort& effort, const JournalBenchOptions& options) {
  const JournalPlace place(options.directory);
  const std::uint64_t bytes = effort.events(static_cast<double>(options.mebibytes), 4) << 20;
  fmt::print("\nrecording and replay, {} MiB, medians of {} slices (p10 to p90)\n", bytes >> 20, effort.slices);
  Ratio recorded{"record 256 B, sync none", kWantedWrite};
  Ratio read{"replay 1 KiB", kWantedReplay};
  Ratio verified{"replay 1 KiB, verified", kWantedVerified};
  for (std::size_t slice = 0; slice <= effort.slices; ++slice) {  // the first one warms up
    const double plain = write_plainly(place.at("plain"), bytes);
    const double ours = record(place.at("small"), 256, bytes / core::record_bytes(256));
    std::filesystem::remove_all(place.at("small"));
    const std::uint64_t events = bytes / core::record_bytes(1'024);
    static_cast<void>(record(place.at("large"), 1'024, events));
    const double copied = copy(bytes);
    const double fast = replay(place.at("large"), false, events);
    const double checked = replay(place.at("large"), true, events);
    std::filesystem::remove_all(place.at("large"));
    if (slice == 0) continue;
    recorded.ours.push_back(ours);
    recorded.ratios.push_back(ours / plain);
    read.ours.push_back(fast);
    read.ratios.push_back(fast / copied);
    verified.ours.push_back(checked);
    verified.ratios.push_back(checked / copied);
  }
  show(report, recorded, "plain writes of 1 MiB");
  show(report, read, "memcpy");
  show(report, verified, "memcpy");
}

}  // namespace ringbolt::bench
