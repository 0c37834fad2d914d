// What a publish costs alone: against a memcpy of header and payload, and with timestamps against without. `consumers.cpp` has it
// with consumers.
//
// Both loops walk 1 MiB of shared memory in steps of a record. They take turns in short slices of one run, and what counts
// is the median of the ratios of neighbours.
#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "processes.hpp"

#include <fmt/format.h>

#include <time.h>

#include <array>
#include <cstring>

namespace ringbolt::bench {
namespace {

constexpr std::uint64_t kEventsPerSlice = 100'000;  // nine laps of the ring
constexpr std::size_t kPayloadBytes = 64;
constexpr std::size_t kRecordBytes = core::record_bytes(kPayloadBytes);
static_assert(kRecordBytes == 96);

// Sources on cache lines of their own, so that neither side reads across more of them than it must.
struct alignas(64) Payload {
  std::array<std::uint64_t, kPayloadBytes / 8> words;
};
struct alignas(64) RecordImage {
  std::array<std::uint64_t, kRecordBytes / 8> words;
};
struct Buffer {
  std::array<std::byte, kRingBytes> bytes;
  std::array<std::byte, kRecordBytes> overhang;  // a copy may begin at the last byte
};

// The compiler may assume nothing about memory across this, so it cannot drop a copy that nobody reads or merge two.
inline void keep(const void* address) noexcept { asm volatile("" : : "r"(address) : "memory"); }
// A number that the compiler cannot know.
inline std::size_t opaque(std::size_t number) noexcept {
  asm volatile("" : "+r"(number));
  return number;
}

[[gnu::noinline]] void publish_known_size(Publisher& publisher, const Payload& payload) {
  for (std::uint64_t i = 0; i < kEventsPerSlice; ++i) {
    publisher.publish(payload);
    keep(&payload);
  }
}
[[gnu::noinline]] void copy_known_size(Buffer& buffer, const RecordImage& record) {
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < kEventsPerSlice; ++i) {
    std::memcpy(buffer.bytes.data() + at, &record, kRecordBytes);
    keep(&record);
    at = (at + kRecordBytes) & (kRingBytes - 1);
  }
}
[[gnu::noinline]] void publish_any_size(Publisher& publisher, const Payload& payload) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(&payload), opaque(sizeof payload));
  for (std::uint64_t i = 0; i < kEventsPerSlice; ++i) {
    publisher.publish(bytes);
    keep(&payload);
  }
}
[[gnu::noinline]] void copy_any_size(Buffer& buffer, const RecordImage& record) {
  const std::size_t bytes = opaque(kRecordBytes);
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < kEventsPerSlice; ++i) {
    std::memcpy(buffer.bytes.data() + at, &record, bytes);
    keep(&record);
    at = (at + bytes) & (kRingBytes - 1);
  }
}
[[gnu::noinline]] void loop_alone(const RecordImage& record) {
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < kEventsPerSlice; ++i) {
    keep(&record);
    at = (opaque(at) + kRecordBytes) & (kRingBytes - 1);
  }
}

// Slices are short here, so there are more of them.
std::size_t slices_of(const Effort& effort) { return effort.events(101, 3); }

// `subject` and `base` take turns; the ratio is of each slice of `subject` to the mean of the two of `base` beside it.
struct Comparison {
  std::vector<double> subject_times;
  double subject_ns = 0;
  double base_ns = 0;
  std::vector<double> ratios;
};
template <class Subject, class Base>
Comparison compare(std::size_t slices, Subject&& subject, Base&& base) {
  std::vector<double> subject_times;
  std::vector<double> base_times;
  std::vector<double> ratios;
  subject();  // warms up
  base();
  double before = ns_each(kEventsPerSlice, base);
  for (std::size_t i = 0; i < slices; ++i) {
    const double time = ns_each(kEventsPerSlice, subject);
    const double after = ns_each(kEventsPerSlice, base);
    subject_times.push_back(time);
    base_times.push_back(after);
    ratios.push_back(time / ((before + after) / 2));
    before = after;
  }
  return {subject_times, quantile(subject_times, 0.5), quantile(base_times, 0.5), ratios};
}

void print_row(Report& report, const char* what, const char* against, const Comparison& result, double wanted) {
  const Spread ratio = spread(result.ratios);
  fmt::print("{:<34} {:>7.2f} {:>9.2f} {:>8.3f}  [{:.3f}-{:.3f}]  below {:.3g} was asked for\n", what, result.subject_ns,
             result.base_ns, ratio.p50, ratio.p10, ratio.p90, wanted);
  report.keep({.mode = "publish",
               .contender = what,
               .parameters = {{"payload", kPayloadBytes}, {"capacity", kRingBytes}},
               .metric = "publish",
               .unit = "ns",
               .values = result.subject_times,
               .reference = against,
               .ratios = result.ratios,
               .aim = Row::Aim{wanted, false}});
}

void against_memcpy(Report& report, const Effort& effort, Publisher& publisher) {
  Shared<Buffer> buffer;  // shared memory like the ring's, so that both have pages of the same kind
  const Payload payload{};
  const RecordImage record{};
  fmt::print("\npublish of {} bytes, timestamps off, ring of 1 MiB, no consumer, against memcpy of {} bytes into 1 MiB\n",
             kPayloadBytes, kRecordBytes);
  fmt::print("{:<34} {:>7} {:>9} {:>8}  [p10-p90], {} slices of {}\n", "", "ns", "memcpy ns", "ratio", slices_of(effort),
             kEventsPerSlice);
  print_row(
      report, "size known when compiled", "memcpy",
      compare(
          slices_of(effort), [&] { publish_known_size(publisher, payload); }, [&] { copy_known_size(*buffer, record); }),
      1.7);
  print_row(report, "size known when run", "memcpy",
            compare(
                slices_of(effort), [&] { publish_any_size(publisher, payload); }, [&] { copy_any_size(*buffer, record); }),
            1.7);
  fmt::print("(the memcpy loop without its memcpy: {:.2f} ns)\n", ns_each(kEventsPerSlice, [&] { loop_alone(record); }));
}

// What a stamp costs: two rings of the same kind, one of which stamps.
void with_timestamps(Report& report, const Effort& effort, Publisher& without) {
  constexpr const char* kStamped = "publish-stamped";
  constexpr double kMostNs = 15;  // more than without
  create_ring(kStamped, {.capacity_bytes = kRingBytes, .timestamps = true, .prefault = true});
  {
    Publisher with = Publisher::open(kStamped, {.create = false});
    const Payload payload{};
    const Comparison result = compare(
        slices_of(effort), [&] { publish_known_size(with, payload); }, [&] { publish_known_size(without, payload); });
    fmt::print("\nthe same publish with timestamps, against without\n");
    print_row(report, "timestamps on", "timestamps off", result, (result.base_ns + kMostNs) / result.base_ns);
    fmt::print("(a stamp: {:.1f} ns; the clock itself: {:.1f} ns)\n", result.subject_ns - result.base_ns,
               ns_each(kEventsPerSlice, [] {
                 timespec now{};
                 for (std::uint64_t i = 0; i < kEventsPerSlice; ++i) ::clock_gettime(CLOCK_REALTIME, &now);
               }));
  }
  remove_ring(kStamped);
}

}  // namespace

void run_publish(Report& report, const Effort& effort) {
  constexpr const char* kRing = "publish";
  create_ring(kRing, {.capacity_bytes = kRingBytes, .timestamps = false, .prefault = true});
  pin_to(report.machine().first_cpu);
  {
    Publisher publisher = Publisher::open(kRing, {.create = false});
    against_memcpy(report, effort, publisher);
    with_timestamps(report, effort, publisher);
    if (publisher.next_sequence() == 1) throw std::runtime_error("nothing was published");
  }
  remove_ring(kRing);
}

}  // namespace ringbolt::bench
