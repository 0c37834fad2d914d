// `ringbolt stat`: the keys that are promised, and what it says of the dead, of followers, and to strangers.
#include "command.hpp"

#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <set>

namespace ringbolt::command::test {
namespace {

class StatTest : public CommandTest {};

std::set<std::string> keys(const Json& object) {
  std::set<std::string> result;
  for (const auto& [key, value] : object.items()) result.insert(key);
  return result;
}

TEST_F(StatTest, HasThePromisedKeys) {
  Process pub = box.start({"pub", "a"});
  pub.write(numbers(1, 3));
  box.run_ok({"tail", "a", "--as", "c", "--count", "2", "--wait"});
  const std::string text = box.run_ok({"stat", "a", "--json"});
  EXPECT_EQ(lines_of(text).size(), 1U);
  const Json stat = Json::parse(text);
  EXPECT_EQ(stat["name"], "a");
  EXPECT_EQ(stat["capacity_bytes"], 16 << 20);
  EXPECT_EQ(stat["epoch"], 1);
  EXPECT_EQ(stat["publisher"], Json({{"alive", true}, {"pid", pub.pid()}}));
  EXPECT_EQ(stat["oldest_sequence"], 1);
  EXPECT_EQ(stat["newest_sequence"], 3);
  EXPECT_EQ(stat["published_events"], 3);
  EXPECT_EQ(stat["published_bytes"], 3 * 40);
  ASSERT_EQ(stat["consumers"].size(), 1U);
  const Json& consumer = stat["consumers"][0];
  EXPECT_EQ(consumer["name"], "c");
  EXPECT_EQ(consumer["policy"], "lossy");
  EXPECT_EQ(consumer["alive"], false);
  EXPECT_EQ(consumer["cursor_sequence"], 2);
  EXPECT_EQ(consumer["lag_events"], 1);
  EXPECT_EQ(consumer["gap_events"], 0);
  EXPECT_EQ(consumer["waits_for"], nullptr);
  EXPECT_EQ(keys(stat), (std::set<std::string>{"name",
                                               "path",
                                               "ring_id",
                                               "capacity_bytes",
                                               "epoch",
                                               "publisher",
                                               "closed",
                                               "timestamps",
                                               "first_sequence",
                                               "oldest_sequence",
                                               "newest_sequence",
                                               "newest_timestamp_ns",
                                               "published_events",
                                               "published_bytes",
                                               "created_ns",
                                               "options",
                                               "journal",
                                               "consumer_slots",
                                               "consumers_readable",
                                               "consumers"}));
  EXPECT_EQ(keys(consumer), (std::set<std::string>{"name", "policy", "alive", "cursor_sequence", "lag_events", "gap_events",
                                                   "gaps", "state", "pid", "budget_ns", "skipped_events", "evictions",
                                                   "blocked_count", "blocked_ns", "after", "waits_for"}));
}

TEST_F(StatTest, TellsADeadPublisherFromALiveOne) {
  Process pub = box.start({"pub", "a"});
  pub.write("x\n");
  Process tail = box.start({"tail", "a", "--wait", "--raw"});
  EXPECT_EQ(tail.read_line(), "x");
  EXPECT_EQ(box.stat("a")["publisher"]["alive"], true);
  EXPECT_TRUE(contains(box.run_ok({"stat", "a"}), "alive, process " + std::to_string(pub.pid())));
  pub.signal(SIGKILL);
  pub.finish();
  EXPECT_EQ(box.stat("a")["publisher"], Json({{"alive", false}, {"pid", pub.pid()}}));
  EXPECT_TRUE(contains(box.run_ok({"stat", "a"}), "gone, was process " + std::to_string(pub.pid())));
}

TEST_F(StatTest, NamesWhomAConsumerWaitsFor) {
  box.run_ok({"create", "a"});
  Process risk = box.start({"tail", "a", "--as", "risk", "--policy", "gate"});
  box.wait_for_consumers("a", 1);
  Process billing = box.start({"tail", "a", "--as", "billing", "--after", "risk"});
  box.wait_for_consumers("a", 2);
  EXPECT_EQ(box.consumer("a", "billing")["after"], Json({"risk"}));
  EXPECT_EQ(box.consumer("a", "billing")["waits_for"], nullptr);
  risk.signal(SIGKILL);
  risk.finish();
  EXPECT_EQ(box.consumer("a", "billing")["waits_for"], "risk");
  EXPECT_TRUE(contains(box.run_ok({"stat", "a"}), "billing waits for risk, which is gone"));
}

TEST_F(StatTest, SaysOfEachOptionWhetherItWasGranted) {
  box.run_ok({"pub", "a", "--huge-pages", "--prefault"}, "x\n");
  const Json options = box.stat("a")["options"];
  EXPECT_EQ(keys(options), (std::set<std::string>{"huge_pages", "prefault"}));
  EXPECT_TRUE(options["huge_pages"].is_boolean());
  EXPECT_EQ(options["prefault"], true);
  EXPECT_EQ(contains(box.run_ok({"stat", "a"}), "huge_pages (asked for, not granted)"), options["huge_pages"] == false);
}

TEST_F(StatTest, NeedsOnlyReadAccess) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
  std::filesystem::permissions(box.directory(), static_cast<std::filesystem::perms>(0755));
  box.run_ok({"create", "open", "--mode", "0644"});
  box.run_ok({"create", "closed", "--mode", "0600"});
  for (const char* ring : {"open", "closed"}) {
    box.run_ok({"pub", ring}, numbers(1, 3));
    box.run_ok({"tail", ring, "--as", "c", "--no-follow"});
  }
  const Surroundings stranger{.other_user = true};
  const Result seen = box.run({"stat", "open", "--json"}, "", stranger);
  ASSERT_EQ(seen.status, 0) << seen.err;
  EXPECT_EQ(Json::parse(seen.out)["newest_sequence"], 3);
  EXPECT_EQ(Json::parse(seen.out)["consumers"][0]["cursor_sequence"], 3);
  EXPECT_EQ(box.run({"tail", "open", "--raw", "--no-follow"}, "", stranger).out, numbers(1, 3));
  const Result gate = box.run({"tail", "open", "--policy", "gate"}, "", stranger);
  EXPECT_EQ(gate.status, 1);
  EXPECT_FALSE(gate.err.empty());
  EXPECT_EQ(box.run({"stat", "closed"}, "", stranger).status, 1);
  std::filesystem::permissions(box.directory() + "/open/consumers", static_cast<std::filesystem::perms>(0600));
  const Result half = box.run({"stat", "open", "--json"}, "", stranger);
  ASSERT_EQ(half.status, 0) << half.err;
  EXPECT_EQ(Json::parse(half.out)["consumers_readable"], false);
  EXPECT_TRUE(contains(box.run({"stat", "open"}, "", stranger).out, "no right to read"));
}

TEST_F(StatTest, UsesColoursOnlyOnATerminalThatWantsThem) {
  Process pub = box.start({"pub", "a"});
  pub.write("x\n");
  box.run_ok({"tail", "a", "--wait", "--count", "1"});
  pub.signal(SIGKILL);
  pub.finish();
  EXPECT_FALSE(contains(box.run({"stat", "a"}).out, "\x1b["));
  EXPECT_TRUE(contains(box.run({"stat", "a"}, "", {.terminal = true}).out, "\x1b["));
  EXPECT_FALSE(contains(box.run({"stat", "a"}, "", {.terminal = true, .no_color = "1"}).out, "\x1b["));
}

}  // namespace
}  // namespace ringbolt::command::test
