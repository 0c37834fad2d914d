// Includes go one way: core <- ipc <- bindings/c <- everything else.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <regex>
#include <set>

#include "sources.hpp"

namespace ringbolt::house {
namespace {

struct Include {
  std::string where;
  std::string name;
  bool quoted = false;
};

std::vector<Include> includes_of(const Source& source) {
  static const std::regex directive(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> includes;
  for (std::size_t i = 0; i < source.lines.size(); ++i) {
    std::smatch match;
    if (std::regex_search(source.lines[i], match, directive))
      includes.push_back({at(source, i), match[2], match[1] == "\""});
  }
  return includes;
}

// <vector>, <cstdint>: a header of the C++ standard library has neither folder nor extension.
bool is_standard(const std::string& name) { return name.find_first_of("/.") == std::string::npos; }

// How far up a folder of the project is; includes go to the same height or down.
int height_of(const std::string& folder) {
  static const std::map<std::string, int> heights{{"core", 0}, {"ipc", 1}, {"bindings", 2}, {"c", 2}};
  const auto found = heights.find(folder);
  return found == heights.end() ? 3 : found->second;
}

// The folder of the project that `<ringbolt/…>` leads to.
std::optional<std::string> own_folder(const std::string& name) {
  static const std::set<std::string> doors{"ringbolt/ringbolt.hpp", "ringbolt/asio.hpp", "ringbolt/funnel.hpp",
                                           "ringbolt/merge.hpp"};
  if (doors.contains(name)) return "ipc";
  if (name == "ringbolt/ringbolt.h") return "c";
  if (!name.starts_with("ringbolt/")) return std::nullopt;
  const std::string rest = name.substr(9);
  return rest.substr(0, rest.find('/'));
}

TEST(Includes, OfCoreAreCoreAndTheStandardLibrary) {
  const std::vector<Source> sources = sources_in("core");
  ASSERT_FALSE(sources.empty());
  for (const Source& source : sources) {
    for (const Include& include : includes_of(source)) {
      EXPECT_TRUE(is_standard(include.name) || include.name.starts_with("ringbolt/core/"))
          << include.where << " includes " << include.name;
      EXPECT_FALSE(include.quoted) << include.where << ": spelled <ringbolt/…> everywhere";
    }
  }
}

TEST(Includes, OfIpcAreCoreIpcAndInItsSourcesBoostAndTheSystem) {
  const std::vector<Source> sources = sources_in("ipc");
  ASSERT_FALSE(sources.empty());
  for (const Source& source : sources) {
    const bool compiled = source.path.ends_with(".cpp");
    for (const Include& include : includes_of(source)) {
      const std::string& name = include.name;
      const bool own = name.starts_with("ringbolt/core/") || name.starts_with("ringbolt/ipc/");
      const bool boost = (compiled || source.path.ends_with("ipc/asio.hpp")) && name.starts_with("boost/");
      const bool asio = source.path.ends_with("ipc/asio.hpp") && name.starts_with("asio/");
      const bool system = name.ends_with(".h") && !name.starts_with("ringbolt/");
      EXPECT_TRUE(is_standard(name) || own || boost || asio || system) << include.where << " includes " << name;
      EXPECT_FALSE(include.quoted) << include.where << ": spelled <ringbolt/…> everywhere";
    }
  }
}

TEST(Includes, NeverGoUp) {
  for (const std::string folder : {"core", "ipc", "bindings/c", "tools", "examples", "bench", "bindings"}) {
    const int own_height = height_of(folder == "bindings/c" ? "c" : folder.substr(0, folder.find('/')));
    for (const Source& source : sources_in(folder)) {
      for (const Include& include : includes_of(source)) {
        EXPECT_EQ(include.name.find("../"), std::string::npos) << include.where << " includes " << include.name;
        if (const auto into = own_folder(include.name)) {
          EXPECT_LE(height_of(*into), own_height) << include.where << " includes " << include.name;
        }
      }
    }
  }
}

// The headers that a user's translation unit sees: whatever <ringbolt/ringbolt.hpp> leads to.
TEST(Includes, OfPublicHeadersAreTheStandardLibraryAlone) {
  std::vector<std::string> pending{"ipc/ringbolt.hpp", "ipc/funnel.hpp", "ipc/merge.hpp"};
  for (const Source& source : sources_in("core")) pending.push_back(source.path);
  std::set<std::string> seen;
  while (!pending.empty()) {
    const std::string path = pending.back();
    pending.pop_back();
    if (!seen.insert(path).second) continue;
    const Source source = read_source(path);
    ASSERT_FALSE(source.lines.empty()) << path;
    for (const Include& include : includes_of(source)) {
      if (include.name.starts_with("ringbolt/")) {
        pending.push_back(include.name.substr(9));
        continue;
      }
      EXPECT_TRUE(is_standard(include.name)) << include.where << " includes " << include.name;
    }
  }
  EXPECT_EQ(seen.count("ipc/publisher.hpp"), 1U);
  EXPECT_EQ(seen.count("core/ring.hpp"), 1U);
}

}  // namespace
}  // namespace ringbolt::house
