// Tests of the tests: with a mutant on, the test that is named for it fails, by an assertion of its own. A crash, an exception,
// the watchdog's end, or a filter that names no test is not a catch, and a mutant that survives is a hole in the tests.
//
// The environment: RINGBOLT_MUTANTS says which of them, `all` or for example `2/3`; otherwise it is another third each day. SEED
// is for those tests that draw, 1 if nothing is said.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "counts.hpp"
#include "table.hpp"

namespace ringbolt::mutants {

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

namespace {

constexpr int kWatchdogSeconds = 200;
constexpr unsigned kParts = 3;

// The part `index` of `parts`, from 1 on.
struct Share {
  unsigned index = 1;
  unsigned parts = 1;
};

Share chosen_share() {
  const char* const text = std::getenv("RINGBOLT_MUTANTS");
  const std::string_view choice = text != nullptr ? text : "";
  if (choice == "all") return {};
  if (!choice.empty()) {
    Share share{0, 0};
    const auto index = std::from_chars(choice.begin(), choice.end(), share.index);
    if (index.ptr != choice.end() && *index.ptr == '/') std::from_chars(index.ptr + 1, choice.end(), share.parts);
    if (share.index >= 1 && share.index <= share.parts) return share;
    std::fprintf(stderr, "RINGBOLT_MUTANTS is 'all' or for example '2/3', not '%s'\n", text);
    std::exit(2);
  }
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  return {static_cast<unsigned>(today.time_since_epoch().count() % kParts) + 1, kParts};
}

std::vector<Row> chosen_rows() {
  const Share share = chosen_share();
  std::vector<Row> rows;
  for (std::size_t i = share.index - 1; i < kTable.size(); i += share.parts) rows.push_back(kTable.at(i));
  return rows;
}

struct Result {
  int status = -1;  // what the process exited with; -1 if it did not exit by itself
  std::string output;

  [[nodiscard]] bool says(std::string_view what) const { return output.find(what) != std::string::npos; }
};

// The crash tests stop at the first thing that is wrong, and some mutants show only after many images. Without a mutant,
// those tests have a run of their own that is as long.
constexpr const char* kImagesWithout = "20000";
constexpr const char* kImagesWith = "4000000";

// Random tests begin with this seed and go on from it, so that what is rare is not caught now in a second and now in a minute.
const char* seed() {
  const char* const given = std::getenv("SEED");
  return given != nullptr ? given : "1";
}

Result run(std::string_view binary, std::string_view test, std::string_view mutant) {
  std::ostringstream command;
  command << "timeout -s KILL " << kWatchdogSeconds << " env RINGBOLT_MUTANT=" << mutant << " SEED=" << seed()
          << " RINGBOLT_IMAGES=" << (mutant.empty() ? kImagesWithout : kImagesWith) << " '" << RINGBOLT_MUTANT_PROGRAMS
          << '/' << binary << "' '--gtest_filter=" << test << "' --gtest_color=no 2>&1";
  Result result;
  std::FILE* const pipe = ::popen(command.str().c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) result.output.append(buffer, got);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

// An exception that comes behind an assertion that failed takes nothing from it; one that comes first is "unknown file: Failure".
bool asserts_first(std::string_view output) {
  const std::size_t at = output.find(": Failure\n");
  return at != std::string_view::npos && !output.substr(0, at).ends_with("\nunknown file");
}

// The same for all mutants that one test catches.
const Result& without_mutant(const Row& row) {
  static std::map<std::pair<std::string_view, std::string_view>, Result> known;
  const auto found = known.find({row.binary, row.test});
  if (found != known.end()) return found->second;
  return known.emplace(std::pair{row.binary, row.test}, run(row.binary, row.test, "")).first->second;
}

class Mutant : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() {
    const Share share = chosen_share();
    std::printf("part %u of %u of the mutants (RINGBOLT_MUTANTS=%u/%u repeats it)\n", share.index, share.parts, share.index,
                share.parts);
  }
  static void TearDownTestSuite() { ::ringbolt::test::print_counts({{"mutants caught", caught_}}); }
  inline static std::uint64_t caught_ = 0;
};

TEST_P(Mutant, IsCaughtByTheTestNamedForIt) {
  const Row& row = GetParam();
  const Result& without = without_mutant(row);
  ASSERT_EQ(without.status, 0) << without.output;
  ASSERT_TRUE(without.says("[       OK ] ")) << "no test " << row.test << " ran\n" << without.output;

  const Result with = run(row.binary, row.test, row.name);
  ASSERT_EQ(with.status, 1) << row.name << " was not caught by an assertion of " << row.test << '\n' << with.output;
  EXPECT_TRUE(with.says("[  FAILED  ] ")) << with.output;
  EXPECT_TRUE(asserts_first(with.output)) << with.output;
  if (!HasFailure()) ++caught_;
}

INSTANTIATE_TEST_SUITE_P(Each, Mutant, ::testing::ValuesIn(chosen_rows()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(MutantTable, HasEachNameOnceAndAllThereIsToSay) {
  std::set<std::string_view> names;
  for (const Row& row : kTable) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " is there twice";
    for (const std::string_view part : {row.kind, row.wrong, row.file, row.original, row.binary, row.test})
      EXPECT_FALSE(part.empty()) << row.name;
  }
  const auto of_core = std::ranges::count_if(kTable, [](const Row& row) { return row.file.starts_with("core/"); });
  EXPECT_GE(of_core, 40);
  EXPECT_GE(static_cast<std::ptrdiff_t>(kTable.size()) - of_core, 12);
}

TEST(MutantTable, IsTheOneInTheDocument) {
  std::ifstream in(std::filesystem::path(RINGBOLT_SOURCE_DIR) / "docs/correctness.md");
  const std::string document{std::istreambuf_iterator<char>(in), {}};
  std::ostringstream table;
  table << "| mutant | kind | what is wrong | caught by |\n|---|---|---|---|\n";
  for (const Row& row : kTable)
    table << "| `" << row.name << "` | " << row.kind << " | " << row.wrong << " | `" << row.test << "` |\n";
  table << '\n';
  EXPECT_NE(document.find(table.str()), std::string::npos) << "docs/correctness.md needs this table:\n" << table.str();
}

TEST(MutantTable, AnUnknownNameIsRefused) {
  const Result result = run("core_mutants", "Record.*", "no_such_mutant");
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(result.says("there is no mutant 'no_such_mutant'")) << result.output;
}

}  // namespace
}  // namespace ringbolt::mutants
