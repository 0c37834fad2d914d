#include "top_screen.hpp"

#include <ncursesw/curses.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "failure.hpp"

namespace ringbolt::command {
namespace {

// Pairs of colours, by number.
enum : short { kGood = 1, kWarning, kBad, kBand, kKey };

bool wants_color() {
  const char* no = std::getenv("NO_COLOR");
  return (no == nullptr || *no == '\0') && ::has_colors();
}

void define_colors() {
  ::start_color();
  ::use_default_colors();
  ::init_pair(kGood, COLOR_GREEN, -1);
  ::init_pair(kWarning, COLOR_YELLOW, -1);
  ::init_pair(kBad, COLOR_RED, -1);
  ::init_pair(kBand, COLOR_BLACK, COLOR_GREEN);
  ::init_pair(kKey, COLOR_BLACK, COLOR_CYAN);
}

attr_t attributes_of(Tone tone, bool color) {
  const auto pair = [color](short number, attr_t without) {
    return color ? static_cast<attr_t>(COLOR_PAIR(number)) : without;
  };
  switch (tone) {
    case Tone::plain: return A_NORMAL;
    case Tone::strong: return A_BOLD;
    case Tone::faint: return A_DIM;
    case Tone::good: return pair(kGood, A_NORMAL);
    case Tone::warning: return A_BOLD | pair(kWarning, A_NORMAL);
    case Tone::bad: return A_BOLD | pair(kBad, A_NORMAL);
    case Tone::band: return pair(kBand, A_REVERSE);
    case Tone::key: return pair(kKey, A_REVERSE);
  }
  return A_NORMAL;
}

}  // namespace

TopScreen::TopScreen() {
  std::setlocale(LC_CTYPE, "");
  SCREEN* terminal = ::newterm(nullptr, stdout, stdin);
  if (terminal == nullptr) {
    throw Failure(kUsage, "top cannot draw on this terminal: set TERM to what it is, or take `ringbolt stat NAME --watch`");
  }
  terminal_ = terminal;
  if (wants_color()) define_colors();
  ::cbreak();  // a signal key stays one
  ::noecho();
  ::curs_set(0);
  ::keypad(stdscr, TRUE);
  ::set_escdelay(25);
}

TopScreen::~TopScreen() {
  ::endwin();
  ::delscreen(static_cast<SCREEN*>(terminal_));
}

std::size_t TopScreen::columns() const { return static_cast<std::size_t>(std::max(getmaxx(stdscr), 1)); }
std::size_t TopScreen::rows() const { return static_cast<std::size_t>(std::max(getmaxy(stdscr), 1)); }

void TopScreen::draw(const std::vector<Line>& lines) const {
  const bool color = wants_color();
  ::werase(stdscr);
  int row = 0;
  for (const Line& line : lines) {
    ::wmove(stdscr, row++, 0);
    for (const Span& span : line) {
      ::wattrset(stdscr, static_cast<int>(attributes_of(span.tone, color)));
      ::waddnstr(stdscr, span.text.data(), static_cast<int>(span.text.size()));
    }
  }
  ::wattrset(stdscr, A_NORMAL);
  ::wrefresh(stdscr);
}

int TopScreen::key(std::chrono::milliseconds within) const {
  ::wtimeout(stdscr, static_cast<int>(std::max<std::chrono::milliseconds::rep>(within.count(), 0)));
  const int pressed = ::wgetch(stdscr);
  return pressed == ERR || pressed == KEY_RESIZE ? 0 : pressed;
}

}  // namespace ringbolt::command
