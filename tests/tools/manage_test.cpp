// Looking after rings and consumers: create, ls, rm, evict, forget, seek; and how every command ends.
#include "command.hpp"

#include <csignal>
#include <filesystem>

namespace ringbolt::command::test {
namespace {

class ManageTest : public CommandTest {};

TEST_F(ManageTest, CreatesARingAsItIsTold) {
  box.run_ok({"create", "a"});
  EXPECT_EQ(box.stat("a")["capacity_bytes"], 16 << 20);
  EXPECT_EQ(box.stat("a")["consumer_slots"], 256);
  const Result result = box.run({"create", "b", "--capacity", "1MiB", "--consumers", "3", "--timestamps", "off"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "ringbolt: created b: 1 MiB, up to 3 consumers, at " + box.directory() + "/b\n");
  EXPECT_EQ(box.stat("b")["timestamps"], false);
  EXPECT_EQ(box.run({"create", "b"}).status, 1);
}

TEST_F(ManageTest, LeavesNothingBehindWhenARingCannotBeMade) {
  for (const char* capacity : {"65537", "32KiB", "512GiB"}) {
    const Result result = box.run({"create", "a", "--capacity", capacity});
    EXPECT_NE(result.status, 0) << capacity;
    EXPECT_TRUE(result.err.starts_with("ringbolt: ")) << result.err;
  }
  EXPECT_EQ(box.run({"create", "a", "--group", "no-such-group"}).status, 2);
  EXPECT_TRUE(std::filesystem::is_empty(box.directory()));
}

TEST_F(ManageTest, ListsRingsAndWhatIsWrongWithThem) {
  const Result none = box.run({"ls"});
  EXPECT_EQ(none.status, 0);
  EXPECT_EQ(none.out, "");
  EXPECT_TRUE(contains(none.err, "no rings in " + box.directory())) << none.err;
  EXPECT_EQ(box.run_ok({"ls", "--json"}), "");
  box.run_ok({"pub", "b"}, numbers(1, 3));
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  std::filesystem::resize_file(box.directory() + "/a/events", 100);
  const auto rings = json_lines(box.run_ok({"ls", "--json"}));
  ASSERT_EQ(rings.size(), 2U);
  EXPECT_EQ(rings[0]["name"], "a");
  EXPECT_EQ(rings[0]["error"]["code"], "too_short");
  EXPECT_EQ(rings[1]["name"], "b");
  EXPECT_EQ(rings[1]["newest_sequence"], 3);
  EXPECT_EQ(rings[1]["publisher"]["alive"], false);
  const auto lines = lines_of(box.run_ok({"ls"}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with("RING"));
  EXPECT_TRUE(contains(lines[1], "too_short")) << lines[1];
  EXPECT_TRUE(contains(lines[2], "16 MiB")) << lines[2];
}

TEST_F(ManageTest, RemovesARingInUseOnlyByForce) {
  Process pub = box.start({"pub", "a"});
  pub.write("x\n");
  Process tail = box.start({"tail", "a", "--raw", "--wait"});
  EXPECT_EQ(tail.read_line(), "x");
  const Result refused = box.run({"rm", "a"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(contains(refused.err, "--force")) << refused.err;
  EXPECT_EQ(box.run({"rm", "a", "--force"}).status, 0);
  EXPECT_EQ(tail.finish().status, 3);
  EXPECT_TRUE(std::filesystem::is_empty(box.directory()));
}

TEST_F(ManageTest, AddressesARingByItsPath) {
  const std::string path = box.directory() + "/elsewhere/a";
  std::filesystem::create_directory(box.directory() + "/elsewhere");
  box.run_ok({"pub", path}, "x\n");
  EXPECT_EQ(box.run_ok({"tail", path, "--raw", "--no-follow"}), "x\n");
  EXPECT_EQ(box.stat(path)["path"], path);
  box.run_ok({"rm", path});
}

TEST_F(ManageTest, EvictsWhoHoldsThePublisherUp) {
  box.run_ok({"create", "a", "--capacity", "64KiB"});
  Process tail = box.start({"tail", "a", "--json", "--as", "slow", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  tail.signal(SIGSTOP);
  Process pub = box.start({"pub", "a", box.file("numbers", numbers(1, 50'000)), "--close"});
  box.wait_until("a", [](const Json& stat) { return stat["consumers"][0]["blocked_count"] == 1; });
  EXPECT_EQ(box.run({"evict", "a", "slow"}).status, 0);
  EXPECT_EQ(pub.finish().status, 0);
  tail.signal(SIGCONT);
  const auto stream = json_lines(tail.finish().out);
  EXPECT_EQ(stream.back()["sequence"], 50'000);
}

TEST_F(ManageTest, DoesNotEvictWhoDoesNotGate) {
  box.run_ok({"create", "a"});
  Process tail = box.start({"tail", "a", "--as", "l"});
  box.wait_for_consumers("a", 1);
  EXPECT_EQ(box.run({"evict", "a", "l"}).status, 1);
  EXPECT_EQ(box.run({"evict", "a", "nobody"}).status, 3);
}

TEST_F(ManageTest, SeeksAndForgetsOnlyWhoIsAway) {
  box.run_ok({"pub", "a"}, numbers(1, 10));
  {
    Process tail = box.start({"tail", "a", "--as", "c"});
    box.wait_for_cursor("a", "c", 10);
    EXPECT_EQ(box.run({"seek", "a", "c", "--to", "earliest"}).status, 1);
    EXPECT_EQ(box.run({"forget", "a", "c"}).status, 1);
  }
  const auto resumes = [&] { return box.run_ok({"tail", "a", "--raw", "--as", "c", "--no-follow"}); };
  EXPECT_EQ(Json::parse(box.run_ok({"seek", "a", "c", "--to", "4", "--json"})),
            Json({{"consumer", "c"}, {"next_sequence", 4}}));
  EXPECT_EQ(resumes(), numbers(4, 10));
  const Result sought = box.run({"seek", "a", "c", "--to", "earliest"});
  EXPECT_EQ(sought.out, "");
  EXPECT_EQ(sought.err, "ringbolt: c of a resumes at 1\n");
  EXPECT_EQ(resumes(), numbers(1, 10));
  box.run_ok({"seek", "a", "c", "--to", "@-1h"});
  EXPECT_EQ(resumes(), numbers(1, 10));
  box.run_ok({"seek", "a", "c", "--to", "latest"});
  EXPECT_EQ(resumes(), "");
  EXPECT_EQ(box.run({"forget", "a", "c"}).status, 0);
  EXPECT_TRUE(box.consumer("a", "c").is_null());
  EXPECT_EQ(resumes(), numbers(1, 10));
}

TEST_F(ManageTest, SuggestsWhatWasProbablyMeant) {
  box.run_ok({"pub", "orders"}, "x\n");
  box.run_ok({"tail", "orders", "--as", "billing", "--no-follow"});
  const auto suggests = [&](const Arguments& arguments, const std::string& meant) {
    const Result result = box.run(arguments);
    const std::string question = "did you mean '" + meant + "'?";
    EXPECT_TRUE(contains(result.err, question)) << result.err;
    EXPECT_EQ(result.err.find(question), result.err.rfind(question)) << "is asked twice: " << result.err;
    return result.status;
  };
  for (const char* name : {"ordrs", "oders", "odrers", "orderss"}) EXPECT_EQ(suggests({"tail", name}, "orders"), 3);
  EXPECT_EQ(suggests({"stat", "order"}, "orders"), 3);
  EXPECT_EQ(suggests({"rm", "order"}, "orders"), 3);
  EXPECT_EQ(suggests({"forget", "orders", "biling"}, "billing"), 3);
  EXPECT_EQ(suggests({"forget", "order", "billing"}, "orders"), 3);
  EXPECT_EQ(suggests({"tial", "orders"}, "tail"), 2);
  EXPECT_EQ(suggests({"tail", "orders", "--no-folow"}, "--no-follow"), 2);
  EXPECT_FALSE(contains(box.run({"tail", "prices"}).err, "did you mean"));
}

TEST_F(ManageTest, EndsWithTwoForACommandLineThatMakesNoSense) {
  box.run_ok({"pub", "a"}, "x\n");
  for (const Arguments& arguments : std::vector<Arguments>{{},
                                                           {"--nonsense"},
                                                           {"nonsense"},
                                                           {"pub"},
                                                           {"pub", "a", "--rate", "0"},
                                                           {"pub", "a", "--rate", "fast"},
                                                           {"pub", "a", "--repeat", "0"},
                                                           {"pub", "a", "--type", "4294967296"},
                                                           {"pub", "bad name"},
                                                           {"pub", ""},
                                                           {"create", "b", "--capacity", "16XB"},
                                                           {"create", "b", "--capacity", "65537"},
                                                           {"create", "b", "--mode", "0999"},
                                                           {"create", "b", "--timestamps", "maybe"},
                                                           {"tail", "a", "--policy", "journal"},
                                                           {"tail", "a", "--policy", "gate:50"},
                                                           {"tail", "a", "--policy", "gate:0ms"},
                                                           {"tail", "a", "--from", "0"},
                                                           {"tail", "a", "--from", "newest"},
                                                           {"tail", "a", "--count", "-1"},
                                                           {"tail", "a", "--timeout", "5"},
                                                           {"tail", "a", "--raw", "--json"},
                                                           {"tail", "a", "b"},
                                                           {"tail", "a", "--as", "bad/name"},
                                                           {"seek", "a", "c"},
                                                           {"seek", "a", "c", "--to", "resume"},
                                                           {"completion", "csh"}}) {
    const Result result = box.run(arguments);
    EXPECT_EQ(result.status, 2) << ::testing::PrintToString(arguments) << result.err;
    EXPECT_EQ(result.out, "") << ::testing::PrintToString(arguments);
    EXPECT_FALSE(result.err.empty()) << ::testing::PrintToString(arguments);
  }
}

TEST_F(ManageTest, EndsWithThreeForWhatIsNotThere) {
  box.run_ok({"create", "a"});
  for (const Arguments& arguments : std::vector<Arguments>{{"tail", "x"},
                                                           {"stat", "x"},
                                                           {"rm", "x"},
                                                           {"evict", "x", "c"},
                                                           {"evict", "a", "c"},
                                                           {"forget", "a", "c"},
                                                           {"seek", "a", "c", "--to", "1"},
                                                           {"pub", "a", "no-such-file"}}) {
    EXPECT_EQ(box.run(arguments).status, 3) << ::testing::PrintToString(arguments);
  }
}

TEST_F(ManageTest, SaysWhenStandardOutputCannotBeWritten) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  box.run_ok({"pub", "a"}, "x\n");
  const Surroundings shell{.program = {"sh", "-c", "\"$RINGBOLT\" \"$@\" > /dev/full", "sh"}};
  for (const Arguments& arguments : std::vector<Arguments>{{"stat", "a"}, {"tail", "a", "--no-follow", "--as", "c"}}) {
    const Result result = box.run(arguments, "", shell);
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(contains(result.err, "No space left on device")) << result.err;
  }
  EXPECT_EQ(box.consumer("a", "c")["cursor_sequence"], 0);
}

}  // namespace
}  // namespace ringbolt::command::test
