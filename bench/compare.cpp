#include "compare.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

constexpr double kLeastChange = 0.03;  // of the median; below that nobody would act on it

using Results = std::map<std::string, nlohmann::json>;  // by what makes a result the same one

Results read_results(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(fmt::format("cannot read {}", path));
  Results results;
  for (std::string text; std::getline(file, text);) {
    const nlohmann::json line = nlohmann::json::parse(text);
    if (!line.contains("value")) continue;  // a warning
    const std::string key = fmt::format("{} {} {} {}", line["mode"].get<std::string>(), line["contender"].get<std::string>(),
                                        line["parameters"].dump(), line["metric"].get<std::string>());
    results[key] = line;
  }
  return results;
}

struct Figures {
  double median, p10, p90;
};
Figures figures_of(const nlohmann::json& line) {
  const nlohmann::json& of = line.contains("ratio") ? line["ratio"] : line["value"];
  return {of["median"], of["p10"], of["p90"]};
}
bool outside(double median, const Figures& other) { return median < other.p10 || median > other.p90; }

// Was it a change, and a good one? Rates are better when they are higher, everything else when it is lower.
struct Verdict {
  bool changed = false;
  bool better = false;
};
Verdict judge(const nlohmann::json& before, const nlohmann::json& after) {
  const Figures a = figures_of(before);
  const Figures b = figures_of(after);
  Verdict verdict;
  verdict.changed = outside(b.median, a) && outside(a.median, b) && std::abs(b.median / a.median - 1) >= kLeastChange;
  verdict.better = (b.median > a.median) == (before["metric"] == "rate");
  return verdict;
}

void print_change(const nlohmann::json& before, const nlohmann::json& after, bool better) {
  const Figures a = figures_of(before);
  const Figures b = figures_of(after);
  const std::string unit =
      before.contains("ratio") ? "of " + before["reference"].get<std::string>() : before["unit"].get<std::string>();
  fmt::print("{:<6} {:<11} {:<26} {:<46} {:.3g} [{:.3g}-{:.3g}] -> {:.3g} [{:.3g}-{:.3g}] {} ({:+.0f} %)\n",
             better ? "better" : "worse", before["mode"].get<std::string>(), before["contender"].get<std::string>(),
             before["parameters"].dump(), a.median, a.p10, a.p90, b.median, b.p10, b.p90, unit,
             (b.median / a.median - 1) * 100);
}

int compare(const Results& before, const Results& after) {
  std::size_t common = 0;
  std::size_t changed = 0;
  std::size_t thin = 0;
  for (const auto& [key, line] : before) {
    const auto other = after.find(key);
    if (other == after.end() || line.contains("ratio") != other->second.contains("ratio")) continue;
    ++common;
    if (line["slices"] < 5 || other->second["slices"] < 5) ++thin;
    const Verdict verdict = judge(line, other->second);
    if (!verdict.changed) continue;
    ++changed;
    print_change(line, other->second, verdict.better);
  }
  if (common == 0) throw std::runtime_error("these files have no result in common");
  fmt::print("{} of {} results changed beyond noise; {} are in one file only\n", changed, common,
             before.size() + after.size() - 2 * common);
  if (before.begin()->second["machine"]["cpu_model"] != after.begin()->second["machine"]["cpu_model"]) {
    fmt::print(stderr, "warning: they are from different machines\n");
  }
  if (thin != 0) fmt::print(stderr, "warning: {} of them have fewer than 5 slices, which show no noise\n", thin);
  return changed == 0 ? 0 : 1;
}

}  // namespace

int compare_results(const std::string& before, const std::string& after) {
  try {
    return compare(read_results(before), read_results(after));
  } catch (const std::exception& error) {  // a file that is not there, or is not a file of results
    fmt::print(stderr, "{}; give two files that `ringbolt-bench --json` has written\n", error.what());
    return 2;
  }
}

}  // namespace ringbolt::bench
