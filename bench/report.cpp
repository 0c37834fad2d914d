#include "report.hpp"

#include "bare.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace ringbolt::bench {

Report::Report(Machine machine, std::string command) : machine_(std::move(machine)), command_(std::move(command)) {
  fmt::print("{}\n", command_);
  fmt::print("cpu          {}{}\n", machine_.cpu_model, machine_.virtualised ? ", virtual" : "");
  fmt::print("placement    CPU {} and {} of {}; the system says that CPU {} shares a core with: {}\n", machine_.first_cpu,
             machine_.second_cpu, fmt::join(machine_.cpus, ","), machine_.first_cpu, machine_.siblings);
  fmt::print("kernel       {}\n", machine_.kernel);
  fmt::print("compiler     {}\n", machine_.compiler);
  fmt::print("clock        {}\n", machine_.clocksource);
  fmt::print("governor     {}\n", machine_.governor.empty() ? "not told" : machine_.governor);
  fmt::print("commit       {}\n", machine_.commit);
  fmt::print("load before  {:.2f}\n", machine_.load_average);
  if (has_two_cpus()) {
    bare_ns_ = bare_round_trip_ns(machine_);
    fmt::print("distance     {:.0f} ns for a bare round trip: {}\n", bare_ns_,
               bare_ns_ < kSiblingNs ? "looks like two threads of one core" : "not two threads of one core");
  }
  std::fflush(stdout);
  if (!has_two_cpus()) warn("only one CPU: what needs two processes at a time is left out or measures the scheduler");
  if (machine_.load_average > 0.5) {
    warn(fmt::format("the machine was busy before this run (load {:.2f}): trust ratios, not nanoseconds",
                     machine_.load_average));
  }
#if !defined(__OPTIMIZE__)
  warn("built without optimisation: these numbers say nothing");
#endif
}

void Report::check_distance() {
  if (!has_two_cpus()) return;
  const double now = bare_round_trip_ns(machine_);
  if (now > 1.25 * bare_ns_ || bare_ns_ > 1.25 * now) {
    warn(fmt::format("the distance between the CPUs changed: a bare round trip took {:.0f} ns before and {:.0f} ns after",
                     bare_ns_, now));
  }
}

void Report::warn(const std::string& sentence) {
  std::fflush(stdout);
  fmt::print(stderr, "warning: {}\n", sentence);
  warnings_.push_back(sentence);
}

bool Report::can_run_two(const std::string& mode) {
  if (!has_two_cpus()) warn(mode + " is left out: it needs two CPUs");
  return has_two_cpus();
}

namespace {

// "payload 64, capacity 1048576": what tells a row from the others of its contender.
std::string in_words(const nlohmann::json& parameters) {
  std::string words;
  for (const auto& [name, value] : parameters.items()) {
    words +=
        fmt::format("{}{} {}", words.empty() ? "" : ", ", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return words;
}

constexpr std::size_t kLeastSlices = 5;  // fewer say nothing about an aim

// Three figures, and no exponent.
std::string short_number(double value) {
  if (value >= 1000) return fmt::format("{:.0f}", value);
  if (value >= 100) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

std::string bracket(const Spread& spread) {
  return fmt::format("[{}-{}]", short_number(spread.p10), short_number(spread.p90));
}

nlohmann::json summary(const std::vector<double>& values) {
  const Spread of = spread(values);
  return {{"median", of.p50}, {"p10", of.p10}, {"p90", of.p90}, {"values", values}};
}

}  // namespace

void Report::begin(const std::string& title) {
  fmt::print("\n{}\n{:<30} {:<38} {:>9} {:<17} {:>7} {:<13} {}\n", title, "", "", "median", "[p10-p90]", "ratio",
             "[p10-p90]", "to");
  std::fflush(stdout);
}

void Report::show(const Row& row) {
  const Spread value = spread(row.values);
  fmt::print("{:<30} {:<38} {:>9} {:<17}", row.contender, in_words(row.parameters), short_number(value.p50),
             fmt::format("{} {}", bracket(value), row.unit));
  if (!row.ratios.empty()) {
    const Spread ratio = spread(row.ratios);
    fmt::print(" {:>7.3f} {:<13} {}", ratio.p50, fmt::format("[{:.2f}-{:.2f}]", ratio.p10, ratio.p90), row.reference);
    if (row.aim && row.values.size() >= kLeastSlices) {
      const bool met = row.aim->at_least ? ratio.p50 >= row.aim->ratio : ratio.p50 <= row.aim->ratio;
      fmt::print("; at {} {} wanted: {}", row.aim->at_least ? "least" : "most", row.aim->ratio, met ? "met" : "MISSED");
    }
  }
  fmt::print("\n");
  std::fflush(stdout);
  keep(row);
}

nlohmann::json Report::to_json(const Row& row) const {
  nlohmann::json line{
      {"mode", row.mode}, {"contender", row.contender},  {"parameters", row.parameters}, {"metric", row.metric},
      {"unit", row.unit}, {"slices", row.values.size()}, {"value", summary(row.values)}};
  if (!row.ratios.empty()) {
    line["reference"] = row.reference;
    line["ratio"] = summary(row.ratios);
  }
  if (row.aim) line["aim"] = {{"ratio", row.aim->ratio}, {"at_least", row.aim->at_least}};
  if (!row.more.is_null()) line["more"] = row.more;
  line["machine"] = {{"cpu_model", machine_.cpu_model},
                     {"cpus", machine_.cpus.size()},
                     {"pinned_to", {machine_.first_cpu, machine_.second_cpu}},
                     {"siblings", bare_ns_ != 0 && bare_ns_ < kSiblingNs},
                     {"bare_round_trip_ns", bare_ns_},
                     {"virtualised", machine_.virtualised},
                     {"kernel", machine_.kernel},
                     {"governor", machine_.governor},
                     {"clocksource", machine_.clocksource},
                     {"compiler", machine_.compiler},
                     {"load_average", machine_.load_average},
                     {"commit", machine_.commit}};
  return line;
}

void Report::write_json(const std::string& path) const {
  std::ofstream file(path);
  for (const nlohmann::json& row : rows_) file << row.dump() << '\n';
  for (const std::string& warning : warnings_) {
    file << nlohmann::json{{"mode", "warning"}, {"sentence", warning}, {"command", command_}}.dump() << '\n';
  }
  file.close();
  if (!file) throw std::runtime_error(fmt::format("cannot write {}: check the directory and its rights", path));
}

std::vector<double> ratios_of(const std::vector<double>& values, const std::vector<double>& base) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < values.size() && i < base.size(); ++i) ratios.push_back(values[i] / base[i]);
  return ratios;
}

}  // namespace ringbolt::bench
