// The other processes of a benchmark, and what they share with it.
#pragma once

#include <sched.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <ringbolt/core/shared_word.hpp>

#include <cstdint>
#include <functional>
#include <new>
#include <utility>

namespace ringbolt::bench {

// A forked process that runs `body` and ends. It dies with its parent. If it ends otherwise than by success while the
// parent may be spinning on it, the parent ends too, with a message: no benchmark hangs on a dead peer.
class Peer {
 public:
  explicit Peer(const std::function<void()>& body);  // throws std::runtime_error
  ~Peer() { kill(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Waits for its end. Throws std::runtime_error unless it was success.
  void join();
  // SIGKILL, sent only; `kill` also waits for the end.
  void send_kill() const noexcept;
  void kill() noexcept;

 private:
  pid_t pid_ = -1;
};

// Zeroed memory that forked processes share, alone on its pages.
template <class T>
class Shared {
 public:
  Shared() : address_(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)) {
    if (address_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Shared() { munmap(address_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() const noexcept { return static_cast<T*>(address_); }
  T& operator*() const noexcept { return *static_cast<T*>(address_); }

 private:
  void* address_;
};

// Two processes leave `meet` together.
class Meeting {
 public:
  void meet() {
    const std::uint64_t target = (arrived_->fetch_add(1) / 2 + 1) * 2;
    while (arrived_->load_acquire() < target) sched_yield();
  }

 private:
  Shared<core::Word64> arrived_;
};

// Numbers back and forth between a process and its peer; whoever receives sleeps in the kernel. Made before the fork.
class Channel {
 public:
  Channel();  // throws std::runtime_error
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Called by the peer before anything else.
  void be_peer() noexcept { std::swap(own_end_, other_end_); }
  void send(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t receive() const;

 private:
  int own_end_ = -1;
  int other_end_ = -1;
};

}  // namespace ringbolt::bench
