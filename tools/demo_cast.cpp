#include "demo_cast.hpp"

#include <fmt/format.h>
#include <ringbolt/ipc/error.hpp>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

namespace ringbolt::demo {

void Cast::start(Role role, const std::function<void()>& act) {
  Member& one = member(role);
  one.lives_before = board_.of(role).lives.load_acquire();
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    throw Error(
        Code::system,
        fmt::format("cannot start the process '{}' of the demo: {}; see `ulimit -u`", role_name(role), std::strerror(errno)),
        errno);
  }
  if (pid == 0) run_child(role, parent, act);
  one.pids[one.pid == 0 ? 0 : 1] = pid;
  one.pid = pid;
  one.ending = Ending::none;
}

void Cast::run_child(Role role, pid_t parent, const std::function<void()>& act) const noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);                                            // it died before the line above
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_IGN);  // the demo decides who ends when
  ::prctl(PR_SET_NAME, fmt::format("demo-{}", role_name(role)).c_str());
  Slot& slot = board_.of(role);
  const auto tell = [&](const char* why) { std::strncpy(slot.trouble.data(), why, slot.trouble.size() - 1); };
  try {
    place_.leave_in_child();
    act();
    ::_exit(0);
  } catch (const std::exception& error) {
    tell(error.what());
  } catch (...) {
    tell("an exception of unknown type");
  }
  ::_exit(1);
}

void Cast::kill(Role role) {
  Member& one = member(role);
  if (!one.runs()) return;
  ::kill(one.pid, SIGKILL);
  int status = 0;
  while (::waitpid(one.pid, &status, 0) < 0 && errno == EINTR) {
  }
  note_end(role, status);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) one.ending = Ending::killed_by_us;
}

void Cast::note_end(Role role, int status) {
  Member& one = member(role);
  one.ending = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Ending::returned : Ending::failed;
  one.how = WIFSIGNALED(status) ? fmt::format("died of signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)))
                                : std::string(board_.of(role).trouble.data());
}

void Cast::look() {
  for (const Role role : kRoles) {
    Member& one = member(role);
    int status = 0;
    if (one.runs() && ::waitpid(one.pid, &status, WNOHANG) == one.pid) note_end(role, status);
  }
}

void Cast::kill_all() {
  for (const Role role : kRoles) kill(role);
}

}  // namespace ringbolt::demo
