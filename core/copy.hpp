// Copying payloads out of and into shared memory.
#pragma once

#include <ringbolt/core/shared_word.hpp>

#include <cstring>

namespace ringbolt::core {

// Copies `bytes` from a record's payload while the publisher may be writing over it, as relaxed atomic words of 8 bytes.
// The caller throws the copy away if [R4] or [E2] disowns it. `from` and `to` are aligned to 8 and both have room for
// `bytes` rounded up to 8. Measured against memcpy by payload size in `bench/micro.cpp`.
inline void copy_from_shared(std::byte* to, const std::byte* from, std::uint64_t bytes) noexcept {
  const auto* words = reinterpret_cast<const Word64*>(from);
  const std::uint64_t count = (bytes + 7) / 8;
#pragma GCC unroll 8
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t word = words[i].load_relaxed();  // relaxed: validated as a whole afterwards
    std::memcpy(to + i * 8, &word, 8);
  }
}

// Copies a payload into a claimed record. Plain stores: see the end of the proof in `ring.hpp`. ThreadSanitizer, which
// would rightly call the overrun reader's loads racy, gets atomic words instead.
inline void copy_to_shared(std::byte* to, const std::byte* from, std::uint64_t bytes) noexcept {
#if defined(__SANITIZE_THREAD__) || defined(RINGBOLT_TSAN)
  auto* words = reinterpret_cast<Word64*>(to);
  for (std::uint64_t i = 0; i * 8 < bytes; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i * 8, bytes - i * 8 < 8 ? bytes - i * 8 : 8);
    words[i].store_relaxed(word);  // relaxed: [W2] releases it
  }
#else
  if (bytes != 0) std::memcpy(to, from, bytes);  // `from` may be null when there is nothing to copy
#endif
}

}  // namespace ringbolt::core
