// Attaching to a ring that may have to be waited for.
#pragma once

#include <ringbolt/ringbolt.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace ringbolt::command {

enum class Attach : std::uint8_t { done, stopped, timed_out };

// With `wait` once there is a ring, unless a signal or the timeout (0: none) comes first. Throws Error.
[[nodiscard]] Attach attach(const std::string& ring, const ConsumerOptions& options, bool wait,
                            std::chrono::nanoseconds timeout, std::optional<Consumer>& consumer);

}  // namespace ringbolt::command
