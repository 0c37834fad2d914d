#include <pthread.h>

#include <ringbolt/ipc/fork_guard.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace ringbolt::ipc {
namespace {

// All guards of this process. The mutex is held over fork, so the child finds the list whole.
struct Guards {
  std::mutex mutex;
  std::vector<ForkGuard*> all;
};
Guards& guards() {
  static auto* const instance = new Guards;  // never destroyed: handles may outlive static destruction
  return *instance;
}

void before_fork() { guards().mutex.lock(); }
void after_fork_in_parent() { guards().mutex.unlock(); }
void after_fork_in_child() {
  for (ForkGuard* guard : guards().all) guard->disown();
  guards().mutex.unlock();
}

void register_handlers() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
}

}  // namespace

ForkGuard::ForkGuard() {
  register_handlers();
  const std::scoped_lock lock(guards().mutex);
  guards().all.push_back(this);
}

ForkGuard::~ForkGuard() {
  const std::scoped_lock lock(guards().mutex);
  std::erase(guards().all, this);
}

void ForkGuard::add_mapping(void* address, std::size_t bytes) {
  const std::scoped_lock lock(guards().mutex);
  mappings_.push_back({address, bytes});
  sys::madvise(address, bytes, MADV_DONTFORK);
}

int ForkGuard::open_guarded(int directory, const char* file, int flags, mode_t mode) {
  return guarded([&] { return sys::openat(directory, file, flags, mode); });
}

int ForkGuard::guarded(const std::function<int()>& open) {
  const std::scoped_lock lock(guards().mutex);
  files_.reserve(files_.size() + 1);  // so that nothing can fail once it is open
  const int fd = open();
  struct stat status {};
  if (fd < 0) return fd;
  if (sys::fstat(fd, &status) != 0) {
    const int error = errno;
    sys::close(fd);
    errno = error;
    return -1;
  }
  files_.push_back({fd, status.st_dev, status.st_ino});
  return fd;
}

void ForkGuard::raise_in_child(const core::Word32& word) {
  const std::scoped_lock lock(guards().mutex);
  raised_.push_back(const_cast<core::Word32*>(&word));  // only ever written through the child's private mapping
}

void ForkGuard::disown() noexcept {
  inherited_ = true;
  // The owner closes its descriptors again when the handle is destroyed; /dev/null in their place keeps that harmless.
  for (const File& file : files_) {
    struct stat status {};
    if (sys::fstat(file.fd, &status) != 0 || status.st_dev != file.device || status.st_ino != file.inode) continue;
    const int null = sys::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
      sys::dup3(null, file.fd, O_CLOEXEC);
      sys::close(null);
    } else {
      sys::close(file.fd);
    }
  }
  for (const Mapping& mapping : mappings_) {
    const void* const zeros = sys::mmap(mapping.address, mapping.bytes, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (zeros != mapping.address) continue;
    const auto* const begin = static_cast<const std::byte*>(mapping.address);
    for (core::Word32* word : raised_) {
      const auto* const at = reinterpret_cast<const std::byte*>(word);
      if (at >= begin && at < begin + mapping.bytes) word->store_relaxed(1);  // relaxed: nobody shares it with the child
    }
  }
}

}  // namespace ringbolt::ipc
