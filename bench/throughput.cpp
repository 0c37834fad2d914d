// Events a second from one publisher to one gating consumer in another process. Every payload is written and checked.
//
// A consumer that keeps up takes each line from the publisher as it is written, so the distance between the two CPUs
// decides more than anything else here; a bare ping-pong before each round of slices says what it was.
#include <ringbolt/ringbolt.hpp>

#include "bare.hpp"
#include "benchmarks.hpp"
#include "payload.hpp"
#include "processes.hpp"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "throughput";
constexpr std::uint64_t kBytesPerSlice = std::uint64_t{256} << 20;  // records, some tens of milliseconds

constexpr std::uint64_t kBareSlice = 0;  // a number of events that stands for a bare ping-pong

std::uint64_t events_per_slice(std::size_t payload) { return kBytesPerSlice / core::record_bytes(payload); }

// Takes as many events as it is told to, as fast as it can, and says when it has them.
void consume(Channel& channel, BareEnd bare) {
  channel.be_peer();
  Consumer consumer = Consumer::attach(kRing, {.policy = Policy::gate, .start = Start::earliest, .wait = Wait::spin});
  std::uint64_t number = 0;
  const auto check = [&](const Event& event) {
    if (!check_payload(event.payload, ++number)) {
      throw std::runtime_error(fmt::format("the payload of event {} is not what was published", event.sequence));
    }
  };
  for (;;) {
    std::uint64_t left = channel.receive();
    channel.send(left);
    if (left == kBareSlice) {
      answer_bare(bare);
      continue;
    }
    while (left != 0) {
      const std::size_t taken = consumer.poll(check, 256);
      left -= taken;
      if (taken == 0 && consumer.wait_for(std::chrono::seconds(10)) != Status::ok) {
        throw std::runtime_error("no event in 10 s");
      }
    }
    channel.send(0);
  }
}

double bare_ns(Channel& channel, BareEnd& bare) {
  channel.send(kBareSlice);
  if (channel.receive() != kBareSlice) throw std::runtime_error("the consumer did not start");
  return time_bare(bare);
}

double million_events_a_second(Publisher& publisher, Channel& channel, std::size_t payload, std::uint64_t& number) {
  const std::uint64_t events = events_per_slice(payload);
  std::vector<std::byte> bytes(payload);
  channel.send(events);
  if (channel.receive() != events) throw std::runtime_error("the consumer did not start");
  const double ns = ns_each(events, [&] {
    for (std::uint64_t i = 0; i < events; ++i) {
      fill_payload(bytes, ++number);
      publisher.publish(bytes);
    }
    if (channel.receive() != 0) throw std::runtime_error("the consumer did not finish");
  });
  return 1e3 / ns;
}

}  // namespace

void run_throughput(Report& report, const ThroughputOptions& options) {
  if (!report.has_two_cpus()) {
    report.warn("throughput is left out: it needs two CPUs");
    return;
  }
  create_ring(kRing, {.capacity_bytes = kRingBytes, .timestamps = false, .prefault = true});
  Channel channel;
  Shared<BareLines> lines;
  Peer peer([&] {
    pin_to(report.machine().second_cpu);
    consume(channel, BareEnd(lines->pong, lines->ping));
  });
  pin_to(report.machine().first_cpu);
  std::vector<std::vector<double>> rates(options.payloads.size());
  std::vector<double> distances;
  BareEnd bare(lines->ping, lines->pong);
  {
    Publisher publisher = Publisher::open(kRing, {.create = false, .wait = Wait::spin});
    std::uint64_t number = 0;
    for (std::size_t slice = 0; slice <= options.slices; ++slice) {
      distances.push_back(bare_ns(channel, bare));
      for (std::size_t i = 0; i < options.payloads.size(); ++i) {
        const double rate = million_events_a_second(publisher, channel, options.payloads[i], number);
        if (slice != 0) rates[i].push_back(rate);  // the first round warms up
      }
    }
  }
  peer.kill();
  remove_ring(kRing);

  fmt::print("\nthroughput, one publisher to one gating consumer, ring of 1 MiB, timestamps off, {} slices of 256 MiB\n",
             options.slices);
  const Spread distance = spread(distances);
  fmt::print("bare round trip between the slices: {:.0f} ns [{:.0f}-{:.0f}]\n", distance.p50, distance.p10, distance.p90);
  fmt::print("{:>9} {:>12}  {:<18} {:>8}\n", "payload B", "M events/s", "[p10-p90]", "GB/s");
  for (std::size_t i = 0; i < options.payloads.size(); ++i) {
    const Spread rate = spread(rates[i]);
    const std::size_t payload = options.payloads[i];
    fmt::print("{:>9} {:>12.2f}  {:<18} {:>8.2f}\n", payload, rate.p50, fmt::format("[{:.2f}-{:.2f}]", rate.p10, rate.p90),
               rate.p50 * static_cast<double>(payload) / 1e3);
    report.add({{"benchmark", "throughput"},
                {"payload_bytes", payload},
                {"slices", options.slices},
                {"timestamps", false},
                {"capacity_bytes", kRingBytes},
                {"bare_p50_ns", to_json(distances)},
                {"million_events_a_second", to_json(rates[i])}});
  }
}

}  // namespace ringbolt::bench
