// Who is alive: open-file-description locks on single bytes (fcntl F_OFD_SETLK).
//
// The kernel drops such a lock when the last copy of its descriptor goes, at any death, across pid namespaces, before the
// zombie is reaped; a stopped process keeps it. So holding the byte *is* being alive, and whoever wants to clean up after
// the dead must take the byte first. A few microseconds each: never on the hot path.
#pragma once

#include <cstdint>

namespace ringbolt::ipc {

// Bytes of the file `locks`. Entry i of the registry has byte i.
inline constexpr std::uint64_t kFollowLockByte = std::uint64_t{1} << 20;  // one attach with `after` at a time
inline constexpr std::uint64_t kNameLockBase = std::uint64_t{1} << 21;    // + hash of the name, modulo 2^20
// Byte 0 of `lease` and of `alive.EPOCH` is the publisher's.
inline constexpr std::uint64_t kPublisherByte = 0;

// Takes the byte exclusively on this descriptor, which must be open for writing. False: another descriptor holds it.
// A failed try may have met another's try, so it is made twice.
[[nodiscard]] bool try_lock_byte(int fd, std::uint64_t byte);
// The same, trying again for at most so long.
[[nodiscard]] bool lock_byte_for(int fd, std::uint64_t byte, std::int64_t timeout_ns);
void unlock_byte(int fd, std::uint64_t byte) noexcept;
// Does any other descriptor hold the byte exclusively? Needs read access only. Throws Error (system) if the kernel does not say.
[[nodiscard]] bool byte_is_locked(int fd, std::uint64_t byte);

}  // namespace ringbolt::ipc
