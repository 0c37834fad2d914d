// The order process: places orders by a schedule, says so, and knows nobody who listens. place RING COUNT PER_SECOND
#include <ringbolt/ringbolt.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "order.hpp"

int main(int argc, char** argv) try {
  using Clock = std::chrono::steady_clock;
  if (argc != 4) return std::fprintf(stderr, "usage: place RING COUNT PER_SECOND\n"), 2;
  auto publisher = ringbolt::Publisher::open(argv[1]);  // with the journal that the ring was made with
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  const std::chrono::duration<double> period(1 / std::atof(argv[3]));

  std::minstd_rand random(1);
  std::uint64_t cents = 0;
  std::uint64_t all_pieces = 0;
  Clock::duration slowest{0};
  const Clock::time_point begin = Clock::now();
  for (std::uint64_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(period * static_cast<double>(i)));
    const auto pieces = static_cast<std::uint32_t>(1 + random() % 9);
    const OrderPlaced order{static_cast<std::uint32_t>(random() % 1000), static_cast<std::uint32_t>(random() % kItems),
                            pieces, pieces * static_cast<std::uint32_t>(100 + random() % 900)};
    cents += order.cents;
    all_pieces += order.pieces;
    const Clock::time_point before = Clock::now();
    publisher.publish(order, {.type = kOrderPlaced});
    slowest = std::max(slowest, Clock::now() - before);
  }
  publisher.close();  // the shop is closed for good: whoever has read everything ends

  const auto slowest_us = std::chrono::duration_cast<std::chrono::microseconds>(slowest);
  std::printf("{\"orders\":%llu,\"cents\":%llu,\"pieces\":%llu,\"slowest_publish_us\":%lld}\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(cents),
              static_cast<unsigned long long>(all_pieces), static_cast<long long>(slowest_us.count()));
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "place: %s\n", error.what());
  return 1;
}
