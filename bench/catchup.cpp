// A consumer of the journal that starts far behind: until it is live in the ring, while the publisher goes on at its own pace.
// Every event is checked and counted. Against memcpy of the same payloads.
#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "journal_place.hpp"
#include "payload.hpp"
#include "processes.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "catchup";
constexpr std::uint32_t kWatchdogSeconds = 120;
constexpr double kBacklogBytes = 64e6;

// Publishes the backlog, says so, and goes on with an event each 20 µs until it is killed.
void publish(const std::string& directory, std::size_t payload_bytes, std::uint64_t backlog, Channel& channel) {
  channel.be_peer();
  Publisher publisher = Publisher::open(
      kRing, {.capacity_bytes = kRingBytes, .timestamps = false, .journal = {.directory = directory, .sync = Sync::none}});
  std::vector<std::byte> payload(payload_bytes);
  const auto one_more = [&] {
    fill_payload(payload, publisher.next_sequence());
    publisher.publish(payload);
  };
  for (std::uint64_t i = 0; i < backlog; ++i) one_more();
  while (stat_ring(kRing).journal->written_sequence < backlog) std::this_thread::yield();
  channel.send(backlog);
  for (;;) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    one_more();
  }
}

// Bytes per nanosecond, which is GB/s, until the consumer reads from the ring and has what there is.
double catch_up(std::uint64_t backlog, std::uint64_t& turns) {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  const std::uint64_t from = ticks();
  Consumer consumer = Consumer::attach(kRing, {.policy = Policy::journal, .start = Start::earliest});
  const auto check = [&](const Event& event) {
    if (event.sequence != ++events || !check_payload(event.payload, event.sequence)) {
      throw std::runtime_error(fmt::format("event {} is not what was published", event.sequence));
    }
    bytes += event.payload.size();
  };
  std::size_t taken = 1;
  while (taken != 0 || consumer.in_journal() || events < backlog) taken = consumer.poll(check, 256);
  const double ns = static_cast<double>(ticks() - from) * ns_per_tick();
  turns += consumer.counters().turns_to_ring;
  return static_cast<double>(bytes) / ns;
}

double copy(std::uint64_t bytes) {
  const std::vector<char> from(std::size_t{16} << 20, 'a');
  std::vector<char> to(from.size(), 'b');
  const std::uint64_t begun = ticks();
  for (std::uint64_t done = 0; done < bytes; done += from.size()) {
    std::memcpy(to.data(), from.data(), from.size());
    asm volatile("" ::"r"(to.data()) : "memory");
  }
  return static_cast<double>(bytes) / (static_cast<double>(ticks() - begun) * ns_per_tick());
}

}  // namespace

void run_catchup(Report& report, const Effort& effort, const JournalBenchOptions& options) {
  if (!report.can_run_two("catchup")) return;
  report.begin(fmt::format("catching up from the journal until live, GB/s of payload, {} slices", effort.slices));
  const std::vector<std::size_t> payloads =
      effort.every_cell ? std::vector<std::size_t>{64, 256, 1024} : std::vector<std::size_t>{256};
  for (const std::size_t payload : payloads) {
    const std::uint64_t backlog = effort.events(kBacklogBytes / static_cast<double>(payload), 200);
    std::vector<double> rates;
    std::vector<double> copies;
    std::uint64_t turns = 0;
    for (std::size_t slice = 0; slice < effort.slices; ++slice) {
      const JournalPlace place(options.directory);
      Channel channel;
      Peer publisher(
          [&] {
            pin_to(report.machine().first_cpu);
            publish(place.at("journal"), payload, backlog, channel);
          },
          kWatchdogSeconds);
      if (channel.receive() != backlog) throw std::runtime_error("the publisher did not begin");
      pin_to(report.machine().second_cpu);
      rates.push_back(catch_up(backlog, turns));
      copies.push_back(copy(std::max<std::uint64_t>(backlog * payload, 16 << 20)));
      publisher.kill();
      remove_ring(kRing, true);
    }
    if (turns < effort.slices && backlog * core::record_bytes(payload) > 2 * kRingBytes) {
      throw std::runtime_error("the consumer did not turn from the journal to the ring");
    }
    report.show({.mode = "catchup",
                 .contender = "ringbolt journal",
                 .parameters = {{"payload", payload}, {"backlog", backlog}},
                 .metric = "rate",
                 .unit = "GB/s",
                 .values = rates,
                 .reference = "memcpy",
                 .ratios = ratios_of(rates, copies)});
  }
}

}  // namespace ringbolt::bench
