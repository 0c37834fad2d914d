#include "rates.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ringbolt::command {
namespace {

constexpr std::size_t kMostLooks = 3'600;
constexpr const char* kJournal = ".journal";

// How much a counter grew; empty: it is not the same counter any more.
std::optional<double> grown(std::uint64_t before, std::uint64_t now) {
  if (now < before) return std::nullopt;
  return static_cast<double>(now - before);
}

std::optional<double> per_second(std::optional<double> amount, double seconds) {
  if (!amount) return std::nullopt;
  return *amount / seconds;
}

// The same consumer at the last look. Those without a name are told apart by their processes, and within one by their order.
const ConsumerStat* find_last(const RingStat& last, const RingStat& now, std::size_t index) {
  const ConsumerStat& wanted = now.consumers[index];
  const auto same = [&](const ConsumerStat& other) {
    return other.name == wanted.name && (!wanted.name.empty() || other.pid == wanted.pid);
  };
  auto before = std::count_if(now.consumers.begin(), now.consumers.begin() + static_cast<std::ptrdiff_t>(index), same);
  for (const ConsumerStat& candidate : last.consumers) {
    if (same(candidate) && before-- == 0) return &candidate;
  }
  return nullptr;
}

void measure_rates(ConsumerRates& consumer, const ConsumerStat& before, double seconds) {
  const ConsumerStat& now = consumer.stat;
  const std::optional<double> lost = grown(before.gap_events, now.gap_events);
  const std::optional<double> skipped = grown(before.skipped_events, now.skipped_events);
  const std::optional<double> moved = grown(before.cursor_sequence, now.cursor_sequence);
  consumer.lost_per_s = per_second(lost, seconds);
  // The counters are not of one moment, so it could come out below zero.
  if (moved && lost && skipped) consumer.events_per_s = std::max(0.0, *moved - *lost - *skipped) / seconds;
  if (const auto blocked = per_second(grown(before.blocked_ns, now.blocked_ns), seconds))
    consumer.blocked_share = std::min(1.0, *blocked / 1e9);
}

}  // namespace

// The event behind the cursor was published between the last look that did not see it and the first one that did: in
// between as if the publisher had been steady.
void Rates::measure_behind(ConsumerRates& consumer, std::uint64_t now_ns, std::uint64_t newest) const {
  if (consumer.stat.lag_events == 0) return;
  const std::uint64_t next = newest - std::min(newest, consumer.stat.lag_events) + 1;
  const auto seen =
      std::partition_point(looks_.begin(), looks_.end(), [next](const Look& look) { return look.newest < next; });
  if (seen == looks_.begin() || seen == looks_.end()) {
    consumer.behind_longer = true;
    consumer.behind_ns = now_ns - looks_.front().ns;
    return;
  }
  const Look& before = *std::prev(seen);
  const double part = static_cast<double>(next - before.newest) / static_cast<double>(seen->newest - before.newest);
  const double published_ns = static_cast<double>(seen->ns - before.ns) * part;
  consumer.behind_ns = now_ns - before.ns - static_cast<std::uint64_t>(published_ns);
}

RingRates Rates::next(std::uint64_t now_ns, const RingStat& stat) {
  RingRates ring;
  ring.stat = stat;
  if (last_ && last_->ring_id != stat.ring_id) {
    ring.made_anew = true;
    last_.reset();
    looks_.clear();
  }
  looks_.push_back({now_ns, stat.newest_sequence});
  if (looks_.size() > kMostLooks) looks_.pop_front();
  const double seconds = static_cast<double>(now_ns - last_ns_) / 1e9;
  const bool known = last_ && now_ns > last_ns_;
  if (known) {
    ring.events_per_s = per_second(grown(last_->published_events, stat.published_events), seconds);
    ring.bytes_per_s = per_second(grown(last_->published_bytes, stat.published_bytes), seconds);
  }
  const std::uint64_t held = stat.newest_sequence == 0 ? 0 : stat.newest_sequence - stat.oldest_sequence + 1;
  for (std::size_t i = 0; i < stat.consumers.size(); ++i) {
    ConsumerRates consumer;
    consumer.stat = stat.consumers[i];
    if (known) {
      if (const ConsumerStat* before = find_last(*last_, stat, i)) measure_rates(consumer, *before, seconds);
    }
    measure_behind(consumer, now_ns, stat.newest_sequence);
    if (held != 0)
      consumer.ring_share = std::min(1.0, static_cast<double>(consumer.stat.lag_events) / static_cast<double>(held));
    ring.consumers.push_back(std::move(consumer));
  }
  last_ = stat;
  last_ns_ = now_ns;
  return ring;
}

const ConsumerRates* slowest(const RingRates& ring) noexcept {
  const ConsumerRates* found = nullptr;
  for (const ConsumerRates& consumer : ring.consumers) {
    if (consumer.stat.name == kJournal || !(consumer.stat.alive || consumer.stat.gating)) continue;
    if (found == nullptr || consumer.stat.lag_events > found->stat.lag_events) found = &consumer;
  }
  return found;
}

std::string shown_name(const ConsumerStat& consumer) {
  return consumer.name.empty() ? fmt::format("#{}", consumer.pid) : consumer.name;
}

std::string shown_policy(const ConsumerStat& consumer) {
  if (consumer.budget_ns == 0) return consumer.policy;
  const auto ms = static_cast<double>(consumer.budget_ns) / 1e6;
  return ms < 1'000 ? fmt::format("{}:{:.3g}ms", consumer.policy, ms)
                    : fmt::format("{}:{:.3g}s", consumer.policy, ms / 1'000);
}

const char* publisher_word(const RingStat& ring) noexcept {
  if (ring.publisher_alive) return "alive";
  if (ring.closed) return "closed";
  return ring.publisher_pid == 0 ? "none" : "gone";
}

}  // namespace ringbolt::command
