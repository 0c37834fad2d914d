// The door for libFuzzer.
#include <algorithm>
#include <cstring>

#include "fuzz/target.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringbolt::fuzz::Target& target = ringbolt::fuzz::target();
  target.run(ringbolt::fuzz::parse(target, {data, size}));
  return 0;
}

// Half of the time by libFuzzer itself, which knows what the code compared the bytes with.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, most);
  const auto made = ringbolt::fuzz::mutate(ringbolt::fuzz::target(), {data, size}, seed, most);
  const std::size_t bytes = std::min(made.size(), most);
  std::memcpy(data, made.data(), bytes);
  return bytes;
}
