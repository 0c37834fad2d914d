// Two files of results: what changed, and what is noise.
#pragma once

#include <string>

namespace ringbolt::bench {

// Prints what differs to standard output. A result has changed if each run's median lies outside of what the other's slices
// spread over, from their 10th to their 90th percentile, and the medians differ by 3 % or more. Ratios are compared where there are
// any, because they do not depend on the machine's mood; otherwise the values. Returns 0: nothing changed; 1: something did;
// 2: a file cannot be read, or they have no result in common.
[[nodiscard]] int compare_results(const std::string& before, const std::string& after);

}  // namespace ringbolt::bench
