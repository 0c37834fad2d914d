// Three consumers of one ring, one of them behind the other two: shipping sees an order only when risk and audit are done
// with it, each in a process of its own. fan_out RING risk | audit | shipping
#include <ringbolt/ringbolt.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: fan_out RING risk|audit|shipping\n"), 2;
  const std::string role = argv[2];
  ringbolt::ConsumerOptions options{.name = role, .policy = ringbolt::Policy::gate};
  if (role == "shipping")
    options.after = {"risk", "audit"};  // they are attached first; shipping waits for them, dead or alive
  auto consumer = ringbolt::Consumer::attach(argv[1], options);
  std::fprintf(stderr, "%s is attached\n", role.c_str());

  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  const auto handle = [&](const ringbolt::Event& event) {
    ++count;
    bytes += event.payload.size();
  };
  // `poll` commits what the handler has returned from, at the end of each batch, and so lets the followers go on.
  while (consumer.wait_for(ringbolt::kForever) == ringbolt::Status::ok) consumer.poll(handle);
  std::printf("%s: %llu events, %llu bytes\n", role.c_str(), static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(bytes));
  return 0;
} catch (const ringbolt::Error& error) {
  std::fprintf(stderr, "fan_out: %s\n", error.what());
  return 1;
}
