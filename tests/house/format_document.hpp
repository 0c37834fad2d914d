// What the tests of the format stand on: reading the tables of docs/format.md.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sources.hpp"

namespace ringbolt::house {

struct Field {
  std::size_t offset = 0;
  std::size_t size = 0;
};
using Fields = std::map<std::string, Field>;

#define RINGBOLT_FIELD(type, name)                      \
  {                                                     \
    #name, { offsetof(type, name), sizeof(type::name) } \
  }

inline std::string trimmed(std::string text) {
  std::erase(text, '`');
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

inline std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result;
  std::stringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) result.push_back(trimmed(cell));
  return result;
}

// The rows of every table whose header line begins with these cells, from `first_line` to the next heading.
using Rows = std::vector<std::vector<std::string>>;
inline Rows rows_of_tables(const Source& document, std::size_t first_line, bool to_the_end, const std::string& header) {
  Rows rows;
  bool inside = false;
  for (std::size_t i = first_line; i < document.lines.size(); ++i) {
    const std::string& line = document.lines[i];
    if (!to_the_end && line.starts_with("#")) break;
    if (line.starts_with(header)) {
      inside = true;
    } else if (!line.starts_with("|")) {
      inside = false;
    } else if (inside && !line.starts_with("|---")) {
      rows.push_back(cells(line));
    }
  }
  return rows;
}

inline const Source& document() {
  static const Source source = read_source("docs/format.md");
  return source;
}

// The table under the heading "### `Struct`, N bytes".
inline void expect_document_equals(const std::string& name, std::size_t bytes, const Fields& fields) {
  const std::string heading = "### `" + name + "`, " + std::to_string(bytes) + " bytes";
  const auto found = std::ranges::find(document().lines, heading);
  ASSERT_NE(found, document().lines.end()) << "docs/format.md has no heading: " << heading;
  const auto first = static_cast<std::size_t>(found - document().lines.begin()) + 1;
  const Rows rows = rows_of_tables(document(), first, false, "| offset | size | field | meaning |");
  std::size_t end = 0;
  for (const auto& row : rows) {
    ASSERT_GE(row.size(), 3U);
    const std::string& field = row[2];
    EXPECT_EQ(std::stoull(row[0]), end) << name << "::" << field << " leaves a hole or overlaps in the document";
    end = std::stoull(row[0]) + std::stoull(row[1]);
    const auto real = fields.find(field);
    ASSERT_NE(real, fields.end()) << "the document has " << name << "::" << field << ", this test knows none";
    EXPECT_EQ(std::stoull(row[0]), real->second.offset) << name << "::" << field;
    EXPECT_EQ(std::stoull(row[1]), real->second.size) << name << "::" << field;
  }
  EXPECT_EQ(end, bytes) << name << ": the document does not reach its end";
  EXPECT_EQ(rows.size(), fields.size()) << name << ": a field is not in the document";
}

}  // namespace ringbolt::house
