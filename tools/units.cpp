#include "units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <limits>
#include <optional>
#include <regex>
#include <string>

namespace ringbolt::command {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double kKi = 1024;
constexpr std::array kSizes{
    Unit{"", 1},
    Unit{"B", 1},
    Unit{"K", kKi},
    Unit{"KiB", kKi},
    Unit{"KB", 1e3},
    Unit{"M", kKi* kKi},
    Unit{"MiB", kKi* kKi},
    Unit{"MB", 1e6},
    Unit{"G", kKi* kKi* kKi},
    Unit{"GiB", kKi* kKi* kKi},
    Unit{"GB", 1e9},
    Unit{"T", kKi* kKi* kKi* kKi},
    Unit{"TiB", kKi* kKi* kKi* kKi},
    Unit{"TB", 1e12},
};
constexpr std::array kDurations{
    Unit{"ns", 1}, Unit{"us", 1e3}, Unit{"ms", 1e6}, Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86400e9},
};

// A number that is not negative, and what stands behind it.
struct Quantity {
  double number;
  std::string_view unit;
};
std::optional<Quantity> split(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc{} || !(number >= 0)) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  return Quantity{number, unit};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

template <std::size_t count>
std::optional<double> scaled(std::string_view text, const std::array<Unit, count>& units) {
  const std::optional<Quantity> quantity = split(text);
  if (!quantity) return std::nullopt;
  for (const Unit& unit : units) {
    if (!equal_ignoring_case(unit.name, quantity->unit)) continue;
    const double value = quantity->number * unit.factor;
    if (value < 9.2e18) return value;  // what a signed 64-bit integer takes
  }
  return std::nullopt;
}

std::optional<std::uint64_t> whole_number(std::string_view text, int base = 10) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

[[noreturn]] void bad_time(std::string_view text) {
  throw BadValue(fmt::format(
      "'{}' is not a time: give RFC 3339 as in 2026-11-23T10:00:00Z, seconds since 1970, or how long ago as in -5m", text));
}

int field(const std::cmatch& match, std::size_t index) { return match[index].matched ? std::stoi(match[index].str()) : 0; }

// Seconds since 1970 of the calendar fields, in the zone that the text names; local time if it names none.
std::time_t calendar_seconds(std::string_view text, const std::cmatch& match) {
  std::tm fields{};
  fields.tm_year = field(match, 1) - 1900;
  fields.tm_mon = field(match, 2) - 1;
  fields.tm_mday = field(match, 3);
  fields.tm_hour = field(match, 4);
  fields.tm_min = field(match, 5);
  fields.tm_sec = field(match, 6);
  fields.tm_isdst = -1;
  const std::tm asked = fields;
  const std::string zone = match[8].str();
  std::time_t seconds = zone.empty() ? std::mktime(&fields) : timegm(&fields);
  // Both functions carry over: the 30th of February would silently be the 2nd of March.
  if (fields.tm_mon != asked.tm_mon || fields.tm_mday != asked.tm_mday || asked.tm_hour > 23 || asked.tm_min > 59 ||
      asked.tm_sec > 60) {
    bad_time(text);
  }
  if (zone.size() == 6) {
    const std::time_t offset_minutes = std::stoi(zone.substr(1, 2)) * 60 + std::stoi(zone.substr(4, 2));
    seconds += (zone[0] == '-' ? 60 : -60) * offset_minutes;
  }
  return seconds;
}

// The digits behind the point, as nanoseconds.
std::uint64_t fraction_ns(std::string digits) {
  digits.resize(9, '0');
  return *whole_number(digits);
}

}  // namespace

std::uint64_t parse_size(std::string_view text) {
  const std::optional<double> bytes = scaled(text, kSizes);
  if (!bytes || *bytes != std::floor(*bytes)) {
    throw BadValue(fmt::format("'{}' is not a size: give bytes, or a number with KiB, MiB or GiB, as in 16MiB", text));
  }
  return static_cast<std::uint64_t>(*bytes);
}

std::chrono::nanoseconds parse_duration(std::string_view text) {
  const std::optional<double> duration_ns = scaled(text, kDurations);
  if (!duration_ns) {
    throw BadValue(fmt::format("'{}' is not a duration: give a number with ns, us, ms, s, m or h, as in 50ms", text));
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(*duration_ns)));
}

std::uint64_t parse_time(std::string_view text, std::uint64_t now_ns) {
  if (text.starts_with('-')) {
    const auto ago = static_cast<std::uint64_t>(parse_duration(text.substr(1)).count());
    return ago < now_ns ? now_ns - ago : 0;
  }
  static const std::regex unix_seconds(R"((\d{1,10})(?:\.(\d{1,9})\d*)?)");
  static const std::regex rfc3339(
      R"((\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?([Zz]|[+-]\d\d:\d\d)?)?)");
  std::cmatch match;
  if (std::regex_match(text.begin(), text.end(), match, unix_seconds)) {
    return *whole_number(match[1].str()) * 1'000'000'000 + fraction_ns(match[2].str());
  }
  if (!std::regex_match(text.begin(), text.end(), match, rfc3339)) bad_time(text);
  const std::time_t seconds = calendar_seconds(text, match);
  constexpr std::time_t kLast = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
  if (seconds < 0 || seconds >= kLast) bad_time(text);
  return static_cast<std::uint64_t>(seconds) * 1'000'000'000 + fraction_ns(match[7].str());
}

Start parse_start(std::string_view text, std::uint64_t now_ns) {
  if (text == "earliest") return Start::earliest;
  if (text == "latest") return Start::latest;
  if (text == "resume") return Start::resume;
  if (text.starts_with('@')) return Start::at_time(parse_time(text.substr(1), now_ns));
  const std::optional<std::uint64_t> sequence = whole_number(text);
  if (!sequence || *sequence == 0) {
    throw BadValue(
        fmt::format("'{}' is not a place in a stream: give earliest, latest, resume, a sequence from 1, or @ and a "
                    "time as in @2026-11-23T10:00:00Z",
                    text));
  }
  return Start::at(*sequence);
}

Start parse_place(std::string_view text, std::uint64_t now_ns) {
  if (const std::optional<std::uint64_t> sequence = whole_number(text); sequence && *sequence != 0)
    return Start::at(*sequence);
  try {
    const bool marked = text.starts_with('@');
    if (marked || !whole_number(text)) return Start::at_time(parse_time(text.substr(marked ? 1 : 0), now_ns));
  } catch (const BadValue&) {  // says what would be right for a time alone
  }
  throw BadValue(fmt::format(
      "'{}' is not a place in a journal: give a sequence from 1, or @ and a time as in @2026-11-23T10:00:00Z", text));
}

PolicyChoice parse_policy(std::string_view text) {
  if (text == "lossy") return {Policy::lossy, {}};
  if (text == "latest") return {Policy::latest, {}};
  if (text == "journal") return {Policy::journal, {}};
  if (text == "gate") return {Policy::gate, {}};
  if (constexpr std::string_view gate = "gate:"; text.starts_with(gate)) {
    const std::chrono::nanoseconds budget = parse_duration(text.substr(gate.size()));
    if (budget.count() == 0) throw BadValue("a budget of 0 would evict at once: give a longer one, or gate without budget");
    return {Policy::gate, budget};
  }
  throw BadValue(fmt::format("'{}' is not a policy: give gate, gate:50ms (a budget), journal, lossy or latest", text));
}

std::uint32_t parse_mode(std::string_view text) {
  const std::optional<std::uint64_t> mode = whole_number(text, 8);
  if (!mode || *mode == 0 || *mode > 0777) {
    throw BadValue(fmt::format("'{}' is not a mode: give file permissions in octal, as in 0640", text));
  }
  return static_cast<std::uint32_t>(*mode);
}

std::uint64_t parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const std::optional<std::uint64_t> number = whole_number(text);
  if (!number || *number < least || *number > most) {
    throw BadValue(fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  }
  return *number;
}

double parse_rate(std::string_view text) {
  const std::optional<Quantity> quantity = split(text);
  if (!quantity || !quantity->unit.empty() || quantity->number < 1e-6 || quantity->number > 1e9) {
    throw BadValue(fmt::format("'{}' is not a rate: give events per second, as in 1000 or 0.5", text));
  }
  return quantity->number;
}

std::chrono::nanoseconds parse_seconds(std::string_view text) {
  const std::optional<Quantity> quantity = split(text);
  if (!quantity || !quantity->unit.empty() || quantity->number < 0.01 || quantity->number > 1e6) {
    throw BadValue(fmt::format("'{}' is not a number of seconds, such as 1 or 0.5: a ring's name goes in front", text));
  }
  return std::chrono::nanoseconds(std::llround(quantity->number * 1e9));
}

bool parse_on_off(std::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  throw BadValue(fmt::format("'{}' is neither on nor off", text));
}

double parse_speed(std::string_view text) {
  if (text == "max") return 0;
  const std::optional<Quantity> quantity = split(text);
  if (!quantity || quantity->unit != "x" || quantity->number < 1e-6 || quantity->number > 1e9) {
    throw BadValue(fmt::format("'{}' is not a speed: give 1x for the original one, 10x, 0.5x, or max", text));
  }
  return quantity->number;
}

std::string parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    throw BadValue(fmt::format("'{}' is not an address and a port: give them as in 127.0.0.1:9464", text));
  static_cast<void>(parse_number(text.substr(colon + 1), 0, 65535));
  return std::string(text);
}

Sync parse_sync(std::string_view text) {
  if (text == "none") return Sync::none;
  if (text == "interval") return Sync::interval;
  if (text == "every") return Sync::every;
  throw BadValue(fmt::format("'{}' is not a way to sync: give none, interval or every", text));
}

AttributeText parse_attribute(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  if (equals == std::string_view::npos || !core::is_attribute_name(name)) {
    throw BadValue(
        fmt::format("'{}' is not an attribute: give NAME=VALUE, the name of 1 to 64 characters of A-Z a-z 0-9 . _ -", text));
  }
  const std::string_view value = text.substr(equals + 1);
  if (value.size() > core::kMostAttributeValueBytes) {
    throw BadValue(fmt::format("the value of {} has {} bytes, and an attribute at most {}", name, value.size(),
                               core::kMostAttributeValueBytes));
  }
  return {std::string(name), std::string(value)};
}

OnStall parse_on_stall(std::string_view text) {
  if (text == "wait") return OnStall::wait;
  if (text == "fail") return OnStall::fail;
  throw BadValue(fmt::format("'{}' is neither wait nor fail", text));
}

std::uint64_t wall_clock_ns() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count());
}

}  // namespace ringbolt::command
