// Going through a journal record by record.
#include <ringbolt/ipc/journal_scan.hpp>

#include <algorithm>
#include <utility>

namespace ringbolt::ipc {
namespace {

// Where the scan of a segment without a header begins: before the first record, so that it is looked for.
constexpr std::uint64_t kBeforeRecords = core::kSegmentDataOffset - core::kRecordAlignment;

}  // namespace

void JournalScan::run() {
  read_durable_point();
  choose_checked_until();
  for (number_ = 0; number_ < segments_.size() && !stopped_; ++number_) {
    if (!scan_segment()) break;
  }
  if (lost_point_ && !stopped_) {
    find_in(storage_->path(segment_name(lost_point_->segment)), FindingKind::missing_segment, 0,
            segments_.empty() ? lost_point_->segment : spot_.sequence, lost_point_->next_sequence,
            "it is not there, and events in it were durable");
  }
}

// False: the journal ends here.
bool JournalScan::scan_segment() {
  const Segment& segment = here();
  if (!load()) {
    if (!is_last()) spot_.sequence = std::max(spot_.sequence, end_before());
    return true;
  }
  point_met_ = false;
  proven_below_.reset();
  if (segment.known) {
    if (number_ != 0 && spot_.sequence < segment.first)
      find(FindingKind::gap, 0, spot_.sequence, segment.first, "they were never recorded");
    spot_ = {core::kSegmentDataOffset, segment.first, segment.header.epoch};
    ring_id_ = segment.header.ring_id;
    if (!segment.bad.empty()) find(FindingKind::damaged_header, 0, segment.first, segment.first, segment.bad);
  } else {
    // Without syncs even a header may not have got to the disk.
    const bool never_got_there = number_ > checked_until_ && segments_[number_ - 1].header.unsynced != 0;
    spot_ = {never_got_there ? 0 : kBeforeRecords, segment.first, spot_.epoch};
    if (never_got_there) return cut_here(segments_.back().first, segment.bad) == Outcome::go_on;
  }
  Outcome outcome = segment.known ? Outcome::go_on : without_header();
  while (outcome == Outcome::go_on && !stopped_) outcome = step();
  return outcome != Outcome::end_of_journal;
}

JournalScan::Outcome JournalScan::step() {
  check_point();
  if (spot_.sequence >= end_before()) {
    give_remains(spot_.offset);
    return Outcome::end_of_segment;
  }
  const Found found = look_at(at(spot_.offset), spot_.sequence, spot_.epoch, epoch_seed(spot_.epoch));
  if (found.lies == Lies::control && found.note.first_sequence <= end_before()) {
    if (found.note.first_sequence > spot_.sequence)
      find(FindingKind::gap, spot_.offset, spot_.sequence, found.note.first_sequence, "they were never recorded");
    spot_.sequence = found.note.first_sequence;
    spot_.epoch = found.note.epoch;
    ring_id_ = found.note.ring_id;
    know_epoch(spot_.epoch);
    give(record_of(found, spot_.offset, spot_.epoch));
  } else if (found.lies == Lies::event) {
    check_index(found.header);
    give(record_of(found, spot_.offset, spot_.epoch));
    ++spot_.sequence;
  } else {
    return past_broken();
  }
  spot_.offset += found.bytes;
  return Outcome::go_on;
}

// At a place where nothing holds together.
JournalScan::Outcome JournalScan::past_broken() {
  const std::optional<Spot> next = find_next(spot_);
  if (!next) return at_the_end();
  if (!was_durable()) return cut_here(end_of_run(*next), "the end of what was written does not hold together");
  find(FindingKind::damaged_record, spot_.offset, spot_.sequence, next->sequence,
       next->sequence == spot_.sequence ? "the record before the next event does not hold together"
                                        : "up to offset " + std::to_string(next->offset) + " nothing holds together");
  give_broken(next->offset);
  point_met_ = point_met_ || (point_is_here() && point_->offset < next->offset);
  while (index_at_ < index_.size() && index_[index_at_].offset < next->offset) ++index_at_;
  spot_ = *next;
  return Outcome::go_on;
}

// Nothing behind the place holds together either.
JournalScan::Outcome JournalScan::at_the_end() {
  const bool clean = zeros_from(spot_.offset) && read_failure_.empty();
  if (is_last()) {
    std::uint64_t lost_until = spot_.sequence;
    if (point_is_here() && point_->offset > spot_.offset) lost_until = std::max(lost_until, point_->next_sequence);
    if (lost_until != spot_.sequence || !read_failure_.empty() || (!here().bad.empty() && here().known && !clean)) {
      find(FindingKind::damaged_record, spot_.offset, spot_.sequence, lost_until,
           "from here to the end of the file nothing holds together");
      give_broken(bytes_.size());
      spot_.sequence = lost_until;
      return Outcome::end_of_journal;
    }
    if (clean) return Outcome::end_of_journal;
    return cut_here(spot_.sequence, "what lies behind the last event does not hold together");
  }
  if (!was_durable()) return cut_here(end_before(), "the end of what was written does not hold together");
  if (clean && here().bad.empty()) {
    find_in(storage_->path(segment_name(spot_.sequence)), FindingKind::missing_segment, 0, spot_.sequence, end_before(),
            "nothing with these events is between " + path_ + " and the next segment");
  } else {
    find(FindingKind::damaged_record, spot_.offset, spot_.sequence, end_before(),
         "from here to the end of the file nothing holds together");
    give_broken(bytes_.size());
  }
  point_met_ = true;
  spot_.sequence = end_before();
  return Outcome::end_of_segment;
}

// The checksums of the records tell what the header would have told.
JournalScan::Outcome JournalScan::without_header() {
  const std::optional<Spot> next = find_next(spot_);
  if (!next) {
    const std::uint64_t end = is_last() ? spot_.sequence : end_before();
    find(FindingKind::damaged_header, 0, spot_.sequence, end, here().bad + ", and no event in it does");
    spot_.sequence = end;
    return Outcome::end_of_segment;
  }
  find(FindingKind::damaged_header, 0, spot_.sequence, next->sequence, here().bad);
  spot_ = *next;
  return Outcome::go_on;
}

// Recovery would cut here.
JournalScan::Outcome JournalScan::cut_here(std::uint64_t end, const std::string& why) {
  find(FindingKind::torn_tail, spot_.offset, spot_.sequence, end,
       why + (is_last() ? "" : "; what comes behind was never durable either"));
  give_remains(spot_.offset);
  for (++number_; number_ < segments_.size() && visitor_->wants_remains() && !stopped_; ++number_) {
    if (load()) give_remains(core::kSegmentDataOffset);
  }
  return Outcome::end_of_journal;
}

void JournalScan::check_point() {
  if (!point_is_here() || point_met_ || spot_.offset < point_->offset) return;
  point_met_ = true;
  if (spot_.offset == point_->offset && spot_.sequence == point_->next_sequence && spot_.epoch == point_->epoch) return;
  find_in(storage_->path("durable"), FindingKind::damaged_durable_point, 0, 1, 1,
          "it names offset " + std::to_string(point_->offset) + " of " + path_ + " as the place of event " +
              std::to_string(point_->next_sequence) + ", which it is not");
}

void JournalScan::check_index(const PlainHeader& header) {
  if (index_at_ == index_.size() || index_[index_at_].offset > spot_.offset) return;
  const core::IndexEntry& entry = index_[index_at_];
  if (entry.offset == spot_.offset && entry.sequence == header.sequence && entry.timestamp_ns == header.timestamp_ns) {
    ++index_at_;
    return;
  }
  find_in(storage_->path(index_name(here().first)), FindingKind::damaged_index, 0, 1, 1,
          "it names offset " + std::to_string(entry.offset) + " as the place of event " + std::to_string(entry.sequence) +
              ", which it is not: remove it");
  index_.clear();
  index_at_ = 0;
}

JournalRecord JournalScan::record_of(const Found& found, std::uint64_t offset, std::uint64_t epoch) const {
  JournalRecord record;
  record.kind = found.lies == Lies::control ? JournalRecord::Kind::control : JournalRecord::Kind::event;
  record.file = path_;
  record.offset = offset;
  record.bytes = found.bytes;
  record.epoch = epoch;
  record.sequence = found.header.sequence;
  record.timestamp_ns = found.header.timestamp_ns;
  record.size = found.header.size;
  record.checksum = found.header.checksum;
  record.type = found.header.type;
  record.flags = found.header.flags;
  record.undurable = found.header.undurable;
  record.payload = found.payload;
  record.ring_id = found.lies == Lies::control ? found.note.ring_id : ring_id_;
  record.opened_ns = found.note.opened_ns;
  return record;
}

void JournalScan::give(const JournalRecord& record) {
  if (!stopped_ && !visitor_->on_record(record)) stopped_ = true;
}

void JournalScan::give_broken(std::uint64_t end) {
  JournalRecord record;
  record.kind = JournalRecord::Kind::broken;
  record.file = path_;
  record.offset = spot_.offset;
  record.bytes = end - spot_.offset;
  record.epoch = spot_.epoch;
  record.sequence = spot_.sequence;
  record.ring_id = ring_id_;
  if (record.bytes != 0) give(record);
}

void JournalScan::find(FindingKind kind, std::uint64_t offset, std::uint64_t first, std::uint64_t end, std::string why) {
  find_in(path_, kind, offset, first, end, std::move(why));
}

void JournalScan::find_in(std::string file, FindingKind kind, std::uint64_t offset, std::uint64_t first, std::uint64_t end,
                          std::string why) {
  if (!read_failure_.empty()) why += " (some of its bytes cannot be read: " + read_failure_ + ")";
  visitor_->on_finding({kind, std::move(file), offset, first, std::max(end, first) - 1, std::move(why)});
}

std::uint64_t JournalScan::end_before() const noexcept {
  if (is_last()) return ~std::uint64_t{0};
  const Segment& next = segments_[number_ + 1];
  return next.known ? std::min(next.header.follows, next.first) : next.first;
}

std::span<const std::byte> JournalScan::at(std::uint64_t offset) const noexcept {
  return std::span(bytes_).subspan(std::min<std::uint64_t>(offset, bytes_.size()));
}

bool JournalScan::zeros_from(std::uint64_t offset) const noexcept {
  return std::ranges::all_of(at(offset), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace ringbolt::ipc
