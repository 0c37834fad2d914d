// The manual: a page of each command, which man(1) reads without a complaint and which says what `--help` says.
#include "command.hpp"

#include <filesystem>
#include <regex>
#include <set>

namespace ringbolt::command::test {
namespace {

class ManTest : public CommandTest {
 protected:
  [[nodiscard]] std::vector<std::string> commands() const {
    std::vector<std::string> names;
    for (const std::string& line : lines_of(box.run_ok({"__complete", ""})))
      names.push_back(line.substr(0, line.find('\t')));
    EXPECT_GE(names.size(), 10U);
    return names;
  }
  // As it is shown, 80 columns wide. `err` has what is wrong with it.
  [[nodiscard]] Result shown(const std::string& page) const {
    const std::string file = box.file("page.1", page);
    return box.run(
        {"-c", "LC_ALL=C.UTF-8 MANWIDTH=400 MAN_KEEP_FORMATTING= man --warnings=w -l \"$1\" | col -b", "sh", file}, "",
        {.program = {"sh"}});
  }
};

TEST_F(ManTest, HasAPageOfEachCommand) {
  std::vector<std::string> names = commands();
  names.emplace_back();
  for (const std::string& name : names) {
    const std::string page = box.run_ok(name.empty() ? Arguments{"__man"} : Arguments{"__man", name});
    for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO"})
      EXPECT_TRUE(contains(page, std::string("\n.SH ") + section + "\n")) << name << " has no " << section;
  }
  EXPECT_EQ(box.run({"__man", "nonsense"}).status, 3);
}

TEST_F(ManTest, IsReadWithoutAWarning) {
  if (box.run({"-c", "command -v man col > /dev/null"}, "", {.program = {"sh"}}).status != 0)
    GTEST_SKIP() << "man and col are not installed";
  for (const std::string& name : commands()) {
    const Result result = shown(box.run_ok({"__man", name}));
    EXPECT_EQ(result.status, 0) << name;
    EXPECT_EQ(result.err, "") << name;
  }
  EXPECT_EQ(shown(box.run_ok({"__man"})).err, "");
  EXPECT_NE(shown(".TH X 1\n.nonsense\n").err, "") << "it would not tell";
}

// Every option and every example, as one types it.
TEST_F(ManTest, SaysWhatHelpSays) {
  if (box.run({"-c", "command -v man col > /dev/null"}, "", {.program = {"sh"}}).status != 0)
    GTEST_SKIP() << "man and col are not installed";
  for (const std::string& name : commands()) {
    const std::string help = box.run_ok({name, "--help"});
    const std::string page = shown(box.run_ok({"__man", name})).out;
    static const std::regex option("\n  (?:-h,)?(--[a-z-]+[^ ]*)");
    for (std::sregex_iterator at(help.begin(), help.end(), option), end; at != end; ++at)
      EXPECT_TRUE(contains(page, (*at)[1])) << name << ' ' << (*at)[1];
    const auto lines = lines_of(help);
    for (const std::size_t example : {1U, 2U})
      EXPECT_TRUE(contains(page, lines[example].substr(2))) << lines[example] << "\nin\n" << page;
  }
}

}  // namespace
}  // namespace ringbolt::command::test
