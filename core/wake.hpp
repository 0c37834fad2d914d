// The waker's first half: after its work it asks whether anybody sleeps until that is done. The sleeper's side, and why no
// sleeper is missed though the waker pays for no fence, stand in `ipc/parking.hpp`.
#pragma once

#include <ringbolt/core/shared_word.hpp>

namespace ringbolt::core {

// `fences` where a sleeper's barrier does not reach this process.
[[nodiscard]] inline bool anyone_asleep(const Word32& flag, bool fences) noexcept {
  if (fences) [[unlikely]]
    fence_seq_cst();
  fence_compiler();
  return flag.load_relaxed() != 0;  // [S4] relaxed: [S2] orders it
}

}  // namespace ringbolt::core
