// The protocol under the memory model: in no execution of any harness is a promise broken, and each memory order that is
// weakened, one at a time, lets some harness break one.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "counts.hpp"
#include "harnesses.hpp"
#include "mutants.hpp"

namespace ringbolt::model {
namespace {

// Of one weakened order in one harness. Those that are caught are caught within a few thousand.
constexpr std::uint64_t kMostExecutionsOfAMutant = 10'000;
constexpr std::uint64_t kMostExecutionsOfAWrongStep =
    50'000;  // some need a death at the very beginning, which is tried last

TEST(Model, BreaksNoPromiseInAnyExecution) {
  std::uint64_t executions = 0;
  for (const Harness& harness : all_harnesses()) {
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

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(std::filesystem::path(RINGBOLT_SOURCE_DIR) / path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The line of production code, without what follows its statement.
std::string code_of(const Site& site) {
  std::vector<std::string> lines = lines_of(std::filesystem::path("core") / site.file);
  if (lines.empty()) lines = lines_of(std::filesystem::path("ipc") / site.file);
  const std::string line = site.line <= lines.size() ? lines[site.line - 1] : "";
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::string code = line.substr(begin, line.find("  //", begin) - begin);
  return code.substr(0, code.find_last_not_of(' ') + 1);
}

std::string document() {
  std::ifstream file(RINGBOLT_SOURCE_DIR "/docs/correctness.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The places in production that ask for an order, each with the harnesses that come there.
std::map<Site, std::vector<Harness>> sites_of_production() {
  std::map<Site, std::vector<Harness>> sites;
  for (const Harness& harness : all_harnesses()) {
    std::map<Site, std::uint64_t> all;
    static_cast<void>(explore(harness, {.most_executions = kMostExecutionsOfAMutant, .sites = &all}));
    for (const auto& [site, times] : all) {
      if (!site.file.ends_with(".cpp")) sites[site].push_back(harness);
    }
  }
  return sites;
}

std::uint64_t longer_in_soak(std::uint64_t executions) {
  return std::getenv("RINGBOLT_SOAK_SECONDS") != nullptr ? 200'000 : executions;
}

std::string caught_by(const Site& site, const std::vector<Harness>& harnesses) {
  const std::uint64_t most = longer_in_soak(kMostExecutionsOfAMutant);
  for (const Harness& harness : harnesses) {
    if (!explore(harness, {.most_executions = most, .weakened = &site}).violation.empty()) return harness.name;
  }
  return "";
}

std::string caught_by(const Mutation& mutation) {
  const std::uint64_t most = longer_in_soak(kMostExecutionsOfAWrongStep);
  for (const Harness& harness : all_harnesses()) {
    if (!explore(harness, {.most_executions = most, .mutation = &mutation}).violation.empty()) return harness.name;
  }
  return "";
}

// The table in docs/correctness.md has one row for each order, and says what this test finds.
TEST(Model, NeedsEveryOrder) {
  const std::string text = document();
  std::uint64_t caught = 0;
  for (const auto& [site, harnesses] : sites_of_production()) {
    const std::string code = code_of(site);
    const std::string harness = caught_by(site, harnesses);
    EXPECT_NE(harness, "") << "nothing needs the order of " << site.file << ": " << code;
    if (harness.empty()) continue;
    ++caught;
    const std::string row = "| `" + site.file + "` | `" + code + "` | " + harness + " |";
    EXPECT_NE(text.find(row), std::string::npos) << "docs/correctness.md has no row\n" << row;
    std::printf("%s\n", row.c_str());
  }
  EXPECT_GE(caught, 20U);
  test::print_counts({{"weakened orders caught", caught}});
}

// Steps that are left out or made in the wrong order; the second table.
TEST(Model, NeedsEveryStepInItsPlace) {
  const std::string text = document();
  std::uint64_t caught = 0;
  for (const LogicMutant& mutant : kLogicMutants) {
    Mutation mutation{mutant.slip, {}};
    const std::filesystem::path path(mutant.file);
    const std::vector<std::string> lines = lines_of(path);
    for (std::uint32_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find(mutant.code) != std::string::npos) mutation.lines.emplace_back(path.filename(), i + 1);
    }
    EXPECT_FALSE(mutation.lines.empty()) << mutant.what << ": " << mutant.file << " has no " << mutant.code;
    const std::string harness = caught_by(mutation);
    std::ostringstream out;
    out << "| " << mutant.what << " | ";
    if (!harness.empty()) {
      ++caught;
      EXPECT_EQ(mutant.kept, nullptr) << mutant.what << " is caught by " << harness;
      out << "caught by *" << harness << "* |";
    } else {
      EXPECT_NE(mutant.kept, nullptr) << mutant.what << " is caught by no harness";
      out << "harmless: " << (mutant.kept != nullptr ? mutant.kept : "") << " |";
    }
    const std::string row = out.str();
    EXPECT_NE(text.find(row), std::string::npos) << "docs/correctness.md has no row\n" << row;
    std::printf("%s\n", row.c_str());
  }
  test::print_counts({{"wrong steps caught", caught}});
}

}  // namespace
}  // namespace ringbolt::model
