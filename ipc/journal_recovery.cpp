// Opening a journal to write on: find its end, make that durable. See journal_log.hpp for what may have been left behind.
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_log.hpp>
#include <ringbolt/ipc/removal.hpp>

#include <algorithm>
#include <cstring>

namespace ringbolt::ipc {
namespace {

constexpr std::size_t kMostLooks = 16;                       // at each byte behind the tail, on average
constexpr std::size_t kRewriteBytes = std::size_t{1} << 20;  // in one write

void check(int error, const char* what, const std::string& path) {
  if (error == 0) return;
  throw Error(
      error == ENOSPC ? Code::no_space : Code::system,
      std::string("cannot ") + what + " " + path + ": " + std::strerror(error) + ": check the disk and its file system",
      error);
}

[[noreturn]] void throw_damaged(const std::string& path, std::uint64_t offset, std::uint64_t sequence, const char* why) {
  throw Error(Code::damaged, path + " is damaged at offset " + std::to_string(offset) + ": event " +
                                 std::to_string(sequence) + " does not hold together, and " + why +
                                 ": `ringbolt verify` lists what is lost, `ringbolt verify --salvage` keeps what is left");
}

}  // namespace

void JournalLog::recover() {
  std::vector<std::uint64_t> segments;
  check(list_segments(*storage_, segments), "list", storage_->path(""));
  sweep_blanks();
  const Spot start = starting_point(segments);
  if (segments.empty()) {
    id_ = {random_word(), random_word()};
    return;
  }
  // A death between a segment's renaming and the sync of the directory left a name that a power cut would take away.
  check(storage_->sync_directory(), "sync", storage_->path(""));
  recovered_.empty = false;
  recovered_.segments = segments.size();
  recovered_.first_sequence = segments.front();
  scan(segments, start);
  seed_ = epoch_seed(epoch_);
  recovered_.ring_id = ring_id_;
  recovered_.next_sequence = next_sequence_;
}

// What a life that ended between two calls was making. A reader that is making an index at this moment does without it.
void JournalLog::sweep_blanks() {
  std::vector<std::string> names;
  check(storage_->list(names), "list", storage_->path(""));
  for (const std::string& name : names) {
    if (name.starts_with(kBlankPrefix) || is_hidden_index_name(name)) static_cast<void>(storage_->remove(name));
  }
}

// From the durable point if there is one that fits what is there. Otherwise from the beginning of the last segment that was
// begun when everything before it was synced: whatever a power cut can have taken is in it or behind it.
JournalLog::Spot JournalLog::starting_point(const std::vector<std::uint64_t>& segments) {
  std::optional<core::DurablePoint> point;
  check(durable_file_.read(point), "read", storage_->path("durable"));
  if (point) {
    newest_epoch_ = point->newest_epoch;
    if (segments.empty() || segments.back() < point->segment) {
      throw Error(Code::damaged, storage_->path(segment_name(point->segment)) +
                                     " is missing, and with it durable events from " + std::to_string(point->segment) +
                                     " on: bring it back, or begin a new journal in another directory");
    }
  }
  HeaderStatus later = HeaderStatus::good;  // of the segment behind
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    std::unique_ptr<StorageFile> file;
    const std::string path = storage_->path(segment_name(*segment));
    check(storage_->open(segment_name(*segment), true, file), "open", path);
    core::SegmentHeader header{};
    const HeaderStatus status = read_segment_header(*file, *segment, header);
    // A header that cannot be read is damage, unless it was begun under a policy that did not sync it.
    const bool oldest = segment + 1 == segments.rend();
    if (status != HeaderStatus::good && oldest) throw_bad_header(status, path);
    if (later != HeaderStatus::good && status == HeaderStatus::good && header.unsynced == 0)
      throw_bad_header(later, storage_->path(segment_name(segment[-1])));
    later = status;
    if (status != HeaderStatus::good) continue;
    if (point && point->journal_id != header.journal_id) {
      throw Error(Code::damaged, storage_->path("durable") + " and " + path +
                                     " are of two different journals: put back what belongs together");
    }
    id_ = header.journal_id;
    newest_epoch_ = std::max(newest_epoch_, header.epoch);
    if (point && point->segment == *segment && fits(*point, header)) {
      ring_id_ = point->ring_id;
      return {*segment, point->offset, point->next_sequence, point->epoch};
    }
    ring_id_ = header.ring_id;
    if (header.after_sync != 0 || oldest) return {*segment, core::kSegmentDataOffset, *segment, header.epoch};
  }
  return {};
}

bool JournalLog::fits(const core::DurablePoint& point, const core::SegmentHeader& header) const {
  return point.segment_checksum == header.checksum && point.offset >= core::kSegmentDataOffset &&
         point.offset <= header.segment_bytes && point.offset % core::kRecordAlignment == 0;
}

void JournalLog::scan(const std::vector<std::uint64_t>& segments, Spot spot) {
  const auto first = std::ranges::find(segments, spot.segment);
  for (auto segment = first;; ++segment) {
    const std::string path = storage_->path(segment_name(*segment));
    core::SegmentHeader header{};
    std::unique_ptr<StorageFile> file;
    check(storage_->open(segment_name(*segment), true, file), "open", path);
    if (const HeaderStatus status = read_segment_header(*file, *segment, header); status != HeaderStatus::good)
      throw_bad_header(status, path);
    if (header.journal_id != id_) throw Error(Code::damaged, path + " is of another journal: take it away");
    if (segment != first) {
      spot = {*segment, core::kSegmentDataOffset, *segment, header.epoch};
      ring_id_ = header.ring_id;
    }
    // What the next segment holds again does not count here.
    const bool last = segment + 1 == segments.end();
    core::SegmentHeader next{};
    if (!last) {
      const std::string next_path = storage_->path(segment_name(segment[1]));
      std::unique_ptr<StorageFile> next_file;
      check(storage_->open(segment_name(segment[1]), false, next_file), "open", next_path);
      const HeaderStatus status = read_segment_header(*next_file, segment[1], next);
      if (status != HeaderStatus::good && header.unsynced == 0) throw_bad_header(status, next_path);
      if (status != HeaderStatus::good) {  // it never got to the disk: what is behind this segment does not count
        next = {};
        next.follows = ~std::uint64_t{0};
      }
    }
    const std::uint64_t end_before = last ? ~std::uint64_t{0} : next.follows;

    const Spot began = spot;
    std::vector<std::byte> bytes(header.segment_bytes - spot.offset);
    std::size_t got = 0;
    check(file->read(bytes, spot.offset, got), "read", path);
    bytes.resize(got);
    std::uint32_t seed = epoch_seed(spot.epoch);
    while (spot.sequence < end_before || last) {
      const Found found = look_at(std::span(bytes).subspan(spot.offset - began.offset), spot.sequence, spot.epoch, seed);
      if (found.lies == Lies::control) {
        if (!last && found.note.first_sequence > end_before) break;
        spot.epoch = found.note.epoch;
        spot.sequence = found.note.first_sequence;
        ring_id_ = found.note.ring_id;
        seed = epoch_seed(spot.epoch);
      } else if (found.lies == Lies::event) {
        ++spot.sequence;
      } else {
        break;
      }
      spot.offset += found.bytes;
    }
    const bool whole = !last && spot.sequence == end_before;
    const auto rest = std::span(bytes).subspan(spot.offset - began.offset);
    if (!whole && !last && next.after_sync != 0)
      throw_damaged(path, spot.offset, spot.sequence, "it was durable before the next segment was begun");
    if (!whole) refuse_if_it_was_durable(rest, spot);
    if (header.unsynced != 0 && began.offset == core::kSegmentDataOffset)  // its header may be in the cache only
      recovered_.rewritten_bytes += rewrite(*file, std::as_bytes(std::span(&header, 1)), 0, path);
    std::size_t counts = spot.offset - began.offset;
    if (!whole) {
      recovered_.torn = !last || std::ranges::any_of(rest, [](std::byte byte) { return byte != std::byte{0}; });
      // The header of what is cut is taken from the disk: the next record, torn over it, would complete it otherwise.
      const auto header_cut = rest.first(std::min(rest.size(), sizeof(PlainHeader)));
      if (std::ranges::any_of(header_cut, [](std::byte byte) { return byte != std::byte{0}; })) {
        std::ranges::fill(header_cut, std::byte{0});
        counts += header_cut.size();
      }
    }
    recovered_.rewritten_bytes += rewrite(*file, std::span(bytes).first(counts), began.offset, path);
    newest_epoch_ = std::max(newest_epoch_, spot.epoch);
    if (whole) continue;

    // A policy that never syncs left a hole: what comes behind it is kept under another name, for people to look at.
    for (auto cut = segment + 1; cut < segments.end(); ++cut) {
      check(storage_->rename(segment_name(*cut), segment_name(*cut) + ".cut"), "set aside",
            storage_->path(segment_name(*cut)));
      static_cast<void>(storage_->remove(index_name(*cut)));
    }
    if (!last) check(storage_->sync_directory(), "sync", storage_->path(""));
    file_ = std::move(file);
    segment_ = *segment;
    segment_unsynced_ = header.unsynced != 0;
    segment_start_ = start_of(header);
    segment_follows_ = header.follows;
    segment_bytes_ = header.segment_bytes;
    offset_ = durable_offset_ = spot.offset;
    epoch_ = spot.epoch;
    next_sequence_ = spot.sequence;
    written_sequence_ = durable_sequence_ = spot.sequence - 1;
    return;
  }
}

// A good record behind the end that was written when the event at the end was durable: then that event is damaged.
void JournalLog::refuse_if_it_was_durable(std::span<const std::byte> rest, const Spot& end) const {
  const std::uint32_t seed = epoch_seed(end.epoch);
  std::size_t budget = kMostLooks * rest.size();  // payloads that look like headers must not keep us for ever
  for (std::size_t at = core::kRecordAlignment; at + sizeof(PlainHeader) <= rest.size(); at += core::kRecordAlignment) {
    std::uint64_t sequence = 0;
    std::memcpy(&sequence, rest.data() + at, sizeof sequence);
    if (sequence <= end.sequence || sequence - end.sequence > at / sizeof(PlainHeader)) continue;
    const Found found = look_at(rest.subspan(at), sequence, end.epoch, seed);
    if (found.payload.size() > budget) return;
    budget -= found.payload.size();
    if (found.lies != Lies::event || found.header.undurable == core::kManyUndurable) continue;
    if (sequence - found.header.undurable > end.sequence) {
      throw_damaged(storage_->path(segment_name(end.segment)), end.offset, end.sequence,
                    ("event " + std::to_string(sequence) + " behind it was written when it was durable").c_str());
    }
  }
}

// The page cache may show what a failed sync did not bring to the disk: write it again, so that a sync means something.
std::uint64_t JournalLog::rewrite(StorageFile& file, std::span<const std::byte> bytes, std::uint64_t offset,
                                  const std::string& path) const {
  if (bytes.empty()) return 0;
  for (std::size_t done = 0; done < bytes.size(); done += kRewriteBytes) {
    const auto part = bytes.subspan(done, std::min(kRewriteBytes, bytes.size() - done));
    check(file.write(part, offset + done), "write", path);
  }
  check(file.sync(), "sync", path);
  return bytes.size();
}

}  // namespace ringbolt::ipc
