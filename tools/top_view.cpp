#include "top_view.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "text.hpp"

namespace ringbolt::command {
namespace {

// ---- text that fits ----------------------------------------------------------------------------------------------------

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

// The first `columns` characters; what was cut off shows as `~`.
std::string cut(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t end = 0;
  for (std::size_t used = 0; end < text.size(); ++end) {
    if ((text[end] & 0xc0) != 0x80 && ++used > columns - 1) break;
  }
  return std::string(text.substr(0, end)) + "~";
}

std::string left(std::string_view text, std::size_t columns) {
  std::string cell = cut(text, columns);
  return cell + std::string(columns - width_of(cell), ' ');
}
std::string right(std::string_view text, std::size_t columns) {
  std::string cell = cut(text, columns);
  return std::string(columns - width_of(cell), ' ') + cell;
}

// Five characters at most: 9,999, 10.0k, 1.23M.
std::string compact(double number) {
  if (number < 10 && number != std::floor(number)) return fmt::format("{:.1f}", number);
  if (number < 9'999.5) return thousands(static_cast<std::uint64_t>(std::llround(number)));
  constexpr std::array units{'k', 'M', 'G', 'T', 'P', 'E'};
  std::size_t unit = 0;
  for (number /= 1'000; number >= 999.5 && unit + 1 < units.size(); number /= 1'000) ++unit;
  if (number < 9.995) return fmt::format("{:.2f}{}", number, units[unit]);
  return number < 99.95 ? fmt::format("{:.1f}{}", number, units[unit]) : fmt::format("{:.0f}{}", number, units[unit]);
}
std::string compact(std::uint64_t number) { return compact(static_cast<double>(number)); }
std::string compact(std::optional<double> number) { return number ? compact(*number) : "-"; }

std::string behind_text(const ConsumerRates& consumer) {
  const double seconds = static_cast<double>(consumer.behind_ns) / 1e9;
  if (consumer.stat.lag_events == 0) return "0";
  const std::string more = consumer.behind_longer ? ">" : "";
  if (seconds < 1) return more + fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 120) return more + fmt::format("{:.1f} s", seconds);
  return more + (seconds < 7'200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.0f} h", seconds / 3'600));
}

// ---- columns -----------------------------------------------------------------------------------------------------------

// Rings and consumers share them: name, publisher or policy, events, bytes or lag, newest or time behind and lost, journal or
// time blocked and bar.
struct Layout {
  std::size_t gap = 1;
  std::size_t name = 15;
  std::size_t bar = 11;

  static constexpr std::size_t kWho = 9;
  static constexpr std::size_t kRate = 8;
  static constexpr std::size_t kAmount = 8;
  static constexpr std::size_t kBehind = 9;
  static constexpr std::size_t kLost = 6;
  static constexpr std::size_t kBlocked = 7;

  [[nodiscard]] std::string space() const { return std::string(gap, ' '); }
  [[nodiscard]] std::size_t newest() const { return kBehind + gap + kLost; }
  [[nodiscard]] std::size_t journal() const { return kBlocked + gap + bar; }
};

Layout layout_for(const std::vector<TopRing>& rings, std::size_t columns) {
  std::size_t longest = 0;
  for (const TopRing& ring : rings) {
    longest = std::max(longest, width_of(ring.name));
    if (!ring.rates) continue;
    for (const ConsumerRates& consumer : ring.rates->consumers)
      longest = std::max(longest, width_of(shown_name(consumer.stat)) + 2);
  }
  Layout layout;
  if (columns >= 96) layout.gap = 2;
  const std::size_t fixed =
      Layout::kWho + Layout::kRate + Layout::kAmount + Layout::kBehind + Layout::kLost + Layout::kBlocked + 7 * layout.gap;
  const std::size_t rest = columns - std::min(columns, fixed);
  layout.name = std::clamp<std::size_t>(longest, 15, std::max<std::size_t>(15, rest / 2));
  layout.bar = std::min<std::size_t>(rest - std::min(rest, layout.name), 40);
  return layout;
}

// A line of a table: its cells, and the space between them.
class Cells {
 public:
  explicit Cells(const Layout& layout) : gap_(layout.space()) {}
  Cells& add(std::string text, Tone tone = Tone::plain) {
    if (!line_.empty()) line_.push_back({gap_, Tone::plain});
    line_.push_back({std::move(text), tone});
    return *this;
  }
  // Without space in front.
  Cells& join(std::string text, Tone tone) {
    line_.push_back({std::move(text), tone});
    return *this;
  }
  [[nodiscard]] Line line() const { return line_; }

 private:
  std::string gap_;
  Line line_;
};

std::string flat(const Line& line) {
  std::string text;
  for (const Span& span : line) text += span.text;
  return text;
}

Line band(const Line& line, std::size_t columns) { return {{left(flat(line), columns), Tone::band}}; }

Line ring_head(const Layout& layout) {
  return Cells(layout)
      .add(left("RING", layout.name))
      .add(left("PUBLISHER", Layout::kWho))
      .add(right("EVENTS/S", Layout::kRate))
      .add(right("BYTES/S", Layout::kAmount))
      .add(right("NEWEST", layout.newest()))
      .add(left("JOURNAL", layout.journal()))
      .line();
}
Line consumer_head(const Layout& layout) {
  return Cells(layout)
      .add(left("  CONSUMER", layout.name))
      .add(left("POLICY", Layout::kWho))
      .add(right("EVENTS/S", Layout::kRate))
      .add(right("LAG", Layout::kAmount))
      .add(right("BEHIND", Layout::kBehind))
      .add(right("LOST", Layout::kLost))
      .add(right("BLOCKED", Layout::kBlocked))
      .add(left("LAG/RING", layout.bar))
      .line();
}

// ---- a ring ------------------------------------------------------------------------------------------------------------

bool needs_publisher(const RingStat& stat) { return !stat.publisher_alive && !stat.closed && stat.publisher_pid != 0; }

std::string publisher_text(const RingStat& stat) {
  return stat.publisher_alive ? fmt::format("{}", stat.publisher_pid) : publisher_word(stat);
}
Tone publisher_tone(const RingStat& stat) {
  if (stat.publisher_alive) return Tone::good;
  return needs_publisher(stat) ? Tone::bad : Tone::faint;
}

Span journal_span(const RingStat& stat, std::size_t columns) {
  if (!stat.journal) return {left("none", columns), Tone::faint};
  const JournalStat& journal = *stat.journal;
  std::string text = fmt::format("{}, {} behind", journal.state, compact(journal.lag_events));
  if (width_of(text) > columns) text = fmt::format("{} {}", journal.state, compact(journal.lag_events));
  const Tone tone = journal.state == "running" ? Tone::plain : Tone::bad;
  return {left(text, columns), tone};
}

Line ring_line(const TopRing& ring, const Layout& layout, std::size_t columns) {
  const std::string name = left(ring.name, layout.name);
  if (!ring.rates) {
    const std::size_t rest = columns - std::min(columns, layout.name + layout.gap);
    return Cells(layout).add(name, Tone::strong).add(cut(printable(ring.trouble), rest), Tone::bad).line();
  }
  const RingRates& rates = *ring.rates;
  const RingStat& stat = rates.stat;
  const std::string bytes = rates.bytes_per_s ? size_text(static_cast<std::uint64_t>(*rates.bytes_per_s)) : "-";
  const Span journal = journal_span(stat, layout.journal());
  return Cells(layout)
      .add(name, Tone::strong)
      .add(left(publisher_text(stat), Layout::kWho), publisher_tone(stat))
      .add(right(compact(rates.events_per_s), Layout::kRate), Tone::strong)
      .add(right(bytes, Layout::kAmount))
      .add(right(stat.newest_sequence == 0 ? "-" : thousands(stat.newest_sequence), layout.newest()))
      .add(journal.text, journal.tone)
      .line();
}

// ---- a consumer --------------------------------------------------------------------------------------------------------

bool is_dead(const ConsumerStat& consumer) { return !consumer.alive && consumer.state != "away"; }

Tone name_tone(const ConsumerStat& consumer) {
  if (is_dead(consumer)) return Tone::bad;
  return consumer.alive ? Tone::plain : Tone::faint;
}

std::string bar_text(const ConsumerRates& consumer) {
  const ConsumerStat& stat = consumer.stat;
  if (!stat.waits_for.empty()) return "waits";
  if (!stat.alive || stat.state == "evicted" || stat.state == "joining") return stat.state;
  return fmt::format("{:.0f}%", 100 * consumer.ring_share);
}

// `[|||||    43%]`, in the manner of htop: to be read without colour too.
void add_bar(Cells& cells, const ConsumerRates& consumer, std::size_t columns) {
  if (columns < 6) return;
  const std::size_t inside = columns - 2;
  auto full = static_cast<std::size_t>(std::llround(consumer.ring_share * static_cast<double>(inside)));
  if (consumer.stat.lag_events != 0) full = std::max<std::size_t>(full, 1);
  std::string text = std::string(full, '|') + std::string(inside - full, ' ');
  const std::string word = cut(bar_text(consumer), inside);
  text.replace(inside - word.size(), word.size(), word);
  if (word.size() < inside) text[inside - word.size() - 1] = ' ';
  Tone tone = Tone::good;
  if (consumer.ring_share > 0.5) tone = Tone::warning;
  if (consumer.ring_share > 0.8 || is_dead(consumer.stat)) tone = Tone::bad;
  if (consumer.stat.state == "away") tone = Tone::faint;  // nobody is there to be behind
  const std::size_t toned = is_dead(consumer.stat) ? inside : full;
  cells.add("[", Tone::strong).join(text.substr(0, toned), tone);
  cells.join(text.substr(toned), Tone::faint).join("]", Tone::strong);
}

Line consumer_line(const ConsumerRates& consumer, const Layout& layout) {
  const ConsumerStat& stat = consumer.stat;
  const double blocked = consumer.blocked_share.value_or(0);
  const bool loses = consumer.lost_per_s.value_or(0) > 0;
  Cells cells(layout);
  cells.add(left("  " + shown_name(stat), layout.name), name_tone(stat))
      .add(left(shown_policy(stat), Layout::kWho), Tone::faint)
      .add(right(compact(consumer.events_per_s), Layout::kRate))
      .add(right(compact(stat.lag_events), Layout::kAmount))
      .add(right(behind_text(consumer), Layout::kBehind))
      .add(right(compact(stat.gap_events), Layout::kLost), loses ? Tone::bad : Tone::plain)
      .add(right(consumer.blocked_share ? fmt::format("{:.0f}%", 100 * blocked) : "-", Layout::kBlocked),
           blocked > 0.1     ? Tone::bad
           : blocked > 0.005 ? Tone::warning
                             : Tone::plain);
  add_bar(cells, consumer, layout.bar);
  return cells.line();
}

// ---- the order ---------------------------------------------------------------------------------------------------------

double rate_of(const std::optional<double>& rate) { return rate.value_or(-1); }

double worst_share(const TopRing& ring) {
  double worst = 0;
  if (!ring.rates) return worst;
  for (const ConsumerRates& consumer : ring.rates->consumers) worst = std::max(worst, consumer.ring_share);
  return worst;
}

void put_in_order(std::vector<TopRing>& rings, Sort sort) {
  for (TopRing& ring : rings) {
    if (!ring.rates) continue;
    auto& consumers = ring.rates->consumers;
    std::ranges::stable_sort(consumers, {}, [](const ConsumerRates& consumer) { return consumer.stat.name; });
    if (sort == Sort::rate)
      std::ranges::stable_sort(consumers, std::greater{}, [](const auto& one) { return rate_of(one.events_per_s); });
    if (sort == Sort::lag)
      std::ranges::stable_sort(consumers, std::greater{}, [](const auto& one) { return one.stat.lag_events; });
  }
  std::ranges::stable_sort(rings, {}, &TopRing::name);
  if (sort == Sort::rate) {
    std::ranges::stable_sort(rings, std::greater{},
                             [](const TopRing& ring) { return ring.rates ? rate_of(ring.rates->events_per_s) : -1; });
  }
  if (sort == Sort::lag) std::ranges::stable_sort(rings, std::greater{}, worst_share);
}

// ---- around them -------------------------------------------------------------------------------------------------------

const char* sort_word(Sort sort) {
  switch (sort) {
    case Sort::rate: return "rate";
    case Sort::lag: return "lag";
    case Sort::name: break;
  }
  return "name";
}

Line title(const std::vector<TopRing>& rings, const TopView& view) {
  std::size_t consumers = 0;
  for (const TopRing& ring : rings) consumers += ring.rates ? ring.rates->consumers.size() : 0;
  const std::string counts =
      fmt::format("{}, {}", counted(rings.size(), "ring", "rings"), counted(consumers, "consumer", "consumers"));
  const std::string state = view.paused ? "PAUSED " : "";
  const std::size_t used = width_of("ringbolt top  ") + width_of(counts) + 2;
  const std::size_t room = view.columns - std::min(view.columns, used + state.size() + view.clock.size() + 2);
  return {{"ringbolt top  ", Tone::strong}, {counts + "  "}, {left(view.directory, room), Tone::faint}, {"  "},
          {state, Tone::warning},           {view.clock}};
}

// What somebody should look at, in a sentence.
Line alarm(const std::vector<TopRing>& rings, std::size_t columns) {
  std::vector<std::string> parts;
  for (const TopRing& ring : rings) {
    if (!ring.rates) continue;
    const RingStat& stat = ring.rates->stat;
    if (needs_publisher(stat)) parts.push_back(ring.name + " has no publisher");
    for (const ConsumerRates& consumer : ring.rates->consumers) {
      const std::string who = fmt::format("{} on {}", shown_name(consumer.stat), ring.name);
      if (is_dead(consumer.stat)) parts.push_back(who + (consumer.stat.gating ? " is dead and gates" : " is dead"));
      if (consumer.stat.policy == "lossy" && consumer.ring_share >= 1) parts.push_back(who + " is overrun and loses events");
      if (consumer.blocked_share.value_or(0) > 0.1) parts.push_back(who + " holds the publisher up");
    }
    if (stat.journal && stat.journal->state != "running")
      parts.push_back(fmt::format("the journal of {} is {}", ring.name, stat.journal->state));
  }
  if (parts.empty()) return {{"nothing to worry about", Tone::faint}};
  std::string text = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) text += "; " + parts[i];
  return {{cut(text, columns), Tone::bad}};
}

Line keys(const TopView& view) {
  Line line;
  const auto add = [&line](const char* key, const std::string& does) {
    line.push_back({fmt::format(" {} ", key), Tone::key});
    line.push_back({" " + does + "  ", Tone::plain});
  };
  add("q", "Quit");
  add("s", fmt::format("Sort: {}", sort_word(view.sort)));
  add("p", view.paused ? "Go on" : "Pause");
  add("?", view.help ? "Back" : "Help");
  return line;
}

std::vector<Line> help_lines() {
  std::vector<Line> lines;
  const auto add = [&lines](const char* word, const char* meaning) {
    lines.push_back({{left(word, 12), Tone::strong}, {meaning}});
  };
  add("PUBLISHER", "its process; gone: it died, or ended without closing the stream");
  add("EVENTS/S", "published, or received, in the last second");
  add("NEWEST", "sequence of the newest event");
  add("JOURNAL", "how it does, and how many events are not durable yet");
  add("LAG", "events published and not committed by this consumer");
  add("BEHIND", "since when the next of them waits for it");
  add("LOST", "events that it was told it lost, since it first attached");
  add("BLOCKED", "how much of the last second the publisher waited for it");
  add("LAG/RING", "its lag as a part of the ring. Full: a gate stops the publisher,");
  add("", "a lossy consumer is overrun, one with a journal reads from there");
  lines.emplace_back();
  add("q", "quit");
  add("s", "sort by name, by rate, by lag");
  add("p, space", "stand still, and go on");
  add("?, h", "this, and back");
  return lines;
}

std::vector<Line> body_lines(const std::vector<TopRing>& rings, const Layout& layout, const TopView& view) {
  std::vector<Line> lines;
  for (const TopRing& ring : rings) {
    lines.push_back(ring_line(ring, layout, view.columns));
    if (!ring.rates) continue;
    for (const ConsumerRates& consumer : ring.rates->consumers) lines.push_back(consumer_line(consumer, layout));
    if (!ring.rates->stat.consumers_readable) lines.push_back({{"  no right to read who consumes it", Tone::faint}});
  }
  if (rings.empty()) lines.push_back({{"no rings here yet: `ringbolt pub NAME` makes one", Tone::faint}});
  return lines;
}

// No line is longer than there are columns.
Line clipped(const Line& line, std::size_t columns) {
  Line result;
  std::size_t used = 0;
  for (const Span& span : line) {
    const std::size_t width = std::min(width_of(span.text), columns - used);
    if (width != 0) result.push_back({width == width_of(span.text) ? span.text : cut(span.text, width), span.tone});
    used += width;
  }
  return result;
}

}  // namespace

Sort next_sort(Sort sort) noexcept {
  switch (sort) {
    case Sort::name: return Sort::rate;
    case Sort::rate: return Sort::lag;
    case Sort::lag: break;
  }
  return Sort::name;
}

std::vector<Line> top_lines(std::vector<TopRing> rings, const TopView& view) {
  put_in_order(rings, view.sort);
  const Layout layout = layout_for(rings, view.columns);
  std::vector<Line> lines{title(rings, view), alarm(rings, view.columns), {}};
  std::vector<Line> body = view.help ? help_lines() : body_lines(rings, layout, view);
  if (!view.help) {
    lines.push_back(band(ring_head(layout), view.columns));
    lines.push_back(band(consumer_head(layout), view.columns));
  }
  const std::size_t room = view.rows - std::min(view.rows, lines.size() + 1);
  if (body.size() > room && room != 0) {
    const std::size_t hidden = body.size() - room + 1;
    body.resize(room);
    body.back() = {{fmt::format("{} do not fit: name the rings to see, or enlarge the window",
                                counted(hidden, "line more", "lines more")),
                    Tone::faint}};
  }
  std::ranges::move(body, std::back_inserter(lines));
  lines.resize(view.rows == 0 ? 0 : view.rows - 1);
  if (view.rows != 0) lines.push_back(keys(view));
  for (Line& line : lines) line = clipped(line, view.columns);
  return lines;
}

}  // namespace ringbolt::command
