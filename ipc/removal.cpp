#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/parking.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/removal.hpp>
#include <ringbolt/ipc/ring_directory.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

namespace ringbolt::ipc {
namespace {

// Names in a directory, `.` and `..` left out. Takes the descriptor.
std::vector<std::string> names_in(int fd) {
  std::vector<std::string> names;
  DIR* const directory = ::fdopendir(fd);
  if (directory == nullptr) {
    ::close(fd);
    return names;
  }
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(directory);
  return names;
}

}  // namespace

void remove_directory(int parent, const char* name) noexcept {
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    const Descriptor keep(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    for (const std::string& file : names_in(fd)) ::unlinkat(keep.get(), file.c_str(), 0);
  }
  ::unlinkat(parent, name, AT_REMOVEDIR);
}

void sweep_hidden(int parent, const std::string& base) noexcept {
  const int listing = ::openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listing < 0) return;
  for (const std::string& name : names_in(listing)) {
    if (!name.starts_with("." + base + ".new-") && !name.starts_with("." + base + ".gone-")) continue;
    const Descriptor site(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // Whoever takes the lease owns the directory: a creator that finds it taken goes elsewhere.
    const Descriptor lease(::openat(site.get(), "lease", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (lease && try_lock_byte(lease.get(), kPublisherByte)) remove_directory(parent, name.c_str());
  }
}

}  // namespace ringbolt::ipc

namespace ringbolt {

void remove_ring(std::string_view name, bool force) {
  using namespace ipc;  // NOLINT(google-build-using-namespace): a function of the outer namespace made of the inner one
  const RingDirectory directory = RingDirectory::open(name);
  const std::filesystem::path path(directory.path);
  const std::string parent_path = path.parent_path().empty() ? "." : path.parent_path().string();
  const Descriptor parent(::open(parent_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto refuse = [&](int error) {
    return Error(error == EACCES || error == EPERM ? Code::not_allowed : Code::system,
                 "cannot remove ring " + directory.path + ": " + std::strerror(error) + ": only its owner can", error);
  };

  const Descriptor lease = directory.open_file("lease", O_RDWR | O_CREAT);
  if (!lease) throw refuse(errno);
  if (!try_lock_byte(lease.get(), kPublisherByte) && !force) {
    throw Error(Code::in_use, "ring '" + std::string(name) +
                                  "' has a live publisher: stop it first, or remove the ring under it with --force");
  }
  // The registry tells publisher and consumers to look; a ring too damaged to have one is removed all the same.
  ForkGuard guard;
  std::optional<Registry> registry;
  try {
    registry.emplace(directory, Access::read_write, guard);
  } catch (const Error&) {
  }

  const std::string hidden = "." + path.filename().string() + ".gone-" + std::to_string(::getpid());
  if (::renameat(parent.get(), path.filename().c_str(), parent.get(), hidden.c_str()) != 0) throw refuse(errno);
  remove_directory(parent.get(), hidden.c_str());
  if (registry) {
    registry->header().removed.store_release(1);
    registry->sleepers().wake_all();
    registry->gate_sleepers().wake_all();
  }
}

}  // namespace ringbolt
