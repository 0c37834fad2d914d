// What `top` shows, of rates made by hand: without a terminal.
#include "top_view.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "command.hpp"

namespace ringbolt::command::test {
namespace {

ConsumerRates consumer(const std::string& name, double rate, double share) {
  ConsumerRates rates;
  rates.stat.name = name;
  rates.stat.policy = "gate";
  rates.stat.state = "gating";
  rates.stat.alive = true;
  rates.stat.gating = true;
  rates.stat.lag_events = static_cast<std::uint64_t>(share * 1'000);
  rates.events_per_s = rate;
  rates.lost_per_s = 0;
  rates.blocked_share = 0;
  rates.ring_share = share;
  rates.behind_ns = 2'500'000'000;
  return rates;
}

TopRing ring(const std::string& name, std::vector<ConsumerRates> consumers = {}) {
  RingRates rates;
  rates.stat.name = name;
  rates.stat.publisher_alive = true;
  rates.stat.publisher_pid = 4'121;
  rates.stat.newest_sequence = 1'204'233;
  rates.events_per_s = 12'345;
  rates.bytes_per_s = 492'544;
  rates.consumers = std::move(consumers);
  return {.name = name, .rates = rates};
}

TopView view(std::size_t columns = 80, std::size_t rows = 24) {
  TopView chosen;
  chosen.columns = columns;
  chosen.rows = rows;
  chosen.directory = "/dev/shm/rings";
  chosen.clock = "12:34:56";
  return chosen;
}

std::vector<std::string> texts(const std::vector<Line>& lines) {
  std::vector<std::string> result;
  for (const Line& line : lines) {
    std::string text;
    for (const Span& span : line) text += span.text;
    result.push_back(text);
  }
  return result;
}

// The line that begins with it; empty if there is none.
std::string line_of(const std::vector<std::string>& lines, const std::string& beginning) {
  const auto found = std::ranges::find_if(lines, [&](const auto& line) { return line.starts_with(beginning); });
  return found == lines.end() ? "" : *found;
}

Tone tone_of(const std::vector<Line>& lines, const std::string& part) {
  for (const Line& line : lines) {
    for (const Span& span : line) {
      if (contains(span.text, part)) return span.tone;
    }
  }
  ADD_FAILURE() << "nowhere: " << part;
  return Tone::plain;
}

TEST(TopView, FillsTheScreenAndNoMore) {
  const std::vector<TopRing> rings{ring("orders", {consumer("a-consumer-with-quite-a-long-name-that-goes-on", 1, 0.3)})};
  for (const std::size_t columns : {80U, 100U, 200U, 20U, 1U}) {
    for (const std::size_t rows : {24U, 50U, 5U, 1U}) {
      const auto lines = texts(top_lines(rings, view(columns, rows)));
      EXPECT_EQ(lines.size(), rows);
      for (const std::string& line : lines) EXPECT_LE(line.size(), columns) << line;
    }
  }
}

TEST(TopView, ShowsRingsAndConsumersInColumns) {
  const auto lines = texts(top_lines({ring("orders", {consumer("billing", 9'876, 0.43)})}, view()));
  const std::string head = line_of(lines, "RING");
  const std::string orders = line_of(lines, "orders");
  const auto end_of = [](const std::string& line, const std::string& word) { return line.find(word) + word.size(); };
  EXPECT_EQ(end_of(orders, "12.3k"), end_of(head, "EVENTS/S"));
  EXPECT_EQ(end_of(orders, "481 KiB"), end_of(head, "BYTES/S"));
  EXPECT_EQ(end_of(orders, "1,204,233"), end_of(head, "NEWEST"));
  EXPECT_EQ(orders.find("4121"), head.find("PUBLISHER"));
  const std::string second = line_of(lines, "  CONSUMER");
  const std::string billing = line_of(lines, "  billing");
  EXPECT_EQ(end_of(billing, "9,876"), end_of(second, "EVENTS/S"));
  EXPECT_EQ(end_of(billing, " 430"), end_of(second, "LAG"));
  EXPECT_EQ(end_of(billing, "2.5 s"), end_of(second, "BEHIND"));
  EXPECT_EQ(end_of(billing, " 0%"), end_of(second, "BLOCKED"));
  EXPECT_TRUE(billing.ends_with("[||||  43%]")) << billing;
}

TEST(TopView, ColoursWhatMatters) {
  std::vector<ConsumerRates> consumers{consumer("good", 1, 0.1), consumer("late", 1, 0.6), consumer("dead", 0, 0.95)};
  consumers[2].stat.alive = false;
  consumers[2].stat.state = "dead";
  const auto lines = top_lines({ring("orders", consumers)}, view());
  EXPECT_EQ(tone_of(lines, "4121"), Tone::good);
  EXPECT_EQ(tone_of(lines, "  dead"), Tone::bad);
  EXPECT_EQ(tone_of(lines, "  good"), Tone::plain);
  EXPECT_EQ(tone_of(lines, "dead on orders"), Tone::bad);
  EXPECT_TRUE(contains(texts(lines)[1], "dead on orders is dead and gates"));
  EXPECT_EQ(tone_of(lines, "|||||"), Tone::warning);  // of `late`; that of `good` is shorter
  EXPECT_TRUE(line_of(texts(lines), "  dead").ends_with("dead]"));
}

TEST(TopView, SaysWhatIsWrongWithARing) {
  TopRing gone = ring("orders");
  gone.rates->stat.publisher_alive = false;
  gone.rates->stat.journal = JournalStat{.directory = "j", .sync = "every", .state = "stalled"};
  const TopRing broken{.name = "prices", .rates = {}, .trouble = "its header is damaged"};
  const auto lines = texts(top_lines({gone, broken}, view()));
  EXPECT_TRUE(contains(lines[1], "orders has no publisher; the journal of orders is stalled")) << lines[1];
  EXPECT_TRUE(contains(line_of(lines, "orders  "), "gone"));
  EXPECT_TRUE(contains(line_of(lines, "orders  "), "stalled"));
  EXPECT_TRUE(contains(line_of(lines, "prices"), "its header is damaged"));
  EXPECT_TRUE(contains(texts(top_lines({ring("a")}, view()))[1], "nothing to worry about"));
}

TEST(TopView, SaysWhoLosesEvents) {
  ConsumerRates late = consumer("late", 0, 1.0);
  late.stat.policy = "lossy";
  EXPECT_TRUE(contains(texts(top_lines({ring("orders", {late})}, view()))[1], "late on orders is overrun"));
  late.stat.policy = "journal";  // reads there what the ring holds no longer
  EXPECT_TRUE(contains(texts(top_lines({ring("orders", {late})}, view()))[1], "nothing to worry about"));
}

TEST(TopView, SortsAsItIsTold) {
  TopRing fast = ring("b", {consumer("x", 5, 0.1), consumer("y", 9, 0.2), consumer("z", 7, 0.9)});
  fast.rates->events_per_s = 1e6;
  const std::vector<TopRing> rings{ring("c"), fast, ring("a")};
  const auto order = [&](Sort sort) {
    TopView chosen = view();
    chosen.sort = sort;
    std::string names;
    for (const std::string& line : texts(top_lines(rings, chosen))) {
      const std::size_t at = line.find_first_not_of(' ');
      if (at != std::string::npos && line.size() > at + 1 && line[at + 1] == ' ' && line[at] != 'q') names += line[at];
    }
    return names;
  };
  EXPECT_EQ(order(Sort::name), "abxyzc");
  EXPECT_EQ(order(Sort::rate), "byzxac");
  EXPECT_EQ(order(Sort::lag), "bzyxac");
  EXPECT_EQ(next_sort(next_sort(next_sort(Sort::name))), Sort::name);
}

TEST(TopView, SaysWhatDoesNotFit) {
  std::vector<TopRing> rings;
  for (int i = 0; i < 40; ++i) rings.push_back(ring("ring" + std::to_string(100 + i)));
  const auto lines = texts(top_lines(rings, view()));
  EXPECT_TRUE(contains(lines[22], "23 lines more do not fit")) << lines[22];
  EXPECT_TRUE(contains(lines[23], "Quit"));
}

TEST(TopView, ExplainsItself) {
  TopView chosen = view();
  chosen.help = true;
  const auto lines = texts(top_lines({ring("orders")}, chosen));
  for (const char* word : {"PUBLISHER", "EVENTS/S", "LAG", "BEHIND", "LOST", "BLOCKED", "LAG/RING"})
    EXPECT_FALSE(line_of(lines, word).empty()) << word;
  EXPECT_TRUE(contains(lines.back(), "Back"));
}

}  // namespace
}  // namespace ringbolt::command::test
