// What must not survive into a forked child: mappings and lock descriptors.
//
// A kernel lock lives as long as any copy of its descriptor, so a child that kept one would keep its dead parent alive for
// ever. And a child that published or moved a gate would be a second publisher or consumer. So in the child every guarded
// descriptor is closed, and every guarded mapping, which the kernel did not copy (MADV_DONTFORK), is replaced by private
// zeros: an inherited handle then finds "nothing yet" in the ring, looks at `inherited`, and throws Error (forked).
//
// Works for fork(2) as called through the C library. A child of vfork or posix_spawn runs no handlers, touches nothing,
// and loses the descriptors at exec.
#pragma once

#include <sys/types.h>

#include <ringbolt/core/shared_word.hpp>

#include <cstddef>
#include <functional>
#include <vector>

namespace ringbolt::ipc {

class ForkGuard {
 public:
  ForkGuard();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

  // Before anything else is done with it. Marks the mapping MADV_DONTFORK.
  void add_mapping(void* address, std::size_t bytes);
  // openat(2), and the descriptor is guarded before another thread can fork: a child with a copy of it would hold every lock
  // that is taken on it later. -1 with errno set if it cannot be opened.
  [[nodiscard]] int open_guarded(int directory, const char* file, int flags, mode_t mode);

  // The same for whatever `open` opens, which does not wait.
  [[nodiscard]] int guarded(const std::function<int()>& open);

  // A word in one of the mappings that is to be 1 in a child, where everything else is 0.
  void raise_in_child(const core::Word32& word);

  // This process is a forked child of the one that made the handle.
  [[nodiscard]] bool inherited() const noexcept { return inherited_; }
  void disown() noexcept;  // in the child; called by the handler alone

 private:
  struct Mapping {
    void* address;
    std::size_t bytes;
  };
  struct File {  // told by what it leads to: the number may belong to somebody else by now
    int fd;
    dev_t device;
    ino_t inode;
  };
  std::vector<Mapping> mappings_;
  std::vector<File> files_;
  std::vector<core::Word32*> raised_;
  bool inherited_ = false;
};

}  // namespace ringbolt::ipc
