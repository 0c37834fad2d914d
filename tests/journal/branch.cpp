#include "branch.hpp"

#include <algorithm>
#include <cstring>

namespace ringbolt::ipc::test {

std::uint32_t Branch::draw_size() {
  if (random_.one_in(200)) return static_cast<std::uint32_t>(random_.between(4'000, 9'000));  // larger than many a segment
  switch (sizes_) {
    case Sizes::any: return static_cast<std::uint32_t>(random_.below(601));
    case Sizes::small: return static_cast<std::uint32_t>(random_.below(100));
    case Sizes::same: return 48;  // a record of the length of a control record
    case Sizes::two: return random_.one_in(4) ? 128 : 48;
  }
  return 0;
}

core::Record Branch::event(std::uint64_t sequence) {
  if (sequence - first_ == events_.size()) {
    Event event{.timestamp_ns = random_.next(),
                .offset = bytes_.size(),
                .size = draw_size(),
                .type = static_cast<std::uint32_t>(random_.next()),
                .recorded = true};
    bytes_.resize(bytes_.size() + core::record_bytes(event.size));
    for (std::size_t at = event.offset; at < bytes_.size(); at += sizeof(std::uint64_t)) {
      const std::uint64_t word = random_.next();
      std::memcpy(bytes_.data() + at, &word, sizeof word);
    }
    events_.push_back(event);
  }
  const Event& event = events_.at(sequence - first_);
  return {.position = 0,
          .sequence = sequence,
          .timestamp_ns = event.timestamp_ns,
          .size = event.size,
          .type = event.type,
          .flags = 0,
          .payload = bytes_.data() + event.offset};
}

void Branch::cut(std::uint64_t sequence) {
  if (sequence - first_ >= events_.size()) return;
  bytes_.resize(events_[sequence - first_].offset);
  events_.resize(sequence - first_);
}

void Branch::go_on_at(std::uint64_t recorded_until, std::uint64_t sequence) {
  for (std::uint64_t lost = recorded_until + 1; lost < sequence; ++lost) {
    static_cast<void>(event(lost));
    events_[lost - first_].recorded = false;
  }
}

const Branch::Event* Branch::find(std::uint64_t sequence) const noexcept {
  return sequence >= first_ && sequence - first_ < events_.size() ? &events_[sequence - first_] : nullptr;
}

bool Branch::same(const Found& found) const noexcept {
  const Event* event = find(found.header.sequence);
  return event != nullptr && event->size == found.header.size && event->type == found.header.type &&
         event->timestamp_ns == found.header.timestamp_ns && found.header.flags == 0 &&
         (event->size == 0 || std::memcmp(found.payload.data(), bytes_.data() + event->offset, event->size) == 0);
}

std::uint64_t Branch::recorded_from(std::uint64_t sequence) const noexcept {
  const Event* event = find(sequence);
  while (event != nullptr && !event->recorded) event = find(++sequence);
  return sequence;
}

std::string Branch::check_segment(SimDisk& disk, std::uint64_t first, const core::SegmentHeader& header,
                                  const core::SegmentHeader* next, std::uint64_t& expected) const {
  const std::string name = segment_name(first);
  std::span<const std::byte> bytes = disk.look(name).subspan(core::kSegmentDataOffset);
  std::uint64_t epoch = header.epoch;
  std::uint64_t sequence = first;
  std::uint32_t seed = epoch_seed(epoch);
  while (next == nullptr || sequence < next->follows) {
    const Found found = look_at(bytes, sequence, epoch, seed);
    if (found.lies == Lies::control) {
      if (recorded_from(sequence) < found.note.first_sequence)
        return name + ": passes over event " + std::to_string(sequence);
      epoch = found.note.epoch;
      sequence = found.note.first_sequence;
      seed = epoch_seed(epoch);
    } else if (found.lies == Lies::event) {
      if (!same(found)) return name + ": event " + std::to_string(sequence) + " is not what was published";
      ++sequence;
    } else {
      break;
    }
    bytes = bytes.subspan(found.bytes);
  }
  if (next != nullptr && sequence != next->follows)
    return name + " ends before event " + std::to_string(sequence) + ", and the next segment goes on with " +
           std::to_string(next->follows);
  expected = sequence;
  return "";
}

std::string Branch::check(SimDisk& disk, std::uint64_t next_sequence) const {
  std::vector<std::uint64_t> segments;
  static_cast<void>(list_segments(disk, segments));
  if (segments.empty()) return begun ? "no segment is left" : "";
  if (segments.front() != first_) return segment_name(first_) + " is missing";
  if (next_sequence <= durable)
    return "event " + std::to_string(next_sequence) + " was durable and is missing (" + std::to_string(durable) + " were)";
  if (next_sequence > written + 1) return "event " + std::to_string(next_sequence - 1) + " was never written";

  std::vector<core::SegmentHeader> headers(segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::span<const std::byte> bytes = disk.look(segment_name(segments[i]));
    if (bytes.size() < core::kSegmentDataOffset) return segment_name(segments[i]) + " is too short";
    std::memcpy(&headers[i], bytes.data(), sizeof headers[i]);
    if (headers[i].checksum != struct_checksum(headers[i])) return segment_name(segments[i]) + " has a damaged header";
  }
  std::uint64_t expected = first_;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i] < expected || recorded_from(expected) < segments[i])
      return segment_name(segments[i]) + " does not follow event " + std::to_string(expected - 1);
    const core::SegmentHeader* next = i + 1 < segments.size() ? &headers[i + 1] : nullptr;
    if (std::string wrong = check_segment(disk, segments[i], headers[i], next, expected); !wrong.empty()) return wrong;
  }
  if (expected != next_sequence)
    return "the records end before event " + std::to_string(expected) + ", recovery says " + std::to_string(next_sequence);
  return "";
}

}  // namespace ringbolt::ipc::test
