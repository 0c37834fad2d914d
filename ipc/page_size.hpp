// The page size that a file is mapped by: the machine's, or that of a hugetlbfs mount.
#pragma once

#include <ringbolt/ipc/system.hpp>

#include <cstdint>

namespace ringbolt::ipc {

inline constexpr std::uint64_t kHugePageBytes = std::uint64_t{2} << 20;
inline constexpr std::uint64_t kLargestPageBytes = std::uint64_t{1} << 30;

inline bool on_hugetlbfs(int fd) noexcept {
  struct statfs system {};
  constexpr std::uint32_t magic = 0x958458f6;  // HUGETLBFS_MAGIC
  return sys::fstatfs(fd, &system) == 0 && static_cast<std::uint32_t>(system.f_type) == magic;
}

inline std::uint64_t file_page_bytes(int fd) noexcept {
  struct statfs system {};
  if (on_hugetlbfs(fd) && sys::fstatfs(fd, &system) == 0) return static_cast<std::uint64_t>(system.f_bsize);
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace ringbolt::ipc
