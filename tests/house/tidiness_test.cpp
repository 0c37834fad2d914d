// Files of a page or three, and nothing in them that belongs to one machine or to another day.
#include <gtest/gtest.h>

#include <regex>

#include "sources.hpp"

namespace ringbolt::house {
namespace {

constexpr std::size_t kMostLines = 450;

TEST(Files, OfTheLibraryAreShort) {
  for (const std::string folder : {"core", "ipc"}) {
    const std::vector<Source> sources = sources_in(folder);
    EXPECT_FALSE(sources.empty()) << folder;
    for (const Source& source : sources) {
      EXPECT_LE(source.lines.size(), kMostLines) << source.path << " does more than one thing: split it";
    }
  }
}

TEST(Files, SayWhatTheyAre) {
  for (const std::string folder : {"core", "ipc"}) {
    for (const Source& source : sources_in(folder)) {
      if (!source.path.ends_with(".hpp")) continue;
      ASSERT_FALSE(source.lines.empty()) << source.path;
      EXPECT_TRUE(is_only_comment(source.lines.front())) << source.path << " does not begin with what it is";
      const auto once = std::ranges::find(source.lines, "#pragma once");
      EXPECT_NE(once, source.lines.end()) << source.path;
    }
  }
}

TEST(Files, NameNoMachineAndPutNothingOff) {
  // Put together here, so that this file does not find itself.
  const std::regex marker(std::string(R"(\b(TO)") + R"(DO|FIX)" + R"(ME|XX)" + R"(X|HA)" + R"(CK)\b)");
  const std::regex machine(std::string(R"((^|[^A-Za-z0-9_./-])/(ho)") + R"(me|wo)" + R"(rk|ro)" + R"(ot|Us)" + R"(ers)/)");
  const std::vector<std::string> files = tracked_files();
  ASSERT_GT(files.size(), 10U);
  for (const std::string& file : files) {
    if (!std::filesystem::is_regular_file(root() / file)) continue;
    const Source source = read_source(file);
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string& line = source.lines[i];
      if (line.find('\0') != std::string::npos || line.size() > 4096) break;  // not text
      EXPECT_FALSE(std::regex_search(line, marker)) << at(source, i) << ": " << line;
      EXPECT_FALSE(std::regex_search(line, machine)) << at(source, i) << ": " << line;
    }
  }
}

}  // namespace
}  // namespace ringbolt::house
