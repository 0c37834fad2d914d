// `ringbolt top` on a terminal of tmux's, beside a running publisher and consumers that are slow and dead.
#include "command.hpp"

#include <unistd.h>

#include <csignal>
#include <regex>

namespace ringbolt::command::test {
namespace {

class TopTest : public CommandTest {
 protected:
  void SetUp() override {
    if (tmux({"-V"}).status != 0) GTEST_SKIP() << "tmux is not installed";
    if (contains(box.run({"top"}).err, "without ncurses")) GTEST_SKIP() << "built without ncurses";
  }
  void TearDown() override { tmux({"kill-server"}); }

  // A server of this test's own.
  Result tmux(const Arguments& arguments, const std::string& no_color = "") {
    Arguments all{"-L", "ringbolt-top-" + std::to_string(::getpid()), "-f", "/dev/null"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return box.run(all, "", {.no_color = no_color, .program = {"tmux"}});
  }
  void open(int columns, int rows, const std::string& command, const std::string& no_color = "") {
    const Result result =
        tmux({"new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(rows), command}, no_color);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  void press(const std::string& key) { tmux({"send-keys", key}); }
  std::vector<std::string> screen(bool with_colors = false) {
    Arguments arguments{"capture-pane", "-p"};
    if (with_colors) arguments.emplace_back("-e");
    return lines_of(tmux(arguments).out);
  }
  // Looks until it is as wanted.
  std::vector<std::string> wait_for(const std::function<bool(const std::vector<std::string>&)>& wanted) {
    const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
    for (;;) {
      auto lines = screen();
      if (wanted(lines)) return lines;
      if (std::chrono::steady_clock::now() < deadline) continue;
      std::string text;
      for (const std::string& line : lines) text += line + "\n";
      throw std::runtime_error("watchdog; the screen is\n" + text);
    }
  }
};

bool shows(const std::vector<std::string>& lines, const std::string& pattern) {
  const std::regex regex(pattern);
  for (const std::string& line : lines) {
    if (std::regex_search(line, regex)) return true;
  }
  return false;
}

TEST_F(TopTest, ShowsWhatIsSo) {
  box.run_ok({"create", "orders"});
  Process pub = box.start({"pub", "orders", "--rate", "1000", "--repeat", "1000000", box.file("line", "an order\n")});
  Process fast = box.start({"tail", "orders", "--as", "fast", "--wait", "--policy", "gate", "--json"},
                           {.program = {"sh", "-c", "exec \"$RINGBOLT\" \"$@\" > /dev/null", "sh"}});
  Process slow = box.start({"tail", "orders", "--as", "slow", "--wait", "--json"});  // nobody reads what it writes
  Process dead = box.start({"tail", "orders", "--as", "dead", "--wait", "--policy", "gate", "--json"});
  box.wait_for_consumers("orders", 3);
  dead.signal(SIGKILL);
  dead.finish();
  box.wait_until("orders", [](const Json& stat) { return stat["newest_sequence"] > 3'000; });
  open(100, 30, "\"$RINGBOLT\" top");
  const auto lines = wait_for([](const auto& seen) {
    return shows(seen, "^orders +[0-9]+ +[0-9,.k]+ +[0-9.]+ [KM]?i?B +[0-9,]+ +none") &&
           shows(seen, "^  slow +lossy +[0-9,]+ +[0-9,.k]+ .* s +0 +0% +\\[\\|+ .*%\\]$");
  });
  EXPECT_TRUE(contains(lines[0], "1 ring, 3 consumers"));
  EXPECT_TRUE(contains(lines[1], "dead on orders is dead and gates")) << lines[1];
  EXPECT_TRUE(shows(lines, "^orders +" + std::to_string(pub.pid())));
  EXPECT_TRUE(shows(lines, "^  dead +gate .* dead\\]$"));
  EXPECT_TRUE(shows(lines, "^  fast +gate +[0-9,]+ "));

  press("s");
  wait_for([](const auto& seen) { return shows(seen, "Sort: rate"); });
  press("?");
  wait_for([](const auto& seen) { return shows(seen, "LAG/RING +its lag"); });
  press("?");
  press("p");
  wait_for([](const auto& seen) { return shows(seen, "PAUSED"); });
  pub.signal(SIGKILL);
  pub.finish();
  press("p");
  wait_for([](const auto& seen) { return shows(seen, "^orders +gone") && shows(seen, "orders has no publisher"); });
  press("q");
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  while (tmux({"has-session"}).status == 0) ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it did not end";
}

TEST_F(TopTest, IsReadableOnASmallScreenWithoutColour) {
  box.run_ok({"pub", "orders"}, numbers(1, 100));
  box.run_ok({"tail", "orders", "--as", "billing", "--count", "10"});
  open(80, 24, "\"$RINGBOLT\" top", "1");
  const auto lines = wait_for([](const auto& seen) { return shows(seen, "^  billing +lossy .* 90 +.*\\[\\|+ +away\\]$"); });
  EXPECT_TRUE(shows(lines, "^RING +PUBLISHER +EVENTS/S +BYTES/S +NEWEST +JOURNAL"));
  EXPECT_TRUE(shows(lines, "^  CONSUMER +POLICY +EVENTS/S +LAG +BEHIND +LOST +BLOCKED +LAG/RING"));
  EXPECT_TRUE(shows(lines, "q +Quit"));
  EXPECT_FALSE(shows(screen(true), "\x1b\\[[0-9;]*3[1-6]"));
}

TEST_F(TopTest, ShowsRingsThatComeAndGo) {
  open(100, 30, "\"$RINGBOLT\" top");
  wait_for([](const auto& seen) { return shows(seen, "no rings here yet"); });
  box.run_ok({"create", "late"});
  wait_for([](const auto& seen) { return shows(seen, "^late +none"); });
  box.run_ok({"rm", "late"});
  wait_for([](const auto& seen) { return shows(seen, "no rings here yet"); });
}

TEST_F(TopTest, GivesTheTerminalBackWhenItIsKilled) {
  box.run_ok({"create", "a"});
  open(80, 24, "sh -c 'echo $$ > \"$RINGBOLT_DIR\"/.pid; exec \"$RINGBOLT\" top'; echo ended with $?; exec sleep 1000");
  wait_for([](const auto& seen) { return shows(seen, "nothing to worry about"); });
  const Result killed = box.run({"-c", "kill -TERM $(cat \"$RINGBOLT_DIR\"/.pid)"}, "", {.program = {"sh"}});
  EXPECT_EQ(killed.status, 0) << killed.err;
  const auto lines = wait_for([](const auto& seen) { return shows(seen, "ended with 143"); });
  EXPECT_FALSE(shows(lines, "nothing to worry about"));
}

TEST(Top, NeedsATerminal) {
  const Sandbox box;
  box.run_ok({"create", "a"});
  const Result result = box.run({"top"});
  EXPECT_NE(result.status, 0);
  EXPECT_TRUE(contains(result.err, "stat NAME --watch")) << result.err;
  EXPECT_EQ(box.run({"top", "nothing"}).status == 0, false);
}

}  // namespace
}  // namespace ringbolt::command::test
