// How a command ends when it is told to: by Ctrl-C, by kill, by a reader that has had enough.
#include "command.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

namespace ringbolt::command::test {
namespace {

class SignalsTest : public CommandTest {
 protected:
  [[nodiscard]] std::set<std::string> rings() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(box.directory())) names.insert(entry.path().filename());
    return names;
  }
};

constexpr int died_of(int signal) { return 128 + signal; }

TEST_F(SignalsTest, CtrlCEndsATailAndLeavesNothingBehind) {
  box.run_ok({"pub", "a"}, numbers(1, 3));
  Process anonymous = box.start({"tail", "a", "--raw", "--policy", "gate"});
  Process named = box.start({"tail", "a", "--raw", "--policy", "gate", "--as", "c"});
  for (Process* tail : {&anonymous, &named}) {
    for (const char* line : {"1", "2", "3"}) EXPECT_EQ(tail->read_line(), line);
  }
  box.wait_for_cursor("a", "c", 3);
  for (Process* tail : {&anonymous, &named}) {
    tail->signal(SIGINT);
    EXPECT_EQ(tail->finish().status, died_of(SIGINT));
  }
  const Json stat = box.stat("a");
  ASSERT_EQ(stat["consumers"].size(), 1U);  // the name and its cursor are kept, nothing else
  EXPECT_EQ(stat["consumers"][0]["state"], "away");
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--as", "c", "--no-follow"}), "");
  EXPECT_EQ(rings(), std::set<std::string>{"a"});
}

TEST_F(SignalsTest, CtrlCEndsAPublisherThatSaysWhatItDid) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Process pub = box.start({"pub", "a"});
    pub.write("x\n");
    box.run_ok({"tail", "a", "--wait", "--from", "latest", "--no-follow"});
    box.wait_until(
        "a", [&](const Json& stat) { return stat["publisher"]["pid"] == pub.pid() && stat["publisher"]["alive"] == true; });
    box.wait_until("a", [&](const Json& stat) { return stat["newest_sequence"] == stat["epoch"]; });  // one event each
    pub.signal(signal);
    const Result result = pub.finish();
    EXPECT_EQ(result.status, died_of(signal));
    EXPECT_TRUE(contains(result.err, "published 1 event to a")) << result.err;
    EXPECT_EQ(box.stat("a")["publisher"]["alive"], false);
    EXPECT_EQ(box.stat("a")["closed"], false);
  }
  EXPECT_EQ(rings(), std::set<std::string>{"a"});
}

TEST_F(SignalsTest, CtrlCEndsAPublisherThatAConsumerHoldsUp) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process tail = box.start({"tail", "a", "--as", "c", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  tail.signal(SIGSTOP);
  Process pub = box.start({"pub", "a", box.file("numbers", numbers(1, 50'000))});
  box.wait_until("a", [](const Json& stat) { return stat["consumers"][0]["blocked_count"] == 1; });
  pub.signal(SIGINT);
  const Result result = pub.finish();
  EXPECT_EQ(result.status, died_of(SIGINT));
  const auto newest = box.stat("a")["newest_sequence"].get<std::uint64_t>();
  EXPECT_TRUE(contains(result.err, "sequences 1.." + std::to_string(newest))) << result.err;
}

TEST_F(SignalsTest, CtrlCEndsWhoWaitsForARingOrStandsBy) {
  Process waiting = box.start({"tail", "a", "--wait"});
  waiting.wait_for_error_text("waiting for a ring a");
  waiting.signal(SIGINT);
  EXPECT_EQ(waiting.finish().status, died_of(SIGINT));
  EXPECT_TRUE(rings().empty());
  Process pub = box.start({"pub", "a"});
  pub.write("x\n");
  box.run_ok({"tail", "a", "--wait", "--count", "1"});
  Process standby = box.start({"pub", "a", "--standby"});
  standby.wait_for_error_text("standing by for a");
  standby.signal(SIGINT);
  EXPECT_EQ(standby.finish().status, died_of(SIGINT));
  EXPECT_EQ(box.stat("a")["publisher"], Json({{"alive", true}, {"pid", pub.pid()}}));
}

// A process as the kernel says it is.
struct ProcessState {
  char state = '?';
  bool catches_interrupt = false;
};
ProcessState state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  ProcessState state;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("State:")) state.state = line.at(7);
    if (line.starts_with("SigCgt:"))
      state.catches_interrupt = (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1) & 1) != 0;
  }
  return state;
}

// A tail with more to write than a pipe holds, asleep because nobody reads.
Process stalled_tail(const Sandbox& box) {
  box.run_ok({"pub", "a"}, numbers(1, 100'000));
  Process tail = box.start({"tail", "a", "--raw", "--as", "c"});
  EXPECT_EQ(tail.read_line(), "1");
  tail.wait_until([&] { return tail.unread_output() > 32'768 && state_of(tail.pid()).state == 'S'; });
  return tail;
}

TEST_F(SignalsTest, CtrlCEndsATailWhoseReaderHasStalled) {
  Process tail = stalled_tail(box);
  tail.signal(SIGINT);
  tail.wait_for_end();  // nobody reads on meanwhile
  const Result result = tail.finish();
  EXPECT_EQ(result.status, died_of(SIGINT));
  const auto printed = lines_of(result.out.substr(0, result.out.rfind('\n')));
  EXPECT_LE(box.consumer("a", "c")["cursor_sequence"].get<std::uint64_t>(), std::stoull(printed.back()));
}

TEST_F(SignalsTest, TheSecondCtrlCKills) {
  Process tail = stalled_tail(box);
  EXPECT_TRUE(state_of(tail.pid()).catches_interrupt);
  tail.signal(SIGINT);
  tail.wait_until([&] { return !state_of(tail.pid()).catches_interrupt; });
  EXPECT_NE(state_of(tail.pid()).state, 'Z')
      << "it ended before a second signal could be sent";  // it gives its reader a second
  tail.signal(SIGINT);
  EXPECT_EQ(tail.finish().status, died_of(SIGINT));
}

TEST_F(SignalsTest, AnIdleTailNoticesThatItsReaderHasGone) {
  box.run_ok({"pub", "a"}, "x\n");
  Process tail = box.start({"tail", "a", "--raw"});
  EXPECT_EQ(tail.read_line(), "x");
  tail.stop_reading();
  EXPECT_EQ(tail.finish().status, 0);
  EXPECT_TRUE(box.stat("a")["consumers"].empty());
}

}  // namespace
}  // namespace ringbolt::command::test
