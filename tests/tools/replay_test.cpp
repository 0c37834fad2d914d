// `replay`, `verify`, `dump`, `export`, `import` and `trim`: with no ring and no publisher alive.
#include "command.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

namespace ringbolt::command::test {
namespace {

class ReplayTest : public CommandTest {
 protected:
  [[nodiscard]] std::string place(const std::string& name) const { return box.disk() + "/" + name; }

  // A journal whose ring is gone.
  std::string journal_of(const std::string& lines, const Arguments& more = {}) {
    Arguments arguments{"pub", "gone", "--journal", place("journal"), "--sync", "every", "--segment-bytes", "8KiB"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    box.run_ok(arguments, lines);
    box.run_ok({"rm", "gone"});
    return place("journal");
  }
  std::string segment(const std::string& journal, std::size_t number) {
    std::vector<std::string> segments;
    for (const auto& entry : std::filesystem::directory_iterator(journal)) {
      if (entry.path().extension() == ".segment") segments.push_back(entry.path());
    }
    std::sort(segments.begin(), segments.end());
    EXPECT_LT(number, segments.size());
    return segments.at(number);
  }
  // Damages an event that lies in a segment.
  void damage(const std::string& journal, std::uint64_t sequence) {
    for (const Json& record : json_lines(box.run_ok({"dump", journal, "--json"}))) {
      if (record["kind"] != "event" || record["sequence"] != sequence) continue;
      std::fstream file(record["file"].get<std::string>(), std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(static_cast<std::streamoff>(record["offset"].get<std::uint64_t>() + 32));
      file.put('?');
      return;
    }
    FAIL() << "there is no event " << sequence;
  }
};

TEST_F(ReplayTest, WritesAsTailDoes) {
  const std::string journal = journal_of(numbers(1, 500));
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw"}), numbers(1, 500));
  EXPECT_EQ(box.run_ok({"replay", journal, "--json"}), box.run_ok({"tail", journal, "--json", "--no-follow"}));
  EXPECT_EQ(box.run_ok({"replay", journal}), box.run_ok({"tail", journal, "--no-follow"}));
}

TEST_F(ReplayTest, TakesAPart) {
  const std::string journal = journal_of(numbers(1, 500));
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--from", "7", "--to", "9"}), numbers(7, 9));
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--from", "499"}), numbers(499, 500));
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--to", "0000002"}), numbers(1, 2));
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--from", "501"}), "");
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--from", "9", "--to", "8"}), "");
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--from", "@2000-01-01"}), numbers(1, 500));
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--from", "@2100-01-01"}), "");
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--to", "@2000-01-01"}), "");
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw", "--to", "@2100-01-01"}), numbers(1, 500));
}

TEST_F(ReplayTest, FindsTheJournalOfARing) {
  box.run_ok({"pub", "a", "--journal", place("journal"), "--sync", "every"}, numbers(1, 10));
  EXPECT_EQ(box.run_ok({"replay", "a", "--raw"}), numbers(1, 10));
  box.run_ok({"pub", "plain"}, "x\n");
  EXPECT_EQ(box.run({"replay", "plain"}).status, 3);
  EXPECT_EQ(box.run({"replay", "nothing"}).status, 3);
}

TEST_F(ReplayTest, PublishesAgainWithTypes) {
  const std::string journal = journal_of(numbers(1, 500), {"--type", "9"});
  box.run_ok({"pub", "b"}, "first\n");
  const Result result = box.run({"replay", journal, "--into", "b", "--speed", "max"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(contains(result.err, "published 500 events to b: sequences 2..501")) << result.err;
  const auto events = json_lines(box.run_ok({"tail", "b", "--json", "--no-follow"}));
  ASSERT_EQ(events.size(), 501U);
  EXPECT_EQ(events[500]["payload"], "500");
  EXPECT_EQ(events[500]["type"], 9);
}

TEST_F(ReplayTest, RefusesTheRingWhoseJournalItIs) {
  box.run_ok({"pub", "a", "--journal", place("journal"), "--sync", "every"}, numbers(1, 10));
  EXPECT_EQ(box.run({"replay", "a", "--into", "a"}).status, 2);
  EXPECT_EQ(box.run({"replay", place("journal"), "--into", "a"}).status, 2);
  EXPECT_EQ(box.stat("a")["newest_sequence"], 10);
}

// An hour between two events, made by hand.
std::string line(std::uint64_t sequence, std::uint64_t timestamp_ns) {
  return Json({{"sequence", sequence}, {"timestamp_ns", timestamp_ns}, {"type", 0}, {"payload", std::to_string(sequence)}})
             .dump() +
         "\n";
}

TEST_F(ReplayTest, KeepsTheSpacingScaled) {
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  box.run_ok({"import", place("slow")}, line(1, kHour) + line(2, 2 * kHour) + line(3, 2 * kHour + 1));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(box.run_ok({"replay", place("slow"), "--raw", "--speed", "10000x"}), numbers(1, 3));  // 360 ms
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, std::chrono::milliseconds(350));
  Process waiting = box.start({"replay", place("slow"), "--raw", "--speed", "1x"});
  EXPECT_EQ(waiting.read_line(), "1");  // written before the wait, not after it
  waiting.signal(SIGINT);
  const Result result = waiting.finish();
  EXPECT_EQ(result.status, 128 + SIGINT);
  EXPECT_EQ(result.out, "");
}

TEST_F(ReplayTest, StampsAndSpacesWhatItPublishesAnew) {
  box.run_ok({"import", place("slow")}, line(1, 1'000'000'000) + line(2, 1'200'000'000));
  box.run_ok({"replay", place("slow"), "--into", "b"});
  const auto events = json_lines(box.run_ok({"tail", "b", "--json", "--no-follow"}));
  ASSERT_EQ(events.size(), 2U);
  const auto stamp = [&](std::size_t i) { return events[i]["timestamp_ns"].get<std::uint64_t>(); };
  EXPECT_GE(stamp(1) - stamp(0), 195'000'000U);
  EXPECT_GT(stamp(0), 1'000'000'000'000U);
}

TEST_F(ReplayTest, RefusesWhatIsNoSpeedOrPlace) {
  const std::string journal = journal_of("x\n");
  for (const char* bad : {"10", "x", "0x", "-1x", "fast"})
    EXPECT_EQ(box.run({"replay", journal, "--speed", bad}).status, 2) << bad;
  for (const char* bad : {"0", "first", "@yesterday"})
    EXPECT_EQ(box.run({"replay", journal, "--from", bad}).status, 2) << bad;
}

using VerifyTest = ReplayTest;

TEST_F(VerifyTest, FindsASoundJournalSound) {
  const std::string journal = journal_of(numbers(1, 1'000));
  const Result result = box.run({"verify", journal});
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(contains(result.out, "1,000 events, 1..1000")) << result.out;
  EXPECT_TRUE(contains(result.err, "is sound")) << result.err;
  const Json check = Json::parse(box.run_ok({"verify", journal, "--json"}));
  EXPECT_EQ(check["sound"], true);
  EXPECT_EQ(check["events"], 1'000);
  EXPECT_EQ(check["findings"], Json::array());
  EXPECT_EQ(check["epochs"].size(), 1U);
}

TEST_F(VerifyTest, SaysExactlyWhatIsDamaged) {
  const std::string journal = journal_of(numbers(1, 1'000));
  damage(journal, 77);
  const Result result = box.run({"verify", journal, "--json"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "1 event is lost")) << result.err;
  const Json check = Json::parse(result.out);
  EXPECT_EQ(check["sound"], false);
  ASSERT_EQ(check["findings"].size(), 1U);
  const Json finding = check["findings"][0];
  EXPECT_EQ(finding["kind"], "damaged_record");
  EXPECT_EQ(finding["first"], 77);
  EXPECT_EQ(finding["last"], 77);
  EXPECT_EQ(finding["file"], segment(journal, 0));
  EXPECT_TRUE(contains(box.run({"verify", journal}).out, "damaged_record: event 77: ")) << box.run({"verify", journal}).out;
}

TEST_F(VerifyTest, SalvagesWhatIsLeft) {
  const std::string journal = journal_of(numbers(1, 1'000));
  box.run_ok({"tail", journal, "--as", "billing", "--count", "500"});
  damage(journal, 77);
  EXPECT_EQ(box.run({"replay", journal}).status, 1);
  const Result result = box.run({"verify", journal, "--salvage", place("saved")});
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(contains(result.err, "saved 999 events")) << result.err;
  EXPECT_TRUE(contains(result.err, "lost 1 event")) << result.err;
  EXPECT_EQ(box.run({"verify", place("saved")}).status, 0);
  EXPECT_EQ(box.run_ok({"replay", place("saved"), "--raw"}), numbers(1, 76) + numbers(78, 1'000));
  EXPECT_EQ(box.run_ok({"tail", place("saved"), "--as", "billing", "--raw", "--no-follow"}), numbers(501, 1'000));
  EXPECT_EQ(box.run({"verify", journal, "--salvage", place("saved")}).status, 1);  // there is something
}

TEST_F(VerifyTest, NeedsAJournal) {
  for (const char* command : {"verify", "dump", "export", "replay", "tail"}) {
    EXPECT_EQ(box.run({command, place("nothing")}).status, 3) << command;
    std::filesystem::create_directory(place("empty"));
    EXPECT_EQ(box.run({command, place("empty")}).status, 3) << command;
  }
}

TEST_F(VerifyTest, ShowsProgressOnATerminalAlone) {
  const std::string journal = journal_of(numbers(1, 100));
  EXPECT_FALSE(contains(box.run({"verify", journal}).err, "%"));
}

TEST_F(ReplayTest, DumpsRecordsWithTheirPlaces) {
  const std::string journal = journal_of(numbers(1, 1'000));
  const auto records = json_lines(box.run_ok({"dump", journal, "--json"}));
  EXPECT_EQ(records[0]["kind"], "epoch");
  EXPECT_EQ(records[0]["offset"], 512);
  EXPECT_EQ(records[1]["kind"], "event");
  EXPECT_EQ(records[1]["sequence"], 1);
  EXPECT_EQ(records[1]["payload"], "1");
  EXPECT_EQ(std::count_if(records.begin(), records.end(), [](const Json& r) { return r["kind"] == "event"; }), 1'000);
  const std::string text = box.run_ok({"dump", journal, "--from", "5", "--to", "6"});
  EXPECT_EQ(lines_of(text).size(), 3U) << text;  // the file, and the two
  EXPECT_TRUE(contains(text, "event 5  epoch 1")) << text;
}

TEST_F(ReplayTest, DumpsWhatIsBroken) {
  const std::string journal = journal_of(numbers(1, 100));
  damage(journal, 50);
  const auto records = json_lines(box.run_ok({"dump", journal, "--json", "--from", "49", "--to", "51"}));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[1]["kind"], "broken");
  EXPECT_EQ(records[1]["sequence"], 50);
}

TEST_F(ReplayTest, ExportsAndImportsWithoutALoss) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i == '\n' ? 'n' : i));
  const std::string journal =
      journal_of("plain\n\n\"quoted\" \\ \t\n\xc3\xa4\xe2\x82\xac\n" + bytes + "\n\xff\n\xff\xfe\n\xff\xfe\xfd\n");
  const std::string exported = box.run_ok({"export", journal, "--jsonl"});
  EXPECT_EQ(json_lines(exported).size(), 8U);
  EXPECT_EQ(Json::parse(box.run_ok({"import", place("copy"), "--jsonl", "--json"}, exported)),
            Json({{"first", 1}, {"last", 8}, {"count", 8}}));
  EXPECT_EQ(box.run_ok({"export", place("copy"), "--jsonl"}), exported);
  EXPECT_EQ(box.run_ok({"replay", place("copy"), "--binary"}), box.run_ok({"replay", journal, "--binary"}));
  EXPECT_EQ(box.run({"verify", place("copy")}).status, 0);
  EXPECT_EQ(box.run_ok({"import", place("again"), "--file", box.file("x.jsonl", exported)}), "");
}

TEST_F(ReplayTest, ExportsAPart) {
  const std::string journal = journal_of(numbers(1, 100));
  EXPECT_EQ(json_lines(box.run_ok({"export", journal, "--from", "98"})).size(), 3U);
}

TEST_F(ReplayTest, KeepsGapsOverAnImport) {
  const std::string text = line(5, 10) + "{\"gap\":{\"first\":6,\"last\":8}}\n\n" + line(9, 20);
  box.run_ok({"import", place("copy")}, text);
  const auto lines = json_lines(box.run_ok({"export", place("copy")}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["sequence"], 5);
  EXPECT_EQ(lines[1], Json({{"gap", {{"first", 6}, {"last", 8}}}}));
  EXPECT_EQ(lines[2]["sequence"], 9);
}

TEST_F(ReplayTest, ImportsIntoARing) {
  EXPECT_EQ(box.run({"import", "--into", "b"}, line(500, 10) + line(501, 20)).status, 0);
  EXPECT_EQ(box.run_ok({"tail", "b", "--no-follow"}), "1\t500\n2\t501\n");
}

TEST_F(ReplayTest, NamesTheLineThatItCannotImportAndLeavesNothing) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"{\"sequence\":2}\n", "no payload"},
      {"nonsense\n", "no JSON object"},
      {"[1]\n", "no JSON object"},
      {line(1, 5), "ascend"},
      {"{\"sequence\":-3,\"payload\":\"x\"}\n", "sequence"},
      {"{\"payload\":\"x\"}\n", "no sequence"},
      {"{\"sequence\":2,\"type\":4294967296,\"payload\":\"x\"}\n", "type"},
      {"{\"sequence\":2,\"payload_base64\":\"QQ=\"}\n", "base64"},
      {"{\"sequence\":2,\"payload_base64\":\"Q!==\"}\n", "base64"},
  };
  for (const auto& [text, why] : bad) {
    const Result result = box.run({"import", place("copy")}, line(1, 1) + text);
    EXPECT_EQ(result.status, 1) << text;
    EXPECT_TRUE(contains(result.err, "line 2 of standard input")) << result.err;
    EXPECT_TRUE(contains(result.err, why)) << result.err;
    EXPECT_FALSE(std::filesystem::exists(place("copy")));
  }
  EXPECT_EQ(box.run({"import", place("copy")}).status, 1);
  EXPECT_FALSE(std::filesystem::exists(place("copy")));
  EXPECT_EQ(box.run({"import"}).status, 2);
  EXPECT_EQ(box.run({"import", place("copy"), "--file", place("nothing")}).status, 3);
  const std::string journal = journal_of("x\n");
  EXPECT_EQ(box.run({"import", journal}, line(1, 1)).status, 1);
  EXPECT_EQ(box.run({"verify", journal}).status, 0);
}

TEST_F(ReplayTest, TrimsByPlaceAndSize) {
  const std::string journal = journal_of(numbers(1, 2'000));
  const Json before = Json::parse(box.run_ok({"trim", journal, "--before", "1000", "--json"}));
  EXPECT_GT(before["oldest_sequence"], 1);
  EXPECT_LE(before["oldest_sequence"], 1'000);
  EXPECT_EQ(before["kept_for"], nullptr);
  EXPECT_EQ(before["events"], before["oldest_sequence"].get<int>() - 1);
  const Json kept = Json::parse(box.run_ok({"compact", journal, "--keep-bytes", "8KiB", "--json"}));
  EXPECT_GT(kept["oldest_sequence"], 1'000);
  EXPECT_EQ(box.run_ok({"replay", journal, "--raw"}), numbers(kept["oldest_sequence"].get<std::uint64_t>(), 2'000));
  EXPECT_EQ(box.run({"verify", journal}).status, 0);
}

TEST_F(ReplayTest, TrimsNothingUnreadUnlessToldTo) {
  const std::string journal = journal_of(numbers(1, 2'000));
  box.run_ok({"tail", journal, "--as", "billing", "--count", "1"});
  const Result held = box.run({"trim", journal, "--keep-bytes", "1", "--json"});
  EXPECT_EQ(held.status, 0);
  EXPECT_EQ(Json::parse(held.out)["kept_for"], "billing");
  EXPECT_EQ(Json::parse(held.out)["oldest_sequence"], 1);
  EXPECT_TRUE(contains(held.err, "consumer billing")) << held.err;
  EXPECT_GT(Json::parse(box.run_ok({"trim", journal, "--keep-bytes", "1", "--even-unread", "--json"}))["oldest_sequence"],
            1);
}

TEST_F(ReplayTest, TrimsByTime) {
  const std::string journal = journal_of(numbers(1, 2'000));
  EXPECT_EQ(Json::parse(box.run_ok({"trim", journal, "--before", "@-1h", "--json"}))["segments"], 0);
  EXPECT_GT(Json::parse(box.run_ok({"trim", journal, "--before", "2100-01-01", "--json"}))["segments"], 0);
}

TEST_F(ReplayTest, TrimsByOneLimitThatMakesSense) {
  const std::string journal = journal_of("x\n");
  EXPECT_EQ(box.run({"trim", journal}).status, 2);
  EXPECT_EQ(box.run({"trim", journal, "--before", "5", "--keep-bytes", "5"}).status, 2);
  EXPECT_EQ(box.run({"trim", journal, "--keep-bytes", "0"}).status, 2);
  EXPECT_EQ(box.run({"trim", place("nothing"), "--before", "5"}).status, 3);
}

}  // namespace
}  // namespace ringbolt::command::test
