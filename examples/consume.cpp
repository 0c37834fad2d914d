// Reads orders as a named consumer that the publisher waits for. Stop it, start it again: it goes on behind its last
// commit. consume RING NAME
#include <ringbolt/ringbolt.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>

struct Order {
  std::uint64_t id;
  double price;
  std::uint32_t quantity;
  std::uint32_t reserved;
};

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;
  if (argc != 3) return std::fprintf(stderr, "usage: consume RING NAME\n"), 2;
  auto consumer = ringbolt::Consumer::attach(argv[1], {.name = argv[2], .policy = ringbolt::Policy::gate});
  double turnover = 0;
  std::uint64_t orders = 0;
  while (!consumer.closed()) {
    while (auto event = consumer.next_for(100ms)) {
      const auto order = event->as<Order>();
      turnover += order.price * order.quantity;
      ++orders;
      consumer.commit(event->sequence);  // after the work: a death before this line repeats the event, and never skips it
    }
  }
  std::printf("%s: %llu orders, turnover %.2f\n", argv[2], static_cast<unsigned long long>(orders), turnover);
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "consume: %s\n", error.what());
  return 1;
}
