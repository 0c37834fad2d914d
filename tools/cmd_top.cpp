// `ringbolt top`: looks at the rings once a second, and shows them until a key or a signal ends it.
#include <unistd.h>

#include <ringbolt/ipc/admin.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>

#include "commands.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "top_screen.hpp"
#include "top_view.hpp"

namespace ringbolt::command {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kInterval{1};

// The rings, and what was seen of each the last time.
class Looks {
 public:
  explicit Looks(std::vector<std::string> names) : names_(std::move(names)) {}

  std::vector<TopRing> next() {
    const std::vector<std::string> names = names_.empty() ? list_rings() : names_;
    std::erase_if(rates_, [&](const auto& known) { return std::ranges::find(names, known.first) == names.end(); });
    std::vector<TopRing> rings;
    for (const std::string& name : names) rings.push_back(look_at(name));
    return rings;
  }

 private:
  TopRing look_at(const std::string& name) try {
    const RingStat stat = stat_ring(name);
    const auto now_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
    return {.name = name, .rates = rates_[name].next(now_ns, stat)};
  } catch (const Error& error) {
    rates_.erase(name);
    return {.name = name, .rates = {}, .trouble = error.code() == Code::not_found ? "it was removed" : error.what()};
  }

  std::vector<std::string> names_;  // empty: whatever there is
  std::map<std::string, Rates> rates_;
};

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  localtime_r(&now, &fields);
  return fmt::format("{:02}:{:02}:{:02}", fields.tm_hour, fields.tm_min, fields.tm_sec);
}

// False: it was the key that ends.
bool obey(int key, TopView& view) {
  switch (key) {
    case 'q': return false;
    case 's': view.sort = next_sort(view.sort); break;
    case 'p':
    case ' ': view.paused = !view.paused; break;
    case '?':
    case 'h': view.help = !view.help; break;
    default: break;
  }
  return true;
}

}  // namespace

Exit top(const TopCommand& command) {
  for (const std::string& ring : command.rings) static_cast<void>(stat_ring(ring));  // a misspelt one ends it here
  if (!stdout_is_terminal() || ::isatty(STDIN_FILENO) != 1)
    throw Failure(kUsage, "top draws on a terminal: for a pipe or a file take `ringbolt stat NAME --watch`");
  catch_signals();
  Looks looks(command.rings);
  TopView view;
  view.directory = command.rings.empty() ? ring_parent_directory() : "";
  TopScreen screen;
  std::vector<TopRing> rings;
  for (Clock::time_point next = Clock::now(); !stop_requested();) {
    if (Clock::now() >= next) {
      next = std::max(next + kInterval, Clock::now());
      if (!view.paused) {
        rings = looks.next();
        view.clock = clock_text();
      }
    }
    view.columns = screen.columns();
    view.rows = screen.rows();
    screen.draw(top_lines(rings, view));
    if (!obey(screen.key(std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now())), view)) return kDone;
  }
  return kDone;
}

}  // namespace ringbolt::command
