// A descriptor that becomes readable when its consumer should look again: for epoll, poll, io_uring and what stands on them.
//
// It is an epoll over two others, which nobody reads but this class. Watching the ring's file (inotify) it hears the bell that a
// waker rings; see `parking.hpp`. A timer is the safety net, as every sleep has one: a death between a commit and its wake-up
// would not be noticed otherwise. No thread is started, and the publisher knows of no descriptor.
#pragma once

#include <ringbolt/ipc/descriptor.hpp>

#include <cstdint>
#include <string>

namespace ringbolt::ipc {

class WaitDescriptor {
 public:
  // `watched` is the bell's file; empty: nobody rings, and the timer alone says when to look. Readable from the start. Throws
  // Error (system, not_found) with nothing left behind.
  explicit WaitDescriptor(const std::string& watched);

  [[nodiscard]] int get() const noexcept { return both_.get(); }
  // [B1]: no longer readable, until the bell rings or the timer is set.
  void read_bell() noexcept;
  // Readable after so long at the latest; 0: at once.
  void set_timer(std::uint64_t after_ns) noexcept;

 private:
  Descriptor both_;
  Descriptor bell_;
  Descriptor timer_;
};

}  // namespace ringbolt::ipc
