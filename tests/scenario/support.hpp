// What every scenario stands on: processes that are forked and never outlive the test, memory that they share with it, a
// directory for the rings, random numbers with a printed seed, and waiting for conditions with a watchdog.
//
// A scenario is a case of GoogleTest on a fixture derived from `Scene`. What goes wrong, in the test itself or in one of
// its processes, is thrown as `Failure`; a process that ends by one fails whoever waits, for it or for anything else.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>

#include <ringbolt/core/shared_word.hpp>
#include <ringbolt/ringbolt.hpp>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ringbolt::scenario {

class Failure : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] inline void fail(const std::string& sentence) { throw Failure(sentence); }
// Not for hot paths: the sentence is built in any case.
inline void require(bool holds, const std::string& sentence) {
  if (!holds) fail(sentence);
}

// The error that `action` throws; empty: none.
template <class Action>
std::optional<Error> error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

inline std::uint64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}
// A random instant is so long from now.
void pass_ns(std::uint64_t duration_ns) noexcept;
// Work that takes so long.
inline void spend_ns(std::uint64_t duration_ns) noexcept {
  const std::uint64_t until = now_ns() + duration_ns;
  while (now_ns() < until) core::spin_hint();
}
// Between two looks at a condition.
void breathe() noexcept;

// splitmix64 (Steele, Lea, Flood).
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15); }
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

  static constexpr std::uint64_t mix(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

using Count = std::atomic<std::uint64_t>;

// One handler for events and gaps, made of two lambdas.
template <class... Lambdas>
struct Handler : Lambdas... {
  using Lambdas::operator()...;
};
template <class... Lambdas>
Handler(Lambdas...) -> Handler<Lambdas...>;  // Clang 16 does not deduce it by itself

// A `T` that the test and the processes it starts later see alike. Made of atomics and plain arrays of them; zero at first.
template <class T>
class Shared {
 public:
  Shared() {
    void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("no memory to share with the processes of this test");
    value_ = ::new (memory) T{};
  }
  ~Shared() { ::munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() const noexcept { return value_; }
  T& operator*() const noexcept { return *value_; }

 private:
  T* value_ = nullptr;
};

// A process that runs `body` and ends: with 0, or, if `body` throws, with the sentence on standard error. Killed when this
// object goes, and by the kernel when the test does.
class Process {
 public:
  Process(std::string name, const std::function<void()>& body);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void send(int signal) const;
  void stop();         // SIGSTOP; returns when it has stopped
  void go_on() const;  // SIGCONT
  void die();          // SIGKILL; returns when it is gone
  void finish();       // waits for its end, which must be 0
  int wait();          // waits for its end; exit status, or minus the signal
  // Has it ended? `failed` if so by throwing. Does not wait.
  [[nodiscard]] bool ended() const;
  [[nodiscard]] bool failed() const;

 private:
  std::string name_;
  pid_t pid_ = -1;
};

class Scene : public ::testing::Test {
 public:
  // Waits until `holds()`; fails if a process of this test fails meanwhile. The watchdog says what was waited for.
  template <class Condition>
  static void await(const char* what, Condition holds) {
    waiting_for(what);
    while (!holds()) {
      look_after_processes(what);
      breathe();
    }
    waiting_for("nothing");
  }

 protected:
  Scene();
  ~Scene() override;

  // Where rings are, $RINGBOLT_DIR during this test.
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  // Where journals are: made at the first call, on a disk if the directory for temporary files or the present one is.
  [[nodiscard]] const std::string& disk();
  // False where even that is in memory, so that a journal cannot sync there.
  [[nodiscard]] bool disk_syncs();
  [[nodiscard]] Random& random() noexcept { return random_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  // For loops of `wanted` rounds that go on for RINGBOLT_SOAK_SECONDS where that is set.
  [[nodiscard]] bool another(std::uint64_t done, std::uint64_t wanted) const;
  // So many rounds, multiplied where RINGBOLT_SOAK_SECONDS is set: for loops whose length must be known before.
  [[nodiscard]] std::uint64_t scaled(std::uint64_t wanted) const;

  [[nodiscard]] static std::unique_ptr<Process> start(const std::string& name, const std::function<void()>& body) {
    return std::make_unique<Process>(name, body);
  }

 private:
  static void waiting_for(const char* what) noexcept;
  static void look_after_processes(const char* what);

  std::string directory_;
  std::string disk_;
  std::string outer_directory_;
  std::uint64_t seed_;
  Random random_;
  std::uint64_t soak_until_ns_ = 0;
};

}  // namespace ringbolt::scenario
