// Taking ring directories away: whole ones, and what a death during creation or removal left hidden.
#pragma once

#include <cstdint>
#include <string>

namespace ringbolt::ipc {

// Removes the files in `parent`/`name` and the directory. Knows no subdirectories: a ring has none.
// False, with errno set, if that leaves something.
[[nodiscard]] bool remove_directory(int parent, const char* name) noexcept;

// The same for a ring under construction, whose directory is open as `fd`; needs no further descriptor.
void remove_site(int parent, int fd, const char* name) noexcept;

// Removes hidden directories of this ring (`.BASE.new-…`, `.BASE.gone-…`) whose lease nobody holds. What cannot be removed
// stays for the next time.
void sweep_hidden(int parent, const std::string& base);

// Removes the files `alive.EPOCH` of a ring that are not of this epoch: the last publisher's, and those of publishers that died
// before they removed their predecessor's. The caller holds the lease.
void sweep_alive_files(int ring, std::uint64_t epoch);

// A name that nobody else takes: `.BASE.KIND-` and 16 hexadecimal digits.
[[nodiscard]] std::string hidden_name(const std::string& base, const char* kind);
[[nodiscard]] std::uint64_t random_word() noexcept;

}  // namespace ringbolt::ipc
