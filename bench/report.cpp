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

void Report::write_json(const std::string& path) const {
  const nlohmann::json document{{"command", command_},
                                {"machine",
                                 {{"cpu_model", machine_.cpu_model},
                                  {"virtualised", machine_.virtualised},
                                  {"kernel", machine_.kernel},
                                  {"compiler", machine_.compiler},
                                  {"clocksource", machine_.clocksource},
                                  {"governor", machine_.governor},
                                  {"cpus", machine_.cpus},
                                  {"pinned_to", {machine_.first_cpu, machine_.second_cpu}},
                                  {"siblings", machine_.siblings},
                                  {"load_average", machine_.load_average},
                                  {"bare_round_trip_ns", bare_ns_}}},
                                {"results", rows_},
                                {"warnings", warnings_}};
  std::ofstream file(path);
  file << document.dump(2) << '\n';
  file.close();
  if (!file) throw std::runtime_error(fmt::format("cannot write {}: check the directory and its rights", path));
}

nlohmann::json to_json(const std::vector<double>& values) {
  const Spread summary = spread(values);
  return {{"p10", summary.p10}, {"p50", summary.p50}, {"p90", summary.p90}, {"values", values}};
}

}  // namespace ringbolt::bench
