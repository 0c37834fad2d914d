// Payloads that a consumer can check: each 8-byte word follows from the event's number and its own place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ringbolt::bench {

inline constexpr std::uint64_t kWordStep = 0x9e3779b97f4a7c15;

// `payload.size()` is a multiple of 8.
inline void fill_payload(std::span<std::byte> payload, std::uint64_t number) noexcept {
  std::uint64_t word = number * kWordStep;
  for (std::size_t at = 0; at < payload.size(); at += 8, ++word) std::memcpy(payload.data() + at, &word, 8);
}

// Reads every byte.
[[nodiscard]] inline bool check_payload(std::span<const std::byte> payload, std::uint64_t number) noexcept {
  std::uint64_t expected = number * kWordStep;
  std::uint64_t difference = 0;
  for (std::size_t at = 0; at < payload.size(); at += 8, ++expected) {
    std::uint64_t word = 0;
    std::memcpy(&word, payload.data() + at, 8);
    difference |= word ^ expected;
  }
  return difference == 0;
}

}  // namespace ringbolt::bench
