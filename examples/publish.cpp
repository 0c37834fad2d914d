// Publishes orders into a ring. Run it beside `consume`, in any order: publish RING COUNT
#include <ringbolt/ringbolt.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

struct Order {
  std::uint64_t id;
  double price;
  std::uint32_t quantity;
  std::uint32_t reserved;  // no hidden padding: all bytes of an event are somebody's
};
constexpr std::uint32_t kOrderPlaced = 1;

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: publish RING COUNT\n"), 2;
  // Creates the ring, or continues the stream where the last publisher ended or died.
  auto publisher = ringbolt::Publisher::open(argv[1], {.capacity_bytes = 1 << 20});
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  for (std::uint64_t id = 1; id <= count; ++id) {
    publisher.publish(Order{id, 100.0 + static_cast<double>(id % 7), 10, 0}, {.type = kOrderPlaced});
  }
  publisher.close();  // says that the stream ends here; a publisher that dies leaves its consumers waiting for a successor
  std::printf("published up to %llu\n", static_cast<unsigned long long>(publisher.next_sequence() - 1));
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "publish: %s\n", error.what());
  return 1;
}
