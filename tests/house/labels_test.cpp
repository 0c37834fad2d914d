// Memory order is written down: both ends of every edge carry a label, and no access names its order anywhere but in one file.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "sources.hpp"

namespace ringbolt::house {
namespace {

using Labels = std::set<std::string>;

Labels labels_in(const std::string& text) {
  static const std::regex label(R"(\[([A-Z][0-9])\])");
  Labels labels;
  for (std::sregex_iterator it(text.begin(), text.end(), label), end; it != end; ++it) labels.insert((*it)[1]);
  return labels;
}

std::vector<Source> protocol_sources() {
  std::vector<Source> sources = sources_in("core");
  for (Source& source : sources_in("ipc")) sources.push_back(std::move(source));
  return sources;
}

// The comment at the top of a file, where the tables and proofs are.
std::size_t lines_of_heading(const Source& source) {
  std::size_t lines = 0;
  while (lines < source.lines.size() && is_only_comment(source.lines[lines])) ++lines;
  return lines;
}

// The labels that stand at a place in the code: a comment that begins with them, on the line of the access or above it.
std::map<std::string, std::string> places(const std::vector<Source>& sources) {
  static const std::regex placed(R"(^ (\[[A-Z][0-9]\])+(, \[[A-Z][0-9]\])*)");
  std::map<std::string, std::string> result;
  for (const Source& source : sources) {
    for (std::size_t i = lines_of_heading(source); i < source.lines.size(); ++i) {
      const std::string comment(comment_of(source.lines[i]));
      std::smatch match;
      if (!std::regex_search(comment, match, placed)) continue;
      for (const std::string& label : labels_in(match[0])) result.emplace(label, at(source, i));
    }
  }
  return result;
}

TEST(Labels, OfEveryTableStandInTheCode) {
  const std::vector<Source> sources = protocol_sources();
  const auto in_code = places(sources);
  bool ring_has_a_table = false;
  for (const Source& source : sources) {
    for (std::size_t i = 0; i < lines_of_heading(source); ++i) {
      for (const std::string& label : labels_in(source.lines[i])) {
        EXPECT_EQ(in_code.count(label), 1U)
            << at(source, i) << " speaks of [" << label << "], and no line of code carries it";
        ring_has_a_table |= source.path == "core/ring.hpp";
      }
    }
  }
  EXPECT_TRUE(ring_has_a_table);
}

TEST(Labels, InTheCodeStandInATable) {
  const std::vector<Source> sources = protocol_sources();
  Labels in_tables;
  for (const Source& source : sources) {
    for (std::size_t i = 0; i < lines_of_heading(source); ++i) in_tables.merge(labels_in(source.lines[i]));
  }
  // The reading ends of what only starting and taking over use; their writing ends are in the table of `ring.hpp`.
  in_tables.insert({"A2", "C2", "H2"});
  for (const auto& [label, where] : places(sources)) {
    EXPECT_EQ(in_tables.count(label), 1U) << where << " carries [" << label << "], which no table knows";
  }
}

TEST(Labels, ThatPairHaveTheirPartner) {
  static const std::regex pairs(R"([Pp]airs with ((\[[A-Z][0-9]\](, | and )?)+))");
  const std::vector<Source> sources = protocol_sources();
  const auto in_code = places(sources);
  int edges = 0;
  for (const Source& source : sources) {
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string comment(comment_of(source.lines[i]));
      std::smatch match;
      if (!std::regex_search(comment, match, pairs)) continue;
      for (const std::string& partner : labels_in(match[1])) {
        EXPECT_EQ(in_code.count(partner), 1U) << at(source, i) << " pairs with [" << partner << "], which is nowhere";
        ++edges;
      }
    }
  }
  EXPECT_GT(edges, 10);
}

TEST(MemoryOrder, IsNamedInOneFileAlone) {
  const std::string word = std::string("memory") + "_order";
  bool found = false;
  for (const std::string folder : {"core", "ipc", "bindings", "tools", "examples"}) {
    for (const Source& source : sources_in(folder)) {
      for (std::size_t i = 0; i < source.lines.size(); ++i) {
        const std::string& line = source.lines[i];
        if (line.find(word) == std::string::npos) continue;
        EXPECT_EQ(source.path, "core/shared_word.hpp") << at(source, i);
        found = true;
      }
    }
  }
  EXPECT_TRUE(found);
}

TEST(MemoryOrder, OfEveryRelaxedAccessHasItsReasonBesideIt) {
  static const std::regex relaxed(R"((load|store)_relaxed\()");
  for (const Source& source : protocol_sources()) {
    if (source.path == "core/shared_word.hpp") continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      if (!std::regex_search(source.lines[i], relaxed)) continue;
      // On the line or in the function that it is in, above it: a run of accesses may share one reason.
      bool said = false;
      for (std::size_t back = 0; back <= i && back < 25 && !said; ++back) {
        const std::string comment(comment_of(source.lines[i - back]));
        said = comment.find("elaxed") != std::string::npos || !labels_in(comment).empty();
        if (back != 0 && source.lines[i - back].starts_with("}")) break;
      }
      EXPECT_TRUE(said) << at(source, i) << " is relaxed and does not say why: " << source.lines[i];
    }
  }
}

}  // namespace
}  // namespace ringbolt::house
