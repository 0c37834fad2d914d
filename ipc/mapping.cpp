#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/mapping.hpp>
#include <ringbolt/ipc/system.hpp>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>

#include <cerrno>
#include <cstring>

namespace ringbolt::ipc {
namespace {

namespace bi = boost::interprocess;

// What mapped_region asks of a mappable thing: the descriptor.
struct Mappable {
  int fd;
  [[nodiscard]] bi::mapping_handle_t get_mapping_handle() const { return {fd, false}; }
};

bi::mode_t mode_of(Access access) { return access == Access::read_only ? bi::read_only : bi::read_write; }

[[noreturn]] void throw_map_error(const std::string& what, std::uint64_t bytes, int error) {
  throw Error(error == ENOMEM ? Code::no_space : Code::system,
              "cannot map " + std::to_string(bytes) + " bytes of " + what + ": " + std::strerror(error) +
                  (error == ENOMEM ? ": check `ulimit -v`, vm.max_map_count and, for huge pages, vm.nr_hugepages" : ""),
              error);
}

bi::mapped_region map(int fd, std::uint64_t offset, std::uint64_t bytes, Access access, void* address, int options,
                      const std::string& what) {
  if (sys::refused(sys::Call::mmap)) throw_map_error(what, bytes, errno);  // mapped_region makes the call itself
  try {
    return {Mappable{fd}, mode_of(access), static_cast<bi::offset_t>(offset), static_cast<std::size_t>(bytes),
            address,      options};
  } catch (const bi::interprocess_exception& refused) {
    throw_map_error(what, bytes, refused.get_native_error());
  }
}

}  // namespace

struct FileMapping::Regions {
  bi::mapped_region region;
};

FileMapping::FileMapping() noexcept = default;
FileMapping::FileMapping(FileMapping&&) noexcept = default;
FileMapping& FileMapping::operator=(FileMapping&&) noexcept = default;
FileMapping::~FileMapping() = default;

FileMapping::FileMapping(int fd, std::uint64_t bytes, Access access, const std::string& what, ForkGuard& guard)
    : regions_(std::make_unique<Regions>()) {
  regions_->region = map(fd, 0, bytes, access, nullptr, bi::default_map_options, what);
  guard.add_mapping(regions_->region.get_address(), bytes);
}

std::byte* FileMapping::data() const noexcept { return static_cast<std::byte*>(regions_->region.get_address()); }

struct DoubleMapping::Regions {
  bi::mapped_region first;
  bi::mapped_region second;
};

DoubleMapping::DoubleMapping() noexcept = default;
DoubleMapping::DoubleMapping(DoubleMapping&&) noexcept = default;
DoubleMapping& DoubleMapping::operator=(DoubleMapping&&) noexcept = default;
DoubleMapping::~DoubleMapping() = default;

DoubleMapping::DoubleMapping(int fd, std::uint64_t offset, std::uint64_t bytes, std::uint64_t alignment, Access access,
                             const std::string& what, ForkGuard& guard)
    : regions_(std::make_unique<Regions>()) {
  // Reserve a stretch of addresses, cut it to the alignment, and map the file over it twice.
  const std::size_t reserved = static_cast<std::size_t>(2 * bytes + alignment);
  void* const stretch = sys::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stretch == MAP_FAILED) throw_map_error(what, 2 * bytes, errno);
  const auto begin = reinterpret_cast<std::uintptr_t>(stretch);
  const std::uintptr_t aligned = (begin + alignment - 1) / alignment * alignment;
  auto* const base = reinterpret_cast<std::byte*>(aligned);
  if (aligned != begin) sys::munmap(stretch, aligned - begin);
  if (const std::size_t tail = begin + reserved - (aligned + 2 * bytes); tail != 0) sys::munmap(base + 2 * bytes, tail);
  try {
    regions_->first = map(fd, offset, bytes, access, base, MAP_FIXED, what);
    regions_->second = map(fd, offset, bytes, access, base + bytes, MAP_FIXED, what);
  } catch (...) {
    // What was mapped belongs to a mapped_region and goes with it; the rest of the reservation is ours.
    if (regions_->first.get_address() == nullptr) sys::munmap(base, bytes);
    sys::munmap(base + bytes, bytes);
    throw;
  }
  guard.add_mapping(base, 2 * bytes);
}

std::byte* DoubleMapping::data() const noexcept { return static_cast<std::byte*>(regions_->first.get_address()); }

}  // namespace ringbolt::ipc
