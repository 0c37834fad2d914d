// `ringbolt pub`: what becomes an event, what it says, and when it gives up.
#include "command.hpp"

#include <csignal>

namespace ringbolt::command::test {
namespace {

class PubTest : public CommandTest {
 protected:
  std::string published(const std::string& ring) { return box.run_ok({"tail", ring, "--raw", "--no-follow"}); }
};

TEST_F(PubTest, MakesAnEventOfEachLineWithoutItsNewline) {
  const Result result = box.run({"pub", "a"}, "one\n\ntwo three\nlast");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "ringbolt: published 4 events to a: sequences 1..4\n");
  const auto events = json_lines(box.run_ok({"tail", "a", "--json", "--no-follow"}));
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0]["payload"], "one");
  EXPECT_EQ(events[1]["payload"], "");
  EXPECT_EQ(events[1]["size"], 0);
  EXPECT_EQ(events[2]["payload"], "two three");
  EXPECT_EQ(events[3]["payload"], "last");
}

TEST_F(PubTest, SaysInJsonWhatItPublished) {
  EXPECT_EQ(Json::parse(box.run_ok({"pub", "a", "--json"}, numbers(1, 10))),
            Json({{"first", 1}, {"last", 10}, {"count", 10}}));
  EXPECT_EQ(Json::parse(box.run_ok({"pub", "a", "--json"}, "x\n")), Json({{"first", 11}, {"last", 11}, {"count", 1}}));
  EXPECT_EQ(Json::parse(box.run_ok({"pub", "a", "--json"})), Json({{"first", nullptr}, {"last", nullptr}, {"count", 0}}));
}

TEST_F(PubTest, TakesAFileAndAType) {
  box.run_ok({"pub", "a", box.file("log", "x\ny\n"), "--type", "4294967295"});
  const auto events = json_lines(box.run_ok({"tail", "a", "--json", "--no-follow"}));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1]["type"], 4294967295U);
}

TEST_F(PubTest, GivesEachEventTheAttributes) {
  box.run_ok({"pub", "a", "--attribute", "content-type=text/plain", "--attribute", "x=a=b", "--attribute", "bytes=\xff"},
             "1\n2\n");
  const auto events = json_lines(box.run_ok({"tail", "a", "--json", "--no-follow"}));
  ASSERT_EQ(events.size(), 2U);
  for (const Json& event : events) {
    EXPECT_EQ(event["attributes"], Json({{"content-type", "text/plain"}, {"x", "a=b"}}));
    EXPECT_EQ(event["attributes_base64"], Json({{"bytes", "/w=="}}));
    EXPECT_EQ(event["size"], 1);
  }
  EXPECT_EQ(published("a"), "1\n2\n");
  box.run_ok({"pub", "b"}, "plain\n");
  EXPECT_FALSE(json_lines(box.run_ok({"tail", "b", "--json", "--no-follow"}))[0].contains("attributes"));
  for (const std::string bad : {"novalue", "=x", "a b=x"}) {
    const Result result = box.run({"pub", "a", "--attribute", bad}, "x\n");
    EXPECT_EQ(result.status, 2) << bad;
    EXPECT_TRUE(contains(result.err, "--attribute")) << result.err;
  }
}

// Through the journal: replayed as text, published again, exported and imported.
TEST_F(PubTest, KeepsAttributesThroughTheJournal) {
  const std::string journal = box.disk() + "/a.journal";
  box.run_ok({"pub", "a", "--journal", journal, "--attribute", "key=k", "--attribute", "bytes=\xff"}, "1\n");
  const auto same = [](const std::string& text) {
    const auto events = json_lines(text);
    ASSERT_EQ(events.size(), 1U) << text;
    EXPECT_EQ(events[0]["attributes"], Json({{"key", "k"}}));
    EXPECT_EQ(events[0]["attributes_base64"], Json({{"bytes", "/w=="}}));
    EXPECT_EQ(events[0]["payload"], "1");
  };
  same(box.run_ok({"replay", journal, "--json"}));
  same(box.run_ok({"tail", journal, "--json", "--no-follow"}));
  box.run_ok({"replay", journal, "--into", "b", "--speed", "max"});
  same(box.run_ok({"tail", "b", "--json", "--no-follow"}));
  const std::string exported = box.run_ok({"export", journal});
  same(exported);
  box.run_ok({"import", box.disk() + "/c.journal"}, exported);
  same(box.run_ok({"replay", box.disk() + "/c.journal", "--json"}));
  box.run_ok({"import", "--into", "d"}, exported);
  same(box.run_ok({"tail", "d", "--json", "--no-follow"}));
}

TEST_F(PubTest, RepeatsAFileAndAPipe) {
  box.run_ok({"pub", "a", box.file("log", "x\ny"), "--repeat", "3"});
  EXPECT_EQ(published("a"), "x\ny\nx\ny\nx\ny\n");
  box.run_ok({"pub", "b", "--repeat", "2"}, "p\nq\n");
  EXPECT_EQ(published("b"), "p\nq\np\nq\n");
}

TEST_F(PubTest, TakesOptionsOfANewRingAndRefusesThemForAnotherOne) {
  box.run_ok({"pub", "a", "--capacity", "64KiB", "--timestamps", "off", "--consumers", "7", "--first-sequence", "100"},
             "x\n");
  const Json stat = box.stat("a");
  EXPECT_EQ(stat["capacity_bytes"], 65536);
  EXPECT_EQ(stat["timestamps"], false);
  EXPECT_EQ(stat["consumer_slots"], 7);
  EXPECT_EQ(stat["newest_sequence"], 100);
  const Result other = box.run({"pub", "a", "--capacity", "128KiB"}, "y\n");
  EXPECT_EQ(other.status, 1);
  EXPECT_TRUE(contains(other.err, "65536")) << other.err;
  EXPECT_EQ(published("a"), "x\n");
}

TEST_F(PubTest, ShowsALineAsSoonAsItIsTyped) {
  Process pub = box.start({"pub", "a"});
  Process tail = box.start({"tail", "a", "--raw", "--wait"});
  for (const std::string line : {"first", "second", "third"}) {
    pub.write(line + "\n");
    EXPECT_EQ(tail.read_line(), line);
  }
}

TEST_F(PubTest, NamesTheLineThatIsTooLarge) {
  const std::string large(20'000, 'x');
  const Result result = box.run({"pub", "a", "--capacity", "64KiB"}, "fits\n" + large + "\nnever\n");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "line 2 of standard input has 20,000 bytes")) << result.err;
  EXPECT_TRUE(contains(result.err, "at most 16,352 bytes")) << result.err;
  EXPECT_TRUE(contains(result.err, "published 1 event")) << result.err;
  EXPECT_EQ(published("a"), "fits\n");
  box.run_ok({"pub", "a"}, std::string(16'352, 'y') + "\n");  // and that is true
}

TEST_F(PubTest, GivesUpOnAnEndlessLine) {
  const Result result = box.run({"pub", "a", "--capacity", "64KiB"}, std::string(1 << 20, 'x'));
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "line 1 of standard input has more than 16,352 bytes")) << result.err;
}

TEST_F(PubTest, RefusesBinaryInputThatEndsInTheMiddleOfAnEvent) {
  const Result result = box.run({"pub", "a", "--binary"}, std::string("\3\0\0\0abc\5\0\0\0de", 13));
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "ends in the middle of event 2")) << result.err;
  EXPECT_EQ(published("a"), "abc\n");
}

TEST_F(PubTest, MakesNoRingForAFileThatIsNotThere) {
  const Result result = box.run({"pub", "a", "no-such-file"});
  EXPECT_EQ(result.status, 3);
  EXPECT_TRUE(contains(result.err, "no-such-file: No such file or directory")) << result.err;
  EXPECT_EQ(box.run({"stat", "a"}).status, 3);
}

TEST_F(PubTest, SpacesEventsByTheRate) {
  const auto start = std::chrono::steady_clock::now();
  box.run_ok({"pub", "a", "--rate", "500"}, numbers(1, 51));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));  // 50 spaces of 2 ms
  const auto events = json_lines(box.run_ok({"tail", "a", "--json", "--no-follow"}));
  EXPECT_GE(events.back()["timestamp_ns"].get<std::uint64_t>() - events.front()["timestamp_ns"].get<std::uint64_t>(),
            99'000'000U);
}

TEST_F(PubTest, RefusesASecondPublisherAndNamesTheFirst) {
  Process first = box.start({"pub", "a"});
  first.write("x\n");
  Process tail = box.start({"tail", "a", "--wait", "--raw"});
  EXPECT_EQ(tail.read_line(), "x");
  const Result second = box.run({"pub", "a"}, "y\n");
  EXPECT_EQ(second.status, 1);
  EXPECT_TRUE(contains(second.err, std::to_string(first.pid()))) << second.err;
}

TEST_F(PubTest, StandsByAndTakesOverWhenThePublisherIsKilled) {
  Process first = box.start({"pub", "a"});
  first.write("one\n");
  Process tail = box.start({"tail", "a", "--wait", "--json"});
  EXPECT_EQ(Json::parse(tail.read_line())["sequence"], 1);
  Process second = box.start({"pub", "a", "--standby", "--close"});
  second.wait_for_error_text("standing by for a, which process " + std::to_string(first.pid()));
  first.signal(SIGKILL);
  second.write("two\n");
  const Json event = Json::parse(tail.read_line());
  EXPECT_EQ(event["sequence"], 2);
  EXPECT_EQ(event["payload"], "two");
  const Result result = second.finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(contains(result.err, "sequences 2..2")) << result.err;
  EXPECT_EQ(tail.finish().status, 0);  // closed
  EXPECT_EQ(box.stat("a")["epoch"], 2);
}

TEST_F(PubTest, SaysOnATerminalWhoHoldsItUp) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process tail = box.start({"tail", "a", "--as", "slow", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  tail.signal(SIGSTOP);
  Process pub = box.start({"pub", "a", box.file("numbers", numbers(1, 5'000))}, {.terminal = true});
  pub.wait_for_error_text("waiting for consumer slow, process " + std::to_string(tail.pid()));
  EXPECT_TRUE(contains(pub.error_text(), "ringbolt evict a slow")) << pub.error_text();
  tail.signal(SIGCONT);
  EXPECT_EQ(pub.finish().status, 0);
}

}  // namespace
}  // namespace ringbolt::command::test
