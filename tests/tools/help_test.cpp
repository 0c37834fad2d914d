// `--help`, `--version` and `docs/cli.md`, which has to say the same.
#include "command.hpp"

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace ringbolt::command::test {
namespace {

class HelpTest : public CommandTest {
 protected:
  // The commands as the overall help lists them.
  std::vector<std::string> commands() {
    const std::string help = box.run_ok({"--help"});
    std::vector<std::string> names;
    bool listed = false;
    for (const std::string& line : lines_of(help)) {
      if (listed && line.starts_with("  ")) names.push_back(line.substr(2, line.find(' ', 2) - 2));
      listed |= line == "Subcommands:";
    }
    EXPECT_GE(names.size(), 10U);
    return names;
  }
};

std::string document() {
  std::ifstream file(RINGBOLT_SOURCE_DIR "/docs/cli.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty());
  return text.str();
}

// The part of the document under each heading `## ringbolt COMMAND`.
std::map<std::string, std::string> sections() {
  std::map<std::string, std::string> result;
  std::string command;
  for (const std::string& line : lines_of(document())) {
    if (line.starts_with("## ")) {
      static const std::regex heading("## `ringbolt ([a-z]+)`");
      std::smatch match;
      command = std::regex_match(line, match, heading) ? match[1].str() : "";
    } else if (!command.empty()) {
      result[command] += line + "\n";
    }
  }
  return result;
}

std::set<std::string> all_matches(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), regex); match != std::sregex_iterator(); ++match) {
    found.insert((*match)[1].str());
  }
  return found;
}

TEST_F(HelpTest, BeginsWithTwoExamples) {
  for (const std::string& command : commands()) {
    const auto lines = lines_of(box.run_ok({command, "--help"}));
    ASSERT_GT(lines.size(), 4U) << command;
    EXPECT_EQ(lines[0], "Examples:") << command;
    for (const std::size_t example : {1U, 2U})
      EXPECT_TRUE(contains(lines[example], "ringbolt " + command)) << lines[example];
    EXPECT_EQ(lines[3], "") << command;
  }
  EXPECT_TRUE(box.run_ok({"--help"}).starts_with("Examples:\n  "));
}

TEST_F(HelpTest, SaysItsVersion) {
  EXPECT_TRUE(std::regex_match(box.run_ok({"--version"}), std::regex("ringbolt [0-9]+\\.[0-9]+\\.[0-9]+\n")));
}

TEST_F(HelpTest, IsGivenOnStandardErrorWhereNothingWasAsked) {
  const Result result = box.run({});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(contains(result.err, "Examples:"));
}

TEST_F(HelpTest, AgreesWithTheDocumentOnEveryCommand) {
  std::set<std::string> documented;
  for (const auto& [command, text] : sections()) documented.insert(command);
  const auto listed = commands();
  EXPECT_EQ(documented, std::set<std::string>(listed.begin(), listed.end()));
}

TEST_F(HelpTest, AgreesWithTheDocumentOnEveryOption) {
  auto documented = sections();
  for (const std::string& command : commands()) {
    const std::string help = box.run_ok({command, "--help"});
    auto options = all_matches(help, "\n  (?:-[a-z],)?(--[a-z-]+)");
    options.erase("--help");
    EXPECT_EQ(all_matches(documented[command], "(?:^|\n)\\| `(--[a-z-]+)"), options) << command;
  }
}

TEST_F(HelpTest, AgreesWithTheDocumentOnEveryKeyOfStat) {
  box.run_ok({"pub", "a", "--journal", box.disk() + "/a.journal"}, "x\n");
  box.run_ok({"tail", "a", "--as", "c", "--no-follow"});
  std::set<std::string> keys;
  const Json stat = box.stat("a");
  for (const auto& [key, value] : stat.items()) {
    if (key == "publisher") {
      for (const auto& [inner, inner_value] : value.items()) keys.insert("publisher." + inner);
    } else if (key == "journal") {
      keys.insert(key);
      for (const auto& [inner, inner_value] : value.items()) keys.insert("journal." + inner);
    } else if (key == "consumers") {
      for (const auto& [inner, inner_value] : value[0].items()) keys.insert("consumers[]." + inner);
    } else {
      keys.insert(key);
    }
  }
  EXPECT_EQ(all_matches(sections()["stat"], "\n\\| `([a-z][a-z_.\\[\\]]*)` \\|"), keys);
}

}  // namespace
}  // namespace ringbolt::command::test
