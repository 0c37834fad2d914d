// The terminal, for `ringbolt top`: puts lines on it and says which key was pressed. All that knows of ncurses.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "top_view.hpp"

namespace ringbolt::command {

class TopScreen {
 public:
  // Takes the terminal. Throws Failure if it is not one that can be drawn on.
  TopScreen();
  // Gives it back as it was.
  ~TopScreen();
  TopScreen(const TopScreen&) = delete;
  TopScreen& operator=(const TopScreen&) = delete;

  [[nodiscard]] std::size_t columns() const;
  [[nodiscard]] std::size_t rows() const;
  void draw(const std::vector<Line>& lines) const;
  // The key that is pressed within that time; 0 if none is, or a signal came, or the window has another size now.
  [[nodiscard]] int key(std::chrono::milliseconds within) const;

 private:
  void* terminal_;
};

}  // namespace ringbolt::command
