// The real command in processes of its own, for the tests of `tools/`.
//
// Each Sandbox is a directory of rings that nobody else sees, so that any number of test runs can go side by side. Nothing here
// sleeps: a test waits for output, for an end, or for what `stat` says, and a watchdog ends it if that does not come.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ringbolt::command::test {

using Arguments = std::vector<std::string>;
using Json = nlohmann::json;

inline constexpr std::chrono::seconds kWatchdog{60};

struct Result {
  int status = -1;  // exit status, or 128 and the signal that ended it, as a shell says it
  std::string out;
  std::string err;
};

// How a process is started beyond its arguments.
struct Surroundings {
  bool terminal = false;               // standard output and standard error are a terminal
  bool other_user = false;             // as `nobody`; needs root
  std::string no_color{};              // value of NO_COLOR, if not empty
  std::vector<std::string> program{};  // run this instead of the command, whose path is then $RINGBOLT
};

// A running process. Killed when this goes out of scope.
class Process {
 public:
  Process(const std::string& ring_directory, const Arguments& arguments, const Surroundings& surroundings);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  void write(const std::string& input);  // all of it, reading output meanwhile
  void close_input();
  void signal(int number) const;

  // Each waits, at most as long as the watchdog lets it, and throws otherwise.
  std::string read_line();  // from standard output, without the newline
  void wait_for_error_text(const std::string& text);
  void wait_for_end();                                        // without reading any more output
  void wait_until(const std::function<bool()>& ready) const;  // likewise; asks again and again
  Result finish();      // closes the input, reads everything that read_line has not, waits for the end
  void stop_reading();  // closes this end of standard output

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] std::size_t unread_output() const;  // bytes of standard output that wait in the pipe
  [[nodiscard]] const std::string& error_text() const noexcept { return err_; }

 private:
  void pump(const std::function<bool()>& done);

  pid_t pid_ = -1;
  int pid_fd_ = -1;
  int in_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::string pending_input_;
  std::string out_;
  std::string err_;
  bool ended_ = false;
};

class Sandbox {
 public:
  Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox();

  [[nodiscard]] Process start(const Arguments& arguments, const Surroundings& surroundings = {}) const;
  // From start to end with that on standard input.
  [[nodiscard]] Result run(const Arguments& arguments, const std::string& input = {},
                           const Surroundings& surroundings = {}) const;
  // The same, which must end with 0; standard output.
  std::string run_ok(const Arguments& arguments, const std::string& input = {}) const;

  [[nodiscard]] Json stat(const std::string& ring) const;
  [[nodiscard]] Json consumer(const std::string& ring, const std::string& name) const;  // null if there is none
  // Asks `stat` again and again until `wanted` says yes.
  void wait_until(const std::string& ring, const std::function<bool(const Json& stat)>& wanted) const;
  void wait_for_consumers(const std::string& ring, std::size_t count) const;  // attached and alive
  void wait_for_cursor(const std::string& ring, const std::string& name, std::uint64_t sequence) const;

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] std::string file(const std::string& name, const std::string& content) const;  // beside the rings
  // A directory on a disk, for journals: rings are in memory. Made when first asked for.
  [[nodiscard]] const std::string& disk() const;

 private:
  std::string directory_;
  mutable std::string disk_;
};

class CommandTest : public ::testing::Test {
 protected:
  Sandbox box;
};

// "first\n...last\n", as seq(1) prints it.
[[nodiscard]] std::string numbers(std::uint64_t first, std::uint64_t last);
[[nodiscard]] std::vector<std::string> lines_of(const std::string& text);
[[nodiscard]] std::vector<Json> json_lines(const std::string& text);
[[nodiscard]] bool contains(const std::string& text, const std::string& part);

}  // namespace ringbolt::command::test
