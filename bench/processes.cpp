#include "processes.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

std::atomic<bool> killing = false;  // a peer is about to be killed by us
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler reads it");

// SIGCHLD, async-signal-safe: a peer that failed ends this process.
void end_if_a_peer_failed(int) {
  siginfo_t child{};
  if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0 || child.si_pid == 0) return;
  if (child.si_code == CLD_EXITED && child.si_status == 0) return;
  if (killing) return;
  constexpr char message[] = "a process of this benchmark failed\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
  _exit(1);
}

std::runtime_error failure(const char* what) {
  return std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

Peer::Peer(const std::function<void()>& body, std::uint32_t watchdog_seconds) {
  struct sigaction watch {};
  watch.sa_handler = end_if_a_peer_failed;
  watch.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  sigaction(SIGCHLD, &watch, nullptr);
  std::fflush(nullptr);  // or the child would print it again
  pid_ = fork();
  if (pid_ < 0) throw failure("cannot start a process");
  if (pid_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (watchdog_seconds != 0) alarm(watchdog_seconds);
  int status = 0;
  try {
    body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  std::exit(status);  // with what libraries want to do at the end of a process
}

void Peer::join() {
  int status = 0;
  const pid_t pid = std::exchange(pid_, -1);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) throw std::runtime_error("a process of this benchmark failed");
}

void Peer::send_kill() const noexcept {
  if (pid_ <= 0) return;
  killing = true;
  ::kill(pid_, SIGKILL);
}

void Peer::stop() const noexcept {
  if (pid_ > 0) ::kill(pid_, SIGSTOP);
}

void Peer::kill() noexcept { end_by(SIGKILL); }
void Peer::end() noexcept { end_by(SIGTERM); }

void Peer::end_by(int signal) noexcept {
  if (pid_ <= 0) return;
  killing = true;
  ::kill(pid_, signal);
  const pid_t pid = std::exchange(pid_, -1);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  killing = false;
}

Channel::Channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw failure("cannot make a socket pair");
  own_end_ = ends[0];
  other_end_ = ends[1];
}

Channel::~Channel() {
  close(own_end_);
  close(other_end_);
}

void Channel::send(std::uint64_t number) const {
  if (write(own_end_, &number, sizeof number) != sizeof number) throw failure("cannot reach a process of this benchmark");
}

std::uint64_t Channel::receive() const {
  std::uint64_t number = 0;
  ssize_t got = -1;
  do {
    got = read(own_end_, &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof number) throw failure("cannot hear a process of this benchmark");
  return number;
}

}  // namespace ringbolt::bench
