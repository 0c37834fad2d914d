// Tests of the tests: places where production code can be made wrong on purpose, in the builds that have the fault hook of
// `step.hpp` and nowhere else. There a test says which mutation is on; in every other build the question is the constant no.
#pragma once

#include <cstdint>

namespace ringbolt::core {

enum class Mutant : std::uint32_t {
  none,
  acknowledge_before_sync,  // the durable mark moves when the write returned
  no_checksum,              // a record is believed without it
  no_epoch_in_checksum,     // so that what an earlier life left behind the tail is believed
  no_directory_sync,        // a new segment's name is not made durable
  no_rewrite_of_tail,       // recovery believes what the page cache shows
  believe_second_sync,      // a failed sync is repeated and its answer taken
};

#if defined(RINGBOLT_STEPS)
extern "C" std::uint32_t ringbolt_mutant();
inline bool mutated(Mutant mutant) noexcept { return ringbolt_mutant() == static_cast<std::uint32_t>(mutant); }
#else
constexpr bool mutated(Mutant /*mutant*/) noexcept { return false; }
#endif

}  // namespace ringbolt::core
