#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace ringbolt::command::test {
namespace {

constexpr uid_t kNobody = 65534;

void check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

struct Pipe {
  int read = -1;
  int write = -1;
};
Pipe make_pipe() {
  std::array<int, 2> fds{};
  check(::pipe2(fds.data(), O_CLOEXEC) == 0, "pipe2");
  return {fds[0], fds[1]};
}
Pipe make_terminal() {
  Pipe terminal;
  check(::openpty(&terminal.read, &terminal.write, nullptr, nullptr, nullptr) == 0, "openpty");
  ::fcntl(terminal.read, F_SETFD, FD_CLOEXEC);
  return terminal;
}

// In the child, between fork and exec: no allocation that could be needed before.
[[noreturn]] void become(const std::vector<std::string>& words, const std::string& ring_directory,
                         const Surroundings& surroundings, int in, int out, int err) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPIPE, SIG_DFL);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  ::setenv("RINGBOLT_DIR", ring_directory.c_str(), 1);
  ::setenv("RINGBOLT", RINGBOLT_COMMAND, 1);
  ::setenv("TERM", "xterm", 1);
  ::setenv("TZ", "UTC", 1);
  ::unsetenv("NO_COLOR");
  if (!surroundings.no_color.empty()) ::setenv("NO_COLOR", surroundings.no_color.c_str(), 1);
  // Opened before: the build may lie where the other user cannot go.
  const int command = surroundings.other_user ? ::open(words[0].c_str(), O_RDONLY | O_CLOEXEC) : -1;
  if (surroundings.other_user && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(125);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  if (command >= 0) ::fexecve(command, arguments.data(), environ);
  ::execvp(arguments[0], arguments.data());
  ::_exit(126);
}

// Appends what is there; false at the end. A terminal whose other side is gone says EIO.
bool read_available(int fd, std::string& to) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got > 0) to.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

Process::Process(const std::string& ring_directory, const Arguments& arguments, const Surroundings& surroundings) {
  std::vector<std::string> words = surroundings.program;
  if (words.empty()) words.emplace_back(RINGBOLT_COMMAND);
  words.insert(words.end(), arguments.begin(), arguments.end());
  Pipe in = make_pipe();
  Pipe out = surroundings.terminal ? make_terminal() : make_pipe();
  Pipe err = surroundings.terminal ? make_terminal() : make_pipe();
  pid_ = ::fork();
  check(pid_ >= 0, "fork");
  if (pid_ == 0) become(words, ring_directory, surroundings, in.read, out.write, err.write);
  pid_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  close_fd(in.read);
  close_fd(out.write);
  close_fd(err.write);
  in_ = in.write;
  out_fd_ = out.read;
  err_fd_ = err.read;
  ::fcntl(in_, F_SETFL, O_NONBLOCK);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::exchange(other.pid_fd_, -1)),
      in_(std::exchange(other.in_, -1)),
      out_fd_(std::exchange(other.out_fd_, -1)),
      err_fd_(std::exchange(other.err_fd_, -1)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      ended_(other.ended_) {}

Process::~Process() {
  if (pid_ > 0 && !ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (int* fd : {&pid_fd_, &in_, &out_fd_, &err_fd_}) close_fd(*fd);
}

// Moves bytes between us and the process until `done`. It looks at nothing but what has arrived.
void Process::pump(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  while (!done()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      throw std::runtime_error("watchdog; it had written: " + out_.substr(0, 1000) + "\nand said: " + err_);
    std::array<pollfd, 4> fds{{{.fd = out_fd_, .events = POLLIN, .revents = 0},
                               {.fd = err_fd_, .events = POLLIN, .revents = 0},
                               {.fd = pending_input_.empty() ? -1 : in_, .events = POLLOUT, .revents = 0},
                               {.fd = ended_ ? -1 : pid_fd_, .events = POLLIN, .revents = 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
    if (fds[0].revents != 0 && !read_available(out_fd_, out_)) close_fd(out_fd_);
    if (fds[1].revents != 0 && !read_available(err_fd_, err_)) close_fd(err_fd_);
    if (fds[2].revents != 0) {
      const ssize_t written = ::write(in_, pending_input_.data(), pending_input_.size());
      if (written > 0) pending_input_.erase(0, static_cast<std::size_t>(written));
      if (written < 0 && errno == EPIPE) pending_input_.clear();
    }
    if (fds[3].revents != 0) ended_ = true;
    const bool nothing_can_come = ended_ && out_fd_ < 0 && err_fd_ < 0;
    if (nothing_can_come && !done())
      throw std::runtime_error("it ended early, after: " + out_.substr(0, 1000) + "\nand said: " + err_);
  }
}

void Process::write(const std::string& input) {
  std::signal(SIGPIPE, SIG_IGN);
  pending_input_ += input;
  pump([&] { return pending_input_.empty(); });
}

void Process::close_input() { close_fd(in_); }
void Process::stop_reading() { close_fd(out_fd_); }
void Process::signal(int number) const { check(::kill(pid_, number) == 0, "kill"); }

std::string Process::read_line() {
  pump([&] { return out_.find('\n') != std::string::npos; });
  const std::size_t end = out_.find('\n');
  std::string line = out_.substr(0, end);
  out_.erase(0, end + 1);
  return line;
}

void Process::wait_for_error_text(const std::string& text) {
  pump([&] { return err_.find(text) != std::string::npos; });
}

void Process::wait_for_end() {
  pollfd end{.fd = pid_fd_, .events = POLLIN, .revents = 0};
  check(::poll(&end, 1, static_cast<int>(std::chrono::milliseconds(kWatchdog).count())) == 1, "watchdog");
}

void Process::wait_until(const std::function<bool()>& ready) const {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("watchdog");
  }
}

std::size_t Process::unread_output() const {
  int bytes = 0;
  check(::ioctl(out_fd_, FIONREAD, &bytes) == 0, "FIONREAD");
  return static_cast<std::size_t>(bytes);
}

Result Process::finish() {
  close_input();
  pump([&] { return ended_ && out_fd_ < 0 && err_fd_ < 0; });
  int status = 0;
  check(::waitpid(pid_, &status, 0) == pid_, "waitpid");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), std::move(out_), std::move(err_)};
}

Sandbox::Sandbox() {
  const bool shm = ::access("/dev/shm", W_OK) == 0;
  std::string pattern = std::string(shm ? "/dev/shm" : "/tmp") + "/ringbolt-tools-test-XXXXXX";
  check(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  directory_ = pattern;
}

Sandbox::~Sandbox() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
  if (!disk_.empty()) std::filesystem::remove_all(disk_, ignored);
}

Process Sandbox::start(const Arguments& arguments, const Surroundings& surroundings) const {
  return Process(directory_, arguments, surroundings);
}

Result Sandbox::run(const Arguments& arguments, const std::string& input, const Surroundings& surroundings) const {
  Process process = start(arguments, surroundings);
  process.write(input);
  return process.finish();
}

std::string Sandbox::run_ok(const Arguments& arguments, const std::string& input) const {
  const Result result = run(arguments, input);
  if (result.status != 0) throw std::runtime_error("exit status " + std::to_string(result.status) + ": " + result.err);
  return result.out;
}

Json Sandbox::stat(const std::string& ring) const { return Json::parse(run_ok({"stat", ring, "--json"})); }

Json Sandbox::consumer(const std::string& ring, const std::string& name) const {
  const Json all = stat(ring);
  for (const Json& consumer : all["consumers"]) {
    if (consumer["name"] == name) return consumer;
  }
  return {};
}

void Sandbox::wait_until(const std::string& ring, const std::function<bool(const Json& stat)>& wanted) const {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  Json last;
  while (!wanted(last = stat(ring))) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("watchdog; stat says " + last.dump(2));
  }
}

void Sandbox::wait_for_consumers(const std::string& ring, std::size_t count) const {
  wait_until(ring, [count](const Json& stat) {
    std::size_t ready = 0;
    for (const Json& consumer : stat["consumers"]) {
      ready += consumer["alive"] == true && (consumer["state"] == "attached" || consumer["state"] == "gating") ? 1 : 0;
    }
    return ready == count;
  });
}

void Sandbox::wait_for_cursor(const std::string& ring, const std::string& name, std::uint64_t sequence) const {
  wait_until(ring, [&](const Json& stat) {
    for (const Json& consumer : stat["consumers"]) {
      if (consumer["name"] == name) return consumer["cursor_sequence"] == sequence;
    }
    return false;
  });
}

const std::string& Sandbox::disk() const {
  if (disk_.empty()) {
    disk_ = std::filesystem::current_path() / "tools-test-XXXXXX";  // where tests are built there is a disk
    check(::mkdtemp(disk_.data()) != nullptr, "mkdtemp");
  }
  return disk_;
}

std::string Sandbox::file(const std::string& name, const std::string& content) const {
  const std::string files = directory_ + "/.files";  // a name that no ring can have
  std::filesystem::create_directory(files);
  std::ofstream(files + "/" + name, std::ios::binary) << content;
  return files + "/" + name;
}

std::string numbers(std::uint64_t first, std::uint64_t last) {
  std::string text;
  for (std::uint64_t number = first; number <= last; ++number) text += std::to_string(number) + "\n";
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> objects;
  for (const std::string& line : lines_of(text)) objects.push_back(Json::parse(line));
  return objects;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace ringbolt::command::test
