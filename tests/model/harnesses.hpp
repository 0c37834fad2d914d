// What is explored. A harness is the smallest scene in which one part of the protocol can go wrong.
#pragma once

#include <span>
#include <vector>

#include "explorer.hpp"

namespace ringbolt::model {

[[nodiscard]] std::span<const Harness> ring_harnesses();
[[nodiscard]] std::span<const Harness> owner_harnesses();
[[nodiscard]] std::span<const Harness> sleep_harnesses();
[[nodiscard]] std::span<const Harness> journal_harnesses();

[[nodiscard]] inline std::vector<Harness> all_harnesses() {
  std::vector<Harness> all;
  for (const auto part : {ring_harnesses(), owner_harnesses(), sleep_harnesses(), journal_harnesses()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace ringbolt::model
