// Memory without a name that goes from one process to another and that nobody can shorten or, where that is wanted, write.
#pragma once

#include <ringbolt/ipc/descriptor.hpp>

#include <cstdint>
#include <string>

namespace ringbolt::ipc {

// So many bytes, all of them allocated. Throws Error (no_space, system).
[[nodiscard]] Descriptor make_memory(const std::string& what, std::uint64_t bytes);
// From here on its size is fixed; what is mapped writable stays so.
void seal_size(int fd);
// Nor can anybody write it but by the mappings that there are.
void seal_content(int fd);
// A descriptor of the same memory that is open for reading alone. The seals hold without it; it is a second lock on the door.
[[nodiscard]] Descriptor read_only_again(const Descriptor& fd);
// Can nobody change its size any more? Whoever maps what another process made asks first: otherwise that could end it.
[[nodiscard]] bool size_is_sealed(int fd) noexcept;

}  // namespace ringbolt::ipc
