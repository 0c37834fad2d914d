// One segment, open for reading, and a place in it. Readers, checks and searches step through it record by record.
#pragma once

#include <ringbolt/ipc/segment_index.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

namespace ringbolt::ipc {

class SegmentWalk {
 public:
  // Opens the segment and stands before its first record. 0, or ENOENT if there is no such file. Throws Error for what
  // cannot be read: damaged, too_short, wrong_version, foreign_layout, system.
  [[nodiscard]] int enter(Storage& storage, std::uint64_t segment);
  void leave() noexcept { *this = {}; }
  [[nodiscard]] bool inside() const noexcept { return file_ != nullptr; }

  // What lies at the place. `pass` goes behind it: only what it last gave, an event or a control record.
  [[nodiscard]] Found look(bool verify) const noexcept {
    return look_at(bytes_.subspan(offset_), expected_, epoch_, seed_, verify);
  }
  void pass(const Found& found) noexcept;
  // `look` and `pass` in one, for the usual case alone: an event that holds together. False: neither happened.
  [[nodiscard]] bool take(PlainHeader& header, std::span<const std::byte>& payload, bool verify) noexcept {
    if (bytes_.size() - offset_ < sizeof header) return false;
    std::memcpy(&header, bytes_.data() + offset_, sizeof header);
    const std::uint64_t bytes = core::record_bytes(header.size);
    if (header.sequence != expected_ || (header.flags & core::kFlagControl) != 0 || bytes > bytes_.size() - offset_)
      return false;
    payload = bytes_.subspan(offset_ + sizeof header, header.size);
    if (verify && header.checksum != record_checksum(header, payload, seed_)) return false;
    offset_ += bytes;
    ++expected_;
    return true;
  }
  // For who reads on and on. The processor's own prefetching ends at each page, and a record's place is known only when the
  // one before it has been read.
  void prefetch() const noexcept {
    const std::uint64_t end = std::min<std::uint64_t>(offset_ + kAheadBytes + kAheadBytes / 2, bytes_.size());
    for (std::uint64_t at = offset_ + kAheadBytes; at < end; at += 64) __builtin_prefetch(bytes_.data() + at);
  }
  // Goes on at an index entry, if a record that holds together begins there.
  [[nodiscard]] bool jump(const core::IndexEntry& entry) noexcept;

  [[nodiscard]] const core::SegmentHeader& header() const noexcept { return header_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint64_t expected() const noexcept { return expected_; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  // Whose events these are. Not known behind a jump, until the next control record or until somebody says so.
  [[nodiscard]] const std::array<std::uint64_t, 2>& ring_id() const noexcept { return ring_id_; }
  [[nodiscard]] bool ring_known() const noexcept { return ring_known_; }
  void know_ring(const std::array<std::uint64_t, 2>& ring_id) noexcept {
    ring_id_ = ring_id;
    ring_known_ = true;
  }

 private:
  static constexpr std::uint64_t kAheadBytes = 2'048;

  std::unique_ptr<StorageFile> file_;
  core::SegmentHeader header_{};
  std::span<const std::byte> bytes_;
  std::uint64_t offset_ = 0;
  std::uint64_t expected_ = 0;
  std::uint64_t epoch_ = 0;
  std::uint32_t seed_ = 0;
  std::array<std::uint64_t, 2> ring_id_{};
  bool ring_known_ = false;
};

// The entries of a segment that is complete, made by walking it where the file is missing, and then kept if that is allowed.
[[nodiscard]] std::vector<core::IndexEntry> index_of(Storage& storage, std::uint64_t segment);

}  // namespace ringbolt::ipc
