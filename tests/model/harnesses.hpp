// What is explored. A harness is the smallest scene in which one part of the protocol can go wrong.
#pragma once

#include <span>

#include "explorer.hpp"

namespace ringbolt::model {

[[nodiscard]] std::span<const Harness> ring_harnesses();

}  // namespace ringbolt::model
