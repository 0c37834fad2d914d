// The protocol under the memory model: in no execution of any harness is a promise broken, and each memory order that is
// weakened, one at a time, lets some harness break one. Orders for which that is not so stand in kept.hpp, with the reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "counts.hpp"
#include "harnesses.hpp"
#include "kept.hpp"

namespace ringbolt::model {
namespace {

// Of one weakened order in one harness. Those that are caught are caught within a few thousand.
constexpr std::uint64_t kMostExecutionsOfAMutant = 10'000;

TEST(Model, BreaksNoPromiseInAnyExecution) {
  std::uint64_t executions = 0;
  for (const Harness& harness : ring_harnesses()) {
    const auto began = std::chrono::steady_clock::now();
    const Result result = explore(harness);
    EXPECT_EQ(result.violation, "") << harness.name;
    EXPECT_TRUE(result.exhaustive) << harness.name;
    executions += result.executions;
    std::printf("%s: %llu executions, all with up to %d preemptions, %.1f s\n", harness.name,
                static_cast<unsigned long long>(result.executions), harness.preemptions,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }
  test::print_counts({{"executions of the model", executions}});
}

// The line of production code, without what follows its statement.
std::string code_of(const Site& site) {
  std::ifstream file(std::filesystem::path(RINGBOLT_SOURCE_DIR) / "core" / site.file);
  std::string line;
  for (std::uint32_t i = 0; i < site.line && std::getline(file, line); ++i) {
  }
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  return line.substr(begin, line.find("  //", begin) - begin);
}

std::set<Site> sites_in_core() {
  std::map<Site, std::uint64_t> all;
  for (const Harness& harness : ring_harnesses())
    static_cast<void>(explore(harness, {.most_executions = kMostExecutionsOfAMutant, .sites = &all}));
  std::set<Site> sites;
  for (const auto& [site, times] : all) {
    if (site.file != "ring_harnesses.cpp") sites.insert(site);
  }
  return sites;
}

std::string caught_by(const Site& site) {
  const std::uint64_t most = std::getenv("RINGBOLT_SOAK_SECONDS") != nullptr ? 200'000 : kMostExecutionsOfAMutant;
  for (const Harness& harness : ring_harnesses()) {
    if (!explore(harness, {.most_executions = most, .weakened = &site}).violation.empty()) return harness.name;
  }
  return "";
}

const Kept* kept(const Site& site, const std::string& code) {
  for (const Kept& each : kKept) {
    if (site.file == each.file && code.find(each.code) != std::string::npos) return &each;
  }
  return nullptr;
}

// The table in docs/correctness.md has one row for each order, and says what this test finds.
TEST(Model, NeedsEveryOrderOrSaysWhyItIsKept) {
  std::ifstream file(RINGBOLT_SOURCE_DIR "/docs/correctness.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();

  const std::set<Site> sites = sites_in_core();
  std::uint64_t caught = 0;
  std::set<const Kept*> used;
  for (const Site& site : sites) {
    const std::string code = code_of(site);
    const std::string harness = caught_by(site);
    const Kept* reason = kept(site, code);
    std::ostringstream out;
    out << "| `" << site.file << "` | `" << code << "` | ";
    if (!harness.empty()) {
      ++caught;
      EXPECT_EQ(reason, nullptr) << code << " is needed, says " << harness << ": take it out of kept.hpp";
      out << "caught by *" << harness << "* |";
    } else {
      EXPECT_NE(reason, nullptr) << "nothing needs the order of " << site.file << ": " << code;
      out << "kept: " << (reason != nullptr ? reason->why : "") << " |";
      used.insert(reason);
    }
    const std::string row = out.str();
    EXPECT_NE(document.find(row), std::string::npos) << "docs/correctness.md has no row\n" << row;
    std::printf("%s\n", row.c_str());
  }
  for (const Kept& each : kKept) EXPECT_TRUE(used.contains(&each)) << each.code << " is kept, and is not there";
  EXPECT_GE(caught, 10U);
  test::print_counts({{"weakened orders caught", caught}, {"kept", used.size()}});
}

}  // namespace
}  // namespace ringbolt::model
