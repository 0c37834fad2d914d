#include "signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace ringbolt::command {
namespace {

volatile std::sig_atomic_t noted_signal = 0;
int stop_fd = -1;  // readable once a signal was noted, so that a wait that is about to begin does not miss it

void note_signal(int signal) {
  const int saved_errno = errno;
  noted_signal = signal;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd, &one, sizeof one);
  errno = saved_errno;
}

// Waits for either; true if `fd` is ready and no signal was noted.
bool wait_for(int fd, short events, const std::timespec* timeout) {
  pollfd fds[] = {{.fd = stop_fd, .events = POLLIN, .revents = 0}, {.fd = fd, .events = events, .revents = 0}};
  for (;;) {
    const int ready = ::ppoll(fds, fd < 0 ? 1 : 2, timeout, nullptr);
    if (stop_requested()) return false;
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return true;  // let the read or write that follows say what is wrong
  }
}

std::timespec as_timespec(std::chrono::nanoseconds duration) {
  const auto count = std::max<std::int64_t>(duration.count(), 0);
  return {.tv_sec = count / 1'000'000'000, .tv_nsec = count % 1'000'000'000};
}

}  // namespace

void catch_signals() {
  stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one kills
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);  // also where a script's job inherits it ignored: Ctrl-C leaves nothing behind
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction inherited {};
  ::sigaction(SIGHUP, nullptr, &inherited);
  if (inherited.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // nohup(1) asked to be left alone
}

bool stop_requested() noexcept { return noted_signal != 0; }

void die_if_stopped() {
  if (noted_signal == 0) return;
  const int signal = noted_signal;
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

bool sleep_for(std::chrono::nanoseconds duration) {
  const std::timespec timeout = as_timespec(duration);
  wait_for(-1, 0, &timeout);
  return !stop_requested();
}

bool wait_readable(int fd) { return wait_for(fd, POLLIN, nullptr); }

bool wait_writable(int fd, std::chrono::milliseconds timeout) {
  pollfd one{.fd = fd, .events = POLLOUT, .revents = 0};
  for (;;) {
    const int ready = ::poll(&one, 1, static_cast<int>(timeout.count()));
    if (ready >= 0 || errno != EINTR) return ready != 0;
  }
}

}  // namespace ringbolt::command
