#include "demo_place.hpp"

#include <fmt/format.h>
#include <ringbolt/ipc/error.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

namespace ringbolt::demo {
namespace {

[[noreturn]] void throw_system(const std::string& what, int error) {
  const Code code = error == ENOSPC ? Code::no_space : error == EACCES || error == EROFS ? Code::not_allowed : Code::system;
  throw Error(code, fmt::format("{}: {}; RINGBOLT_DIR names another directory for it", what, std::strerror(error)), error);
}

std::string make_directory() {
  const char* given = std::getenv("RINGBOLT_DIR");
  const std::string parent = given != nullptr && *given != '\0' ? given : "/dev/shm";
  if (given != nullptr && *given != '\0') {
    std::error_code failed;
    std::filesystem::create_directories(parent, failed);  // mkdtemp says what is wrong
  }
  std::string name = std::filesystem::absolute(parent).string() + "/ringbolt-demo-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw_system(fmt::format("cannot make a directory for the demo in {}", parent), errno);
  return name;
}

// Processes that die at this very moment may still be making a file.
void remove_directory(const std::string& directory) {
  using namespace std::chrono_literals;
  for (int tries = 0; tries < 100; ++tries) {
    std::error_code failed;
    std::filesystem::remove_all(directory, failed);
    if (!std::filesystem::exists(directory, failed)) return;
    std::this_thread::sleep_for(20ms);
  }
}

[[noreturn]] void take_care(int pipe, const std::string& directory) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP}) std::signal(signal, SIG_IGN);
  ::prctl(PR_SET_NAME, "demo-caretaker");
  char byte = 0;
  while (::read(pipe, &byte, 1) < 0 && errno == EINTR) {
  }
  remove_directory(directory);
  ::_exit(0);
}

}  // namespace

Place::Place() : directory_(make_directory()) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    remove_directory(directory_);
    throw_system("cannot make a pipe", error);
  }
  caretaker_ = ::fork();
  if (caretaker_ == 0) {
    ::close(ends[1]);
    take_care(ends[0], directory_);
  }
  const int error = errno;
  ::close(ends[0]);
  pipe_ = ends[1];
  if (caretaker_ > 0) return;
  ::close(pipe_);
  remove_directory(directory_);
  throw_system("cannot start a process", error);
}

Place::~Place() {
  ::close(pipe_);
  ::waitpid(caretaker_, nullptr, 0);
  remove_directory(directory_);  // if somebody has killed the caretaker
}

void Place::leave_in_child() const noexcept { ::close(pipe_); }

}  // namespace ringbolt::demo
