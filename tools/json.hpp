// Everything that the command writes as JSON. The keys are documented in `docs/cli.md` and stay as they are.
#pragma once

#include <ringbolt/ipc/event.hpp>
#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace ringbolt::command {

// One object and a newline each.
void append_event_json(fmt::memory_buffer& to, const Event& event);
void append_gap_json(fmt::memory_buffer& to, const Gap& gap);
[[nodiscard]] std::string published_json(std::uint64_t first, std::uint64_t last, std::uint64_t count);
[[nodiscard]] std::string stat_json(const RingStat& stat);
// A line of `ls`: a ring, or one that could not be looked at.
[[nodiscard]] std::string ring_json(const RingStat& stat);
[[nodiscard]] std::string unreadable_ring_json(std::string_view name, const Error& error);
[[nodiscard]] std::string seek_json(std::string_view consumer, std::uint64_t next_sequence);
[[nodiscard]] std::string verify_json(const JournalCheck& check);
void append_record_json(fmt::memory_buffer& to, const JournalRecord& record);
[[nodiscard]] std::string trim_json(const TrimResult& result);
// A line of `stat --watch`.
struct RingRates;
[[nodiscard]] std::string rates_json(const RingRates& ring, std::uint64_t time_ns);
// A line of `doctor`; `mended` says what was done about it, and is empty if nothing was.
struct Finding;
[[nodiscard]] std::string doctor_json(const Finding& finding, const std::string& mended);

}  // namespace ringbolt::command
