// What the demo found, and whether it is what Ringbolt promises. Nothing here is believed because it was expected: every
// number comes from what the processes saw, and each claim is compared with another source.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "demo_board.hpp"
#include "demo_plan.hpp"

namespace ringbolt::demo {

// What one role did, over all its lives.
struct Account {
  Ledger ledger;
  std::vector<pid_t> pids;
  std::string trouble;    // why its process failed; empty: it did not
  bool finished = false;  // it read, or published, everything and ended by itself
};

struct Facts {
  double seconds = 0;  // from the first event to the last process
  std::array<Account, kRoles.size()> accounts;
  // What the ring itself says in the end.
  std::uint64_t ring_first = 0;
  std::uint64_t ring_newest = 0;
  std::uint64_t ring_epoch = 0;
  std::uint64_t capacity_bytes = 0;
  // The publisher's death. On the steady clock; 0: it did not happen.
  std::uint64_t killed_ns = 0;
  std::uint64_t took_over_ns = 0;
  std::uint64_t first_after_ns = 0;
  std::uint64_t next_at_take_over = 0;
  // The other death, and the late one.
  bool phoenix_killed = false;
  std::uint64_t phoenix_committed = 0;  // its cursor, as the ring kept it, when it was dead
  std::uint64_t newest_when_late_joined = 0;
  bool timed_out = false;

  [[nodiscard]] const Account& of(Role role) const noexcept { return accounts[static_cast<std::size_t>(role)]; }
  [[nodiscard]] Account& of(Role role) noexcept { return accounts[static_cast<std::size_t>(role)]; }
};

struct Verdict {
  std::vector<std::string> failures;  // empty: ok
  [[nodiscard]] bool ok() const noexcept { return failures.empty(); }
};

[[nodiscard]] Verdict judge(const Facts& facts, const Plan& plan);

// For people, several lines; the last one begins with `VERDICT:`.
[[nodiscard]] std::string verdict_text(const Verdict& verdict, const Facts& facts, const Plan& plan);
// One object, on one line.
[[nodiscard]] std::string verdict_json(const Verdict& verdict, const Facts& facts, const Plan& plan);

}  // namespace ringbolt::demo
