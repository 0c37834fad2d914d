// The demo's processes: started by fork, killed by pid, and none of them outlives the demo.
#pragma once

#include <sys/types.h>

#include <array>
#include <functional>
#include <string>

#include "demo_board.hpp"
#include "demo_place.hpp"

namespace ringbolt::demo {

// The demo has one thread and holds nothing of the ring while it forks, so a child begins as a process that was just
// started, with the plan and the board already in its memory.
class Cast {
 public:
  Cast(Board& board, const Place& place) : board_(board), place_(place) {}
  ~Cast() { kill_all(); }
  Cast(const Cast&) = delete;
  Cast& operator=(const Cast&) = delete;

  enum class Ending : std::uint8_t { none, returned, failed, killed_by_us };
  struct Member {
    pid_t pid = 0;  // of the latest life; 0: never started
    Ending ending = Ending::none;
    std::string how;                 // `failed`: in words
    std::array<pid_t, 2> pids{};     // of all lives
    std::uint64_t lives_before = 0;  // `Slot::lives` when this life was started
    [[nodiscard]] bool runs() const noexcept { return pid != 0 && ending == Ending::none; }
  };

  // Runs `act` in a new process. Throws Error (system) if there can be no more of them.
  void start(Role role, const std::function<void()>& act);
  // `kill -9`, and only that. Returns when the process is gone.
  void kill(Role role);
  // Notes who has ended by itself. Cheap; called often.
  void look();
  void kill_all();

  [[nodiscard]] const Member& of(Role role) const noexcept { return members_[static_cast<std::size_t>(role)]; }
  // Has its latest life attached to the ring, or opened it?
  [[nodiscard]] bool is_ready(Role role) const noexcept {
    return board_.of(role).lives.load_acquire() > of(role).lives_before;
  }

 private:
  Member& member(Role role) noexcept { return members_[static_cast<std::size_t>(role)]; }
  void note_end(Role role, int status);
  [[noreturn]] void run_child(Role role, pid_t parent, const std::function<void()>& act) const noexcept;

  Board& board_;
  const Place& place_;
  std::array<Member, kRoles.size()> members_;
};

}  // namespace ringbolt::demo
