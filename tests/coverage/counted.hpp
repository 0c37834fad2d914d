// What `llvm-cov export` counted, put together over all programs: a template is one place, however many instances it has, and so
// is a header, however many programs include it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace ringbolt::coverage {

using nlohmann::json;

struct Branch {
  bool was_true = false;
  bool was_false = false;
  bool is_constant = false;  // such as `while (true)`, or `if constexpr`
  std::size_t end_line = 0;
  std::size_t end_column = 0;
};

struct Line {
  bool is_code = false;
  bool is_run = false;
  std::map<std::size_t, Branch> branches;  // by column
};

// By number, from 1.
using Lines = std::map<std::size_t, Line>;
using Files = std::map<std::string, Lines>;

// A place where the count of executions changes: the format of llvm-cov.
struct Segment {
  explicit Segment(const json& from)
      : line(from.at(0)),
        column(from.at(1)),
        count(from.at(2)),
        has_count(from.at(3)),
        is_entry(from.at(4)),
        is_gap(from.at(5)) {}
  std::size_t line;
  std::size_t column;
  std::uint64_t count;
  bool has_count;
  bool is_entry;
  bool is_gap;
};

// As llvm-cov counts lines itself: one is run if what comes into it is, or what begins in it.
inline void add_lines(const std::vector<Segment>& segments, Lines& lines) {
  const Segment* before = nullptr;
  std::size_t next = 0;
  if (segments.empty()) return;
  for (std::size_t number = segments.front().line; number <= segments.back().line; ++number) {
    const std::size_t first = next;
    bool begins = false;
    bool is_run = before != nullptr && before->has_count && before->count > 0;
    for (; next < segments.size() && segments[next].line == number; ++next) {
      const Segment& segment = segments[next];
      if (!segment.has_count || !segment.is_entry || segment.is_gap) continue;
      begins = true;
      is_run = is_run || segment.count > 0;
    }
    const bool is_skipped = next > first && !segments[first].has_count && segments[first].is_entry;
    if (!is_skipped && ((before != nullptr && before->has_count) || begins)) {
      lines[number].is_code = true;
      lines[number].is_run = lines[number].is_run || is_run;
    }
    if (next > first) before = &segments[next - 1];
  }
}

// A condition that is come to and counted neither way is one that the compiler knew.
inline bool is_come_to(const std::vector<Segment>& segments, std::size_t line, std::size_t column) {
  const auto behind = std::ranges::upper_bound(segments, std::pair{line, column}, {}, [](const Segment& segment) {
    return std::pair{segment.line, segment.column};
  });
  return behind != segments.begin() && std::prev(behind)->count > 0;
}

inline void add_branches(const json& branches, const std::vector<Segment>& segments, Lines& lines) {
  for (const json& from : branches) {
    const auto line = from.at(0).get<std::size_t>();
    const auto column = from.at(1).get<std::size_t>();
    Branch& branch = lines[line].branches[column];
    branch.end_line = from.at(2).get<std::size_t>();
    branch.end_column = from.at(3).get<std::size_t>();
    branch.was_true = branch.was_true || from.at(4).get<std::uint64_t>() > 0;
    branch.was_false = branch.was_false || from.at(5).get<std::uint64_t>() > 0;
    branch.is_constant = !branch.was_true && !branch.was_false && (branch.is_constant || is_come_to(segments, line, column));
  }
}

inline void add(const json& exported, const std::filesystem::path& root, Files& files) {
  for (const json& file : exported.at("data").at(0).at("files")) {
    const auto path =
        std::filesystem::weakly_canonical(file.at("filename").get<std::string>()).lexically_relative(root).string();
    if (!path.starts_with("core/") && !path.starts_with("ipc/")) continue;
    std::vector<Segment> segments;
    for (const json& segment : file.at("segments")) segments.emplace_back(segment);
    add_lines(segments, files[path]);
    add_branches(file.at("branches"), segments, files[path]);
  }
}

}  // namespace ringbolt::coverage
