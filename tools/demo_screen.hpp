// How the demo shows itself: a table that is redrawn in place on a terminal, otherwise a line about once a second. What
// happens is told in both.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "demo_board.hpp"
#include "output.hpp"

namespace ringbolt::demo {

enum class Tone : std::uint8_t { plain, good, bad, news, faint };

struct Row {
  Role role;
  pid_t pid = 0;  // 0: not started
  std::string state{};
  Tone tone = Tone::plain;
  std::optional<std::uint64_t> newest{};
  // Consumers only.
  std::optional<Ledger> seen{};
  std::uint64_t behind = 0;
};

struct Frame {
  double seconds = 0;             // since the start
  std::vector<std::string> head;  // above the table
  std::vector<Row> rows;
  std::uint64_t published = 0;
};

class Screen {
 public:
  // With `data_on_stdout` standard output is not ours: plain lines to standard error.
  explicit Screen(bool data_on_stdout);
  ~Screen() { leave(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Something happened, so many seconds after the start.
  void tell(double seconds, const std::string& what);
  // How things stand. Draws a tenth of a second, or a second, after it last drew, unless `now`.
  void show(const Frame& frame, bool now = false);
  // Leaves what was drawn and gives the cursor back.
  void leave();
  // Nobody reads any more.
  [[nodiscard]] bool reader_gone() const noexcept { return out_.broken(); }

 private:
  void write(std::string_view text);
  void draw(const Frame& frame);
  void look_at_size();

  command::Output out_;
  bool to_stderr_;
  bool live_;
  bool color_;
  bool cursor_hidden_ = false;
  std::size_t columns_ = 80;
  std::size_t rows_ = 24;
  std::size_t drawn_lines_ = 0;  // above the cursor, ours
  std::uint64_t drawn_ns_ = 0;
  std::vector<std::string> told_;
};

}  // namespace ringbolt::demo
