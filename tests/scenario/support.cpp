#include "scenario/support.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>

namespace ringbolt::scenario {
namespace {

constexpr int kFailed = 99;
constexpr unsigned kWatchdogSeconds = 280;

// Processes that have been started and not been waited for.
std::vector<const Process*>& running() {
  static std::vector<const Process*> all;
  return all;
}

int janitor_pipe = -1;
const char* volatile awaited = "nothing";

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : otherwise;
}

// Ends the test, and with it its processes, when nothing has come of it for too long.
void on_alarm(int) {
  constexpr char before[] = "watchdog: the test takes too long; it is waiting for ";
  static_cast<void>(::write(STDERR_FILENO, before, sizeof before - 1));
  static_cast<void>(::write(STDERR_FILENO, awaited, std::strlen(awaited)));
  static_cast<void>(::write(STDERR_FILENO, "\n", 1));
  ::signal(SIGALRM, SIG_DFL);
  ::raise(SIGALRM);
}

void remove_all(const std::string& directory) {
  std::error_code error;
  for (int attempt = 0; attempt < 1'000 && std::filesystem::exists(directory, error); ++attempt) {
    std::filesystem::remove_all(directory, error);  // again while a dying process still creates files there
    if (error) breathe();
  }
}

bool is_memory(const std::string& directory) {
  struct statfs system {};
  return ::statfs(directory.c_str(), &system) != 0 || system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
}

// A process that removes the directories when the test is gone, however it went. Not a child of the test, and in a session
// of its own, so that whoever ends the test does not end it too.
void start_janitor(const std::string& directory, const std::string& disk) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe for the janitor");
  const pid_t first = ::fork();
  if (first == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    ::close(ends[1]);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, standard);
    char byte = 0;
    while (::read(ends[0], &byte, 1) < 0) {
    }
    remove_all(directory);
    remove_all(disk);
    ::_exit(0);
  }
  ::close(ends[0]);
  if (first < 0 || ::waitpid(first, nullptr, 0) != first) fail("no process for the janitor");
  janitor_pipe = ends[1];
}

[[noreturn]] void run(const std::string& name, pid_t parent, const std::function<void()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kFailed);
  ::close(janitor_pipe);
  ::signal(SIGALRM, SIG_DFL);
  running().clear();
  try {
    body();
    std::fflush(nullptr);
    ::_exit(0);
  } catch (const std::exception& error) {
    ::dprintf(STDERR_FILENO, "process %d, %s: %s\n", ::getpid(), name.c_str(), error.what());
  }
  ::_exit(kFailed);
}

}  // namespace

void pass_ns(std::uint64_t duration_ns) noexcept {
  const timespec duration{static_cast<time_t>(duration_ns / 1'000'000'000), static_cast<long>(duration_ns % 1'000'000'000)};
  ::nanosleep(&duration, nullptr);
}

void breathe() noexcept { pass_ns(50'000); }

Process::Process(std::string name, const std::function<void()>& body) : name_(std::move(name)) {
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) run(name_, parent, body);
  if (pid_ < 0) fail("cannot fork the process " + name_);
  running().push_back(this);
}

Process::~Process() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  static_cast<void>(wait());
}

void Process::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

void Process::stop() {
  send(SIGSTOP);
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0 || info.si_code != CLD_STOPPED)
    fail(name_ + " ended instead of being stopped");
}

void Process::go_on() const { send(SIGCONT); }

void Process::die() {
  send(SIGKILL);
  const int status = wait();
  if (status != -SIGKILL) fail(name_ + " had ended with " + std::to_string(status) + " before it was killed");
}

void Process::finish() {
  const int status = wait();
  if (status != 0) fail(name_ + " ended with " + std::to_string(status));
}

int Process::wait() {
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) fail("cannot wait for " + name_);
  std::erase(running(), this);
  pid_ = -1;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool Process::ended() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
}

bool Process::failed() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_ &&
         info.si_code == CLD_EXITED && info.si_status != 0;
}

Scene::Scene() : seed_(number_from("SEED", std::random_device{}())), random_(seed_) {
  const char* const outer = std::getenv("RINGBOLT_DIR");
  outer_directory_ = outer != nullptr ? outer : "";
  std::string pattern = (outer_directory_.empty() ? "/dev/shm" : outer_directory_) + "/scenario.XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) fail("cannot make a directory like " + pattern);
  directory_ = pattern;
  const std::string temporary = std::filesystem::temp_directory_path();
  disk_ = is_memory(temporary) ? std::string(std::filesystem::current_path()) : temporary;
  disk_ += "/" + std::string(std::filesystem::path(directory_).filename()) + ".disk";
  start_janitor(directory_, disk_);
  ::setenv("RINGBOLT_DIR", directory_.c_str(), 1);

  const std::uint64_t soak_seconds = number_from("RINGBOLT_SOAK_SECONDS", 0);
  soak_until_ns_ = soak_seconds == 0 ? 0 : now_ns() + soak_seconds * 1'000'000'000;
  ::signal(SIGALRM, on_alarm);
  ::alarm(kWatchdogSeconds + static_cast<unsigned>(soak_seconds));
  std::printf("SEED=%llu\n", static_cast<unsigned long long>(seed_));
}

Scene::~Scene() {
  ::alarm(0);
  if (outer_directory_.empty()) {
    ::unsetenv("RINGBOLT_DIR");
  } else {
    ::setenv("RINGBOLT_DIR", outer_directory_.c_str(), 1);
  }
  remove_all(directory_);
  remove_all(disk_);
  ::close(janitor_pipe);
}

const std::string& Scene::disk() {
  std::filesystem::create_directory(disk_);
  return disk_;
}
bool Scene::disk_syncs() { return !is_memory(disk()); }

bool Scene::another(std::uint64_t done, std::uint64_t wanted) const {
  return done < wanted || (soak_until_ns_ != 0 && now_ns() < soak_until_ns_);
}

std::uint64_t Scene::scaled(std::uint64_t wanted) const {
  return wanted * std::max<std::uint64_t>(1, number_from("RINGBOLT_SOAK_SECONDS", 0) / 10);
}

void Scene::waiting_for(const char* what) noexcept { awaited = what; }

void Scene::look_after_processes(const char* what) {
  for (const Process* process : running()) {
    if (process->failed()) fail(std::string("a process failed while the test was waiting for ") + what);
  }
}

}  // namespace ringbolt::scenario
