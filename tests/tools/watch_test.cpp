// `ringbolt stat --watch`: a line each time, what is in it, and how it ends.
#include "command.hpp"

#include <csignal>
#include <sstream>

namespace ringbolt::command::test {
namespace {

class WatchTest : public CommandTest {
 protected:
  // Lines until one is as wanted.
  static Json wait_for(Process& watch, const std::function<bool(const Json&)>& wanted) {
    Json line;
    do line = Json::parse(watch.read_line());
    while (!wanted(line));
    return line;
  }
};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

TEST_F(WatchTest, WritesALineEachTimeUnderAHeader) {
  box.run_ok({"create", "a"});
  Process pub = box.start({"pub", "a"});
  pub.write(numbers(1, 100));
  box.wait_until("a", [](const Json& stat) { return stat["newest_sequence"] == 100; });
  box.run_ok({"tail", "a", "--as", "c", "--count", "40"});
  Process tail = box.start({"tail", "a", "--as", "d", "--from", "earliest", "--raw"});
  box.wait_for_cursor("a", "d", 100);
  Process watch = box.start({"stat", "a", "--watch", "0.02"});
  const auto head = words_of(watch.read_line());
  EXPECT_EQ(head, (std::vector<std::string>{"time", "newest", "events/s", "bytes/s", "publisher", "consumers", "slowest",
                                            "lag", "behind_ms", "lost/s", "blocked%", "journal", "undurable"}));
  const auto line = words_of(watch.read_line());
  ASSERT_EQ(line.size(), head.size());
  EXPECT_EQ(line[1], "100");
  EXPECT_EQ(line[2], "0");
  EXPECT_EQ(line[4], "alive");
  EXPECT_EQ(line[5], "1");
  EXPECT_EQ(line[6], "d");  // `c` is not there, so it is not the slowest
  EXPECT_EQ(line[7], "0");
  EXPECT_EQ(line[11], "-");
  for (int i = 0; i < 19; ++i) EXPECT_NE(watch.read_line(), "");
  EXPECT_EQ(words_of(watch.read_line()), head) << "now and then again";
}

TEST_F(WatchTest, WritesObjectsThatSayHowFastItGoes) {
  box.run_ok({"create", "a"});
  Process pub = box.start({"pub", "a", "--rate", "2000", "--repeat", "1000000", box.file("line", "0123456789\n")});
  Process tail =
      box.start({"tail", "a", "--as", "c", "--wait", "--raw", "--from", "latest"});  // nobody reads what it writes
  box.wait_for_consumers("a", 1);
  Process watch = box.start({"stat", "a", "-w", "0.1", "--json"});
  const Json line = wait_for(watch, [](const Json& seen) { return seen["consumers"][0]["lag_events"] > 1'000; });
  EXPECT_EQ(line["name"], "a");
  EXPECT_EQ(line["publisher"], "alive");
  EXPECT_EQ(line["journal"], nullptr);
  EXPECT_GT(line["events_per_s"], 0);
  EXPECT_NEAR(line["bytes_per_s"].get<double>() / line["events_per_s"].get<double>(), 48, 1);
  const Json& consumer = line["consumers"][0];
  EXPECT_EQ(consumer["name"], "c");
  EXPECT_EQ(consumer["policy"], "lossy");
  EXPECT_EQ(consumer["alive"], true);
  EXPECT_GT(consumer["behind_ns"], 0);
  EXPECT_GT(consumer["ring_share"], 0);
  pub.signal(SIGKILL);
  wait_for(watch, [](const Json& seen) { return seen["publisher"] == "gone" && seen["events_per_s"] == 0; });
}

TEST_F(WatchTest, EndsOfASignal) {
  box.run_ok({"create", "a"});
  for (const int signal : {SIGINT, SIGTERM}) {
    Process watch = box.start({"stat", "a", "--watch", "1000"});
    watch.read_line();
    watch.signal(signal);
    EXPECT_EQ(watch.finish().status, 128 + signal);
  }
}

TEST_F(WatchTest, EndsWhenNobodyReads) {
  box.run_ok({"create", "a"});
  Process watch = box.start({"stat", "a", "--watch", "1000"});
  watch.read_line();
  watch.stop_reading();
  watch.wait_for_end();
  EXPECT_EQ(watch.finish().status, 0);
}

TEST_F(WatchTest, SaysThatTheRingWasRemoved) {
  box.run_ok({"create", "a"});
  Process watch = box.start({"stat", "a", "--watch", "0.02"});
  watch.read_line();
  box.run_ok({"rm", "a"});
  const Result result = watch.finish();
  EXPECT_EQ(result.status, 3);
  EXPECT_TRUE(contains(result.err, "ring 'a' was removed")) << result.err;
  EXPECT_EQ(box.run({"stat", "a", "--watch"}).status, 3);  // it never was there
}

TEST_F(WatchTest, TakesSecondsAndNoRing) {
  for (const char* wrong : {"0", "a", "1s", "-1"}) {
    const Result result = box.run({"stat", "--watch", wrong, "a"});
    EXPECT_EQ(result.status, 2) << wrong;
  }
}

}  // namespace
}  // namespace ringbolt::command::test
