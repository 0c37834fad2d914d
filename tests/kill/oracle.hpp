// Knows every event. Looks at a ring that somebody has died in, through everybody's eyes: one who was there all along, one who
// comes now, the successor, and `stat`. Throws Failure for what breaks a promise.
#pragma once

#include <ringbolt/ipc/stat.hpp>

#include "scenario/support_stream.hpp"

#include <optional>
#include <string>

namespace ringbolt::kill {

using scenario::Ledger;
using scenario::Shape;
using scenario::Source;

inline constexpr Shape kShape{.usual_bytes = 700};
inline constexpr std::uint64_t kCapacityBytes = core::kMinCapacityBytes;
inline constexpr std::uint64_t kEventsOfALap = 250;  // more than the ring holds
inline constexpr std::uint32_t kSlots = 8;

// A consumer of the test, which is there before the operation and outlives it.
class Witness {
 public:
  Witness(const std::string& ring, Policy policy)
      : consumer_(Consumer::attach(ring, {.policy = policy, .start = Start::earliest})), ledger_(kShape) {}
  // Everything that there is; nothing of it may be missing.
  void read_all();
  [[nodiscard]] std::uint64_t newest() const noexcept { return ledger_.next() - 1; }
  [[nodiscard]] bool has_read() const noexcept { return ledger_.next() != 0; }

 private:
  Consumer consumer_;
  Ledger ledger_;
};

// Those who live on when the process of the operation is killed. Empty where a copy is looked at.
struct Living {
  std::optional<Publisher> publisher;
  std::vector<Witness> witnesses;
};

// What there may be.
struct Expected {
  std::uint64_t at_least = 0;  // newest event
  std::uint64_t at_most = 0;
  bool whole_lap = false;  // publish so much behind it that everything is written over, and gates of the dead are in the way
};

// Returns the newest event that was found.
std::uint64_t check_ring(const std::string& ring, const Expected& expected, Living& living);

// What `stat` says of a consumer of this name.
[[nodiscard]] std::optional<ConsumerStat> stat_of(const std::string& ring, const std::string& name);

}  // namespace ringbolt::kill
