// Every lane that this build knows: Ringbolt's own, the kernel's, and the peers that were found when it was configured.
#pragma once

#include "lane.hpp"

#include <string>
#include <vector>

namespace ringbolt::bench {

// Ringbolt's, named by what the receiver does. `gate`, `lossy`, `latest`, `next` never sleep; `park`, `backoff`, `fd` do.
[[nodiscard]] LaneKind ring_lane(const std::string& name);

// Waking by a bare system call, with the message in shared memory: what `park` and `fd` are compared with.
[[nodiscard]] LaneKind futex_lane();
[[nodiscard]] LaneKind eventfd_lane();

// Other people's. The daemons that some need are started by the first call and end with this process.
[[nodiscard]] const std::vector<LaneKind>& peer_lanes();
// "ZeroMQ (libzmq3-dev)" and so on: what is not there, and so not measured.
[[nodiscard]] const std::vector<std::string>& missing_peers();

// Can that lane do what the plan wants?
[[nodiscard]] bool suits(const LaneKind& kind, const Plan& plan);

}  // namespace ringbolt::bench
