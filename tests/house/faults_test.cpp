// The table of faults in docs/correctness.md names tests that exist.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "sources.hpp"

namespace ringbolt::house {
namespace {

// `Suite.Case` of every test in the tree.
std::set<std::string> all_tests() {
  static const std::regex begin(R"(^TEST_?[FP]?\((\w+), (\w+)\))");
  std::set<std::string> names;
  for (const Source& source : sources_in("tests")) {
    for (const std::string& line : source.lines) {
      std::smatch found;
      if (std::regex_search(line, found, begin)) names.insert(found[1].str() + "." + found[2].str());
    }
  }
  return names;
}

TEST(Faults, OfTheDocumentHaveTheTestsThatItNames) {
  static const std::regex named(R"(`(\w+\.\w+)`)");
  const std::set<std::string> tests = all_tests();
  const Source document = read_source("docs/correctness.md");
  std::size_t rows = 0;
  bool here = false;
  for (std::size_t i = 0; i < document.lines.size(); ++i) {
    const std::string& line = document.lines[i];
    if (line.starts_with("## ")) here = line == "## Faults";
    if (!here || !line.starts_with("| ") || line.starts_with("| fault ")) continue;
    ++rows;
    const std::string cell = line.substr(line.rfind('|', line.size() - 2));
    std::sregex_iterator it(cell.begin(), cell.end(), named);
    EXPECT_NE(it, std::sregex_iterator()) << at(document, i) << " names no test";
    for (; it != std::sregex_iterator(); ++it)
      EXPECT_TRUE(tests.contains((*it)[1])) << at(document, i) << ": no " << (*it)[1];
  }
  EXPECT_GT(rows, 30U);
}

}  // namespace
}  // namespace ringbolt::house
