// The N-th call fails: a use of the library is run again and again, each time with another system call refused at the seam
// (`ipc/system.hpp`), once or from then on, until a run has no N-th call of that kind. Whatever is refused, the use succeeds
// or reports an Error, and leaves no descriptor, mapping or thread behind; what else must hold, each use says for itself.
#pragma once

#include <ringbolt/ipc/system.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ipc/support.hpp"

namespace ringbolt::test {

using ipc::sys::Call;

struct Fault {
  Call call = Call::open;
  int answer = 0;  // an errno, or ipc::sys::kShort
  std::uint64_t nth = 1;
  bool goes_on = false;  // and every later call of that kind too
};
[[nodiscard]] std::string name_of(const Fault& fault);

// While it lives, that call fails, in whichever thread it is made.
class Failing {
 public:
  explicit Failing(const Fault& fault);
  ~Failing();
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  [[nodiscard]] bool happened() const;
};

// While it lives, calls of that kind do not come back: a disk that hangs.
class Hanging {
 public:
  explicit Hanging(Call call);
  ~Hanging();
  Hanging(const Hanging&) = delete;
  Hanging& operator=(const Hanging&) = delete;
  [[nodiscard]] bool somebody_hangs() const;
  void let_go() const;
};

// What one run came to.
struct Outcome {
  Fault fault;
  std::optional<Error> error;  // that `run` threw; none: it succeeded
  [[nodiscard]] bool succeeded() const { return !error; }
  // Was it a call of this kind that failed? Then what needs such a call may have stayed undone.
  [[nodiscard]] bool of(Call call) const { return fault.call == call; }
};

// A scripted use. `prepare` and `check` run without a fault.
struct Use {
  std::function<void()> prepare;
  std::function<void()> run;
  std::function<void(const Outcome&)> check;
  std::function<void()> clean;  // whatever happened
  bool is_long = false;         // beyond the 16th call of a kind only some, unless RINGBOLT_SOAK_SECONDS is set
};

// Every call that `run` makes, with everything it could answer. Prints how many faults there were.
void fail_each_call(const Use& use);

}  // namespace ringbolt::test
