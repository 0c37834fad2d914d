// When each event of the demo is due: the log's own times, squeezed or repeated until they fill the time that there is.
//
// Events are numbered from 1, over all rounds; event n is line (n - 1) % lines of round (n - 1) / lines. Every process of
// the demo has the same plan, so each of them knows what event n must say.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "demo_log.hpp"

namespace ringbolt::demo {

class Plan {
 public:
  Plan(EventLog log, double seconds);

  [[nodiscard]] const EventLog& log() const noexcept { return log_; }
  [[nodiscard]] double seconds() const noexcept { return seconds_; }
  [[nodiscard]] std::uint64_t total() const noexcept { return rounds_ * log_.lines.size(); }
  [[nodiscard]] std::uint64_t rounds() const noexcept { return rounds_; }
  [[nodiscard]] std::uint64_t round_of(std::uint64_t number) const noexcept {
    return number == 0 ? 1 : (number - 1) / log_.lines.size() + 1;
  }
  [[nodiscard]] std::string_view line(std::uint64_t number) const noexcept {
    return log_.lines[(number - 1) % log_.lines.size()];
  }
  // After the start.
  [[nodiscard]] std::uint64_t due_ns(std::uint64_t number) const noexcept {
    return (round_of(number) - 1) * round_ns_ + due_ns_[(number - 1) % log_.lines.size()];
  }
  // A ring that holds about a second of this: small enough that a slow consumer is overrun, large enough that one that was
  // killed finds its place again.
  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept { return capacity_bytes_; }
  // So many events fit, about.
  [[nodiscard]] std::uint64_t events_in_ring() const noexcept { return events_in_ring_; }
  [[nodiscard]] double events_per_second() const noexcept { return static_cast<double>(total()) / seconds_; }

 private:
  void spread();
  void size_ring();

  EventLog log_;
  double seconds_;
  std::uint64_t rounds_ = 1;
  std::uint64_t round_ns_ = 0;
  std::vector<std::uint64_t> due_ns_;  // of each line, after the start of its round
  std::uint64_t capacity_bytes_ = 0;
  std::uint64_t events_in_ring_ = 0;
};

}  // namespace ringbolt::demo
