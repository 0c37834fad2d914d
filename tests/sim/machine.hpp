// One machine in one thread: processes as fibers, a clock that moves only when the simulator says so, and death.
//
// A process runs until it comes to a point: an access to shared memory, a step of the protocol, a call of the disk, a sleep.
// There the seed decides who runs on. A process that is killed never runs again: its stack is abandoned where it stood, and
// what the kernel would take back is taken back, its descriptors (with their locks) and its mappings.
#pragma once

#include <ringbolt/core/shared_word.hpp>

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "journal/random.hpp"

namespace ringbolt::sim {

using ipc::test::Random;

// What happened last, for people, and a hash of everything that happened.
class Trace {
 public:
  void note(std::uint64_t now_ns, std::size_t process, const char* what, std::uint64_t a = 0, std::uint64_t b = 0) noexcept;
  void mix(std::uint64_t word) noexcept { hash_ = (hash_ ^ word) * 0x100000001b3; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::string text(const std::vector<std::string>& processes) const;

 private:
  struct Line {
    std::uint64_t now_ns = 0;
    std::size_t process = 0;
    const char* what = "";
    std::uint64_t a = 0;
    std::uint64_t b = 0;
  };
  static constexpr std::uint64_t kUsualLines = 60;  // RINGBOLT_TRACE=1 asks for all that are kept
  std::array<Line, 500> lines_;
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

// What may happen to the process that stands at a point.
enum class Fate : std::uint8_t { go_on, give_way, stop, die };

class Machine {
 public:
  static constexpr std::size_t kNobody = ~std::size_t{0};
  static Machine* current() noexcept { return instance_; }

  // `fate` is asked now and then, at a point; `stop` is how long a stopped process stands still.
  Machine(Random& random, Trace& trace, std::uint64_t mean_points, std::function<Fate()> fate);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // ---- for whoever plays fate
  void start(std::size_t process, std::function<void()> body);
  void kill(std::size_t process);
  [[nodiscard]] bool lives(std::size_t process) const noexcept;
  // Lets one of those that can run go on until it gives way; with nobody, time passes, at most until `latest_ns`. Answers
  // who died of its own fate meanwhile.
  std::size_t run(std::uint64_t latest_ns);
  void wake_stopped();  // nobody stands still any longer
  [[nodiscard]] bool anybody_stopped() const noexcept;
  [[nodiscard]] std::size_t running() const noexcept { return current_; }
  [[nodiscard]] std::uint64_t now_ns() const noexcept { return now_ns_; }
  [[nodiscard]] std::uint64_t points() const noexcept { return points_; }
  void stop_for(std::uint64_t ns) noexcept { stop_ns_ = ns; }

  // ---- for processes; no process: nothing happens
  void point() noexcept {
    now_ns_ += kPointNs;
    if (current_ == kNobody) return;
    if (--until_fate_ == 0) ask_fate();
  }
  void sleep(std::uint64_t ns) noexcept;
  void futex_wait(const core::Word32& word, std::uint32_t seen, std::uint64_t ns) noexcept;
  void futex_wake() noexcept;
  void leave_for_good() noexcept;  // does not return; the process stays as it is

  // ---- what the kernel keeps of a process
  void opened(int fd);
  void closed(int fd);
  void mapped(void* address, std::size_t bytes);
  void unmapped(void* address, std::size_t bytes);

 private:
  static constexpr std::uint64_t kPointNs = 10;
  static constexpr std::size_t kStackBytes = std::size_t{256} << 10;

  struct Process {
    ucontext_t context{};
    char* stack = nullptr;
    std::function<void()> body;
    bool alive = false;
    bool ended = false;
    std::uint64_t asleep_until_ns = 0;
    std::uint64_t stopped_until_ns = 0;
    const core::Word32* word = nullptr;  // sleeps on it
    std::uint32_t seen = 0;
    std::array<void*, 2> exceptions{};  // what the C++ runtime keeps for a thread
    std::vector<int> fds;
    std::vector<std::pair<char*, std::size_t>> mappings;
  };

  static void enter();
  void ask_fate() noexcept;
  void give_way() noexcept;
  void bury(Process& process);
  void draw_until_fate() noexcept;
  [[nodiscard]] std::uint64_t ready_at(const Process& process) const noexcept;

  static Machine* instance_;
  Random& random_;
  Trace& trace_;
  std::uint64_t mean_points_;
  std::function<Fate()> fate_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<char*> stacks_;  // of the dead, to be used again
  ucontext_t home_{};
  std::size_t current_ = kNobody;
  std::uint64_t until_fate_ = 1;
  std::uint64_t now_ns_ = 1'000'000'000;
  std::uint64_t points_ = 0;
  std::uint64_t stop_ns_ = 0;
  bool doomed_ = false;
};

// Without a machine: before the nth access to shared memory from now on, that happens, once.
void at_access(std::uint64_t nth, std::function<void()> what);
[[nodiscard]] bool waits_for_access() noexcept;  // it has not happened yet

}  // namespace ringbolt::sim
