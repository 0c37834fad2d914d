// A ring for consumers that are not trusted: see `docs/security.md`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ringbolt {

// With a socket, the ring is no directory: it lives in sealed memory that a named thread of the publisher's process (rb-share)
// hands to whoever may have it. Consumers attach to `unix:SOCKET`. They cannot write an event, see or touch one another,
// shorten what others have mapped, or hold the publisher up for longer than `longest_budget`.
struct ShareOptions {
  std::string socket{};  // path; its directory belongs to this user or to root
  // Who may attach besides this user and root: user and group names or numbers; `*` among the users: everybody.
  std::vector<std::string> users{};
  std::vector<std::string> groups{};
  std::uint32_t slots_per_user = 32;                       // consumers of one user at a time
  std::chrono::nanoseconds longest_budget{1'000'000'000};  // of a consumer that gates; 0: gating is refused
};

// What a share's name begins with, where a ring's name is expected.
inline constexpr const char* kSharePrefix = "unix:";

}  // namespace ringbolt
