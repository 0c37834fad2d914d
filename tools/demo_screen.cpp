#include "demo_screen.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "demo_roles.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::demo {
namespace {

using command::thousands;

constexpr std::uint64_t kLiveNs = 100'000'000;
constexpr std::uint64_t kPlainNs = 1'000'000'000;
constexpr std::size_t kFewestColumns = 40;  // a terminal that is smaller gets plain lines
constexpr std::size_t kFewestRows = 16;

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::good: return "\x1b[32m";
    case Tone::bad: return "\x1b[1;31m";
    case Tone::news: return "\x1b[1;33m";
    case Tone::faint: return "\x1b[2m";
    case Tone::plain: break;
  }
  return "";
}

bool is_dumb_terminal() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) == "dumb";
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<unsigned>(seconds);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

// The first `columns` characters; a byte that continues a character takes none.
std::string cut(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t used = 0; end < text.size(); ++end) {
    if ((text[end] & 0xc0) != 0x80 && ++used > columns) break;
  }
  return std::string(text.substr(0, end));
}

// ---- the table ---------------------------------------------------------------------------------------------------------

struct Column {
  std::string_view title;
  bool right;
  int dispensable;  // 0: never left out; the largest goes first where the terminal is narrow
  std::string (*cell)(const Row&);
};

template <std::uint64_t Ledger::*field>
std::string seen_cell(const Row& row) {
  return row.seen ? thousands((*row.seen).*field) : std::string();
}

const std::vector<Column>& all_columns() {
  static const std::vector<Column> columns{
      {"PROCESS", false, 0, [](const Row& row) { return std::string(role_name(row.role)); }},
      {"PID", true, 3, [](const Row& row) { return row.pid == 0 ? std::string() : std::to_string(row.pid); }},
      {"STATE", false, 0, [](const Row& row) { return row.state; }},
      {"POLICY", false, 4, [](const Row& row) { return std::string(policy_of(row.role)); }},
      {"RECEIVED", true, 0, seen_cell<&Ledger::received>},
      {"NEWEST", true, 1, [](const Row& row) { return row.newest ? thousands(*row.newest) : std::string(); }},
      {"BEHIND", true, 0, [](const Row& row) { return row.seen ? thousands(row.behind) : std::string(); }},
      {"TOLD LOST", true, 0, seen_cell<&Ledger::lost>},
      {"TWICE", true, 2, seen_cell<&Ledger::duplicates>},
  };
  return columns;
}

std::vector<std::string> table_of(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  std::vector<std::string> titles;
  std::vector<bool> right;
  for (const Column& column : columns) {
    titles.emplace_back(column.title);
    right.push_back(column.right);
  }
  command::Table table(titles, right);
  for (const Row& row : rows) {
    std::vector<std::string> cells;
    cells.reserve(columns.size());
    for (const Column& column : columns) cells.push_back(column.cell(row));
    table.add(std::move(cells));
  }
  return table.lines();
}

// As many columns as fit.
std::vector<std::string> fitting_table(const std::vector<Row>& rows, std::size_t width) {
  std::vector<Column> columns = all_columns();
  while (true) {
    std::vector<std::string> lines = table_of(columns, rows);
    const auto longest = std::max_element(lines.begin(), lines.end(),
                                          [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
    const auto least = std::max_element(columns.begin(), columns.end(),
                                        [](const Column& a, const Column& b) { return a.dispensable < b.dispensable; });
    if (longest->size() <= width || least->dispensable == 0) return lines;
    columns.erase(least);
  }
}

std::string toned(const std::string& text, Tone tone, bool color) {
  const std::string_view escape = escape_of(tone);
  return color && !escape.empty() ? fmt::format("{}{}\x1b[0m", escape, text) : text;
}

// The line with the row's state in its tone.
std::string with_state(const std::string& line, const Row& row, bool color) {
  const std::size_t at = row.state.empty() ? std::string::npos : line.find(row.state, role_name(row.role).size());
  if (at == std::string::npos) return line;
  return line.substr(0, at) + toned(row.state, row.tone, color) + line.substr(at + row.state.size());
}

// ---- a plain line ------------------------------------------------------------------------------------------------------

std::string plain_line(const Frame& frame) {
  std::string line = fmt::format("{}  published {}", clock_text(frame.seconds), thousands(frame.published));
  for (const Row& row : frame.rows) {
    if (!row.seen || row.pid == 0) continue;
    line += fmt::format("; {} ({}) {}", role_name(row.role), row.state, thousands(row.seen->received));
    if (row.behind != 0) line += fmt::format(", behind {}", thousands(row.behind));
    if (row.seen->lost != 0) line += fmt::format(", told lost {}", thousands(row.seen->lost));
    if (row.seen->duplicates != 0) line += fmt::format(", twice {}", thousands(row.seen->duplicates));
  }
  return line;
}

}  // namespace

Screen::Screen(bool data_on_stdout)
    : to_stderr_(data_on_stdout),
      live_(!data_on_stdout && command::stdout_is_terminal() && !is_dumb_terminal()),
      color_(live_ && command::stdout_has_color()) {
  look_at_size();
  live_ = live_ && columns_ >= kFewestColumns && rows_ >= kFewestRows;
}

void Screen::look_at_size() {
  winsize size{};
  if (!live_ || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return;
  if (size.ws_col != columns_ && drawn_lines_ != 0) {
    write("\x1b[H\x1b[2J");  // the lines that stand there were wrapped anew: begin again at the top
    drawn_lines_ = 0;
  }
  columns_ = size.ws_col;
  rows_ = size.ws_row;
}

void Screen::write(std::string_view text) {
  out_.buffer().append(text.data(), text.data() + text.size());
  static_cast<void>(out_.flush());
}

void Screen::tell(double seconds, const std::string& what) {
  const std::string line = fmt::format("{}  {}", clock_text(seconds), what);
  told_.push_back(line);
  drawn_ns_ = live_ ? 0 : drawn_ns_;
  if (live_) return;
  to_stderr_ ? command::write_line(line) : write(line + '\n');
}

void Screen::show(const Frame& frame, bool now) {
  const std::uint64_t time = steady_ns();
  if (!now && time - drawn_ns_ < (live_ ? kLiveNs : kPlainNs)) return;
  drawn_ns_ = time;
  if (live_) return draw(frame);
  to_stderr_ ? command::write_line(plain_line(frame)) : write(plain_line(frame) + '\n');
}

void Screen::draw(const Frame& frame) {
  look_at_size();
  const std::size_t width = columns_ - 1;  // a full line would wrap on some terminals
  std::vector<std::string> lines;
  lines.reserve(rows_);
  for (const std::string& line : frame.head) lines.push_back(cut(line, width));
  lines.emplace_back();
  const std::vector<std::string> table = fitting_table(frame.rows, width);
  lines.push_back(toned(cut(table[0], width), Tone::faint, color_));
  for (std::size_t i = 0; i < frame.rows.size(); ++i) {
    lines.push_back(with_state(cut(table[i + 1], width), frame.rows[i], color_));
  }
  lines.emplace_back();
  const std::size_t room = rows_ - 1 - std::min(rows_ - 1, lines.size());
  const std::size_t from = told_.size() - std::min(told_.size(), room);
  for (std::size_t i = from; i < told_.size(); ++i) {
    lines.push_back(toned(cut(told_[i], width), i + 1 == told_.size() ? Tone::news : Tone::plain, color_));
  }
  std::string text = cursor_hidden_ ? "" : "\x1b[?25l";
  cursor_hidden_ = true;
  if (drawn_lines_ != 0) text += fmt::format("\x1b[{}A", drawn_lines_);
  for (const std::string& line : lines) text += fmt::format("\r{}\x1b[K\n", line);
  text += "\x1b[J";
  drawn_lines_ = lines.size();
  write(text);
}

void Screen::leave() {
  if (!cursor_hidden_) return;
  cursor_hidden_ = false;
  drawn_lines_ = 0;
  write("\x1b[?25h");
}

}  // namespace ringbolt::demo
