// What a run says: the machine first, then tables for people and rows for programs, and at last what to doubt.
#pragma once

#include "machine.hpp"
#include "timing.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ringbolt::bench {

class Report {
 public:
  // Prints the machine to standard output, and how far apart its two CPUs are.
  Report(Machine machine, std::string command);
  // Looks once more how far apart they are, and warns if that has changed.
  void check_distance();

  [[nodiscard]] const Machine& machine() const noexcept { return machine_; }
  [[nodiscard]] bool has_two_cpus() const noexcept { return machine_.first_cpu != machine_.second_cpu; }
  // One result for `write_json`.
  void add(nlohmann::json row) { rows_.push_back(std::move(row)); }
  // Something that makes the numbers worth less. To standard error at once, and into the JSON.
  void warn(const std::string& sentence);
  // Throws std::runtime_error if it cannot be written.
  void write_json(const std::string& path) const;

 private:
  Machine machine_;
  std::string command_;
  double bare_ns_ = 0;  // round trip over two cache lines; 0: only one CPU
  nlohmann::json rows_ = nlohmann::json::array();
  std::vector<std::string> warnings_;
};

// {"p10":…,"p50":…,"p90":…,"values":[…]}: every slice in the order in which it was taken, so that who reads it may judge noise
// and drift for himself.
[[nodiscard]] nlohmann::json to_json(const std::vector<double>& values);

}  // namespace ringbolt::bench
