#include "kill/stepped.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <unordered_map>

namespace ringbolt::kill {
namespace {

using scenario::fail;

Board* stepped_board = nullptr;  // in the process that is stepped; null in all others

void trace(__ptrace_request request, pid_t pid, std::uintptr_t data) {
  if (::ptrace(request, pid, nullptr, reinterpret_cast<void*>(data)) != 0)
    fail(std::string("ptrace was refused: ") + std::strerror(errno));
}

// In the process. It stops itself here, if this is the place.
void pass(Place place) noexcept {
  Board* const board = stepped_board;
  if (board == nullptr || board->inside == 0) return;
  if (place < core::kSteps) board->last = place + 1;
  ++board->hits.at(place);
  if (board->stands_at == place + 1 && board->visits_left.fetch_sub(1) == 1) ::raise(SIGSTOP);
}

}  // namespace

const char* name_of(Place place) noexcept {
  static constexpr const char* calls[] = {
#define RINGBOLT_CALL_NAME(name) #name,
      RINGBOLT_EACH_CALL(RINGBOLT_CALL_NAME)
#undef RINGBOLT_CALL_NAME
  };
  return place < core::kSteps ? core::step_name(static_cast<core::Step>(place)) : calls[place - core::kSteps];
}

void Board::reset() noexcept {
  for (Count* count : {&traced, &inside, &over, &last, &stands_at, &visits_left, &before, &handled, &ready, &go, &until})
    *count = 0;
}

void Window::begin() const {
  stepped_board = &board_;
  if (board_.traced != 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) fail("cannot be traced");
    board_.inside = 1;
    ::raise(SIGSTOP);
  }
  board_.inside = 1;
}

void Window::end() const {
  board_.inside = 0;
  board_.over = 1;
  if (board_.traced != 0) ::raise(SIGSTOP);
}

void Window::wait_for_test() const {
  board_.ready = 1;
  while (board_.go == 0) scenario::breathe();
}

std::string Stepped::why_not() {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  scenario::Shared<Board> board;
  board->traced = 1;
  try {
    Stepped probe(
        "probe", *board,
        [](const Window& window) {
          window.begin();
          window.end();
        },
        [] {});
    return probe.step() ? "" : "a process cannot be stepped through by ptrace";
  } catch (const scenario::Failure& refused) {
    return refused.what();
  }
#else
  return "stepping is written for x86-64, without sanitizers";
#endif
}

Stepped::Stepped(const std::string& name, Board& board, const std::function<void(const Window&)>& body,
                 const std::function<void()>& help)
    : board_(board) {
  board.traced = 1;
  process_ = std::make_unique<scenario::Process>(name, [&] { body(Window(board)); });
  help();
  if (!held()) fail(name + " was over before it began");
  trace(PTRACE_SETOPTIONS, process_->pid(), PTRACE_O_EXITKILL);
}

bool Stepped::held() {
  int status = 0;
  if (::waitpid(process_->pid(), &status, 0) != process_->pid()) fail("cannot wait for the stepped process");
  if (!WIFSTOPPED(status)) fail("the stepped process ended by itself, with status " + std::to_string(status));
  const int signal = WSTOPSIG(status);
  if (signal != SIGTRAP && signal != SIGSTOP) fail(std::string("the stepped process got the signal ") + ::strsignal(signal));
  look_ahead();
  return board_.over == 0;
}

bool Stepped::step() {
  if (next_.behind_string != 0) return run_to(next_.behind_string, 1);
  trace(PTRACE_SINGLESTEP, process_->pid(), 0);
  return held();
}

#if defined(__x86_64__)

// The same in all processes of this test, since they are forked from it; so it is read once.
std::uint64_t Stepped::code_at(std::uintptr_t address) {
  static std::unordered_map<std::uintptr_t, std::uint64_t> known;
  const auto [at, is_new] = known.try_emplace(address);
  if (is_new) {
    errno = 0;
    at->second =
        static_cast<std::uint64_t>(::ptrace(PTRACE_PEEKTEXT, process_->pid(), reinterpret_cast<void*>(address), nullptr));
    if (errno != 0) fail("cannot read the next instruction");
  }
  return at->second;
}

void Stepped::look_ahead() {
  constexpr std::uint64_t kSystemCall = 0x050f;
  constexpr std::uint64_t kRepeat = 0xf3;
  constexpr std::uint64_t kLongString = 1'000;
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, process_->pid(), nullptr, &registers) != 0) fail("cannot read the registers");
  const std::uint64_t code = code_at(registers.rip);
  next_ = {.address = registers.rip, .system_call = (code & 0xffff) == kSystemCall, .behind_string = 0};
  if ((code & 0xff) != kRepeat || registers.rcx < kLongString) return;
  const bool wide = (code >> 8 & 0xff) == 0x48;
  const std::uint64_t operation = code >> (wide ? 16 : 8) & 0xff;
  if (operation == 0xa4 || operation == 0xa5 || operation == 0xaa || operation == 0xab)  // movs, stos
    next_.behind_string = registers.rip + (wide ? 3 : 2);
}

// The first debug register holds it, for this thread alone.
void Stepped::stop_at(std::uintptr_t address) {
  const auto set = [&](std::size_t debug_register, std::uintptr_t value) {
    const std::size_t at = offsetof(user, u_debugreg) + debug_register * sizeof(user::u_debugreg[0]);
    if (::ptrace(PTRACE_POKEUSER, process_->pid(), reinterpret_cast<void*>(at), reinterpret_cast<void*>(value)) != 0)
      fail("cannot set a debug register");
  };
  if (address != 0) set(0, address);
  set(7, address != 0 ? 1 : 0);
}

#else

void Stepped::look_ahead() {}
void Stepped::stop_at(std::uintptr_t /*address*/) {}

#endif

bool Stepped::run_to(std::uintptr_t address, std::uint64_t visits) {
  stop_at(address);
  bool there = true;
  for (std::uint64_t visit = 0; there && visit < visits; ++visit) {
    trace(PTRACE_CONT, process_->pid(), 0);
    there = held() && next_.address == address;
  }
  stop_at(0);
  return there;
}

void Stepped::kill() { process_->die(); }

void Stepped::stop() {
  board_.traced = 0;
  trace(PTRACE_DETACH, process_->pid(), SIGSTOP);
  int status = 0;
  if (::waitpid(process_->pid(), &status, WUNTRACED) != process_->pid() || !WIFSTOPPED(status))
    fail("the stepped process was not stopped");
}

void Stepped::go_on() { process_->go_on(); }

void Stepped::finish() {
  // It may have been about to stop itself, at the end of its operation.
  siginfo_t info{};
  const auto look = [&](int more) {
    return ::waitid(P_PID, static_cast<id_t>(process_->pid()), &info, WEXITED | WSTOPPED | more) == 0;
  };
  while (look(WNOWAIT) && info.si_code == CLD_STOPPED) {
    if (look(0)) process_->go_on();
  }
  process_->finish();
}

}  // namespace ringbolt::kill

extern "C" std::uint32_t ringbolt_mutant() { return 0; }
extern "C" void ringbolt_on_step(ringbolt::core::Step step) { ringbolt::kill::pass(ringbolt::kill::place_of(step)); }
extern "C" int ringbolt_on_call(ringbolt::ipc::sys::Call call) {
  ringbolt::kill::pass(ringbolt::kill::place_of(call));
  return 0;
}
