// Rings with a journal from the command line: `create`, `pub`, `tail`, `journal` and `stat`.
#include "command.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

namespace ringbolt::command::test {
namespace {

class JournalTest : public CommandTest {
 protected:
  [[nodiscard]] std::string directory(const std::string& name = "journal") const { return box.disk() + "/" + name; }
  std::string published_to_journal(std::uint64_t last, const Arguments& more = {}) {
    Arguments arguments{"pub", "a", "--journal", directory(), "--sync", "every"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    box.run_ok(arguments, numbers(1, last));
    return directory();
  }
};

TEST_F(JournalTest, KeepsWhatIsPublishedWhenTheRingIsGone) {
  const std::string journal = published_to_journal(1'000);
  box.run_ok({"rm", "a"});
  EXPECT_EQ(box.run_ok({"tail", journal, "--raw", "--no-follow"}), numbers(1, 1'000));
}

TEST_F(JournalTest, GoesOnInANewRingWhereItEnded) {
  const std::string journal = published_to_journal(10);
  box.run_ok({"rm", "a"});
  EXPECT_EQ(Json::parse(box.run_ok({"pub", "a", "--journal", journal, "--json"}, "x\n"))["first"], 11);
  EXPECT_EQ(box.run_ok({"tail", "a", "--raw", "--no-follow"}), numbers(1, 10) + "x\n");  // from both, as one stream
}

TEST_F(JournalTest, ShowsInStat) {
  const std::string journal = published_to_journal(10);
  const Json stat = box.stat("a")["journal"];
  EXPECT_EQ(std::filesystem::weakly_canonical(stat["directory"].get<std::string>()),
            std::filesystem::weakly_canonical(journal));
  EXPECT_EQ(stat["sync"], "every");
  EXPECT_EQ(stat["durable_sequence"], 10);
  EXPECT_EQ(stat["lag_events"], 0);
  EXPECT_TRUE(contains(box.run_ok({"stat", "a"}), "10 durable"));
  box.run_ok({"create", "plain"});
  EXPECT_EQ(box.stat("plain")["journal"], nullptr);
}

TEST_F(JournalTest, TakesItsOptionsWhenTheRingIsMade) {
  box.run_ok({"create", "a", "--journal", directory(), "--sync", "none", "--segment-bytes", "8KiB"});
  EXPECT_EQ(box.stat("a")["journal"]["sync"], "none");
  box.run_ok({"pub", "a"}, numbers(1, 2'000));  // it keeps its journal
  EXPECT_EQ(box.stat("a")["journal"]["written_sequence"], 2'000);
  std::size_t segments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory()))
    segments += entry.path().extension() == ".segment";
  EXPECT_GT(segments, 5U);
}

TEST_F(JournalTest, RefusesOptionsThatMakeNoSense) {
  EXPECT_EQ(box.run({"create", "a", "--journal", directory(), "--sync", "often"}).status, 2);
  EXPECT_EQ(box.run({"create", "a", "--journal", directory(), "--on-stall", "die"}).status, 2);
  EXPECT_EQ(box.run({"journal", "a"}).status, 2);
  EXPECT_EQ(box.run({"journal", "a", "--dir", directory(), "--detach"}).status, 2);
  EXPECT_EQ(box.run({"journal", "a", "--dir", directory()}).status, 3);
  EXPECT_EQ(box.run({"journal", "a", "--detach"}).status, 3);
}

TEST_F(JournalTest, RunsInAProcessOfItsOwn) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process journal = box.start({"journal", "a", "--dir", directory(), "--sync", "every"});
  journal.wait_for_error_text("recording a in ");
  box.wait_until("a", [](const Json& stat) { return !stat["journal"].is_null() && stat["journal"]["state"] == "running"; });
  box.run_ok({"pub", "a"}, numbers(1, 20'000));  // many times the ring: it waits for the journal
  box.wait_until("a", [](const Json& stat) { return stat["journal"]["durable_sequence"] == 20'000; });
  EXPECT_EQ(box.stat("a")["journal"]["own_process"], true);
  journal.signal(SIGTERM);
  EXPECT_EQ(journal.finish().status, 128 + SIGTERM);
  EXPECT_EQ(box.stat("a")["journal"]["state"], "away");
  EXPECT_EQ(box.run_ok({"tail", directory(), "--raw", "--no-follow"}), numbers(1, 20'000));
}

TEST_F(JournalTest, DetachesSoThatEventsGoUnrecordedAndTheNextOneSaysSo) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  {
    Process journal = box.start({"journal", "a", "--dir", directory(), "--sync", "every"});
    box.wait_until("a",
                   [](const Json& stat) { return !stat["journal"].is_null() && stat["journal"]["state"] == "running"; });
    box.run_ok({"pub", "a"}, numbers(1, 10));
    box.wait_until("a", [](const Json& stat) { return stat["journal"]["durable_sequence"] == 10; });
    EXPECT_EQ(box.run({"journal", "a", "--detach"}).status, 1);  // it lives
    journal.signal(SIGKILL);
    journal.wait_for_end();
  }
  box.run_ok({"journal", "a", "--detach"});
  EXPECT_EQ(box.stat("a")["journal"]["state"], "detached");
  box.run_ok({"pub", "a"}, numbers(11, 10'000));
  Process journal = box.start({"journal", "a", "--dir", directory(), "--sync", "every"});
  box.wait_until("a", [](const Json& stat) { return stat["journal"]["durable_sequence"] == 10'000; });
  journal.signal(SIGINT);
  journal.finish();
  const Result verified = box.run({"verify", directory(), "--json"});
  EXPECT_EQ(verified.status, 0);
  const Json check = Json::parse(verified.out);
  ASSERT_EQ(check["findings"].size(), 1U);
  EXPECT_EQ(check["findings"][0]["kind"], "gap");
  EXPECT_EQ(check["findings"][0]["first"], 11);
}

TEST_F(JournalTest, ShowsOnlyWhatIsDurable) {
  published_to_journal(100);
  EXPECT_EQ(box.run_ok({"tail", "a", "--after-durable", "--raw", "--count", "100"}), numbers(1, 100));
  EXPECT_EQ(box.run({"tail", directory(), "--after-durable"}).status, 2);
  box.run_ok({"pub", "plain"}, "x\n");
  EXPECT_NE(box.run({"tail", "plain", "--after-durable", "--no-follow"}).status, 0);
}

TEST_F(JournalTest, IsReadOnByAName) {
  const std::string journal = published_to_journal(50);
  EXPECT_EQ(box.run_ok({"tail", journal, "--as", "billing", "--raw", "--count", "20"}), numbers(1, 20));
  EXPECT_EQ(box.run_ok({"tail", journal, "--as", "billing", "--raw", "--no-follow"}), numbers(21, 50));
  EXPECT_EQ(box.run_ok({"tail", journal, "--as", "billing", "--raw", "--no-follow"}), "");
  EXPECT_EQ(box.run_ok({"tail", journal, "--as", "billing", "--raw", "--no-follow", "--from", "49"}), numbers(49, 50));
  EXPECT_EQ(box.run_ok({"tail", journal, "--as", "audit", "--raw", "--no-follow", "--from", "latest"}), "");
}

TEST_F(JournalTest, HasOneCursorForANameInTheRingAndInTheJournal) {
  const std::string journal = published_to_journal(50);
  EXPECT_EQ(box.run_ok({"tail", "a", "--as", "billing", "--raw", "--count", "20"}), numbers(1, 20));
  box.run_ok({"rm", "a"});
  EXPECT_EQ(box.run_ok({"tail", journal, "--as", "billing", "--raw", "--count", "20"}), numbers(21, 40));
}

TEST_F(JournalTest, RefusesACursorAheadOfTheJournal) {
  const std::string longer = directory("longer");
  box.run_ok({"pub", "b", "--journal", longer, "--sync", "every", "--segment-bytes", "4KiB"}, numbers(1, 500));
  box.run_ok({"tail", longer, "--as", "billing", "--no-follow"});
  // As a restore from an older copy leaves it.
  std::string last;
  for (const auto& entry : std::filesystem::directory_iterator(longer)) {
    if (entry.path().extension() == ".segment") last = std::max(last, entry.path().string());
  }
  std::filesystem::remove(last);
  std::filesystem::remove(longer + "/durable");
  const Result result = box.run({"tail", longer, "--as", "billing", "--no-follow"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(contains(result.err, "committed event 500")) << result.err;
  EXPECT_EQ(box.run({"tail", longer, "--as", "billing", "--no-follow", "--from", "1"}).status, 0);
}

TEST_F(JournalTest, IsFollowedWhileItIsWritten) {
  Process pub = box.start({"pub", "a", "--journal", directory(), "--sync", "every"});
  pub.write("one\n");
  pub.wait_until([&] { return box.run({"stat", "a"}).status == 0; });
  box.wait_until("a", [](const Json& stat) { return stat["journal"]["durable_sequence"] == 1; });
  Process tail = box.start({"tail", directory(), "--raw"});
  EXPECT_EQ(tail.read_line(), "one");
  pub.write("two\n");
  EXPECT_EQ(tail.read_line(), "two");
  tail.signal(SIGINT);
  EXPECT_EQ(tail.finish().status, 128 + SIGINT);
}

TEST_F(JournalTest, EndsWhenNothingCameForTooLong) {
  const std::string journal = published_to_journal(3);
  const Result result = box.run({"tail", journal, "--raw", "--timeout", "50ms"});
  EXPECT_EQ(result.status, 4);
  EXPECT_EQ(result.out, numbers(1, 3));
}

TEST_F(JournalTest, LetsARingGoBeforeADirectoryOfItsName) {
  const std::string journal = published_to_journal(3);
  // In the directory of the rings `a` is the ring; with a slash it is what is there.
  EXPECT_EQ(
      box.run({"-c", "cd \"$(dirname \"$0\")\" && \"$RINGBOLT\" tail ./\"$(basename \"$0\")\" --raw --no-follow", journal},
              "", {.program = {"sh"}})
          .out,
      numbers(1, 3));
  EXPECT_EQ(box.run_ok({"tail", box.directory() + "/a", "--raw", "--no-follow"}), numbers(1, 3));
}

TEST_F(JournalTest, TakesNoOptionsOfARing) {
  const std::string journal = published_to_journal(3);
  EXPECT_EQ(box.run({"tail", journal, "--policy", "lossy"}).status, 2);
  EXPECT_EQ(box.run({"tail", journal, "--after", "x"}).status, 2);
  EXPECT_EQ(box.run({"tail", journal, "--from", "resume"}).status, 2);
}

}  // namespace
}  // namespace ringbolt::command::test
