// A process of the test that goes through one operation of production code an instruction at a time, held by ptrace. The test
// looks at the shared bytes between two instructions, or kills it there, or stops it there with SIGSTOP.
#pragma once

#include <ringbolt/core/step.hpp>
#include <ringbolt/ipc/system.hpp>

#include "scenario/support.hpp"

#include <array>
#include <functional>
#include <string>

namespace ringbolt::kill {

using scenario::Count;

// A place in an operation that has a name: a step, or a system call that is about to be made.
using Place = std::size_t;
inline constexpr std::size_t kPlaces = core::kSteps + static_cast<std::size_t>(ipc::sys::Call::count);
constexpr Place place_of(core::Step step) noexcept { return static_cast<Place>(step); }
constexpr Place place_of(ipc::sys::Call call) noexcept { return core::kSteps + static_cast<Place>(call); }
[[nodiscard]] const char* name_of(Place place) noexcept;

// What the process and the test both see.
struct Board {
  Count traced;  // the test wants to hold the process when its operation begins
  Count inside;  // the operation has begun and is not over
  Count over;
  Count last;                       // step passed last inside, + 1; 0: none
  std::array<Count, kPlaces> hits;  // places passed inside
  Count stands_at;                  // place, + 1, where the process stops itself; 0: nowhere
  Count visits_left;                // until it does
  Count before;                     // newest event when the operation began, or whatever the operation says
  Count handled;                    // newest event that a handler has returned from
  Count ready, go;                  // the process waits for the test to do something
  Count until;                      // events up to here are still to come
  void reset() noexcept;
};

// The operation, seen from within the process. What is between `begin` and `end` is stepped through.
class Window {
 public:
  explicit Window(Board& board) noexcept : board_(board) {}
  void begin() const;
  void end() const;
  // Waits until the test has done its part.
  void wait_for_test() const;
  [[nodiscard]] Board& board() const noexcept { return board_; }

 private:
  Board& board_;
};

class Stepped {
 public:
  // Why no process can be traced here; empty: it can.
  [[nodiscard]] static std::string why_not();

  // Starts it; `help` is what the test does before the operation begins. Returns when it is about to begin.
  Stepped(const std::string& name, Board& board, const std::function<void(const Window&)>& body,
          const std::function<void()>& help);

  // One instruction. False: the operation is over. A string instruction of a thousand rounds counts as one: such are not
  // among the stores to shared memory here, but among those to buffers.
  bool step();
  // Is the next instruction a system call?
  [[nodiscard]] bool at_system_call() const { return next_.system_call; }
  // Where that is.
  [[nodiscard]] std::uintptr_t address() const noexcept { return next_.address; }
  // Runs natively until it comes to this address for the n-th time. False: it took another way, to its end.
  bool run_to(std::uintptr_t address, std::uint64_t visits);

  void kill();    // as by kill -9
  void stop();    // as by SIGSTOP; no longer traced from here on
  void go_on();   // as by SIGCONT
  void finish();  // waits for its end, which must be a good one
  [[nodiscard]] const scenario::Process& process() const noexcept { return *process_; }

 private:
  // Waits until it is held. False: the operation is over.
  bool held();
  // What its next instruction is.
  void look_ahead();
  std::uint64_t code_at(std::uintptr_t address);
  // Where the processor is to stop it; 0: nowhere.
  void stop_at(std::uintptr_t address);

  Board& board_;
  std::unique_ptr<scenario::Process> process_;
  struct Next {
    std::uintptr_t address = 0;
    bool system_call = false;
    std::uintptr_t behind_string = 0;  // the address behind a long string instruction; 0: it is none
  };
  Next next_;
};

}  // namespace ringbolt::kill
