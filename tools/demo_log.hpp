// The event log that `ringbolt demo` publishes: a file of lines, each with its own time. Any log will do whose lines begin
// with a date and time as dpkg, syslog or RFC 3339 write them; others are replayed at an even pace.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::demo {

inline constexpr const char* kUsualLog = "/var/log/dpkg.log";

struct EventLog {
  std::string source;  // for people
  std::string note;    // why it is not the log that was asked for, or not all of it; empty: nothing to say
  std::vector<std::string> lines;
  std::vector<double> seconds;  // when each line was written, never decreasing; empty: the lines do not say
};

// The given file, or the usual log. The sample that ships takes its place where there is too little in it. Throws Error:
// not_found, not_allowed, system for a file that was given and cannot be read.
[[nodiscard]] EventLog load_log(const std::optional<std::string>& file);

// The sample that ships: a made-up dpkg.log of an installation and two later days.
[[nodiscard]] std::string sample_log();

}  // namespace ringbolt::demo
