#include "attach.hpp"

#include "signals.hpp"
#include "terminal.hpp"

namespace ringbolt::command {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

Attach attach(const std::string& ring, const ConsumerOptions& options, bool wait, std::chrono::nanoseconds timeout,
              std::optional<Consumer>& consumer) {
  constexpr auto kPause = 20ms;
  const auto since = steady_clock::now();
  bool said = false;
  for (;;) {
    try {
      consumer = Consumer::attach(ring, options);
      return Attach::done;
    } catch (const Error& error) {
      if (error.code() != Code::not_found || !wait) throw;
    }
    if (!said) say("waiting for a ring {}", ring);
    said = true;
    if (timeout.count() != 0 && steady_clock::now() - since >= timeout) return Attach::timed_out;
    if (!sleep_for(kPause)) return Attach::stopped;
  }
}

}  // namespace ringbolt::command
