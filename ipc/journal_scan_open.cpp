// What a scan knows of a journal before it looks at records: the headers, the durable point, and a segment's bytes.
#include <ringbolt/ipc/checksum.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_scan.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace ringbolt::ipc {
namespace {

constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;  // of one read, and of progress
constexpr std::uint64_t kRetryBytes = 4'096;                   // where a read of a piece failed
constexpr const char* kDurableName = "durable";

void check(int error, const std::string& what) {
  if (error == 0) return;
  const std::string sentence = what + ": " + std::strerror(error);
  if (error == EACCES || error == EPERM)
    throw Error(Code::not_allowed, sentence + ": become a user who may read the journal", error);
  throw Error(Code::system, sentence + ": check the disk, its file system and the process's limits (`ulimit -a`)", error);
}

// Says nothing about the file: whoever has more descriptors, memory or rights can read it.
bool is_ours(int error) {
  return error == EACCES || error == EPERM || error == EMFILE || error == ENFILE || error == ENOMEM;
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

JournalScan::JournalScan(Storage& storage, ScanVisitor& visitor) : storage_(&storage), visitor_(&visitor) { read_headers(); }

void JournalScan::read_headers() {
  std::vector<std::uint64_t> firsts;
  check(list_segments(*storage_, firsts), "cannot list " + storage_->path(""));
  for (const std::uint64_t first : firsts) {
    Segment segment;
    segment.first = first;
    read_header(segment);
    all_bytes_ += segment.bytes;
    segments_.push_back(std::move(segment));
  }
  const auto good = std::ranges::find_if(segments_, &Segment::known);
  if (good != segments_.end()) id_ = good->header.journal_id;
  for (Segment& segment : segments_) {
    if (!segment.known) continue;
    if (segment.header.journal_id != id_) {
      segment.known = false;
      segment.bad = "it is of another journal";
      continue;
    }
    know_epoch(segment.header.epoch);
  }
}

void JournalScan::read_header(Segment& segment) {
  const std::string path = storage_->path(segment_name(segment.first));
  std::unique_ptr<StorageFile> file;
  int error = storage_->open(segment_name(segment.first), false, file);
  if (error == 0) error = file->size(segment.bytes);
  if (is_ours(error)) check(error, "cannot open " + path);
  if (error != 0) {
    segment.bad = std::string("it cannot be opened: ") + std::strerror(error);
    return;
  }
  const HeaderStatus status = read_segment_header(*file, segment.first, segment.header);
  // Another version says so in a header that holds together; otherwise it is a damaged byte.
  const bool whole = segment.header.checksum == struct_checksum(segment.header);
  switch (status) {
    case HeaderStatus::good: segment.known = true; return;
    case HeaderStatus::wrong_version:
    case HeaderStatus::foreign_layout:
      if (whole || segment.header.magic == __builtin_bswap64(core::kSegmentMagic)) throw_bad_header(status, path);
      break;
    case HeaderStatus::too_short:
      if (segment.bytes >= core::kSegmentDataOffset && whole) {
        segment.known = true;
        segment.bad =
            "it has " + std::to_string(segment.bytes) + " bytes instead of " + std::to_string(segment.header.segment_bytes);
        return;
      }
      segment.bad = "it has only " + std::to_string(segment.bytes) + " bytes";
      return;
    case HeaderStatus::unreadable: segment.bad = "its header cannot be read"; return;
    case HeaderStatus::damaged: break;
  }
  segment.bad = "its header does not hold together";
}

// Also where nobody may write, so not by DurableFile. A copy that is torn or was never written is normal; two are not.
void JournalScan::read_durable_point() {
  std::unique_ptr<StorageFile> file;
  const std::string path = storage_->path(kDurableName);
  const int error = storage_->open(kDurableName, false, file);
  if (error == ENOENT) return;
  check(error, "cannot open " + path);
  bool blank = false;
  std::optional<core::DurablePoint> newest;
  for (const std::uint64_t offset : {std::uint64_t{0}, core::kCopyDistance}) {
    core::DurablePoint copy{};
    std::size_t got = 0;
    const auto bytes = std::as_writable_bytes(std::span(&copy, 1));
    check(file->read(bytes, offset, got), "cannot read " + path);
    blank = blank || (got == sizeof copy && is_zero(bytes));
    if (got != sizeof copy || copy.magic != core::kDurableMagic || copy.version != core::kJournalVersion ||
        copy.byte_order != core::kByteOrderMark || copy.checksum != struct_checksum(copy)) {
      continue;
    }
    if (!newest || copy.generation > newest->generation) newest = copy;
  }
  const auto bad = [&](std::string why) { find_in(path, FindingKind::damaged_durable_point, 0, 1, 1, std::move(why)); };
  if (!newest && !blank) bad("neither of its copies holds together");
  if (!newest) return;
  know_epoch(newest->epoch);
  know_epoch(newest->newest_epoch);
  if (segments_.empty() || segments_.back().first < newest->segment) {
    lost_point_ = newest;
    return;
  }
  if (newest->journal_id != id_) {
    bad("it is of another journal");
    return;
  }
  const auto segment = std::ranges::find(segments_, newest->segment, &Segment::first);
  if (segment == segments_.end() || !segment->known || newest->segment_checksum != segment->header.checksum) return;
  if (newest->offset < core::kSegmentDataOffset || newest->offset > segment->header.segment_bytes ||
      newest->offset % core::kRecordAlignment != 0) {
    bad("it names a place that is none in its segment");
    return;
  }
  point_ = newest;
}

void JournalScan::choose_checked_until() {
  // Where there is no durable point, recovery begins with the last segment.
  checked_until_ = segments_.empty() ? 0 : segments_.size() - 1;
  if (point_)
    checked_until_ =
        static_cast<std::size_t>(std::ranges::find(segments_, point_->segment, &Segment::first) - segments_.begin());
  if (lost_point_) checked_until_ = segments_.size();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].known && segments_[i].header.after_sync != 0) checked_until_ = std::max(checked_until_, i);
  }
}

// The bytes of the present segment. False: it was removed meanwhile.
bool JournalScan::load() {
  path_ = storage_->path(segment_name(here().first));
  read_failure_.clear();
  bytes_.clear();
  index_.clear();
  index_at_ = 0;
  std::unique_ptr<StorageFile> file;
  if (const int error = storage_->open(segment_name(here().first), false, file); error != 0) {
    if (error == ENOENT) return false;
    if (is_ours(error)) check(error, "cannot open " + path_);
    read_failure_ = std::strerror(error);
    return true;
  }
  const std::uint64_t bytes = here().known ? std::min(here().bytes, here().header.segment_bytes) : here().bytes;
  try {
    bytes_.resize(bytes);
  } catch (const std::bad_alloc&) {
    throw Error(Code::no_space,
                "cannot check " + path_ + ": its " + std::to_string(bytes) +
                    " bytes do not fit into memory: check it on a larger machine",
                ENOMEM);
  }
  const auto read = [&](std::uint64_t offset, std::uint64_t count) {
    const auto piece = std::span(bytes_).subspan(offset, std::min(count, bytes - offset));
    std::size_t got = 0;
    const int error = file->read(piece, offset, got);
    if (error != 0) std::ranges::fill(piece, std::byte{0});
    return error;
  };
  for (std::uint64_t offset = 0; offset < bytes; offset += kPieceBytes) {
    if (read(offset, kPieceBytes) != 0) {
      const std::uint64_t end = std::min(bytes, offset + kPieceBytes);
      for (std::uint64_t at = offset; at < end; at += kRetryBytes) {
        if (const int error = read(at, kRetryBytes); error != 0) read_failure_ = std::strerror(error);
      }
    }
    visitor_->on_progress(done_bytes_ + std::min(bytes, offset + kPieceBytes), all_bytes_);
  }
  done_bytes_ += here().bytes;
  load_segment_index();
  return true;
}

void JournalScan::load_segment_index() {
  std::unique_ptr<StorageFile> file;
  const std::string name = index_name(here().first);
  if (storage_->open(name, false, file) != 0) return;
  index_ = load_index(*storage_, id_, here().first);
  if (index_.empty()) {
    find_in(storage_->path(name), FindingKind::damaged_index, 0, 1, 1, "it does not hold together: remove it");
  }
  for (const core::IndexEntry& entry : index_) know_epoch(entry.epoch);
}

std::uint64_t JournalScan::largest_segment_bytes() const noexcept {
  std::uint64_t largest = core::kMinSegmentBytes;
  for (const Segment& segment : segments_) largest = std::max(largest, segment.bytes);
  return largest;
}

void JournalScan::know_epoch(std::uint64_t epoch) {
  const auto place = std::ranges::lower_bound(epochs_, epoch);
  if (place == epochs_.end() || *place != epoch) epochs_.insert(place, epoch);
}

}  // namespace ringbolt::ipc
