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
  // With a watchdog it also fails after so long. Throws std::runtime_error.
  explicit Peer(const std::function<void()>& body, std::uint32_t watchdog_seconds = 0);
  ~Peer() { kill(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Waits for its end. Throws std::runtime_error unless it was success.
  void join();
  // SIGKILL, sent only; `kill` also waits for the end.
  void send_kill() const noexcept;
  void stop() const noexcept;  // SIGSTOP; it still dies by `kill`
  void kill() noexcept;
  void end() noexcept;  // SIGTERM, and waits

 private:
  void end_by(int signal) noexcept;

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

// Two processes, or as many as are said, leave `meet` together.
class Meeting {
 public:
  explicit Meeting(std::uint64_t parties = 2) noexcept : parties_(parties) {}
  void meet() {
    const std::uint64_t target = (arrived_->fetch_add(1) / parties_ + 1) * parties_;
    while (arrived_->load_acquire() < target) sched_yield();
  }

 private:
  std::uint64_t parties_;
  Shared<core::Word64> arrived_;
};

// Zeroed words that forked processes share, as many as are said when it is made.
class SharedWords {
 public:
  explicit SharedWords(std::size_t count) : bytes_(count * sizeof(std::uint64_t)) {
    if (count == 0) return;
    address_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (address_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~SharedWords() {
    if (address_ != nullptr) munmap(address_, bytes_);
  }
  SharedWords(const SharedWords&) = delete;
  SharedWords& operator=(const SharedWords&) = delete;
  [[nodiscard]] std::uint64_t* data() const noexcept { return static_cast<std::uint64_t*>(address_); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_ / sizeof(std::uint64_t); }

 private:
  std::size_t bytes_;
  void* address_ = nullptr;
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
