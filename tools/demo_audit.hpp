// What the demo's processes find out about the events they are handed, and how they tell it: through a page of their own,
// not through the ring that is being examined.
//
// A payload is the event's number, a checksum, and the line of the log. A consumer that knows the plan can so tell a torn
// event from a wrong one, and a missing one from one that came twice.
#pragma once

#include <ringbolt/core/shared_word.hpp>
#include <ringbolt/ipc/consumer.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "demo_plan.hpp"

namespace ringbolt::demo {

// ---- the payload -------------------------------------------------------------------------------------------------------
// `0000052101 9f86d081884c7d65 2026-11-23 14:32:25 status installed ...`: readable, so that `ringbolt tail` shows something.
// The number is from 1 over the whole demo, and so the sequence that the event must have; the checksum is of it and the line.
inline constexpr std::size_t kStampBytes = 10 + 1 + 16 + 1;

enum class Content : std::uint8_t { right, torn, wrong };

void encode(std::span<std::byte> payload, std::uint64_t number, std::string_view line) noexcept;
// torn: the bytes do not belong together. wrong: they do, but are not what was published under this sequence.
[[nodiscard]] Content examine(const Event& event, const Plan& plan) noexcept;
// The number an event carries, which its publisher gave it; 0 if it is torn.
[[nodiscard]] std::uint64_t number_of(const Event& event) noexcept;

// ---- the ledger --------------------------------------------------------------------------------------------------------

// What one role has seen in all its lives. For a publisher: what it has published.
struct Ledger {
  std::uint64_t first = 0;       // the first sequence it was handed, or was told it lost
  std::uint64_t newest = 0;      // the last one
  std::uint64_t received = 0;    // different events
  std::uint64_t duplicates = 0;  // handed out once more, by a later life
  std::uint64_t lost = 0;        // told as gaps
  std::uint64_t gaps = 0;
  std::uint64_t last_gap_first = 0;
  std::uint64_t last_gap_last = 0;
  std::uint64_t torn = 0;
  std::uint64_t wrong = 0;
  std::uint64_t missing = 0;  // passed over without a word
  std::uint64_t out_of_order = 0;
  std::uint64_t misreported = 0;  // gaps that do not begin where they should, counters that disagree with what was seen
  std::uint64_t resumed_at = 0;   // the first sequence of the latest life
};
using LedgerWords = std::array<std::uint64_t, sizeof(Ledger) / sizeof(std::uint64_t)>;

// A ledger in shared memory. Each store shows as a whole or not at all, also when the storing process is killed in the
// middle of it: the copy that is shown is never the one that is being written.
class LedgerCell {
 public:
  void store(const Ledger& ledger) noexcept;
  [[nodiscard]] Ledger load() const noexcept;

 private:
  core::Word64 version_;  // the copy that holds is its lowest bit
  std::array<std::array<core::Word64, std::tuple_size_v<LedgerWords>>, 2> copies_;
};

// ---- the audit ---------------------------------------------------------------------------------------------------------

// Keeps the ledger of one life of a consumer; takes over the ledger of the life before. The ledger shows an event before the
// consumer can commit it, so a life never resumes behind what the ledger shows without handing out an event twice.
class Audit {
 public:
  Audit(const Plan& plan, LedgerCell& cell) noexcept : plan_(plan), cell_(cell), ledger_(cell.load()) {}

  void event(const Event& event) noexcept;
  void gap(const Gap& gap) noexcept;
  // At the end of a life: does the library count as we do?
  void compare(const ConsumerCounters& counters) noexcept;
  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }

 private:
  void begin_at(std::uint64_t sequence) noexcept;

  const Plan& plan_;
  LedgerCell& cell_;
  Ledger ledger_;
  std::uint64_t expected_ = 0;  // 0: nothing seen in this life
  std::uint64_t events_ = 0;    // handed out in this life
  std::uint64_t told_lost_ = 0;
};

}  // namespace ringbolt::demo
