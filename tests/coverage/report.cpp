// What the tests run of core/ and ipc/, from what `llvm-cov export` says of each program; `./dev coverage` calls it.
//
//   coverage_report SOURCE-DIRECTORY JSON...
//
// Prints a table of lines and branches. Each line that is never run, and each condition that never comes out true or never
// false, has to be explained in tests/coverage/explained.txt, which says how; what is not explained there, and what is explained
// there though it is run, is printed and ends the program with 1.
#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <string_view>

#include "counted.hpp"

namespace ringbolt::coverage {
namespace {

constexpr const char* kExplained = "tests/coverage/explained.txt";

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

  [[nodiscard]] bool quotes(const std::vector<std::string>& text) const {
    return std::ranges::any_of(text, [&](const std::string& one) { return trimmed(one).starts_with(quote); });
  }
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
      if (i == 0 || text[i - 1].empty()) is_chance = text[i].starts_with("By chance:");
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

void add(const Lines& lines, std::size_t places, Sum& sum) {
  sum.places += places;
  for (const auto& [number, line] : lines) {
    sum.lines += line.is_code ? 1U : 0U;
    sum.lines_run += line.is_run ? 1U : 0U;
    for (const auto& [column, branch] : line.branches) {
      if (branch.is_constant) continue;
      sum.branches += 2;
      sum.branches_run += (branch.was_true ? 1U : 0U) + (branch.was_false ? 1U : 0U);
    }
  }
}

void print(const std::string& name, const Sum& sum) {
  const auto share = [](std::size_t part, std::size_t of) {
    return of == 0 ? std::string("-") : fmt::format("{:.1f}", 100.0 * static_cast<double>(part) / static_cast<double>(of));
  };
  fmt::print("{:<28} {:>6} {:>6} {:>6}   {:>8} {:>6} {:>6}   {:>6}\n", name, sum.lines, sum.lines_run,
             share(sum.lines_run, sum.lines), sum.branches, sum.branches_run, share(sum.branches_run, sum.branches),
             sum.places);
}

// The rows that are wrong, and what no row explains.
std::string compare(const std::filesystem::path& root, std::map<std::string, std::vector<Place>>& places) {
  std::string wrong;
  for (const Row& row : rows_of(text_of(root / kExplained))) {
    bool fits = row.is_chance && (row.file.ends_with('*') || row.quotes(text_of(root / row.file)));
    for (auto& [file, all] : places) {
      for (Place& place : all) fits = row.explains(file, place) || fits;
    }
    if (!fits) wrong += fmt::format("{}:{}: is run, or is not there: {}  {}\n", kExplained, row.line, row.file, row.quote);
  }
  for (const auto& [file, all] : places) {
    for (const Place& place : all) {
      for (const std::string& what : place.what)
        wrong += fmt::format("{}:{}: {}\n    {}\n", file, place.line, what, place.text);
    }
  }
  return wrong;
}

int report(const std::filesystem::path& root, Files files) {
  std::map<std::string, std::vector<Place>> places;
  std::map<std::string, Sum> totals;
  fmt::print("{:<28} {:>6} {:>6} {:>6}   {:>8} {:>6} {:>6}   {:>6}\n", "file", "lines", "run", "%", "branches", "run", "%",
             "places");
  for (auto& [file, lines] : files) {
    const std::vector<std::string> text = text_of(root / file);
    leave_out_what_is_no_code(lines, text, file);
    places[file] = places_of(lines, text);
    Sum sum;
    for (Sum* to : {&sum, &totals[file.substr(0, file.find('/'))], &totals["together"]})
      add(lines, places[file].size(), *to);
    print(file, sum);
  }
  fmt::print("\n");
  for (const auto& [name, sum] : totals) print(name, sum);
  const std::string wrong = compare(root, places);
  fmt::print("\nplaces: where something is not run; {} {}\n{}", kExplained,
             wrong.empty() ? "says why of each of them" : "has to say why, and does not fit:", wrong);
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
