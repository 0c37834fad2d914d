#include <ringbolt/ipc/durable_point.hpp>

#include <cerrno>

namespace ringbolt::ipc {
namespace {

constexpr const char* kName = "durable";
constexpr const char* kHiddenName = ".durable.new";

bool good(const core::DurablePoint& point) noexcept {
  return point.magic == core::kDurableMagic && point.version == core::kJournalVersion &&
         point.byte_order == core::kByteOrderMark && point.checksum == struct_checksum(point) &&
         point.generation <= core::kLargestGeneration;
}

}  // namespace

core::DurablePoint start_of(const core::SegmentHeader& header) noexcept {
  core::DurablePoint point{};
  point.journal_id = header.journal_id;
  point.epoch = header.epoch;
  point.segment = header.first_sequence;
  point.offset = core::kSegmentDataOffset;
  point.next_sequence = header.first_sequence;
  point.newest_epoch = header.epoch;
  point.ring_id = header.ring_id;
  point.segment_checksum = header.checksum;
  return point;
}

int DurableFile::read(std::optional<core::DurablePoint>& point) {
  const std::lock_guard lock(mutex_);
  point.reset();
  if (!file_) {
    const int error = storage_->open(kName, true, file_);
    if (error == ENOENT) return 0;
    if (error != 0) return error;
  }
  for (const std::uint64_t offset : {std::uint64_t{0}, core::kCopyDistance}) {
    core::DurablePoint copy{};
    std::size_t got = 0;
    if (const int error = file_->read(std::as_writable_bytes(std::span(&copy, 1)), offset, got); error != 0) return error;
    if (got != sizeof copy || !good(copy)) continue;
    if (!point || copy.generation > point->generation) point = copy;
  }
  if (point) generation_ = point->generation;
  return 0;
}

int DurableFile::create() {
  static_cast<void>(storage_->remove(kHiddenName));  // left by a death at this place
  if (const int error = storage_->create(kHiddenName, file_); error != 0) return error;
  int error = file_->allocate(2 * core::kCopyDistance, true);
  if (error == 0) error = storage_->rename(kHiddenName, kName);
  if (error == 0) error = storage_->sync_directory();
  if (error != 0) file_.reset();
  return error;
}

int DurableFile::write(core::DurablePoint point) {
  const std::lock_guard lock(mutex_);
  if (!file_) {
    if (const int error = create(); error != 0) return error;
  }
  point.magic = core::kDurableMagic;
  point.version = core::kJournalVersion;
  point.byte_order = core::kByteOrderMark;
  point.generation = ++generation_;
  point.checksum = struct_checksum(point);
  const std::uint64_t offset = point.generation % 2 == 0 ? 0 : core::kCopyDistance;
  if (const int error = file_->write(std::as_bytes(std::span(&point, 1)), offset); error != 0) return error;
  return file_->sync();
}

}  // namespace ringbolt::ipc
