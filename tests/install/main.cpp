// A stranger's program: publishes one event and reads it back, with nothing but the installed headers and library.
#include <ringbolt/ringbolt.hpp>

#include <cstdio>
#include <string>

int main(int, char** argv) {
  const std::string ring = argv[1];  // a path of its own
  std::uint64_t received = 0;
  {
    auto publisher = ringbolt::Publisher::open(ring, {.capacity_bytes = 64 << 10});
    publisher.publish(std::string_view("installed"));
    auto consumer = ringbolt::Consumer::attach(ring, {.name = "stranger", .start = ringbolt::Start::earliest});
    received = consumer.poll(
        [](const ringbolt::Event& event) { std::printf("%llu\n", static_cast<unsigned long long>(event.sequence)); }, 16);
  }
  ringbolt::remove_ring(ring);
  return received == 1 ? 0 : 1;
}
