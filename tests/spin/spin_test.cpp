// The models of this folder: each holds, in all orders of its steps, and each mistake that it can be built with is found.
//
// A model says at its top what its property is and what its mistakes are, and its steps name the code that they stand for:
// labels in square brackets, words of the code in backquotes. Models and code are held to that.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <sstream>

#include "counts.hpp"
#include "house/sources.hpp"

namespace ringbolt::spin {
namespace {

constexpr const char* kDocument = "docs/correctness.md";
constexpr const char* kDeepest = "-m100000";  // steps: more than any run of a model has

struct Model {
  std::string name;
  std::string text;
  std::string property;
  std::vector<std::pair<std::string, std::string>> mistakes;  // its macro, and what it does
};

std::string joined(const house::Source& source) {
  std::string text;
  for (const std::string& line : source.lines) text.append(line).append("\n");
  return text;
}

// A paragraph of the heading is an indented sentence; each begins with its word and a colon.
Model read_model(const std::string& name) {
  Model model{name, joined(house::read_source("tests/spin/" + name)), {}, {}};
  static const std::regex entry(R"(\n \* (Property|BUG_[A-Z0-9_]+): ([^\n]*(\n \*   [^\n]*)*))");
  static const std::regex fold(R"(\n \*   )");
  for (std::sregex_iterator it(model.text.begin(), model.text.end(), entry), end; it != end; ++it) {
    const std::string what = std::regex_replace((*it)[2].str(), fold, " ");
    if ((*it)[1] == "Property") {
      model.property = what;
    } else {
      model.mistakes.emplace_back((*it)[1], what);
    }
  }
  return model;
}

std::vector<Model> all_models() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(house::root() / "tests/spin")) {
    if (entry.path().extension() == ".pml") names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  std::vector<Model> models;
  models.reserve(names.size());
  for (const std::string& name : names) models.push_back(read_model(name));
  return models;
}

struct Output {
  int status = -1;
  std::string text;
};

Output run(const std::string& command) {
  Output output;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 4096> part{};
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) output.text.append(part.data(), got);
  const int status = ::pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

bool is_there(const std::string& command) { return run("command -v " + command).status == 0; }

class Directory {
 public:
  Directory() {
    std::string pattern = std::filesystem::temp_directory_path() / "ringbolt-spin.XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::uint64_t number_before(const std::string& text, const std::string& words) {
  const std::regex number("([0-9]+) " + words);
  std::smatch match;
  return std::regex_search(text, match, number) ? std::stoull(match[1]) : 0;
}

struct Verdict {
  bool ran = false;  // the model was translated, compiled and explored to its end, or to its first error
  std::uint64_t errors = 0;
  std::uint64_t states = 0;
  std::string text;
};

Verdict explore(const Model& model, const std::string& mistake) {
  const Directory directory;
  std::ostringstream command;
  command << "cd " << directory.path() << " && spin -a " << (mistake.empty() ? "" : "-D" + mistake) << " '"
          << (house::root() / "tests/spin" / model.name).string() << "' && cc " << (mistake.empty() ? "-O1" : "-O0")
          << " -w -DSAFETY -o pan pan.c && ./pan " << kDeepest;
  const Output output = run(command.str());
  Verdict verdict;
  verdict.text = output.text;
  static const std::regex errors("errors: ([0-9]+)");
  std::smatch match;
  if (!std::regex_search(output.text, match, errors)) return verdict;
  verdict.errors = std::stoull(match[1]);
  verdict.states = number_before(output.text, "states, stored");
  verdict.ran = output.text.find("max search depth too small") == std::string::npos &&
                (verdict.errors != 0 || output.text.find("Search not completed") == std::string::npos);
  return verdict;
}

// Steps that no run comes to, other than what stands for damage and what has nothing to do.
std::vector<std::string> never_reached(const std::string& text) {
  std::vector<std::string> steps;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool step = line.find(".pml:") != std::string::npos && line.find(", state ") != std::string::npos;
    if (step && !line.ends_with("\"assert(0)\"") && !line.ends_with("\"(1)\"")) steps.push_back(line);
  }
  return steps;
}

TEST(SpinModels, HoldAndTheirMistakesAreFound) {
  for (const char* needed : {"spin", "cc"}) {
    if (!is_there(needed)) GTEST_SKIP() << "there is no `" << needed << "` here";
  }
  std::uint64_t states = 0;
  std::uint64_t mistakes = 0;
  std::ostringstream table;
  for (const Model& model : all_models()) {
    const Verdict right = explore(model, "");
    ASSERT_TRUE(right.ran) << model.name << "\n" << right.text;
    EXPECT_EQ(right.errors, 0U) << model.name << "\n" << right.text;
    for (const std::string& step : never_reached(right.text)) ADD_FAILURE() << model.name << " never comes to " << step;
    states += right.states;
    table << "| `" << model.name << "` | " << model.property << " | " << right.states << " | ";
    for (const auto& [mistake, what] : model.mistakes) {
      const Verdict wrong = explore(model, mistake);
      ASSERT_TRUE(wrong.ran) << model.name << " with " << mistake << "\n" << wrong.text;
      EXPECT_EQ(wrong.errors, 1U) << model.name << " holds with " << mistake << ": " << what;
      states += wrong.states;
      ++mistakes;
      table << (mistake == model.mistakes.front().first ? "" : "; ") << what;
    }
    table << " |\n";
  }
  std::printf("| model | property | states | mistakes that are found |\n|---|---|---|---|\n%s", table.str().c_str());
  test::print_counts({{"states", states}, {"seeded bugs", mistakes}});
  EXPECT_NE(joined(house::read_source(kDocument)).find(table.str()), std::string::npos)
      << kDocument << " does not have this table";
}

TEST(SpinModels, SayWhatTheyHoldAndEachCanBeBuiltWrong) {
  const std::vector<Model> models = all_models();
  EXPECT_GE(models.size(), 5U);
  for (const Model& model : models) {
    EXPECT_FALSE(model.property.empty()) << model.name;
    EXPECT_FALSE(model.mistakes.empty()) << model.name;
    for (const auto& [mistake, what] : model.mistakes) {
      EXPECT_TRUE(std::regex_search(model.text, std::regex("#ifn?def " + mistake + "\n"))) << model.name << ": " << mistake;
    }
    static const std::regex used("#ifn?def (BUG_[A-Z0-9_]+)");
    for (std::sregex_iterator it(model.text.begin(), model.text.end(), used), end; it != end; ++it) {
      const auto is_this = [&](const auto& mistake) { return mistake.first == (*it)[1]; };
      EXPECT_TRUE(std::ranges::any_of(model.mistakes, is_this)) << model.name << " does not say what " << (*it)[1] << " is";
    }
  }
}

TEST(SpinModels, NameLabelsAndWordsThatStandInTheCode) {
  std::string code;
  for (const char* folder : {"core", "ipc"}) {
    for (const house::Source& source : house::sources_in(folder)) code += joined(source);
  }
  static const std::regex name(R"(\[[A-Z][0-9]\]|`[^`\n]+`)");
  for (const Model& model : all_models()) {
    std::map<std::string, int> names;
    for (std::sregex_iterator it(model.text.begin(), model.text.end(), name), end; it != end; ++it) ++names[it->str()];
    EXPECT_GE(names.size(), 5U) << model.name << " hardly says what code its steps stand for";
    for (const auto& [found, times] : names) {
      const std::string word = found.front() == '`' ? found.substr(1, found.size() - 2) : found;
      if (word.starts_with("tests/")) continue;
      EXPECT_NE(code.find(word), std::string::npos) << model.name << " names " << found << ", which is not in the code";
    }
  }
}

}  // namespace
}  // namespace ringbolt::spin
