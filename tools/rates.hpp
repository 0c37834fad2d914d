// What happens in a ring, from two looks at it: rates, and how far behind each consumer is, in events and in time. It is handed
// what `stat_ring` saw and when, and asks nobody else. For `top` and `stat --watch`.
#pragma once

#include <ringbolt/ipc/stat.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace ringbolt::command {

// What is empty is not known yet: there was no look before, or not at the same consumer.
struct ConsumerRates {
  ConsumerStat stat;
  std::optional<double> events_per_s;   // that it received
  std::optional<double> lost_per_s;     // events
  std::optional<double> blocked_share;  // of the time, in which the publisher waited for it: 0 to 1
  // Since the event behind its cursor was published, to within the time between two looks; 0: it is not behind.
  std::uint64_t behind_ns = 0;
  bool behind_longer = false;  // since before the first look
  double ring_share = 0;       // its lag as a part of what the ring holds: 0 to 1; at 1 it is overrun, or waited for
};

struct RingRates {
  RingStat stat;
  std::optional<double> events_per_s;
  std::optional<double> bytes_per_s;  // headers included
  std::vector<ConsumerRates> consumers;
  bool made_anew = false;  // it is another ring than at the last look
};

// Of one ring.
class Rates {
 public:
  // `now_ns` is of a clock that does not go back.
  RingRates next(std::uint64_t now_ns, const RingStat& stat);

 private:
  // The newest event at that time.
  struct Look {
    std::uint64_t ns;
    std::uint64_t newest;
  };

  void measure_behind(ConsumerRates& consumer, std::uint64_t now_ns, std::uint64_t newest) const;

  std::deque<Look> looks_;
  std::optional<RingStat> last_;
  std::uint64_t last_ns_ = 0;
};

// The one that is furthest behind of those that live or gate, the journal apart; null: there is none.
[[nodiscard]] const ConsumerRates* slowest(const RingRates& ring) noexcept;

// Its name, or, of one that has none, its process: `#4121`.
[[nodiscard]] std::string shown_name(const ConsumerStat& consumer);
// Its policy with the budget, if it has one: `gate:50ms`.
[[nodiscard]] std::string shown_policy(const ConsumerStat& consumer);
// alive, closed, gone or none.
[[nodiscard]] const char* publisher_word(const RingStat& ring) noexcept;

}  // namespace ringbolt::command
