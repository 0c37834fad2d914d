// `ringbolt tail`: every form, every policy, where it starts and where it ends.
#include "command.hpp"

#include <csignal>

namespace ringbolt::command::test {
namespace {

class TailTest : public CommandTest {
 protected:
  std::string all(const std::string& ring, const std::string& form) {
    return box.run_ok({"tail", ring, form, "--no-follow"});
  }
};

TEST_F(TailTest, PrintsExactlyWhatWasPublishedWhereItGates) {
  constexpr std::uint64_t kEvents = 200'000;
  const std::string expected = numbers(1, kEvents);
  for (const std::string capacity : {"64KiB", "16MiB"}) {
    box.run_ok({"create", capacity, "--capacity", capacity});
    Process named = box.start({"tail", capacity, "--raw", "--policy", "gate", "--as", "named"});
    Process anonymous = box.start({"tail", capacity, "--raw", "--policy", "gate"});
    box.wait_for_consumers(capacity, 2);
    Process pub = box.start({"pub", capacity, box.file("numbers", expected), "--close"});
    // Read both at once: each holds the publisher up while it is not read.
    std::string named_out;
    std::string anonymous_out;
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      named_out += named.read_line() + "\n";
      anonymous_out += anonymous.read_line() + "\n";
    }
    EXPECT_TRUE(named_out == expected);
    EXPECT_TRUE(anonymous_out == expected);
    EXPECT_EQ(named.finish().status, 0);
    EXPECT_EQ(anonymous.finish().status, 0);
    EXPECT_EQ(pub.finish().status, 0);
    EXPECT_EQ(box.consumer(capacity, "named")["cursor_sequence"], kEvents);
  }
}

// Each sequence from `next` on exactly once, as an event or in a gap. Returns how many were in gaps.
std::uint64_t check_no_hole(const std::vector<Json>& stream, std::uint64_t next, std::uint64_t last) {
  std::uint64_t lost = 0;
  for (const Json& object : stream) {
    if (object.contains("gap")) {
      EXPECT_EQ(object["gap"]["first"], next);
      const auto gap_last = object["gap"]["last"].get<std::uint64_t>();
      lost += gap_last + 1 - next;
      next = gap_last + 1;
    } else {
      EXPECT_EQ(object["sequence"], next);
      EXPECT_EQ(object["payload"], std::to_string(next));
      ++next;
    }
  }
  EXPECT_EQ(next, last + 1);
  return lost;
}

TEST_F(TailTest, ReportsGapsInTheirPlaceAmongTheEvents) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process tail = box.start({"tail", "a", "--json", "--as", "l", "--policy", "lossy"});
  box.wait_for_consumers("a", 1);
  box.run_ok({"pub", "a", "--close"}, numbers(1, 100'000));  // nobody reads the tail's output: it is overrun
  const Result result = tail.finish();
  EXPECT_EQ(result.status, 0);
  const std::uint64_t lost = check_no_hole(json_lines(result.out), 1, 100'000);
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(box.consumer("a", "l")["gap_events"], lost);
}

TEST_F(TailTest, SaysGapsOnStandardErrorWithoutJson) {
  box.run_ok({"pub", "a", "--capacity", "64KiB", "--close"}, numbers(1, 10'000));
  const Result result = box.run({"tail", "a", "--from", "1", "--raw"});
  EXPECT_EQ(result.status, 0);
  const std::string first = lines_of(result.out).at(0);
  EXPECT_EQ(result.out, numbers(std::stoull(first), 10'000));
  const std::string last_lost = std::to_string(std::stoull(first) - 1);
  const std::string commas = last_lost.substr(0, last_lost.size() - 3) + "," + last_lost.substr(last_lost.size() - 3);
  EXPECT_EQ(result.err, "-- lost " + commas + " events (1.." + commas + ") --\n");
}

TEST_F(TailTest, SkipsToTheNewestEventWithPolicyLatest) {
  box.run_ok({"pub", "a", "--close"}, numbers(1, 1'000));
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--policy", "latest"}), "1000\n");
}

TEST_F(TailTest, GivesBinaryPayloadsBackByteForByte) {
  std::string input;
  for (const std::string& payload :
       {std::string(), std::string("\0\n\r\xff", 4), std::string(70'000, '\n'), std::string("x")}) {
    for (unsigned shift = 0; shift < 32; shift += 8) input += static_cast<char>(payload.size() >> shift);
    input += payload;
  }
  box.run_ok({"pub", "a", "--binary"}, input);
  EXPECT_TRUE(all("a", "--binary") == input);
  EXPECT_EQ(box.stat("a")["newest_sequence"], 4);
}

TEST_F(TailTest, WritesTextOrBase64AsJson) {
  box.run_ok({"pub", "a"}, "plain\n\"q\\\tz\x01\ngr\xc3\xbc\xc3\x9f\n\xff\nab\xff\nabc\xff\n\xed\xa0\x80\n");
  const auto events = json_lines(all("a", "--json"));
  ASSERT_EQ(events.size(), 7U);
  EXPECT_EQ(events[0]["payload"], "plain");
  EXPECT_EQ(events[1]["payload"], "\"q\\\tz\x01");
  EXPECT_EQ(events[2]["payload"], "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(events[3]["payload_base64"], "/w==");
  EXPECT_EQ(events[4]["payload_base64"], "YWL/");
  EXPECT_EQ(events[5]["payload_base64"], "YWJj/w==");
  EXPECT_EQ(events[6]["payload_base64"], "7aCA");  // a surrogate is not UTF-8
  EXPECT_FALSE(events[3].contains("payload"));
  for (const char* key : {"sequence", "timestamp_ns", "type", "size"}) EXPECT_TRUE(events[0].contains(key)) << key;
  EXPECT_EQ(events[0].size(), 5U);
}

TEST_F(TailTest, CannotBeUsedToCommandATerminal) {
  box.run_ok({"pub", "a"}, "tab\tand gr\xc3\xbc\xc3\x9f\n\x1b[31mred\x07\r\n\xc2\x9b\x7f\xff\xe2\x80\xae\n");
  EXPECT_EQ(box.run_ok({"tail", "a", "--no-follow"}),
            "1\ttab\tand gr\xc3\xbc\xc3\x9f\n"
            "2\t\\x1b[31mred\\x07\\x0d\n"
            "3\t\\xc2\\x9b\\x7f\\xff\\xe2\\x80\\xae\n");
}

TEST_F(TailTest, StartsWhereItIsTold) {
  box.run_ok({"pub", "a"}, numbers(1, 10));
  const auto from = [&](const std::string& place) {
    return box.run_ok({"tail", "a", "--raw", "--no-follow", "--from", place});
  };
  EXPECT_EQ(from("earliest"), numbers(1, 10));
  EXPECT_EQ(from("latest"), "");
  EXPECT_EQ(from("resume"), numbers(1, 10));
  EXPECT_EQ(from("7"), numbers(7, 10));
  EXPECT_EQ(from("@-1h"), numbers(1, 10));
  EXPECT_EQ(from("@2001-01-01T00:00:00Z"), numbers(1, 10));
  EXPECT_EQ(from("@2100-01-01T00:00:00+02:00"), "");
  const auto events = json_lines(all("a", "--json"));
  const auto stamp = events[4]["timestamp_ns"].get<std::uint64_t>();
  std::string seconds = std::to_string(stamp);
  seconds.insert(seconds.size() - 9, ".");
  EXPECT_EQ(lines_of(from("@" + seconds)).back(), "10");
  EXPECT_LE(std::stoull(lines_of(from("@" + seconds)).front()), 5U);  // those with the same stamp come with it
}

TEST_F(TailTest, ReadsTimesAsRfc3339SaysThem) {
  box.run_ok({"pub", "a"}, "x\n");
  const auto from = [&](const std::string& place) { return box.run({"tail", "a", "--no-follow", "--from", place}).status; };
  for (const char* time : {"@2026-11-23T10:00:00Z", "@2026-11-23t10:00:00.123456789z", "@2026-11-23T10:00:00-05:30",
                           "@2026-11-23 10:00", "@2026-11-23", "@1795428000", "@1795428000.5", "@-90s"}) {
    EXPECT_EQ(from(time), 0) << time;
  }
  for (const char* time :
       {"@", "@2026-02-30", "@2026-11-23T25:00:00Z", "@2026-11-23T10", "@-5", "@+5m", "@x", "@1e9", "2026-11-23"}) {
    EXPECT_EQ(from(time), 2) << time;
  }
}

TEST_F(TailTest, EndsAfterSoManyEvents) {
  box.run_ok({"pub", "a"}, numbers(1, 100));
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--count", "7"}), numbers(1, 7));
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--count", "7", "--as", "c"}), numbers(1, 7));
  EXPECT_EQ(box.consumer("a", "c")["cursor_sequence"], 7);  // and not what was read ahead
}

TEST_F(TailTest, EndsWhenTheStreamIsClosed) {
  Process tail = box.start({"tail", "a", "--raw", "--wait"});
  tail.wait_for_error_text("waiting for a ring a");
  box.run_ok({"pub", "a", "--close"}, numbers(1, 3));
  const Result result = tail.finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, numbers(1, 3));
}

TEST_F(TailTest, WaitsForASuccessorAfterThePublishersDeath) {
  Process first = box.start({"pub", "a"});
  first.write("one\n");
  Process tail = box.start({"tail", "a", "--raw", "--wait"}, {.terminal = true});
  EXPECT_EQ(tail.read_line(), "one\r");
  first.signal(SIGKILL);
  tail.wait_for_error_text("the publisher of a is gone; waiting for a successor");
  box.run_ok({"pub", "a", "--close"}, "two\n");
  EXPECT_EQ(tail.read_line(), "two\r");
  EXPECT_EQ(tail.finish().status, 0);
}

TEST_F(TailTest, EndsWithFourWhenNothingComes) {
  box.run_ok({"pub", "a"}, "x\n");
  const auto start = std::chrono::steady_clock::now();
  const Result result = box.run({"tail", "a", "--raw", "--timeout", "50ms"});
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
  EXPECT_EQ(result.status, 4);
  EXPECT_EQ(result.out, "x\n");
  EXPECT_TRUE(contains(result.err, "50 ms")) << result.err;
  EXPECT_EQ(box.run({"tail", "never", "--wait", "--timeout", "50ms"}).status, 4);
}

TEST_F(TailTest, ResumesAfterItsLastCommit) {
  box.run_ok({"pub", "a"}, numbers(1, 20));
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--as", "c", "--count", "5"}), numbers(1, 5));
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--as", "c", "--no-follow"}), numbers(6, 20));
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--as", "c", "--no-follow"}), "");
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--as", "c", "--no-follow", "--from", "earliest"}), numbers(1, 20));
}

TEST_F(TailTest, MissesNothingOverKillNine) {
  constexpr std::uint64_t kEvents = 20'000;
  box.run_ok({"pub", "a"}, numbers(1, kEvents));
  std::uint64_t printed = 0;  // all up to here were seen by the reader
  for (int round = 0; printed < kEvents; ++round) {
    ASSERT_LT(round, 200);
    Process tail = box.start({"tail", "a", "--raw", "--as", "c", "--policy", "gate"});
    std::uint64_t sequence = std::stoull(tail.read_line());
    EXPECT_LE(sequence, printed + 1) << "missed";
    for (int i = 0; i < 700 && sequence < kEvents; ++i) {
      const std::uint64_t next = std::stoull(tail.read_line());
      EXPECT_EQ(next, sequence + 1);
      sequence = next;
    }
    printed = std::max(printed, sequence);
    tail.signal(SIGKILL);
    // What it had written and we had not read is lost with the pipe, but may have been committed: a reader that dies with
    // its tail. What is in the pipe counts as handed over.
    const Result rest = tail.finish();
    if (const auto lines = lines_of(rest.out); !lines.empty()) {
      const bool cut = rest.out.back() != '\n';
      if (!cut) printed = std::max<std::uint64_t>(printed, std::stoull(lines.back()));
      if (cut && lines.size() > 1) printed = std::max<std::uint64_t>(printed, std::stoull(lines[lines.size() - 2]));
    }
  }
}

TEST_F(TailTest, CommitsNothingThatItCouldNotWrite) {
  box.run_ok({"pub", "a"}, numbers(1, 100'000));
  Process tail = box.start({"tail", "a", "--raw", "--as", "c"});
  EXPECT_EQ(tail.read_line(), "1");
  tail.stop_reading();
  EXPECT_EQ(tail.finish().status, 0);  // the reader has had enough
  const auto cursor = box.consumer("a", "c")["cursor_sequence"].get<std::uint64_t>();
  EXPECT_LT(cursor, 100'000U);
  const std::string again = box.run_ok({"tail", "a", "--raw", "--as", "c", "--no-follow"});
  EXPECT_EQ(lines_of(again).front(), std::to_string(cursor + 1));
  EXPECT_EQ(lines_of(again).back(), "100000");
}

TEST_F(TailTest, SeesAnEventOnlyWhenThoseItFollowsHaveCommitted) {
  box.run_ok({"create", "a"});
  Process risk = box.start({"tail", "a", "--raw", "--as", "risk", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  Process billing = box.start({"tail", "a", "--raw", "--as", "billing", "--after", "risk"});
  box.wait_for_consumers("a", 2);
  risk.signal(SIGSTOP);
  box.run_ok({"pub", "a"}, "x\n");
  const Result early = box.run({"tail", "a", "--raw", "--after", "risk", "--timeout", "200ms"});
  EXPECT_EQ(early.status, 4);
  EXPECT_EQ(early.out, "");
  risk.signal(SIGCONT);
  EXPECT_EQ(billing.read_line(), "x");
  EXPECT_EQ(risk.read_line(), "x");
}

TEST_F(TailTest, FollowsOthersToTheEndOfAClosedStream) {
  box.run_ok({"create", "a"});
  Process risk = box.start({"tail", "a", "--raw", "--as", "risk", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  Process billing = box.start({"tail", "a", "--raw", "--as", "billing", "--after", "risk"});
  box.wait_for_consumers("a", 2);
  billing.signal(SIGSTOP);
  box.run_ok({"pub", "a", "--close"}, numbers(1, 10));
  EXPECT_EQ(risk.finish().out, numbers(1, 10));  // it has committed everything, and left
  billing.signal(SIGCONT);
  const Result result = billing.finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, numbers(1, 10));
}

TEST_F(TailTest, GoesOnAfterItWasEvictedAndSaysWhatItLost) {
  constexpr std::uint64_t kEvents = 50'000;
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process tail = box.start({"tail", "a", "--json", "--as", "slow", "--policy", "gate:10ms"});
  box.wait_for_consumers("a", 1);
  box.run_ok({"pub", "a"}, numbers(1, 1));
  const Json first = Json::parse(tail.read_line());
  EXPECT_EQ(first["sequence"], 1);
  tail.signal(SIGSTOP);
  box.run_ok({"pub", "a", "--close"}, numbers(2, kEvents));  // not for ever
  tail.signal(SIGCONT);
  const Result result = tail.finish();
  EXPECT_EQ(result.status, 0);
  const auto stream = json_lines(result.out);
  const std::uint64_t lost = check_no_hole(stream, 2, kEvents);
  EXPECT_GT(lost, 0U);
  bool evicted = false;
  for (const Json& object : stream) evicted |= object.contains("gap") && object["gap"].value("evicted", false);
  EXPECT_TRUE(evicted);
  const Json consumer = box.consumer("a", "slow");
  EXPECT_EQ(consumer["gap_events"], lost);
  EXPECT_GE(consumer["evictions"], 1);
  EXPECT_GE(consumer["blocked_count"], 1);
}

TEST_F(TailTest, LosesNothingWhenAnOperatorEvictsIt) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process tail = box.start({"tail", "a", "--raw", "--as", "slow", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  box.run_ok({"evict", "a", "slow"});
  box.run_ok({"pub", "a", "--close"}, "x\n");
  EXPECT_EQ(tail.read_line(), "x");
  const Result result = tail.finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(contains(result.err, "-- lost nothing after an eviction --")) << result.err;
}

TEST_F(TailTest, IsToldWhenItsRingIsRemoved) {
  box.run_ok({"pub", "a"}, "x\n");
  Process tail = box.start({"tail", "a", "--raw"});
  EXPECT_EQ(tail.read_line(), "x");
  box.run_ok({"rm", "a"});
  const Result result = tail.finish();
  EXPECT_EQ(result.status, 3);
  EXPECT_TRUE(contains(result.err, "removed")) << result.err;
}

TEST_F(TailTest, RefusesASecondConsumerOfOneNameAndNamesTheFirst) {
  box.run_ok({"create", "a"});
  Process first = box.start({"tail", "a", "--as", "c"});
  box.wait_for_consumers("a", 1);
  const Result second = box.run({"tail", "a", "--as", "c"});
  EXPECT_EQ(second.status, 1);
  EXPECT_TRUE(contains(second.err, std::to_string(first.pid()))) << second.err;
}

TEST_F(TailTest, RefusesToFollowWhomThereIsNot) {
  box.run_ok({"create", "a"});
  const Result result = box.run({"tail", "a", "--as", "b", "--after", "nobody"});
  EXPECT_EQ(result.status, 3);
  EXPECT_TRUE(contains(result.err, "nobody")) << result.err;
}

}  // namespace
}  // namespace ringbolt::command::test
