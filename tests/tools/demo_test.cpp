// `ringbolt demo` with its real processes: that it comes to the end with the right verdict, that the verdict can be a bad
// one, and that nothing is left behind however it ends.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "command.hpp"

namespace ringbolt::command::test {
namespace {

using namespace std::chrono_literals;

class DemoTest : public CommandTest {
 protected:
  // A log of 300 lines, ten in each second.
  [[nodiscard]] std::string log() const {
    std::string text;
    for (int i = 0; i < 300; ++i) {
      text += "2026-01-02 03:04:" + std::to_string(10 + i / 10) + " line " + std::to_string(i) + "\n";
    }
    return box.file("some.log", text);
  }
  [[nodiscard]] Json verdict_of(const Result& result) const { return Json::parse(result.out); }

  // What the demo has left in the directory of the rings.
  [[nodiscard]] std::set<std::string> left_files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(box.directory())) {
      if (entry.path().filename() != ".files") names.insert(entry.path().filename());  // our own, see Sandbox::file
    }
    return names;
  }
  // Processes that were started with this sandbox in their environment.
  [[nodiscard]] std::set<std::string> left_processes() const {
    std::set<std::string> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "environ", std::ios::binary);
      const std::string environment{std::istreambuf_iterator<char>(file), {}};
      if (contains(environment, "RINGBOLT_DIR=" + box.directory())) pids.insert(entry.path().filename());
    }
    return pids;
  }
  void expect_nothing_left() const {
    EXPECT_EQ(left_files(), std::set<std::string>{});
    EXPECT_EQ(left_processes(), std::set<std::string>{});
  }
};

const Json& consumer_of(const Json& verdict, const std::string& name) {
  for (const Json& consumer : verdict.at("consumers")) {
    if (consumer.at("name") == name) return consumer;
  }
  throw std::runtime_error("no consumer " + name);
}

TEST_F(DemoTest, EndsWithAVerdictThatAddsUp) {
  const Result result = box.run({"demo", "--seconds", "5", "--json", "--file", log()});
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  const Json verdict = verdict_of(result);
  EXPECT_EQ(verdict["verdict"], "ok");
  EXPECT_EQ(verdict["failures"], Json::array());
  const std::uint64_t last = verdict["published"]["last"];
  EXPECT_EQ(verdict["published"]["first"], 1);
  EXPECT_EQ(verdict["published"]["count"], last);
  EXPECT_EQ(last, 300 * verdict["log"]["rounds"].get<std::uint64_t>());
  for (const Json& consumer : verdict["consumers"]) {
    SCOPED_TRACE(consumer.dump());
    EXPECT_EQ(consumer["last"], last);
    EXPECT_EQ(consumer["received"].get<std::uint64_t>() + consumer["lost"].get<std::uint64_t>(),
              last + 1 - consumer["first"].get<std::uint64_t>());
    for (const char* key : {"torn", "wrong", "missing", "out_of_order", "misreported"}) EXPECT_EQ(consumer[key], 0) << key;
  }
  EXPECT_EQ(consumer_of(verdict, "fast")["received"], last);
  EXPECT_EQ(consumer_of(verdict, "phoenix")["received"], last);
  expect_nothing_left();
}

TEST_F(DemoTest, ShowsAnOverrunTwoKillsAndATakeOver) {
  const Result result = box.run({"demo", "--seconds", "5", "--json", "--file", log()});
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  const Json verdict = verdict_of(result);
  EXPECT_GE(consumer_of(verdict, "slow")["gaps"], 1);
  EXPECT_GE(consumer_of(verdict, "slow")["lost"], 1);
  EXPECT_EQ(consumer_of(verdict, "phoenix")["pids"].size(), 2U);
  EXPECT_EQ(consumer_of(verdict, "fast")["pids"].size(), 1U);
  const Json& take_over = verdict["take_over"];
  EXPECT_NE(take_over["killed_pid"], take_over["pid"]);
  EXPECT_GT(take_over["sequence"], 1);
  EXPECT_GT(take_over["milliseconds"], 0);
  EXPECT_EQ(verdict["ring"]["epoch"], 2);
  for (const char* told : {"kill -9 of phoenix", "phoenix is back", "kill -9 of the publisher", "took over", "late joins"}) {
    EXPECT_TRUE(contains(result.err, told)) << told << " is not in:\n" << result.err;
  }
}

TEST_F(DemoTest, NoticesABrokenPromise) {
  struct Case {
    std::string cheat;
    std::string failure;
  };
  const std::vector<Case> cases{{"drop", "fast missed 1 events without being told"},
                                {"repeat", "fast was handed 1 events out of order"},
                                {"hide", "slow missed"},
                                {"tear", "fast was handed 1 torn events"},
                                {"skip", "fast was handed 1 events that were not published under their sequence"}};
  std::vector<Process> demos;
  for (const Case& one : cases) {
    demos.push_back(box.start({"demo", "--seconds", "3", "--json", "--file", log(), "--cheat", one.cheat}));
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Result result = demos[i].finish();
    EXPECT_EQ(result.status, 1) << cases[i].cheat;
    const Json verdict = verdict_of(result);
    EXPECT_EQ(verdict["verdict"], "failed");
    EXPECT_TRUE(contains(verdict["failures"].dump(), cases[i].failure)) << cases[i].cheat << ": " << verdict["failures"];
  }
  expect_nothing_left();
}

TEST_F(DemoTest, CtrlCLeavesNothingBehind) {
  Process demo = box.start({"demo", "--seconds", "60", "--file", log()});
  while (!contains(demo.read_line(), "slow is overrun")) {
  }
  EXPECT_GE(left_processes().size(), 6U);
  demo.signal(SIGINT);
  EXPECT_EQ(demo.finish().status, 128 + SIGINT);
  expect_nothing_left();
}

TEST_F(DemoTest, EvenItsOwnKillLeavesNothingBehind) {
  Process demo = box.start({"demo", "--seconds", "60", "--file", log()});
  while (!contains(demo.read_line(), "slow is overrun")) {
  }
  demo.signal(SIGKILL);
  EXPECT_EQ(demo.finish().status, 128 + SIGKILL);
  const auto watchdog = std::chrono::steady_clock::now() + kWatchdog;
  while (!(left_files().empty() && left_processes().empty()) && std::chrono::steady_clock::now() < watchdog) {
    std::this_thread::yield();
  }
  expect_nothing_left();
}

TEST_F(DemoTest, RedrawsItsTableOnATerminalAndGivesTheCursorBack) {
  const Result result = box.run({"demo", "--seconds", "3", "--file", log()}, "", {.terminal = true});
  EXPECT_EQ(result.status, 0) << result.out;
  const std::size_t hidden = result.out.find("\x1b[?25l");
  const std::size_t shown = result.out.rfind("\x1b[?25h");
  ASSERT_NE(hidden, std::string::npos);
  ASSERT_NE(shown, std::string::npos);
  EXPECT_LT(hidden, shown);
  EXPECT_TRUE(contains(result.out, "\x1b[32malive"));
  EXPECT_TRUE(contains(result.out.substr(shown), "VERDICT: ok"));
}

TEST_F(DemoTest, HasNoColorWhereNoColorIsAskedFor) {
  const Result result = box.run({"demo", "--seconds", "3", "--file", log()}, "", {.terminal = true, .no_color = "1"});
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_TRUE(contains(result.out, "alive"));
  for (const char* color : {"\x1b[32m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[2m"}) EXPECT_FALSE(contains(result.out, color));
}

TEST_F(DemoTest, TakesTheSampleThatShipsWhereTheLogIsEmpty) {
  const Result result = box.run({"demo", "--seconds", "3", "--json", "--file", "/dev/null"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(contains(result.err, "/dev/null is empty")) << result.err;
  const Json verdict = verdict_of(result);
  EXPECT_EQ(verdict["log"]["source"], "the sample log that ships");
  EXPECT_GT(verdict["log"]["lines"], 1'000);
}

TEST_F(DemoTest, SaysThatTheGivenLogIsMissing) {
  const Result result = box.run({"demo", "--file", box.directory() + "/nothing.log"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(contains(result.err, "nothing.log: No such file or directory")) << result.err;
  expect_nothing_left();
}

}  // namespace
}  // namespace ringbolt::command::test
