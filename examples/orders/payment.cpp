// Takes the money for each order. Keeps up, and sleeps between the orders. payment RING
#include <ringbolt/ringbolt.hpp>

#include <cstdint>
#include <cstdio>

#include "order.hpp"

int main(int argc, char** argv) try {
  if (argc != 2) return std::fprintf(stderr, "usage: payment RING\n"), 2;
  auto consumer = ringbolt::Consumer::attach(argv[1], {.name = "payment"});
  std::uint64_t orders = 0;
  std::uint64_t cents = 0;
  const auto collect = [&](const ringbolt::Event& event) {
    if (event.type != kOrderPlaced) return;  // another kind of event, which somebody may add some day
    cents += event.as<OrderPlaced>().cents;
    ++orders;
  };
  // `poll` takes what is there, and commits it when `collect` has returned from all of it.
  while (consumer.wait_for(ringbolt::kForever) == ringbolt::Status::ok) consumer.poll(collect);
  std::printf("{\"orders\":%llu,\"cents\":%llu}\n", static_cast<unsigned long long>(orders),
              static_cast<unsigned long long>(cents));
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "payment: %s\n", error.what());
  return 1;
}
