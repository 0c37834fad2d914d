// What the order process says and the others read. It has no hidden padding: consumers in other languages read it by its bytes.
#pragma once

#include <cstdint>

struct OrderPlaced {
  std::uint32_t customer;
  std::uint32_t item;  // from 0 to kItems - 1
  std::uint32_t pieces;
  std::uint32_t cents;  // to be paid for all of them
};
constexpr std::uint32_t kOrderPlaced = 1;  // the events' type
constexpr std::uint32_t kItems = 5;
