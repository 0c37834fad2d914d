#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/share_memory.hpp>
#include <ringbolt/ipc/system.hpp>

#include <cerrno>
#include <cstring>

namespace ringbolt::ipc {
namespace {

// Newer than the headers of Debian 12, or than its kernel.
constexpr unsigned kNoExecSeal = 8;     // MFD_NOEXEC_SEAL, Linux 6.3
constexpr int kSealFutureWrite = 0x10;  // F_SEAL_FUTURE_WRITE, Linux 5.1

[[noreturn]] void refuse(const std::string& what, int error) {
  const bool space = error == ENOSPC || error == ENOMEM;
  throw Error(space ? Code::no_space : Code::system,
              what + ": " + std::strerror(error) +
                  (space ? ": choose a smaller capacity" : ": check the process's limits (`ulimit -a`)"),
              error);
}

void seal(int fd, int seals) {
  if (sys::add_seals(fd, seals) != 0) refuse("cannot seal the memory of a share", errno);
}

}  // namespace

Descriptor make_memory(const std::string& what, std::uint64_t bytes) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Descriptor fd(sys::memfd_create("ringbolt", flags | kNoExecSeal));
  if (!fd && errno == EINVAL) fd = Descriptor(sys::memfd_create("ringbolt", flags));
  const std::string sentence = "cannot get " + std::to_string(bytes) + " bytes of memory for " + what;
  if (!fd || sys::ftruncate(fd.get(), bytes) != 0 || sys::fallocate(fd.get(), bytes) != 0) refuse(sentence, errno);
  return fd;
}

void seal_size(int fd) { seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL); }
void seal_content(int fd) { seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | kSealFutureWrite | F_SEAL_SEAL); }

Descriptor read_only_again(const Descriptor& fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  Descriptor again(sys::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return again ? std::move(again) : Descriptor(sys::duplicate(fd.get()));  // no /proc here
}

bool size_is_sealed(int fd) noexcept {
  constexpr int wanted = F_SEAL_SHRINK | F_SEAL_GROW;
  const int seals = sys::get_seals(fd);
  return seals >= 0 && (seals & wanted) == wanted;
}

}  // namespace ringbolt::ipc
