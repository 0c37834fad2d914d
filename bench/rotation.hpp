// Contenders that take turns, slice by slice, so that what disturbs the machine disturbs them all.
#pragma once

#include "benchmarks.hpp"
#include "lanes.hpp"
#include "report.hpp"
#include "slice.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ringbolt::bench {

struct Turn {
  LaneKind kind;
  Plan plan;
  nlohmann::json parameters = nlohmann::json::object();
  std::vector<Slice> slices{};  // of each round one

  // One value of each slice.
  [[nodiscard]] std::vector<double> each(const std::function<double(const Slice&)>& value) const;
  [[nodiscard]] std::vector<double> latencies_ns() const;  // of all slices together
};

// As many events as fill what the lane has, or for a slow one a few.
[[nodiscard]] std::uint64_t lap_of(const Effort& effort, const LaneKind& kind, const Plan& plan);

// Every other round goes through the turns backwards, so that a slow drift falls out of ratios within a round. Progress goes
// to standard error where that is a terminal; what disturbed is a warning.
void rotate(Report& report, const std::string& mode, std::size_t rounds, std::vector<Turn>& turns,
            const std::function<Slice(const LaneKind&, const Plan&, const Machine&)>& run);

// Those of `turns` whose contender is called `name`, with the same parameters; null if there is none.
[[nodiscard]] const Turn* find_turn(const std::vector<Turn>& turns, const std::string& name,
                                    const nlohmann::json& parameters);

// Median, 90 %, 99 %, 99.9 %, 99.99 % and the longest, of all slices together.
[[nodiscard]] nlohmann::json percentiles(const std::vector<double>& values);

}  // namespace ringbolt::bench
