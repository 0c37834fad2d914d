// Mapping a ring's files into memory, by Boost.Interprocess over descriptors that we opened ourselves.
#pragma once

#include <ringbolt/ipc/fork_guard.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace ringbolt::ipc {

enum class Access { read_only, read_write };

// A file mapped from its start.
class FileMapping {
 public:
  FileMapping() noexcept;
  // `what` is the file's path, for the error. Throws Error (system, no_space).
  FileMapping(int fd, std::uint64_t bytes, Access access, const std::string& what, ForkGuard& guard);
  FileMapping(FileMapping&&) noexcept;
  FileMapping& operator=(FileMapping&&) noexcept;
  ~FileMapping();

  [[nodiscard]] std::byte* data() const noexcept;

 private:
  struct Regions;
  std::unique_ptr<Regions> regions_;
};

// The data region of a ring, mapped twice back to back, so that a record is contiguous wherever it begins.
class DoubleMapping {
 public:
  DoubleMapping() noexcept;
  // `alignment` of the first address: the page size the file is made of. Throws Error (system).
  DoubleMapping(int fd, std::uint64_t offset, std::uint64_t bytes, std::uint64_t alignment, Access access,
                const std::string& what, ForkGuard& guard);
  DoubleMapping(DoubleMapping&&) noexcept;
  DoubleMapping& operator=(DoubleMapping&&) noexcept;
  ~DoubleMapping();

  [[nodiscard]] std::byte* data() const noexcept;  // 2 * bytes

 private:
  struct Regions;
  std::unique_ptr<Regions> regions_;
};

}  // namespace ringbolt::ipc
