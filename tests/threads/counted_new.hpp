// Counts what this executable allocates with `new`, by whatever thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace ringbolt::test {

inline std::atomic<bool> counting_allocations{false};
inline std::atomic<std::uint64_t> allocations{0};

}  // namespace ringbolt::test
