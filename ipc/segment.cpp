#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/segment.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace ringbolt::ipc {
namespace {

constexpr std::size_t kDigits = 20;  // of 2^64 - 1
constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::string_view kIndexSuffix = ".index";

constexpr std::uint64_t kMostEpochs = std::uint64_t{1} << 32;  // that one epoch can be ahead of the one before

std::string numbered(std::uint64_t first_sequence, std::string_view suffix) {
  std::string digits = std::to_string(first_sequence);
  return std::string(kDigits - digits.size(), '0') + digits + std::string(suffix);
}

}  // namespace

std::string segment_name(std::uint64_t first_sequence) { return numbered(first_sequence, kSegmentSuffix); }
std::string index_name(std::uint64_t first_sequence) { return numbered(first_sequence, kIndexSuffix); }
std::string hidden_index_name(std::uint64_t first_sequence) { return "." + index_name(first_sequence); }
bool is_hidden_index_name(std::string_view name) noexcept { return name.starts_with('.') && name.ends_with(kIndexSuffix); }

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, value);
  if (error != std::errc() || end != name.data() + kDigits || value == 0) return std::nullopt;
  return value;
}

int list_segments(Storage& storage, std::vector<std::uint64_t>& first_sequences) {
  std::vector<std::string> names;
  first_sequences.clear();
  if (const int error = storage.list(names); error != 0) return error;
  for (const std::string& name : names) {
    if (const auto first = parse_segment_name(name)) first_sequences.push_back(*first);
  }
  std::ranges::sort(first_sequences);
  return 0;
}

core::SegmentHeader finish_header(core::SegmentHeader header) {
  header.magic = core::kSegmentMagic;
  header.version = core::kJournalVersion;
  header.byte_order = core::kByteOrderMark;
  header.created_ns = wall_ns();
  header.checksum = struct_checksum(header);
  return header;
}

HeaderStatus read_segment_header(StorageFile& file, std::uint64_t first_sequence, core::SegmentHeader& header) {
  std::size_t got = 0;
  std::uint64_t file_bytes = 0;
  if (file.read(std::as_writable_bytes(std::span(&header, 1)), 0, got) != 0 || file.size(file_bytes) != 0)
    return HeaderStatus::unreadable;
  if (got < sizeof header || file_bytes < core::kSegmentDataOffset) return HeaderStatus::too_short;
  if (header.magic == __builtin_bswap64(core::kSegmentMagic)) return HeaderStatus::foreign_layout;
  if (header.magic != core::kSegmentMagic) return HeaderStatus::damaged;
  if (header.version != core::kJournalVersion) return HeaderStatus::wrong_version;
  if (header.byte_order != core::kByteOrderMark) return HeaderStatus::foreign_layout;
  if (header.checksum != struct_checksum(header) || header.first_sequence != first_sequence) return HeaderStatus::damaged;
  if (header.segment_bytes < core::kSegmentDataOffset) return HeaderStatus::damaged;
  return header.segment_bytes > file_bytes ? HeaderStatus::too_short : HeaderStatus::good;
}

void throw_bad_header(HeaderStatus status, const std::string& path) {
  switch (status) {
    case HeaderStatus::wrong_version:
      throw Error(Code::wrong_version, path + " was written by another version of Ringbolt: read it with that one");
    case HeaderStatus::foreign_layout:
      throw Error(Code::foreign_layout, path + " was written on a machine with the other byte order: read it there");
    case HeaderStatus::too_short:
      throw Error(Code::too_short, path +
                                       " is shorter than its header says: `ringbolt verify` shows what is left of the "
                                       "journal, `ringbolt verify --salvage` keeps it");
    case HeaderStatus::unreadable: throw Error(Code::system, "cannot read " + path + ": check the disk");
    case HeaderStatus::good:
    case HeaderStatus::damaged: break;
  }
  throw Error(Code::damaged, path +
                                 " has a damaged header: `ringbolt verify` shows what is left of the journal, "
                                 "`ringbolt verify --salvage` keeps it");
}

std::uint32_t record_checksum(const PlainHeader& header, std::span<const std::byte> payload, std::uint32_t seed) noexcept {
  PlainHeader without = header;
  without.checksum = 0;
  return crc32c(payload, crc32c(std::as_bytes(std::span(&without, 1)), seed));
}

Found look_at(std::span<const std::byte> bytes, std::uint64_t expected, std::uint64_t epoch, std::uint32_t seed,
              bool verify) noexcept {
  Found found;
  if (bytes.size() < sizeof(PlainHeader)) {
    const bool zeros = std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
    found.lies = zeros ? Lies::nothing : Lies::broken;
    return found;
  }
  std::memcpy(&found.header, bytes.data(), sizeof(PlainHeader));
  const PlainHeader& header = found.header;
  if (header.sequence == 0) {
    found.lies = Lies::nothing;
    return found;
  }
  found.bytes = core::record_bytes(header.size);
  if (found.bytes > bytes.size()) return found;
  found.payload = bytes.subspan(sizeof(PlainHeader), header.size);
  if ((header.flags & core::kFlagControl) != 0) {
    if (header.type != core::kControlEpoch || header.size != sizeof(core::EpochNote)) return found;
    std::memcpy(&found.note, found.payload.data(), sizeof(core::EpochNote));
    // What an earlier life left here has an epoch that has been.
    if (found.note.epoch - epoch - 1 >= kMostEpochs || found.note.first_sequence != header.sequence ||
        header.sequence < expected)
      return found;
    if (header.checksum == record_checksum(header, found.payload, epoch_seed(found.note.epoch))) found.lies = Lies::control;
    return found;
  }
  if (header.sequence != expected) return found;
  if (verify && header.checksum != record_checksum(header, found.payload, seed)) return found;
  found.lies = Lies::event;
  return found;
}

// The checksum is made from where the payload comes from, which the copy has just brought near: what has just been stored is
// not read again so soon.
std::uint64_t encode_record(std::byte* to, PlainHeader header, std::span<const std::byte> payload,
                            std::uint32_t seed) noexcept {
  const std::uint64_t bytes = core::record_bytes(payload.size());
  header.size = static_cast<std::uint32_t>(payload.size());
  std::memset(to + bytes - core::kRecordAlignment, 0, core::kRecordAlignment);
  if (!payload.empty()) std::memcpy(to + sizeof header, payload.data(), payload.size());
  header.checksum = record_checksum(header, payload, seed);
  std::memcpy(to, &header, sizeof header);
  return bytes;
}

std::uint64_t encode_epoch(std::byte* to, const core::EpochNote& note, std::uint64_t timestamp_ns) noexcept {
  return encode_record(to,
                       {.sequence = note.first_sequence,
                        .timestamp_ns = timestamp_ns,
                        .size = 0,
                        .checksum = 0,
                        .type = core::kControlEpoch,
                        .flags = core::kFlagControl,
                        .undurable = 0},
                       std::as_bytes(std::span(&note, 1)), epoch_seed(note.epoch));
}

}  // namespace ringbolt::ipc
