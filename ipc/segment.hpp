// One file of the journal: its name, its header, and the records in it. Used by the log, by recovery and by readers; knows
// nothing of syncing or of who writes.
#pragma once

#include <ringbolt/core/reader.hpp>
#include <ringbolt/ipc/checksum.hpp>
#include <ringbolt/ipc/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringbolt::ipc {

using JournalId = std::array<std::uint64_t, 2>;

[[nodiscard]] std::string segment_name(std::uint64_t first_sequence);
[[nodiscard]] std::string index_name(std::uint64_t first_sequence);
// The name that an index has until it is whole, and keeps where its maker has died.
[[nodiscard]] std::string hidden_index_name(std::uint64_t first_sequence);
[[nodiscard]] bool is_hidden_index_name(std::string_view name) noexcept;
// The first sequence that such a name says; empty for every other name.
[[nodiscard]] std::optional<std::uint64_t> parse_segment_name(std::string_view name);
// First sequences of the segments in a directory, ascending. The answer is an errno.
[[nodiscard]] int list_segments(Storage& storage, std::vector<std::uint64_t>& first_sequences);

// Fills in what is the same for all: magic, version, byte order, time, checksum.
[[nodiscard]] core::SegmentHeader finish_header(core::SegmentHeader header);
enum class HeaderStatus : std::uint8_t { good, too_short, damaged, wrong_version, foreign_layout, unreadable };
// Reads and checks the header of the segment that begins with `first_sequence`.
[[nodiscard]] HeaderStatus read_segment_header(StorageFile& file, std::uint64_t first_sequence, core::SegmentHeader& header);
// The Error that fits: what is wrong with which file.
[[noreturn]] void throw_bad_header(HeaderStatus status, const std::string& path);

// A record's header as plain integers: what is read from a file is nobody else's word.
struct PlainHeader {
  std::uint64_t sequence;
  std::uint64_t timestamp_ns;
  std::uint32_t size;
  std::uint32_t checksum;
  std::uint32_t type;
  std::uint16_t flags;
  std::uint16_t undurable;
};
static_assert(sizeof(PlainHeader) == sizeof(core::RecordHeader));

[[nodiscard]] std::uint32_t record_checksum(const PlainHeader& header, std::span<const std::byte> payload,
                                            std::uint32_t seed) noexcept;

// What lies at one place of a segment.
enum class Lies : std::uint8_t {
  event,    // an event with the expected sequence
  control,  // the beginning of an epoch
  nothing,  // zeros: the end of what was written
  broken,   // anything else: a torn record, a damaged one, or what an earlier life left there
};

struct Found {
  Lies lies = Lies::broken;
  PlainHeader header{};
  std::span<const std::byte> payload;
  std::uint64_t bytes = 0;  // to the next record
  core::EpochNote note{};   // of a control record
};

// Reads the record at the beginning of `bytes`, which reach to the end of the segment or at least over the whole record.
// `seed` is that of the present epoch, `epoch` its number; `expected` the sequence that must stand there. Without `verify`
// an event's checksum is not looked at: for those who know that it was written whole.
[[nodiscard]] Found look_at(std::span<const std::byte> bytes, std::uint64_t expected, std::uint64_t epoch,
                            std::uint32_t seed, bool verify = true) noexcept;

// Writes a record as it stands in a segment to `to`, which has room for `record_bytes(payload.size())`; its bytes.
std::uint64_t encode_record(std::byte* to, PlainHeader header, std::span<const std::byte> payload,
                            std::uint32_t seed) noexcept;
inline constexpr std::uint64_t kControlRecordBytes = core::record_bytes(sizeof(core::EpochNote));
std::uint64_t encode_epoch(std::byte* to, const core::EpochNote& note, std::uint64_t timestamp_ns) noexcept;

}  // namespace ringbolt::ipc
