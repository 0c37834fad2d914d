// Static tracepoints: ipc/probe.hpp lists them, the sources have them, and the command that people run shows them to tracers.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "house/sources.hpp"

namespace ringbolt::test {
namespace {

using Names = std::set<std::string>;

Names found_in(const std::vector<house::Source>& sources, const std::regex& place) {
  Names names;
  for (const house::Source& source : sources) {
    for (const std::string& line : source.lines) {
      std::smatch match;
      if (std::regex_search(line, match, place)) names.insert(match[1]);
    }
  }
  return names;
}

TEST(Probes, AreThoseThatTheHeaderLists) {
  const Names listed = found_in({house::read_source("ipc/probe.hpp")}, std::regex(R"(^//   ([a-z_]+)  )"));
  EXPECT_GE(listed.size(), 10U);
  EXPECT_EQ(found_in(house::sources_in("ipc"), std::regex(R"(^ .*RINGBOLT_PROBE\(([a-z_]+))")), listed);
}

TEST(Probes, AreInTheCommand) {
  if (RINGBOLT_HAS_SDT == 0) GTEST_SKIP() << "built without <sys/sdt.h>: on Debian, install systemtap-sdt-dev";
  std::ifstream file(RINGBOLT_COMMAND, std::ios::binary);
  const std::string program((std::istreambuf_iterator<char>(file)), {});
  ASSERT_FALSE(program.empty());
  for (const std::string& name : found_in({house::read_source("ipc/probe.hpp")}, std::regex(R"(^//   ([a-z_]+)  )"))) {
    const std::string note = std::string("ringbolt") + '\0' + name + '\0';
    EXPECT_NE(program.find(note), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace ringbolt::test
