// What people type: sizes, durations, points in a stream, policies. Used by the command line's definitions alone; the rest of
// the command sees numbers.
//
// Every function takes the whole text or throws BadValue with a sentence that says what would be right.
#pragma once

#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/journal.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ringbolt::command {

struct BadValue : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Bytes: `65536`, `64KiB`, `16MiB`; K, M, G and T are the same as KiB and so on; KB is 1,000.
[[nodiscard]] std::uint64_t parse_size(std::string_view text);

// `50ms`, `1.5s`, `250us`, `2m`. The unit is not optional, because a guessed one is wrong by a thousand.
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text);

// Nanoseconds since 1970: RFC 3339 (`2026-11-23T10:00:00Z`, `...+01:00`; local time without a zone; a date alone is its
// midnight), seconds since 1970 with or without a fraction, or `-5m`: so long before `now_ns`.
[[nodiscard]] std::uint64_t parse_time(std::string_view text, std::uint64_t now_ns);

// `earliest`, `latest`, `resume`, a sequence, or `@` and a time.
[[nodiscard]] Start parse_start(std::string_view text, std::uint64_t now_ns);

// A sequence, or a time, with or without the `@`.
[[nodiscard]] Start parse_place(std::string_view text, std::uint64_t now_ns);

struct PolicyChoice {
  Policy policy = Policy::automatic;
  std::chrono::nanoseconds budget{0};
};
// `gate`, `gate:50ms`, `journal`, `lossy`, `latest`.
[[nodiscard]] PolicyChoice parse_policy(std::string_view text);

// File permissions in octal: `0640`, `640`.
[[nodiscard]] std::uint32_t parse_mode(std::string_view text);

// A whole number in decimal digits, not less than `least` and not more than `most`.
[[nodiscard]] std::uint64_t parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);

// A name and a value: `content-type=text/plain`.
using AttributeText = std::pair<std::string, std::string>;
[[nodiscard]] AttributeText parse_attribute(std::string_view text);

// Events per second: `1000`, `0.5`.
[[nodiscard]] double parse_rate(std::string_view text);

// Seconds between two looks: `1`, `0.5`.
[[nodiscard]] std::chrono::nanoseconds parse_seconds(std::string_view text);

[[nodiscard]] bool parse_on_off(std::string_view text);

// `1x`, `10x`, `0.5x`; `max` is 0.
[[nodiscard]] double parse_speed(std::string_view text);

// `127.0.0.1:9464`, `[::1]:0`: an address to listen on. A port alone would mean the whole network, so it is not taken.
[[nodiscard]] std::string parse_listen(std::string_view text);

// `none`, `interval`, `every`.
[[nodiscard]] Sync parse_sync(std::string_view text);
// `wait`, `fail`.
[[nodiscard]] OnStall parse_on_stall(std::string_view text);

[[nodiscard]] std::uint64_t wall_clock_ns();

}  // namespace ringbolt::command
