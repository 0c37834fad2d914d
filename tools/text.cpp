#include "text.hpp"

#include <boost/archive/iterators/base64_from_binary.hpp>
#include <boost/archive/iterators/binary_from_base64.hpp>
#include <boost/archive/iterators/transform_width.hpp>
#include <boost/locale/utf.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <locale>

namespace ringbolt::command {
namespace {

class Commas : public std::numpunct<char> {
  char do_thousands_sep() const override { return ','; }
  std::string do_grouping() const override { return "\3"; }
};

using Utf8 = boost::locale::utf::utf_traits<char>;

// The next character of `at`..`end`; `at` moves behind it. Not for an empty range.
bool next_character(const char*& at, const char* end, boost::locale::utf::code_point& character) noexcept {
  character = Utf8::decode(at, end);
  return character != boost::locale::utf::illegal && character != boost::locale::utf::incomplete;
}

bool is_plain(char c) noexcept { return c >= 0x20 && c < 0x7f; }

// What a terminal may take for a command, or what turns the text around it: controls and the marks of direction.
bool is_harmful(boost::locale::utf::code_point c) noexcept {
  return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// Columns that a text takes on a terminal, near enough: one for each character.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string thousands(std::uint64_t number) {
  static const std::locale commas(std::locale::classic(), new Commas);
  return fmt::format(commas, "{:L}", number);
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", thousands(number), number == 1 ? one : many);
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  auto number = static_cast<double>(bytes);
  while (number >= 1024 && unit + 1 < units.size()) {
    number /= 1024;
    ++unit;
  }
  return number >= 1000 ? fmt::format("{:.0f} {}", number, units[unit]) : fmt::format("{:.3g} {}", number, units[unit]);
}

std::string duration_text(std::uint64_t duration_ns) {
  if (duration_ns < 1'000) return fmt::format("{} ns", duration_ns);
  const auto number = static_cast<double>(duration_ns);
  if (duration_ns < 1'000'000) return fmt::format("{:.3g} us", number / 1e3);
  if (duration_ns < 1'000'000'000) return fmt::format("{:.3g} ms", number / 1e6);
  if (duration_ns < 120'000'000'000) return fmt::format("{:.3g} s", number / 1e9);
  return fmt::format("{} min {} s", duration_ns / 60'000'000'000, duration_ns / 1'000'000'000 % 60);
}

std::string time_text(std::uint64_t timestamp_ns) {
  if (timestamp_ns == 0) return {};
  const auto seconds = static_cast<std::time_t>(timestamp_ns / 1'000'000'000);
  std::tm fields{};
  localtime_r(&seconds, &fields);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &fields);
  return fmt::format("{}.{:06}", std::string_view(text.data(), length), timestamp_ns / 1'000 % 1'000'000);
}

bool is_utf8(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  boost::locale::utf::code_point character = 0;
  while (at != end) {
    if (is_plain(*at)) {
      ++at;
    } else if (!next_character(at, end, character)) {
      return false;
    }
  }
  return true;
}

void append_printable(fmt::memory_buffer& to, std::string_view payload) {
  const char* at = payload.data();
  const char* end = at + payload.size();
  while (at != end) {
    const char* plain = std::find_if_not(at, end, is_plain);
    to.append(at, plain);
    at = plain;
    if (at == end) return;
    const char* start = at;
    boost::locale::utf::code_point character = 0;
    const bool valid = next_character(at, end, character);
    if (valid && !is_harmful(character)) {
      to.append(start, at);
      continue;
    }
    if (!valid) at = start + 1;  // what follows may be valid again
    for (; start != at; ++start) fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(*start));
  }
}

std::string printable(std::string_view payload) {
  fmt::memory_buffer buffer;
  append_printable(buffer, payload);
  return fmt::to_string(buffer);
}

void append_base64(fmt::memory_buffer& to, std::string_view bytes) {
  using Sextets = boost::archive::iterators::transform_width<const char*, 6, 8>;
  using Letters = boost::archive::iterators::base64_from_binary<Sextets>;
  // The iterator reads whole groups of three; the last one is completed with zeros, whose letters '=' stands for.
  const std::size_t whole = bytes.size() / 3 * 3;
  const auto append = [&to](const char* from, std::size_t count, std::size_t letters) {
    Letters letter(from);
    const Letters last(from + count);
    for (std::size_t i = 0; i < letters && letter != last; ++i, ++letter) to.push_back(*letter);
  };
  append(bytes.data(), whole, whole / 3 * 4);
  if (const std::size_t rest = bytes.size() - whole; rest != 0) {
    std::array<char, 3> group{};
    std::copy_n(bytes.data() + whole, rest, group.data());
    append(group.data(), group.size(), rest + 1);
    for (std::size_t i = rest; i < 3; ++i) to.push_back('=');
  }
}

std::optional<std::string> decode_base64(std::string_view text) {
  using Sextets = boost::archive::iterators::binary_from_base64<const char*>;
  using Bytes = boost::archive::iterators::transform_width<Sextets, 8, 6>;
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t letters = text.find_last_not_of('=') + 1;
  const std::size_t padding = text.size() - letters;
  const auto is_letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  if (padding > 2 || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(letters), is_letter))
    return std::nullopt;
  std::string padded(text.substr(0, letters));
  padded.append(padding, 'A');  // the iterator reads whole groups
  std::string bytes(padded.size() / 4 * 3, '\0');
  Bytes byte(padded.data());
  for (char& to : bytes) to = *byte++;
  bytes.resize(bytes.size() - padding);
  return bytes;
}

std::vector<std::string> Table::lines() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width(row[i]), ' ');
      const bool right = i < right_.size() && right_[i];
      if (i != 0) line += "  ";
      line += right ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the usual table of prefixes: two back for an exchange, one back, and the one being filled.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string closest(std::string_view name, const std::vector<std::string>& names) {
  std::string best;
  std::size_t distance = std::max<std::size_t>(1, name.size() / 3) + 1;  // more changes than that are another name
  for (const std::string& candidate : names) {
    const std::size_t candidate_distance = edit_distance(name, candidate);
    if (candidate_distance >= distance) continue;
    best = candidate;
    distance = candidate_distance;
  }
  return best;
}

}  // namespace ringbolt::command
