// `ringbolt merge`: the command in front of `ringbolt/merge.hpp`.
#include "command.hpp"

#include <csignal>

namespace ringbolt::command::test {
namespace {

class MergeTest : public CommandTest {
 protected:
  std::vector<std::string> merged() {
    std::vector<std::string> events;
    for (const Json& event : json_lines(box.run_ok({"tail", "all", "--json", "--no-follow"}))) {
      const Json& attributes = event["attributes"];
      events.push_back(attributes["merge-ring"].get<std::string>() + attributes["merge-sequence"].get<std::string>() + "=" +
                       event["payload"].get<std::string>());
    }
    return events;
  }
};

TEST_F(MergeTest, MergesWhatIsThereAndGoesOnLater) {
  box.run_ok({"pub", "a"}, "x\ny\n");
  box.run_ok({"pub", "b", "--close"}, "z\n");
  const Result first = box.run({"merge", "all", "a", "b", "--no-follow"});
  EXPECT_EQ(first.status, 0);
  EXPECT_EQ(first.err, "ringbolt: merged 3 events into all\n");
  EXPECT_EQ(merged(), (std::vector<std::string>{"a1=x", "a2=y", "b1=z"}));
  box.run_ok({"pub", "a", "--close"}, "last\n");
  box.run_ok({"merge", "all", "b", "a", "--close"});  // ends by itself: both are closed
  EXPECT_EQ(merged(), (std::vector<std::string>{"a1=x", "a2=y", "b1=z", "a3=last"}));
  EXPECT_EQ(box.stat("all")["closed"], true);
}

TEST_F(MergeTest, FollowsItsSourcesUntilItIsStopped) {
  box.run_ok({"create", "a"});
  box.run_ok({"create", "b"});
  Process merge = box.start({"merge", "all", "a", "b", "--as", "merger", "--policy", "gate"});
  box.wait_for_consumers("b", 1);
  Process tail = box.start({"tail", "all", "--raw", "--wait"});
  for (const std::string ring : {"a", "b", "a"}) {
    box.run_ok({"pub", ring}, ring + "\n");
    EXPECT_EQ(tail.read_line(), ring);
  }
  box.wait_for_cursor("a", "merger", 2);
  merge.signal(SIGTERM);
  EXPECT_EQ(merge.finish().err, "ringbolt: merged 3 events into all\n");
}

TEST_F(MergeTest, SaysWhatASourceLost) {
  box.run_ok({"pub", "a", "--capacity", "64KiB"}, numbers(1, 10'000));
  const Result result = box.run({"merge", "all", "a", "--no-follow", "--from", "earliest"});
  EXPECT_EQ(result.status, 0) << result.err;
  box.run_ok({"pub", "a"}, numbers(1, 10'000));
  const Result again = box.run({"merge", "all", "a", "--no-follow"});
  EXPECT_TRUE(contains(again.err, "a: -- lost ")) << again.err;
  EXPECT_TRUE(contains(again.err, "had been lost before")) << again.err;
}

TEST_F(MergeTest, RefusesWhatMakesNoSense) {
  box.run_ok({"pub", "a"}, "x\n");
  EXPECT_EQ(box.run({"merge", "all"}).status, 2);
  EXPECT_EQ(box.run({"merge", "all", "a", "a"}).status, 2);
  EXPECT_EQ(box.run({"merge", "all", "a", "--from", "resume"}).status, 2);
  EXPECT_EQ(box.run({"merge", "all", "a", "--policy", "latest"}).status, 2);
  EXPECT_EQ(box.run({"merge", "all", "missing"}).status, 3);
  EXPECT_EQ(box.run({"stat", "all"}).status, 3) << "nothing was made";
}

}  // namespace
}  // namespace ringbolt::command::test
