// Writing the journal; opening it is in journal_recovery.cpp.
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/journal_log.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringbolt::ipc {

namespace {

constexpr std::uint64_t kPageBytes = 4'096;  // of the page cache, at least; what a small write would have to read first

}  // namespace

JournalLog::JournalLog(Storage& storage, const LogOptions& options)
    : storage_(&storage),
      options_(options),
      durable_file_(storage),
      buffer_(options.buffer_bytes + kPageBytes),
      maker_(storage, options.threads) {
  recover();
}

int JournalLog::begin_epoch(const std::array<std::uint64_t, 2>& ring_id, std::uint64_t first_sequence) {
  ring_id_ = ring_id;
  // A segment says by which policy it is written, so another policy has another one.
  if (!file_ || room() < kControlRecordBytes || segment_unsynced_ == options_.syncs) {
    if (const int error = begin_segment(first_sequence, 0, true); error != 0) return error;
  }
  if (const int error = write_note(first_sequence, true); error != 0) {
    file_.reset();                          // what is in it now is not known: the next attempt is another file
    written_sequence_ = durable_sequence_;  // and follows what recovery found
    return error;
  }
  if (recovered_.empty) {
    recovered_.empty = false;
    recovered_.first_sequence = first_sequence;
  }
  maker_.prepare(options_.segment_bytes, options_.zero_ahead);
  return 0;
}

// The control record of a new epoch, synced, and the durable point behind it if everything before it is durable.
int JournalLog::write_note(std::uint64_t first_sequence, bool after_durable) {
  const core::EpochNote note{.epoch = ++newest_epoch_,
                             .ring_id = ring_id_,
                             .first_sequence = first_sequence,
                             .opened_ns = wall_ns(),
                             .reserved = 0};
  staged_bytes_ = encode_epoch(buffer_.data(), note, note.opened_ns);
  next_sequence_ = first_sequence;
  if (const int error = write_staged(); error != 0) return error;
  if (const int error = file_->sync(); error != 0) return error;
  epoch_ = note.epoch;
  seed_ = epoch_seed(epoch_);
  if (!after_durable) return 0;
  durable_sequence_ = written_sequence_;
  durable_offset_ = offset_;
  static_cast<void>(write_durable_point());
  return 0;
}

int JournalLog::begin_segment(std::uint64_t first_sequence, std::uint64_t at_least_bytes, bool after_sync) {
  const std::uint64_t needed = core::kSegmentDataOffset + kControlRecordBytes + at_least_bytes;
  const std::uint64_t bytes = std::max(options_.segment_bytes, (needed + kPageBytes - 1) / kPageBytes * kPageBytes);
  BlankSegment blank;
  if (const int error = maker_.take(bytes, options_.zero_ahead, blank); error != 0) return error;
  core::SegmentHeader header{};
  header.journal_id = id_;
  header.first_sequence = first_sequence;
  header.epoch = epoch_;
  header.segment_bytes = bytes;
  header.ring_id = ring_id_;
  // One that takes the place of its like follows what that did, which may be a gap.
  header.follows = first_sequence == segment_ ? segment_follows_ : written_sequence_ + 1;
  header.after_sync = after_sync ? 1 : 0;
  header.unsynced = options_.syncs ? 0 : 1;
  header = finish_header(header);
  int error = blank.file->write(std::as_bytes(std::span(&header, 1)), 0);
  // The header is on the disk before the name is, where something is promised or a file of that name is there already.
  if (error == 0 && (after_sync || first_sequence == segment_)) error = blank.file->sync();
  if (error == 0) error = storage_->rename(blank.name, segment_name(first_sequence));
  if (error == 0 && after_sync) error = storage_->sync_directory();
  if (error != 0) {
    static_cast<void>(storage_->remove(blank.name));
    return error;
  }
  write_index();
  static_cast<void>(storage_->remove(index_name(first_sequence)));  // of a file that had this name and counts no more
  if (file_ && !after_sync) sync_later();
  file_ = std::move(blank.file);
  segment_ = first_sequence;
  segment_unsynced_ = header.unsynced != 0;
  segment_start_ = start_of(header);
  segment_follows_ = header.follows;
  segment_bytes_ = bytes;
  offset_ = durable_offset_ = core::kSegmentDataOffset;
  padded_until_ = 0;
  indexed_offset_ = 0;
  ++segments_begun_;
  return 0;
}

bool JournalLog::stage(const core::Record& record) {
  const std::uint64_t bytes = core::record_bytes(record.size);
  if (bytes > room()) {
    roll_ = true;
    roll_for_bytes_ = bytes;
    return false;
  }
  if (staged_bytes_ + bytes + kPageBytes > buffer_.size()) {
    if (staged_bytes_ != 0) return false;
    buffer_.resize(bytes + kPageBytes);
  }
  const PlainHeader header{.sequence = record.sequence,
                           .timestamp_ns = record.timestamp_ns,
                           .size = record.size,
                           .checksum = 0,
                           .type = record.type,
                           .flags = record.flags,
                           .undurable = static_cast<std::uint16_t>(
                               std::min<std::uint64_t>(record.sequence - 1 - durable_sequence_, core::kManyUndurable))};
  add_to_index(header, offset_ + staged_bytes_);
  staged_bytes_ += encode_record(buffer_.data() + staged_bytes_, header, {record.payload, record.size}, seed_);
  next_sequence_ = record.sequence + 1;
  return true;
}

int JournalLog::write() {
  if (const int error = write_staged(); error != 0) return error;
  return std::exchange(roll_, false) ? roll() : 0;
}

int JournalLog::write_staged() {
  if (staged_bytes_ == 0) return 0;
  const std::uint64_t end = offset_ + staged_bytes_;
  // Whoever begins a page writes it to its end: otherwise the kernel would have to read it from the disk first.
  const std::uint64_t page_end = std::min((end + kPageBytes - 1) / kPageBytes * kPageBytes, segment_bytes_);
  const std::uint64_t padding = page_end > padded_until_ ? page_end - end : 0;
  std::memset(buffer_.data() + staged_bytes_, 0, padding);
  if (const int error = file_->write({buffer_.data(), staged_bytes_ + padding}, offset_); error != 0) return error;
  padded_until_ = std::max(padded_until_, end + padding);
  offset_ = end;
  staged_bytes_ = 0;
  written_sequence_ = next_sequence_ - 1;
  return 0;
}

int JournalLog::sync() {
  if (const int error = file_->sync(); error != 0) return error;
  durable_sequence_ = written_sequence_;
  durable_offset_ = offset_;
  return 0;
}

int JournalLog::roll() {
  if (options_.syncs) {
    if (const int error = sync(); error != 0) return error;
  }
  if (const int error = begin_segment(next_sequence_, roll_for_bytes_, options_.syncs); error != 0) return error;
  if (options_.syncs) static_cast<void>(note_durable_point());
  maker_.prepare(options_.segment_bytes, options_.zero_ahead);
  return 0;
}

// Policy none: the segment that is left is synced behind those before it, and then recovery need not look at it any more.
void JournalLog::sync_later() {
  core::DurablePoint end = segment_start_;
  end.epoch = epoch_;
  end.offset = offset_;
  end.next_sequence = written_sequence_ + 1;
  end.newest_epoch = newest_epoch_;
  end.ring_id = ring_id_;
  maker_.do_later([this, file = std::shared_ptr<StorageFile>(std::move(file_)), end] {
    int error = file->sync();
    if (error == 0) error = storage_->sync_directory();
    return error != 0 ? error : durable_file_.write(end);
  });
}

int JournalLog::begin_again() {
  staged_bytes_ = 0;
  roll_ = false;
  written_sequence_ = safe_sequence();
  next_sequence_ = written_sequence_ + 1;
  index_.clear();  // of a file that nobody looks at any more from here on; a reader makes its own
  if (const int error = begin_segment(next_sequence_, 0, options_.syncs); error != 0) return error;
  if (const int error = write_note(next_sequence_, options_.syncs); error != 0) return error;
  maker_.prepare(options_.segment_bytes, options_.zero_ahead);
  return 0;
}

int JournalLog::note_durable_point() {
  if (!options_.syncs || (noted_segment_ == segment_ && noted_offset_ == durable_offset_)) return 0;
  return write_durable_point();
}

int JournalLog::write_durable_point() {
  core::DurablePoint point = segment_start_;
  point.epoch = epoch_;
  point.offset = durable_offset_;
  point.next_sequence = durable_sequence_ + 1;
  point.newest_epoch = newest_epoch_;
  point.ring_id = ring_id_;
  if (const int error = durable_file_.write(point); error != 0) return point_failure_ = error;
  noted_segment_ = segment_;
  noted_offset_ = durable_offset_;
  return 0;
}

void JournalLog::add_to_index(const PlainHeader& header, std::uint64_t offset) {
  if (indexed_offset_ != 0 && offset - indexed_offset_ < core::kIndexEveryBytes) return;
  indexed_offset_ = offset;
  index_.push_back({header.sequence, header.timestamp_ns, offset, epoch_});
}

// A help for readers, who make their own where it is missing: no failure of it counts.
void JournalLog::write_index() {
  const std::vector<core::IndexEntry> entries = std::exchange(index_, {});
  if (file_ && !entries.empty()) static_cast<void>(store_index(*storage_, id_, segment_, entries));
}

}  // namespace ringbolt::ipc
