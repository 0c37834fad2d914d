// CRC32C (Castagnoli) by ISA-L, which uses the processor's carry-less multiplication where there is one and is as well
// kept for aarch64. It detects every burst of up to 32 bits and is what storage people expect; XXH3 is as fast here but
// promises nothing about bursts.
#pragma once

#include <ringbolt/core/journal_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringbolt::ipc {

// Of `bytes`, going on from `seed`, which is a result of this function, or 0 at the beginning.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

// What the checksum of every record of an epoch begins with.
[[nodiscard]] std::uint32_t epoch_seed(std::uint64_t epoch) noexcept;

// Of a struct that ends with its checksum.
template <class Struct>
[[nodiscard]] std::uint32_t struct_checksum(const Struct& value) noexcept {
  return crc32c(std::as_bytes(std::span(&value, 1)).first(offsetof(Struct, checksum)));
}

}  // namespace ringbolt::ipc
