// What the fragments of C++ in the documents take for granted: see docs_test.py.
#pragma once

#include <ringbolt/funnel.hpp>
#include <ringbolt/merge.hpp>
#include <ringbolt/ringbolt.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): included once, by a generated file

struct Order {
  std::uint64_t id = 1;
  std::uint64_t cents = 100;
};
constexpr std::uint32_t kOrderPlaced = 1;

inline constexpr std::array<std::byte, 32> kBytes{};
inline const std::span<const std::byte> bytes(kBytes);
inline const std::size_t size = bytes.size();
inline const Order order;
inline void encode(std::span<std::byte> room) { std::ranges::fill(room, std::byte{0}); }
inline void handle(const ringbolt::Event&) {}
