// How long a publisher waits for a gating consumer that was killed: from the signal to the return of the publish.
#include <ringbolt/ringbolt.hpp>

#include "benchmarks.hpp"
#include "processes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace ringbolt::bench {
namespace {

constexpr const char* kRing = "reclaim";
constexpr double kWantedMs = 10;

// A consumer that gates and takes nothing.
void block_the_ring(Channel& channel) {
  channel.be_peer();
  Consumer consumer = Consumer::attach(kRing, {.policy = Policy::gate, .start = Start::latest});
  channel.send(1);
  for (;;) pause();
}

// Fills the ring until it blocks, lets the consumer be killed `patience` later, and returns how long after that the
// publish came back.
double delay_ms(Publisher& publisher, std::chrono::microseconds patience) {
  const std::array<std::byte, 64> payload{};
  Channel channel;
  Peer consumer([&] { block_the_ring(channel); });
  if (channel.receive() != 1) throw std::runtime_error("the consumer did not attach");
  while (publisher.try_publish(payload).status == Status::ok) {
  }
  std::uint64_t killed = 0;
  std::thread killer([&] {
    std::this_thread::sleep_for(patience);
    killed = ticks();
    consumer.send_kill();
  });
  publisher.publish(payload);
  const std::uint64_t returned = ticks();
  killer.join();
  if (returned < killed) throw std::runtime_error("the publisher did not wait for its gating consumer");
  return static_cast<double>(returned - killed) * ns_per_tick() / 1e6;
}

}  // namespace

void run_reclaim(Report& report, const Effort& effort) {
  const std::size_t kills = effort.events(41, 3);
  fmt::print("\ndelay until a blocked publisher goes on after its gating consumer was killed, {} kills each\n", kills);
  fmt::print("{:<16} {:>8} {:>8} {:>8}\n", "publisher waits", "p50 ms", "p90 ms", "max ms");
  for (const auto& [name, wait] : {std::pair{"park", Wait::park}, std::pair{"spin", Wait::spin}}) {
    create_ring(kRing, {.capacity_bytes = core::kMinCapacityBytes});
    std::vector<double> delays;
    {
      Publisher publisher = Publisher::open(kRing, {.create = false, .wait = wait});
      for (std::size_t i = 0; i < kills; ++i) {
        // Spread over 20 ms, so that the kill meets every phase of the publisher's looking around.
        const std::size_t step = i * 20'000 / kills;
        delays.push_back(delay_ms(publisher, std::chrono::microseconds(5'000 + step)));
      }
    }
    remove_ring(kRing);
    fmt::print("{:<16} {:>8.2f} {:>8.2f} {:>8.2f}  about {} or less at p50 was asked for\n", name, quantile(delays, 0.5),
               quantile(delays, 0.9), quantile(delays, 1), kWantedMs);
    report.keep({.mode = "reclaim",
                 .contender = fmt::format("ringbolt, publisher waits by {}", name),
                 .metric = "delay",
                 .unit = "ms",
                 .values = delays});
  }
}

}  // namespace ringbolt::bench
