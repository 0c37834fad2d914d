#include <isa-l/crc.h>

#include <ringbolt/ipc/checksum.hpp>

#include <algorithm>

namespace ringbolt::ipc {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
  constexpr std::size_t most = std::size_t{1} << 30;  // ISA-L counts in int
  std::uint32_t crc = ~seed;
  while (!bytes.empty()) {
    const std::span<const std::byte> part = bytes.first(std::min(bytes.size(), most));
    // The function reads only; its parameter is not const.
    auto* const from = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(part.data()));
    crc = ::crc32_iscsi(from, static_cast<int>(part.size()), crc);
    bytes = bytes.subspan(part.size());
  }
  return ~crc;
}

std::uint32_t epoch_seed(std::uint64_t epoch) noexcept { return crc32c(std::as_bytes(std::span(&epoch, 1))); }

}  // namespace ringbolt::ipc
