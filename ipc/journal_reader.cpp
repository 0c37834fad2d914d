#include <ringbolt/ipc/journal_reader.hpp>
#include <ringbolt/ipc/segment_walk.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

struct JournalReader::Impl {
  Impl(std::string_view journal, const JournalReaderOptions& chosen)
      : storage(open_directory(std::string(journal), false)), options(chosen) {
    refresh();
    if (segments.empty()) {
      throw Error(Code::not_found, "there is no journal in " + std::string(journal) +
                                       ": it has no segment; give the directory that the publisher was told");
    }
    wanted = segments.front();
  }

  void refresh() {
    if (const int error = list_segments(*storage, segments); error != 0)
      throw Error(Code::system, "cannot list " + storage->path("") + ": " + std::strerror(error), error);
  }

  // Into the segment that holds `wanted`, if there is one. What was removed before it becomes a gap.
  bool enter() {
    for (;;) {
      refresh();
      if (segments.empty()) return false;
      if (wanted < segments.front()) {
        gap = Gap{reported ? wanted : gap.first, segments.front() - 1, false};  // more may have been removed meanwhile
        reported = false;
        wanted = segments.front();
      }
      const auto next = std::ranges::upper_bound(segments, wanted);
      if (walk.enter(*storage, next[-1]) != 0) continue;  // removed since it was listed
      know_end(next);
      if (walk.expected() < wanted && next != segments.end()) jump();
      return true;
    }
  }

  // Where the segment ends, if another one was begun.
  bool know_end(std::vector<std::uint64_t>::const_iterator next) {
    end_before = ~std::uint64_t{0};
    SegmentWalk other;
    if (next == segments.end() || other.enter(*storage, *next) != 0) return false;
    end_before = other.header().follows;
    goes_on_at = other.header().first_sequence;
    return true;
  }

  void jump() {
    const std::vector<core::IndexEntry> index = index_of(*storage, walk.header().first_sequence);
    auto entry = std::ranges::upper_bound(index, wanted, {}, &core::IndexEntry::sequence);
    if (entry != index.begin()) static_cast<void>(walk.jump(*--entry));
  }

  // Nothing that holds together is at the place: is that the end for now, or the end of this segment?
  enum class End : std::uint8_t { for_now, of_segment };
  End what_ends() {
    const std::uint64_t segment = walk.header().first_sequence;
    refresh();
    // Taken by another file of the same name? A sync failed, and nothing of this one counts.
    SegmentWalk again;
    if (std::ranges::binary_search(segments, segment) && again.enter(*storage, segment) == 0 &&
        again.header().checksum != walk.header().checksum) {
      end_before = ~std::uint64_t{0};
      return End::of_segment;
    }
    const auto next = std::ranges::upper_bound(segments, segment);
    if (next == segments.end()) return End::for_now;
    if (!know_end(next)) return End::for_now;  // removed, or begun, at this moment: look again at the next call
    const Found now = walk.look(true);         // it may have been written since
    const bool begins = now.lies == Lies::control && now.note.first_sequence <= end_before;
    if (walk.expected() >= end_before || now.lies == Lies::event || begins) return End::of_segment;
    throw Error(Code::damaged,
                storage->path(segment_name(segment)) + " is damaged at offset " + std::to_string(walk.offset()) +
                    ": event " + std::to_string(walk.expected()) + " does not hold together, and events up to " +
                    std::to_string(end_before - 1) +
                    " were written: `ringbolt verify` lists what is lost, `ringbolt verify --salvage` keeps what is left");
  }

  Status next(Event& event, std::uint64_t below) {
    for (;;) {
      if (!std::exchange(reported, true)) return Status::gap;
      if (wanted >= below) return Status::empty;
      if (!walk.inside() && !enter()) return Status::empty;
      if (!reported) continue;
      if (walk.expected() >= end_before) {
        leave();
        continue;
      }
      const std::uint64_t offset = walk.offset();
      PlainHeader header;
      if (walk.take(header, event.payload, options.verify && walk.expected() >= wanted)) {
        walk.prefetch();
        if (header.sequence < wanted) continue;
        wanted = walk.expected();
        last_segment = walk.header().first_sequence;
        last_offset = offset;
        last_epoch = walk.epoch();
        event.sequence = header.sequence;
        event.timestamp_ns = header.timestamp_ns;
        event.type = header.type;
        event.attributes_bytes = 0;
        event.reader = nullptr;
        event.position = 0;
        if ((header.flags & core::kFlagAttributes) != 0) take_attributes(event);
        return Status::ok;
      }
      const Found found = walk.look(options.verify);
      if (found.lies == Lies::control && found.note.first_sequence <= end_before) {
        const std::uint64_t lost_from = std::max(wanted, walk.expected());
        walk.pass(found);
        wanted = std::max(wanted, walk.expected());
        if (walk.expected() > lost_from) {
          gap = Gap{lost_from, walk.expected() - 1, false};
          reported = false;
        }
        continue;
      }
      if (found.lies == Lies::event) continue;  // it was written between the two looks
      if (walk.expected() < end_before && what_ends() == End::for_now) return Status::empty;
      if (walk.expected() >= end_before || end_before == ~std::uint64_t{0}) leave();
    }
  }

  void take_attributes(Event& event) const {
    const std::uint64_t bytes = core::checked_attributes(event.payload);
    if (bytes == 0) {
      throw Error(Code::damaged, "event " + std::to_string(event.sequence) + " in " +
                                     storage->path(segment_name(last_segment)) +
                                     " has attributes that do not hold together: the next read goes on behind it");
    }
    event.attributes_bytes = static_cast<std::uint32_t>(bytes);
    event.payload = event.payload.subspan(bytes);
  }

  // Behind the segment; what was never recorded between it and the next one is a gap.
  void leave() {
    wanted = std::max(wanted, walk.expected());
    if (walk.expected() >= end_before && goes_on_at > wanted) {
      gap = Gap{wanted, goes_on_at - 1, false};
      reported = false;
      wanted = goes_on_at;
    }
    walk.leave();
  }

  std::unique_ptr<Storage> storage;
  JournalReaderOptions options;
  std::vector<std::uint64_t> segments;
  SegmentWalk walk;
  std::uint64_t end_before = ~std::uint64_t{0};  // from here on this segment does not count; ~0: there is no next one
  std::uint64_t goes_on_at = 0;                  // first sequence of the next one
  std::uint64_t wanted = 0;                      // the next event to hand out
  Gap gap;
  bool reported = true;
  std::uint64_t last_segment = 0;  // of the event that was handed out last, also when its segment is left
  std::uint64_t last_offset = 0;
  std::uint64_t last_epoch = 0;
};

JournalReader::JournalReader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
JournalReader::JournalReader(JournalReader&&) noexcept = default;
JournalReader& JournalReader::operator=(JournalReader&&) noexcept = default;
JournalReader::~JournalReader() = default;

JournalReader JournalReader::open(std::string_view directory, const JournalReaderOptions& options) {
  return JournalReader(std::make_unique<Impl>(directory, options));
}

void JournalReader::seek(std::uint64_t sequence) {
  impl_->walk.leave();
  impl_->reported = true;
  impl_->wanted = sequence;
}

std::uint64_t JournalReader::seek_time(std::uint64_t timestamp_ns) {
  Impl& impl = *impl_;
  impl.refresh();
  if (impl.segments.empty()) return next_sequence();
  // The last segment whose first event is older: what is wanted is in it, or is the first of the next one.
  const auto begins_before = [&](std::uint64_t segment) {
    SegmentWalk walk;
    if (walk.enter(*impl.storage, segment) != 0) return true;  // removed: older than everything that is left
    Found found = walk.look(false);
    for (; found.lies == Lies::control; found = walk.look(false)) walk.pass(found);
    return found.lies == Lies::event && found.header.timestamp_ns < timestamp_ns;
  };
  auto after = std::ranges::partition_point(impl.segments, begins_before);
  seek(after == impl.segments.begin() ? *after : after[-1]);
  if (after != impl.segments.begin() && after != impl.segments.end()) {
    const std::vector<core::IndexEntry> index = index_of(*impl.storage, after[-1]);
    const auto entry = std::ranges::lower_bound(index, timestamp_ns, {}, &core::IndexEntry::timestamp_ns);
    SegmentWalk walk;  // the entry is believed only if the record says the same
    if (entry != index.begin() && walk.enter(*impl.storage, after[-1]) == 0 && walk.jump(entry[-1]) &&
        walk.look(false).header.timestamp_ns < timestamp_ns)
      seek(entry[-1].sequence);
  }
  Event event;
  for (;;) {
    switch (next(event)) {
      case Status::ok: break;
      case Status::gap: continue;
      default: return next_sequence();
    }
    if (event.timestamp_ns < timestamp_ns) continue;
    seek(event.sequence);
    return event.sequence;
  }
}

Status JournalReader::next(Event& event, std::uint64_t below) { return impl_->next(event, below); }
const Gap& JournalReader::last_gap() const noexcept { return impl_->gap; }
std::uint64_t JournalReader::next_sequence() const noexcept { return impl_->wanted; }

std::uint64_t JournalReader::oldest_sequence() {
  impl_->refresh();
  return impl_->segments.empty() ? 0 : impl_->segments.front();
}

std::uint64_t JournalReader::newest_sequence() {
  impl_->refresh();
  if (impl_->segments.empty()) return 0;
  SegmentWalk walk;
  if (walk.enter(*impl_->storage, impl_->segments.back()) != 0) return newest_sequence();
  for (Found found = walk.look(true); found.lies == Lies::event || found.lies == Lies::control; found = walk.look(true))
    walk.pass(found);
  return walk.expected() - 1;
}

JournalPlace JournalReader::place() const {
  return {impl_->storage->path(segment_name(impl_->last_segment)), impl_->last_offset, impl_->last_epoch};
}

std::array<std::uint64_t, 2> JournalReader::ring_id() {
  if (!impl_->walk.inside() || !impl_->walk.ring_known()) {
    const auto ring = ring_of(impl_->wanted - 1);
    if (impl_->walk.inside()) impl_->walk.know_ring(ring);
    return ring;
  }
  return impl_->walk.ring_id();
}

std::array<std::uint64_t, 2> JournalReader::ring_of(std::uint64_t sequence) {
  impl_->refresh();
  const auto after = std::ranges::upper_bound(impl_->segments, sequence);
  SegmentWalk walk;
  if (after == impl_->segments.begin() || walk.enter(*impl_->storage, after[-1]) != 0) return {};
  for (;;) {
    const Found found = walk.look(false);
    if (found.lies != Lies::event && found.lies != Lies::control) return {};
    if (found.lies == Lies::event && walk.expected() == sequence) return walk.ring_id();
    walk.pass(found);
    if (walk.expected() > sequence && found.lies == Lies::control) return {};
  }
}

}  // namespace ringbolt
