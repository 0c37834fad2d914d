#include "demo_audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ringbolt::demo {
namespace {

using Stamp = std::array<char, kStampBytes>;

Stamp stamp_of(std::uint64_t number, std::string_view line) noexcept {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof number>>(number);
  const std::uint64_t hash = core::fnv1a(bytes.data(), bytes.size());
  const std::uint64_t checksum = core::fnv1a(reinterpret_cast<const std::uint8_t*>(line.data()), line.size(), hash);
  Stamp stamp;
  fmt::format_to_n(stamp.data(), stamp.size(), "{:010} {:016x} ", number, checksum);
  return stamp;
}

}  // namespace

void encode(std::span<std::byte> payload, std::uint64_t number, std::string_view line) noexcept {
  const Stamp stamp = stamp_of(number, line);
  std::memcpy(payload.data(), stamp.data(), stamp.size());
  std::memcpy(payload.data() + stamp.size(), line.data(), line.size());
}

std::uint64_t number_of(const Event& event) noexcept {
  const std::string_view text = event.text();
  std::uint64_t number = 0;
  if (text.size() < kStampBytes) return 0;
  std::from_chars(text.data(), text.data() + kStampBytes, number);
  const Stamp stamp = stamp_of(number, text.substr(kStampBytes));
  return std::equal(stamp.begin(), stamp.end(), text.begin()) ? number : 0;
}

Content examine(const Event& event, const Plan& plan) noexcept {
  const std::uint64_t number = number_of(event);
  if (number == 0) return Content::torn;
  const bool known = number == event.sequence && number <= plan.total();
  return known && event.text().substr(kStampBytes) == plan.line(number) ? Content::right : Content::wrong;
}

void LedgerCell::store(const Ledger& ledger) noexcept {
  const std::uint64_t next = version_.load_relaxed() + 1;  // relaxed: one process writes at a time
  const auto words = std::bit_cast<LedgerWords>(ledger);
  auto& copy = copies_[next & 1];
  for (std::size_t i = 0; i < words.size(); ++i) copy[i].store_release(words[i]);  // release: after the version before
  version_.store_release(next);
}

Ledger LedgerCell::load() const noexcept {
  LedgerWords words;
  std::uint64_t version = 0;
  do {
    version = version_.load_acquire();
    const auto& copy = copies_[version & 1];
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = copy[i].load_acquire();
  } while (version_.load_acquire() != version);  // two stores meanwhile would have changed what was read
  return std::bit_cast<Ledger>(words);
}

void Audit::begin_at(std::uint64_t sequence) noexcept {
  if (ledger_.first == 0) ledger_.first = sequence;
  // A later life may begin earlier than the one before ended, never after it.
  expected_ = ledger_.newest == 0 ? sequence : std::min(sequence, ledger_.newest + 1);
  ledger_.resumed_at = sequence;
}

void Audit::event(const Event& event) noexcept {
  ++events_;
  if (expected_ == 0) begin_at(event.sequence);
  if (event.sequence > expected_) ledger_.missing += event.sequence - expected_;
  if (event.sequence < expected_) ++ledger_.out_of_order;
  switch (examine(event, plan_)) {
    case Content::right: break;
    case Content::torn: ++ledger_.torn; break;
    case Content::wrong: ++ledger_.wrong; break;
  }
  ++(event.sequence > ledger_.newest ? ledger_.received : ledger_.duplicates);
  ledger_.newest = std::max(ledger_.newest, event.sequence);
  expected_ = std::max(expected_, event.sequence + 1);
  cell_.store(ledger_);
}

void Audit::gap(const Gap& gap) noexcept {
  if (expected_ == 0) begin_at(gap.first);
  told_lost_ += gap.count();
  if (gap.first != expected_ || gap.last < gap.first) ++ledger_.misreported;
  const std::uint64_t first_new = std::max(gap.first, ledger_.newest + 1);
  if (gap.last >= first_new) ledger_.lost += gap.last - first_new + 1;
  ++ledger_.gaps;
  ledger_.last_gap_first = gap.first;
  ledger_.last_gap_last = gap.last;
  ledger_.newest = std::max(ledger_.newest, gap.last);
  expected_ = std::max(expected_, gap.last + 1);
  cell_.store(ledger_);
}

void Audit::compare(const ConsumerCounters& counters) noexcept {
  if (counters.events != events_ || counters.gap_events != told_lost_) ++ledger_.misreported;
  cell_.store(ledger_);
}

}  // namespace ringbolt::demo
