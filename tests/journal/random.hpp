// A generator of random numbers that is the same everywhere, for tests that repeat what a seed says (splitmix64).
#pragma once

#include <cstdint>

namespace ringbolt::ipc::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t word = state_ += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return word ^ (word >> 31);
  }
  // From 0 on, below `limit`, which is not 0 and much less than 2^32.
  std::uint64_t below(std::uint64_t limit) noexcept { return ((next() >> 32) * limit) >> 32; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept { return least + below(most - least + 1); }
  bool one_in(std::uint64_t times) noexcept { return below(times) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace ringbolt::ipc::test
