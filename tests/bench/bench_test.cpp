// The benchmarks work: each mode runs a short form of itself, counts what it received, and says so in JSON. Nothing here is about
// how long anything takes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace ringbolt::bench::test {
namespace {

using Json = nlohmann::json;

class Benchmarks : public ::testing::Test {
 protected:
  Benchmarks() {
    std::string pattern = std::filesystem::temp_directory_path() / "ringbolt-bench-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
  }
  ~Benchmarks() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string file(const std::string& name) const { return directory_ + "/" + name; }

  // The exit status; what it wrote is in `output`.
  int run(const std::string& words) {
    const std::string command = "cd '" + directory_ + "' && " + words + " >output 2>&1";
    const int status = std::system(command.c_str());
    std::ostringstream text;
    text << std::ifstream(file("output")).rdbuf();
    output = text.str();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::vector<Json> smoke(const std::string& mode) {
    EXPECT_EQ(run(std::string(RINGBOLT_BENCH) + " " + mode + " --smoke --json results"), 0) << output;
    return rows("results");
  }
  [[nodiscard]] std::vector<Json> rows(const std::string& name) const {
    std::vector<Json> all;
    std::ifstream lines(file(name));
    for (std::string line; std::getline(lines, line);) {
      Json row = Json::parse(line);
      if (row.contains("value")) all.push_back(std::move(row));
    }
    return all;
  }
  void write_row(const std::string& name, double median, double p10, double p90) const {
    const Json row{{"mode", "wake"},
                   {"contender", "ringbolt park"},
                   {"parameters", Json::object()},
                   {"metric", "p50"},
                   {"unit", "ns"},
                   {"slices", 15},
                   {"value", {{"median", 5e4}, {"p10", 4e4}, {"p90", 6e4}}},
                   {"reference", "raw futex"},
                   {"ratio", {{"median", median}, {"p10", p10}, {"p90", p90}}},
                   {"machine", {{"cpu_model", "one"}}}};
    std::ofstream(file(name)) << row.dump() << '\n';
  }

  std::string output;

 private:
  std::string directory_;
};

std::set<std::string> contenders(const std::vector<Json>& rows) {
  std::set<std::string> names;
  for (const Json& row : rows) names.insert(row["contender"]);
  return names;
}

class EachMode : public Benchmarks, public ::testing::WithParamInterface<const char*> {};

TEST_P(EachMode, RunsAndSaysWhatItMeasuredAndOnWhat) {
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "two processes at a time need two CPUs";
  const std::vector<Json> results = smoke(GetParam());
  ASSERT_FALSE(results.empty()) << output;
  for (const Json& row : results) {
    EXPECT_EQ(row["mode"], GetParam());
    EXPECT_GT(row["value"]["median"], 0) << row;
    EXPECT_EQ(row["value"]["values"].size(), row["slices"]) << row;
    EXPECT_EQ(row.contains("ratio"), row.contains("reference")) << row;
    for (const char* what : {"cpu_model", "cpus", "siblings", "kernel", "governor", "compiler", "commit"}) {
      EXPECT_TRUE(row["machine"].contains(what)) << what;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, EachMode,
                         ::testing::Values("latency", "oneway", "wake", "throughput", "publish", "consumers", "jitter",
                                           "reclaim", "join", "journal", "catchup"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_F(Benchmarks, CompareWakingWithTheBareSystemCalls) {
  const std::set<std::string> names = contenders(smoke("wake"));
  for (const char* name : {"ringbolt park", "ringbolt fd", "raw futex", "eventfd"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST_F(Benchmarks, CountTheEventsThatALossyConsumerMissed) {
  for (const Json& row : smoke("throughput")) {
    if (row["contender"] != "ringbolt lossy") continue;
    EXPECT_GT(row["more"]["share received"], 0);
    EXPECT_LE(row["more"]["share received"], 1);
  }
}

TEST_F(Benchmarks, LeaveThePeersOutWhenTold) {
  ASSERT_EQ(run(std::string(RINGBOLT_BENCH) + " throughput --smoke --no-peers --json results"), 0) << output;
  for (const std::string& name : contenders(rows("results"))) EXPECT_TRUE(name.starts_with("ringbolt")) << name;
}

TEST_F(Benchmarks, CompareSaysNothingOfTwoRunsWithinTheirNoise) {
  write_row("before", 1.10, 1.02, 1.20);
  write_row("after", 1.15, 1.05, 1.25);
  EXPECT_EQ(run(std::string(RINGBOLT_BENCH) + " compare before after"), 0) << output;
  EXPECT_NE(output.find("0 of 1 results changed"), std::string::npos) << output;
}

TEST_F(Benchmarks, CompareSaysWhatChangedAndInWhichDirection) {
  write_row("before", 1.10, 1.02, 1.20);
  write_row("after", 1.50, 1.40, 1.60);
  EXPECT_EQ(run(std::string(RINGBOLT_BENCH) + " compare before after"), 1) << output;
  EXPECT_NE(output.find("worse  wake"), std::string::npos) << output;
  EXPECT_EQ(run(std::string(RINGBOLT_BENCH) + " compare after before"), 1) << output;
  EXPECT_NE(output.find("better wake"), std::string::npos) << output;
}

TEST_F(Benchmarks, CompareRefusesWhatIsNoResult) {
  std::ofstream(file("text")) << "no JSON\n";
  write_row("before", 1, 1, 1);
  EXPECT_EQ(run(std::string(RINGBOLT_BENCH) + " compare before text"), 2) << output;
  EXPECT_EQ(run(std::string(RINGBOLT_BENCH) + " compare before nothing-there"), 2) << output;
}

TEST_F(Benchmarks, HaveTheirPicturesInAPageThatNeedsNothingElse) {
  if (std::system("python3 -c 0") != 0) GTEST_SKIP() << "needs Python 3";
  ASSERT_FALSE(smoke("wake").empty());
  ASSERT_EQ(run("python3 " RINGBOLT_SOURCE_DIR "/bench/pictures.py results page.html pictures"), 0) << output;
  std::ostringstream text;
  text << std::ifstream(file("page.html")).rdbuf();
  EXPECT_NE(text.str().find("<svg"), std::string::npos);
  EXPECT_NE(text.str().find("ringbolt park</text>"), std::string::npos);
  EXPECT_EQ(text.str().find("src="), std::string::npos);
  EXPECT_EQ(text.str().find("href="), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(file("pictures/wake.svg")));
}

}  // namespace
}  // namespace ringbolt::bench::test
