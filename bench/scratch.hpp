// A place for the rings of a benchmark that is gone afterwards, however the benchmark ends.
//
// `run_in_scratch` runs the work in a child process with RINGBOLT_DIR set to a fresh directory, waits, and removes it. So
// Ctrl-C, a crash or a failed check leaves nothing in shared memory.
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>

namespace ringbolt::bench {

// `work` returns the exit status. An exception that it throws is printed and makes it 1; an interruption makes it 130.
template <class Work>
int run_in_scratch(Work&& work) {
  const char* parent = std::getenv("RINGBOLT_DIR");
  std::string directory = std::string(parent != nullptr ? parent : "/dev/shm") + "/ringbolt-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    std::fprintf(stderr, "cannot make %s: %s; set RINGBOLT_DIR to a directory that you may write to\n", directory.c_str(),
                 std::strerror(errno));
    return 1;
  }
  setenv("RINGBOLT_DIR", directory.c_str(), 1);

  struct sigaction interrupted {};
  interrupted.sa_handler = [](int) {};  // without SA_RESTART: ends the wait below
  sigaction(SIGINT, &interrupted, nullptr);
  sigaction(SIGTERM, &interrupted, nullptr);

  const pid_t worker = fork();
  if (worker == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    int status = 1;
    try {
      status = work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(status);
  }
  const int fork_errno = errno;
  int status = 0;
  bool ended_early = false;
  if (worker > 0 && waitpid(worker, &status, 0) < 0) {
    ended_early = true;
    kill(worker, SIGKILL);
    waitpid(worker, &status, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  if (worker < 0) {
    std::fprintf(stderr, "cannot start a process: %s\n", std::strerror(fork_errno));
    return 1;
  }
  if (ended_early) return 128 + SIGINT;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace ringbolt::bench
