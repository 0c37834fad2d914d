// Each line of the tables in docs/security.md names the tests that hold it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace ringbolt::house {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(SecurityDocument, NamesForEachLineATestThatExists) {
  const std::filesystem::path root(RINGBOLT_SOURCE_DIR);
  std::set<std::string> tests;
  const std::regex definition(R"(\nTEST(?:_F)?\((\w+), (\w+)\))");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string source = text_of(entry.path());
    for (std::sregex_iterator found(source.begin(), source.end(), definition), end; found != end; ++found)
      tests.insert((*found)[1].str() + "." + (*found)[2].str());
  }
  std::istringstream document(text_of(root / "docs" / "security.md"));
  const std::regex name(R"(`([A-Z]\w+\.[A-Z]\w+)`)");
  std::size_t lines = 0;
  for (std::string line; std::getline(document, line);) {
    const bool is_row = line.starts_with("| ") && !line.starts_with("| party");
    std::size_t named = 0;
    for (std::sregex_iterator found(line.begin(), line.end(), name), end; found != end; ++found, ++named)
      EXPECT_TRUE(tests.contains((*found)[1].str())) << (*found)[1].str() << " is no test";
    if (!is_row) continue;
    ++lines;
    EXPECT_GT(named, 0U) << "no test for: " << line;
  }
  EXPECT_GT(lines, 15U);
}

}  // namespace
}  // namespace ringbolt::house
