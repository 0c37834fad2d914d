// `ringbolt stat --watch`: a ring again and again, a line each time, for a pipe or a terminal that scrolls.
#include <ringbolt/ipc/stat.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iterator>

#include "commands.hpp"
#include "json.hpp"
#include "output.hpp"
#include "rates.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "units.hpp"

namespace ringbolt::command {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kLinesPerHeader = 20;
// No cell has a space in it, so that awk finds its way.
constexpr const char* kHeader =
    "    time        newest  events/s     bytes/s  publisher  consumers  slowest                  lag  behind_ms    lost/s  "
    "blocked%    journal  undurable\n";

std::string clock_text(std::time_t now) {
  std::tm fields{};
  localtime_r(&now, &fields);
  return fmt::format("{:02}:{:02}:{:02}", fields.tm_hour, fields.tm_min, fields.tm_sec);
}

std::string cell(std::optional<double> number) { return number ? fmt::format("{:.0f}", *number) : "-"; }

std::string behind_cell(const ConsumerRates& consumer) {
  return fmt::format("{}{}", consumer.behind_longer ? ">" : "", consumer.behind_ns / 1'000'000);
}

// Over all consumers: how many events were lost, and how much of the time the publisher was held up.
template <std::optional<double> ConsumerRates::*field>
std::optional<double> sum(const RingRates& ring) {
  double all = 0;
  for (const ConsumerRates& consumer : ring.consumers) all += (consumer.*field).value_or(0);
  return all;
}

std::string line_text(const RingRates& ring, std::time_t now) {
  const RingStat& stat = ring.stat;
  const auto living = std::count_if(stat.consumers.begin(), stat.consumers.end(),
                                    [](const ConsumerStat& consumer) { return consumer.alive; });
  const ConsumerRates* worst = slowest(ring);
  const double blocked = std::min(1.0, sum<&ConsumerRates::blocked_share>(ring).value_or(0));
  return fmt::format("{:>8}  {:>12}  {:>8}  {:>10}  {:>9}  {:>9}  {:<16}  {:>10}  {:>9}  {:>8}  {:>8.0f}  {:>9}  {:>9}\n",
                     clock_text(now), stat.newest_sequence, cell(ring.events_per_s), cell(ring.bytes_per_s),
                     publisher_word(stat), stat.consumers_readable ? fmt::format("{}", living) : "?",
                     worst == nullptr ? "-" : shown_name(worst->stat), worst == nullptr ? 0 : worst->stat.lag_events,
                     worst == nullptr ? "0" : behind_cell(*worst), cell(sum<&ConsumerRates::lost_per_s>(ring)),
                     100 * blocked, stat.journal ? stat.journal->state : "-", stat.journal ? stat.journal->lag_events : 0);
}

// What is written so far goes out at once. False: nobody reads any more.
bool write(Output& out, const std::string& text) {
  out.buffer().append(text.data(), text.data() + text.size());
  return out.flush();
}

// False: it is time to end. Also a reader that has gone is not kept waiting for.
bool sleep_until(Clock::time_point when, Output& out) {
  constexpr std::chrono::nanoseconds longest = std::chrono::milliseconds(500);
  for (auto now = Clock::now(); now < when; now = Clock::now()) {
    if (!sleep_for(std::min<std::chrono::nanoseconds>(when - now, longest)) || out.reader_has_gone()) return false;
  }
  return !stop_requested();
}

std::uint64_t to_ns(Clock::time_point time) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time.time_since_epoch()).count());
}

}  // namespace

Exit watch(const StatCommand& command) {
  catch_signals();
  Output out;
  Rates rates;
  Clock::time_point look = Clock::now();
  static_cast<void>(rates.next(to_ns(look), stat_ring(command.ring)));
  for (int lines = 0;; ++lines) {
    if (!command.json && lines % kLinesPerHeader == 0 && !write(out, kHeader)) return kDone;
    look = std::max(look + *command.watch, Clock::now());  // whoever was held up begins a new schedule
    if (!sleep_until(look, out)) return kDone;
    RingStat stat;
    try {
      stat = stat_ring(command.ring);
    } catch (const Error& error) {
      if (error.code() != Code::not_found && error.code() != Code::removed) throw;
      say("ring '{}' was removed", command.ring);
      return kNotFound;
    }
    const RingRates ring = rates.next(to_ns(Clock::now()), stat);
    if (ring.made_anew) say("ring '{}' was made anew", command.ring);
    const std::string text = command.json ? rates_json(ring, wall_clock_ns()) : line_text(ring, std::time(nullptr));
    if (!write(out, text)) return kDone;
  }
}

}  // namespace ringbolt::command
