// Turning a user's `Start` into a place in the ring.
#pragma once

#include <ringbolt/core/locate.hpp>
#include <ringbolt/ipc/event.hpp>

#include <cstdint>
#include <string>

namespace ringbolt::ipc {

struct StartPlace {
  core::Place place;
  std::uint64_t wanted_sequence = 0;  // what was asked for by number; behind `place` means a gap up to there; 0: none was
  std::uint64_t skip_below_sequence = 0;  // deliver nothing before this one: it is still to come
  std::uint64_t skip_before_ns = 0;       // nor anything stamped before that time
};

// `cursor` is where the name resumes: its sequence, or 0 if it has never committed. Works while the publisher runs at full
// speed. Throws Error: damaged; bad_option for a time in a ring without timestamps.
[[nodiscard]] StartPlace find_start(const core::RingView& ring, Start start, core::Place cursor, const std::string& name);

// A place that the publisher will not reach soon, for who has just been overrun.
[[nodiscard]] core::Place find_halfway(const core::RingView& ring, const std::string& name);

}  // namespace ringbolt::ipc
