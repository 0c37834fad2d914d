#include "terminal.hpp"

#include <unistd.h>

#include <cstdlib>

namespace ringbolt::command {
namespace {

std::size_t progress_columns = 0;  // of the progress line that stands there now

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written <= 0) return;  // nobody is left to be told
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

bool stdout_has_color() {
  const char* term = std::getenv("TERM");
  return stdout_is_terminal() && !is_set("NO_COLOR") && term != nullptr && std::string_view(term) != "dumb";
}

void write_line(std::string_view line) {
  wipe_progress();
  std::string text(line);
  text += '\n';
  write_all(text);
}

void show_progress(std::string_view line) {
  if (!stderr_is_terminal()) return;
  std::string text = "\r" + std::string(line);
  if (line.size() < progress_columns) text.append(progress_columns - line.size(), ' ');
  progress_columns = line.size();
  write_all(text);
}

void wipe_progress() {
  if (progress_columns == 0) return;
  write_all("\r" + std::string(progress_columns, ' ') + "\r");
  progress_columns = 0;
}

}  // namespace ringbolt::command
