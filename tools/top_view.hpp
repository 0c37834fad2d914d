// What `ringbolt top` shows, as lines of toned text: all of the screen, made of rates and of what was chosen. It draws nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "rates.hpp"

namespace ringbolt::command {

enum class Tone : std::uint8_t { plain, strong, faint, good, warning, bad, band, key };

struct Span {
  std::string text;
  Tone tone = Tone::plain;
};
using Line = std::vector<Span>;

enum class Sort : std::uint8_t { name, rate, lag };
[[nodiscard]] Sort next_sort(Sort sort) noexcept;

// A ring, or why it cannot be looked at.
struct TopRing {
  std::string name;
  std::optional<RingRates> rates;
  std::string trouble{};
};

struct TopView {
  std::size_t columns = 80;
  std::size_t rows = 24;
  Sort sort = Sort::name;
  bool paused = false;
  bool help = false;
  std::string directory;  // where the rings are
  std::string clock;      // the time of day
};

// As many lines as there are rows, none longer than there are columns.
[[nodiscard]] std::vector<Line> top_lines(std::vector<TopRing> rings, const TopView& view);

}  // namespace ringbolt::command
