// Behind a place where nothing holds together: the next record that does, and what it proves.
#include <ringbolt/ipc/journal_scan.hpp>

#include <algorithm>
#include <cstring>

namespace ringbolt::ipc {
namespace {

// Where the record that began an epoch is lost, its number is guessed: the next one, or one of a few that came to nothing.
constexpr std::uint64_t kEpochsAhead = 8;

std::uint64_t sequence_at(std::span<const std::byte> bytes) noexcept {
  std::uint64_t sequence = 0;
  std::memcpy(&sequence, bytes.data(), sizeof sequence);
  return sequence;
}

bool says_control(std::span<const std::byte> bytes) noexcept {
  PlainHeader header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  return (header.flags & core::kFlagControl) != 0;
}

}  // namespace

// The spot of the next record behind `from` that can follow it: of this epoch, or of a later one.
std::optional<JournalScan::Spot> JournalScan::find_next(const Spot& from) const {
  std::vector<std::uint64_t> epochs(std::ranges::lower_bound(epochs_, from.epoch), epochs_.end());
  for (std::uint64_t ahead = 0; ahead <= kEpochsAhead; ++ahead) {
    if (std::ranges::find(epochs, from.epoch + ahead) == epochs.end()) epochs.push_back(from.epoch + ahead);
  }
  for (std::uint64_t offset = from.offset + core::kRecordAlignment; offset + sizeof(PlainHeader) <= bytes_.size();
       offset += core::kRecordAlignment) {
    const auto bytes = at(offset);
    const std::uint64_t sequence = sequence_at(bytes);
    if (sequence == 0 || sequence < from.sequence || sequence >= end_before()) continue;
    if (says_control(bytes)) {
      const Found found = look_at(bytes, from.sequence, from.epoch, 0);
      if (found.lies == Lies::control) return Spot{offset, sequence, from.epoch};
      continue;
    }
    // No more events can be missing than there is room for; where an epoch began between, the numbers may jump.
    const bool near = sequence - from.sequence <= (offset - from.offset) / sizeof(PlainHeader);
    for (const std::uint64_t epoch : epochs) {
      if (epoch == from.epoch && !near && from.offset >= core::kSegmentDataOffset) continue;
      if (look_at(bytes, sequence, epoch, epoch_seed(epoch)).lies == Lies::event) return Spot{offset, sequence, epoch};
    }
  }
  return std::nullopt;
}

// The sequence after the last record that follows from there without a break.
std::uint64_t JournalScan::end_of_run(Spot from) const {
  for (;;) {
    const Found found = look_at(at(from.offset), from.sequence, from.epoch, epoch_seed(from.epoch));
    if (found.lies == Lies::control) {
      from.epoch = found.note.epoch;
      from.sequence = found.note.first_sequence;
    } else if (found.lies == Lies::event) {
      ++from.sequence;
    } else {
      return from.sequence;
    }
    from.offset += found.bytes;
  }
}

bool JournalScan::was_durable() {
  if (number_ < checked_until_ || (point_is_here() && spot_.offset < point_->offset)) return true;
  if (!proven_below_) proven_below_ = proven_below(spot_);
  return *proven_below_ > spot_.sequence;
}

// Every event below this one was durable when some record behind `from` was written.
std::uint64_t JournalScan::proven_below(const Spot& from) const {
  std::uint64_t below = 0;
  Spot spot = from;
  for (auto next = find_next(spot); next; next = find_next(spot)) {
    spot = *next;
    for (;;) {
      const Found found = look_at(at(spot.offset), spot.sequence, spot.epoch, epoch_seed(spot.epoch));
      if (found.lies == Lies::control) {
        spot.epoch = found.note.epoch;
        spot.sequence = found.note.first_sequence;
      } else if (found.lies == Lies::event) {
        if (found.header.undurable != core::kManyUndurable)
          below = std::max(below, spot.sequence - std::min<std::uint64_t>(spot.sequence, found.header.undurable));
        ++spot.sequence;
      } else {
        break;
      }
      spot.offset += found.bytes;
    }
  }
  return below;
}

// What lies behind the end of what counts, for people: whatever holds together by itself, of any epoch.
void JournalScan::give_remains(std::uint64_t from) {
  if (!visitor_->wants_remains()) return;
  std::uint64_t broken_end = 0;  // behind the last byte that is not zero
  spot_.offset = from;
  const auto give_what_is_broken = [&] {
    if (broken_end <= spot_.offset) return;
    JournalRecord record;
    record.kind = JournalRecord::Kind::broken;
    record.counts = false;
    record.file = path_;
    record.offset = spot_.offset;
    record.bytes = broken_end - spot_.offset;
    give(record);
  };
  for (std::uint64_t offset = from; offset + core::kRecordAlignment <= bytes_.size() && !stopped_;) {
    std::uint64_t epoch = 0;
    const auto found = any_record_at(offset, epoch);
    if (!found) {
      if (sequence_at(at(offset)) != 0) broken_end = offset + core::kRecordAlignment;
      offset += core::kRecordAlignment;
      continue;
    }
    give_what_is_broken();
    JournalRecord record = record_of(*found, offset, epoch);
    record.counts = false;
    give(record);
    offset += found->bytes;
    spot_.offset = offset;
  }
  give_what_is_broken();
}

std::optional<Found> JournalScan::any_record_at(std::uint64_t offset, std::uint64_t& epoch) const {
  const auto bytes = at(offset);
  if (bytes.size() < sizeof(PlainHeader)) return std::nullopt;
  const std::uint64_t sequence = sequence_at(bytes);
  if (sequence == 0) return std::nullopt;
  if (says_control(bytes)) {
    const Found found = look_at(bytes, sequence, 0, 0);
    epoch = found.note.epoch;
    return found.lies == Lies::control ? std::optional(found) : std::nullopt;
  }
  for (const std::uint64_t candidate : epochs_) {
    const Found found = look_at(bytes, sequence, candidate, epoch_seed(candidate));
    if (found.lies != Lies::event) continue;
    epoch = candidate;
    return found;
  }
  return std::nullopt;
}

}  // namespace ringbolt::ipc
