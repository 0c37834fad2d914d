// Takes the pieces of each order from the shelf, more slowly than orders come: it falls behind by more than the ring holds, reads
// the journal until it has caught up, and nobody waits for it. inventory RING
#include <ringbolt/ringbolt.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "order.hpp"

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;
  if (argc != 2) return std::fprintf(stderr, "usage: inventory RING\n"), 2;
  auto consumer = ringbolt::Consumer::attach(argv[1], {.name = "inventory"});
  std::uint64_t orders = 0;
  std::array<std::uint64_t, kItems> pieces{};
  while (auto event = consumer.next()) {
    const auto order = event->as<OrderPlaced>();
    pieces.at(order.item) += order.pieces;
    if (++orders % 8 == 0) std::this_thread::sleep_for(3ms);  // the way to the shelf
    consumer.commit(event->sequence);                         // after the work
  }
  std::uint64_t all = 0;
  for (const std::uint64_t of_item : pieces) all += of_item;
  std::printf("{\"orders\":%llu,\"pieces\":%llu,\"turns_to_journal\":%llu}\n", static_cast<unsigned long long>(orders),
              static_cast<unsigned long long>(all), static_cast<unsigned long long>(consumer.counters().turns_to_journal));
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "inventory: %s\n", error.what());
  return 1;
}
