// What the tests run of core/ and ipc/, from what `llvm-cov export` says of each program; `./dev coverage` calls it.
//
//   coverage_report SOURCE-DIRECTORY JSON...
//
// Prints a table of lines and branches. Each line that is never run, and each condition that never comes out true or never
// false, has to be explained in tests/coverage/explained.txt, which says how; what is not explained there, and what is explained
// there though it is run, is printed and ends the program with 1. A template is one place, however many instances it has,
// and so is a header, however many programs include it.
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringbolt::coverage {
namespace {

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
void add_lines(const std::vector<Segment>& segments, Lines& lines) {
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
bool is_come_to(const std::vector<Segment>& segments, std::size_t line, std::size_t column) {
  const auto behind = std::ranges::upper_bound(segments, std::pair{line, column}, {}, [](const Segment& segment) {
    return std::pair{segment.line, segment.column};
  });
  return behind != segments.begin() && std::prev(behind)->count > 0;
}

void add_branches(const json& branches, const std::vector<Segment>& segments, Lines& lines) {
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

void add(const json& exported, const std::filesystem::path& root, Files& files) {
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

// ---- what is missing -----------------------------------------------------------------------------------------------------

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string()
                                         : std::string(text.substr(begin, text.find_last_not_of(' ') + 1 - begin));
}

std::vector<std::string> text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (lines.empty()) {
    fmt::print(stderr, "coverage_report: cannot read {}\n", path.string());
    std::exit(2);
  }
  return lines;
}

// A line with something that is not run, and the lines right behind it that are never run: they are one matter.
struct Place {
  std::size_t line = 0;
  std::string text;               // of the line
  std::vector<std::string> what;  // that is missing there and not explained: at first all of it
};

// Lines without code count as what stands before them. Where a `switch` names all the values there are, the compiler counts one
// more, which never comes.
void leave_out_what_is_no_code(Lines& lines, const std::vector<std::string>& text, const std::string& path) {
  for (auto& [number, line] : lines) {
    if (number <= text.size() && (trimmed(text[number - 1]).empty() || trimmed(text[number - 1]).starts_with("//")))
      line.is_code = line.is_run = false;
    for (auto& [column, branch] : line.branches) {
      if (number > text.size() || column > text[number - 1].size()) {
        fmt::print(stderr, "coverage_report: {} is not what was built: build again\n", path);
        std::exit(2);
      }
      if (!branch.was_true && text[number - 1].substr(0, column - 1).ends_with("switch (")) branch.is_constant = true;
    }
  }
}

std::vector<std::string> missing_in(const Line& line, std::size_t number, const std::string& text) {
  if (line.is_code && !line.is_run) return {"never run"};
  std::vector<std::string> missing;
  for (const auto& [column, branch] : line.branches) {
    if (branch.is_constant || (branch.was_true && branch.was_false)) continue;
    const std::size_t end = branch.end_line == number ? branch.end_column - column : std::string::npos;
    const char* const never = branch.was_true ? "false" : branch.was_false ? "true" : "asked";
    missing.push_back(fmt::format("never {}: {}", never, text.substr(column - 1, end)));
  }
  return missing;
}

std::vector<Place> places_of(const Lines& lines, const std::vector<std::string>& text) {
  std::vector<Place> places;
  bool goes_on = false;
  for (const auto& [number, line] : lines) {
    std::vector<std::string> missing = missing_in(line, number, text.at(number - 1));
    const bool is_missing = !missing.empty();
    if (is_missing && !(goes_on && !line.is_run)) places.push_back({number, trimmed(text[number - 1]), std::move(missing)});
    goes_on = is_missing;
  }
  return places;
}

// ---- what is explained ---------------------------------------------------------------------------------------------------

struct Row {
  std::size_t line = 0;
  std::string file;
  std::string quote;
  bool is_chance = false;  // sometimes it is run

  // A row for one file quotes how a line of it begins. One for a folder, `ipc/*`, is a regular expression for conditions.
  [[nodiscard]] bool explains(const std::string& path, Place& place) const {
    if (!file.ends_with('*')) {
      if (path != file || quote.empty() || !place.text.starts_with(quote)) return false;
      place.what.clear();
      return true;
    }
    if (!path.starts_with(file.substr(0, file.size() - 1))) return false;
    const std::regex kind(quote);
    return std::erase_if(place.what, [&](const std::string& what) { return std::regex_search(what, kind); }) != 0;
  }
};

std::vector<Row> rows_of(const std::vector<std::string>& text) {
  std::vector<Row> rows;
  bool is_chance = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i].empty() || text[i].starts_with('#')) continue;
    if (!text[i].starts_with("  ")) {
      is_chance = text[i].starts_with("By chance:");
      continue;
    }
    const std::string row = trimmed(text[i]);
    const std::size_t space = row.find("  ");
    rows.push_back({i + 1, row.substr(0, space), space == std::string::npos ? "" : trimmed(row.substr(space)), is_chance});
  }
  return rows;
}

// ---- the report ----------------------------------------------------------------------------------------------------------

struct Sum {
  std::size_t lines = 0;
  std::size_t lines_run = 0;
  std::size_t branches = 0;
  std::size_t branches_run = 0;
  std::size_t places = 0;
};

Sum sum_of(const Lines& lines, std::size_t places) {
  Sum sum{.places = places};
  for (const auto& [number, line] : lines) {
    sum.lines += line.is_code ? 1U : 0U;
    sum.lines_run += line.is_run ? 1U : 0U;
    for (const auto& [column, branch] : line.branches) {
      if (branch.is_constant) continue;
      sum.branches += 2;
      sum.branches_run += (branch.was_true ? 1U : 0U) + (branch.was_false ? 1U : 0U);
    }
  }
  return sum;
}

void print(const std::string& name, const Sum& sum) {
  const auto share = [](std::size_t part, std::size_t of) {
    return of == 0 ? std::string("-") : fmt::format("{:.1f}", 100.0 * static_cast<double>(part) / static_cast<double>(of));
  };
  fmt::print("{:<28} {:>6} {:>6} {:>6}   {:>8} {:>6} {:>6}   {:>6}\n", name, sum.lines, sum.lines_run,
             share(sum.lines_run, sum.lines), sum.branches, sum.branches_run, share(sum.branches_run, sum.branches),
             sum.places);
}

int report(const std::filesystem::path& root, Files files) {
  const std::string explained = "tests/coverage/explained.txt";
  std::map<std::string, std::vector<Place>> places;
  for (auto& [file, lines] : files) {
    const std::vector<std::string> text = text_of(root / file);
    leave_out_what_is_no_code(lines, text, file);
    places[file] = places_of(lines, text);
  }

  std::string wrong;
  for (const Row& row : rows_of(text_of(root / explained))) {
    bool fits = row.is_chance;
    for (auto& [file, all] : places) {
      for (Place& place : all) fits = row.explains(file, place) || fits;
    }
    if (!fits) wrong += fmt::format("{}:{}: is run, or is not there: {}  {}\n", explained, row.line, row.file, row.quote);
  }

  std::map<std::string, Sum> totals;
  fmt::print("{:<28} {:>6} {:>6} {:>6}   {:>8} {:>6} {:>6}   {:>6}\n", "file", "lines", "run", "%", "branches", "run", "%",
             "places");
  for (const auto& [file, lines] : files) {
    const Sum sum = sum_of(lines, places[file].size());
    print(file, sum);
    for (Sum* total : {&totals[file.substr(0, file.find('/'))], &totals["together"]}) {
      total->lines += sum.lines;
      total->lines_run += sum.lines_run;
      total->branches += sum.branches;
      total->branches_run += sum.branches_run;
      total->places += sum.places;
    }
    for (const Place& place : places[file]) {
      for (const std::string& what : place.what)
        wrong += fmt::format("{}:{}: {}\n    {}\n", file, place.line, what, place.text);
    }
  }
  fmt::print("\n");
  for (const auto& [name, sum] : totals) print(name, sum);
  fmt::print("\nplaces: where something is not run; {}{}\n", explained,
             wrong.empty() ? " says why of each of them" : " has to say why, and does not fit:");
  fmt::print("{}", wrong);
  return wrong.empty() ? 0 : 1;
}

}  // namespace
}  // namespace ringbolt::coverage

int main(int count, char** arguments) {
  using namespace ringbolt::coverage;
  if (count < 3) {
    fmt::print(stderr, "usage: coverage_report SOURCE-DIRECTORY JSON...\n");
    return 2;
  }
  const std::filesystem::path root = std::filesystem::canonical(arguments[1]);
  Files files;
  for (int i = 2; i < count; ++i) add(nlohmann::json::parse(std::ifstream(arguments[i])), root, files);
  return report(root, std::move(files));
}
