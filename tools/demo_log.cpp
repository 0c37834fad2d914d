#include "demo_log.hpp"

#include <fmt/format.h>
#include <ringbolt/ipc/error.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

namespace ringbolt::demo {
namespace {

constexpr std::size_t kFewestLines = 100;        // of the usual log; a shorter one makes a dull demo
constexpr std::streamoff kMostBytes = 32 << 20;  // of a file; its end is taken
constexpr std::size_t kLongestLine = 4'096;      // longer lines are cut: a record is at most a quarter of the ring
constexpr std::string_view kSampleName = "the sample log that ships";

double seconds_since_1970(int year, int month, int day, int hour, int minute, double second) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const auto midnight = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::duration<double>(midnight).count() + hour * 3600.0 + minute * 60.0 + second;
}

// Time zones and the missing year of syslog do not matter: only the differences between lines are used.
std::optional<double> time_of(const std::string& line) {
  const char* text = line.c_str();
  if (*text == '[') ++text;
  int year = 2000, month = 0, day = 0, hour = 0, minute = 0;
  double second = 0;
  char separator = 0;
  if (std::sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%lf", &year, &month, &day, &separator, &hour, &minute, &second) == 7 &&
      (separator == ' ' || separator == 'T')) {
    return seconds_since_1970(year, month, day, hour, minute, second);
  }
  std::array<char, 4> name{};
  if (std::sscanf(text, "%3s %2d %2d:%2d:%lf", name.data(), &day, &hour, &minute, &second) == 5) {
    constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const std::size_t at = months.find(name.data());
    if (at != std::string_view::npos && at % 3 == 0) {
      return seconds_since_1970(2000, static_cast<int>(at / 3) + 1, day, hour, minute, second);
    }
  }
  return std::nullopt;
}

// A line without a time belongs to the one before it; a clock that was set back stands still.
std::vector<double> times_of(const std::vector<std::string>& lines) {
  std::vector<double> seconds;
  seconds.reserve(lines.size());
  std::size_t dated = 0;
  for (const std::string& line : lines) {
    const std::optional<double> time = time_of(line);
    if (time) ++dated;
    const double before = seconds.empty() ? time.value_or(0) : seconds.back();
    seconds.push_back(dated == 1 && time ? *time : std::max(before, time.value_or(before)));
  }
  if (dated * 2 < lines.size()) return {};
  return seconds;
}

std::vector<std::string> lines_of(const std::string& bytes) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
    if (end != begin) lines.push_back(bytes.substr(begin, std::min(end - begin, kLongestLine)));
    begin = end + 1;
  }
  return lines;
}

[[noreturn]] void throw_unreadable(const std::string& path, int error) {
  const Code code = error == ENOENT ? Code::not_found : error == EACCES ? Code::not_allowed : Code::system;
  throw Error(code,
              fmt::format("cannot read the log {}: {}; give another one with --file, or none for {}", path,
                          std::strerror(error), kUsualLog),
              error);
}

struct FileText {
  std::string bytes;
  bool cut = false;
};

FileText read_end_of(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw_unreadable(path, EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_unreadable(path, errno != 0 ? errno : EIO);
  FileText text;
  const auto size = std::filesystem::file_size(path, ignored);
  if (!ignored && size > static_cast<std::uintmax_t>(kMostBytes)) {
    file.seekg(-kMostBytes, std::ios::end);
    text.cut = true;
  }
  std::array<char, 65'536> block{};
  while (text.bytes.size() < static_cast<std::size_t>(kMostBytes) &&
         (file.read(block.data(), block.size()) || file.gcount() > 0)) {
    text.bytes.append(block.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (text.cut) text.bytes.erase(0, text.bytes.find('\n') + 1);  // the first line is half a line
  return text;
}

EventLog sample(std::string note) {
  EventLog log{std::string(kSampleName), std::move(note), lines_of(sample_log()), {}};
  log.seconds = times_of(log.lines);
  return log;
}

}  // namespace

EventLog load_log(const std::optional<std::string>& file) {
  const std::string path = file.value_or(kUsualLog);
  FileText text;
  try {
    text = read_end_of(path);
  } catch (const Error& error) {
    if (file) throw;
    return sample(
        fmt::format("{} cannot be read ({}): {} takes its place", path, std::strerror(error.system_errno()), kSampleName));
  }
  EventLog log{path, {}, lines_of(text.bytes), {}};
  if (log.lines.empty()) return sample(fmt::format("{} is empty: {} takes its place", path, kSampleName));
  if (!file && log.lines.size() < kFewestLines) {
    return sample(fmt::format("{} has only {} lines: {} takes its place", path, log.lines.size(), kSampleName));
  }
  log.seconds = times_of(log.lines);
  if (text.cut) log.note = fmt::format("{} is long: its last {} MiB are taken", path, kMostBytes >> 20);
  if (log.seconds.empty()) log.note = fmt::format("{} has no dates that the demo understands: an even pace", path);
  return log;
}

}  // namespace ringbolt::demo
