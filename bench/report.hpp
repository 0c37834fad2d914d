// What a run says: the machine first, then tables for people and rows for programs, and at last what to doubt.
#pragma once

#include "machine.hpp"
#include "timing.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace ringbolt::bench {

// One result: a contender under some parameters, a value for each slice, and what it is worth against a reference that was
// measured beside it. Two results of two runs are the same one if mode, contender, parameters and metric are.
struct Row {
  std::string mode;
  std::string contender;
  nlohmann::json parameters = nlohmann::json::object();
  std::string metric;            // "p50", "publish" and so on
  std::string unit;              // "ns", "M/s", "GB/s"
  std::vector<double> values{};  // one a slice, in order
  std::string reference{};       // what `ratios` are to; empty: nothing
  std::vector<double> ratios{};  // one a slice
  struct Aim {
    double ratio = 0;
    bool at_least = false;  // otherwise at most
  };
  std::optional<Aim> aim{};
  nlohmann::json more{};  // percentiles and counts, by name
};

class Report {
 public:
  // Prints the machine to standard output, and how far apart its two CPUs are.
  Report(Machine machine, std::string command);
  // Looks once more how far apart they are, and warns if that has changed.
  void check_distance();

  [[nodiscard]] const Machine& machine() const noexcept { return machine_; }
  [[nodiscard]] bool has_two_cpus() const noexcept { return machine_.first_cpu != machine_.second_cpu; }
  // True, or false and a warning that `mode` is left out.
  [[nodiscard]] bool can_run_two(const std::string& mode);

  // Begins a table; `label` heads the column of contenders.
  void begin(const std::string& title);
  // Prints the row and keeps it for `write_json`.
  void show(const Row& row);
  // Keeps it; the table is somebody else's.
  void keep(const Row& row) { rows_.push_back(to_json(row)); }
  // Something that makes the numbers worth less. To standard error at once, and into the JSON.
  void warn(const std::string& sentence);
  // One object a line: each result with its machine, then the warnings. Throws std::runtime_error if it cannot be written.
  void write_json(const std::string& path) const;

 private:
  [[nodiscard]] nlohmann::json to_json(const Row& row) const;

  Machine machine_;
  std::string command_;
  double bare_ns_ = 0;  // round trip over two cache lines; 0: only one CPU
  std::vector<nlohmann::json> rows_;
  std::vector<std::string> warnings_;
};

// `ratio` of each value to the one of `base` in the same place.
[[nodiscard]] std::vector<double> ratios_of(const std::vector<double>& values, const std::vector<double>& base);

}  // namespace ringbolt::bench
