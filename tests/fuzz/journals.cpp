#include "fuzz/journals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

namespace ringbolt::fuzz {

using ipc::PlainHeader;

std::uint64_t live_on(ipc::Storage& storage, const JournalShape& shape) {
  ipc::JournalLog log(storage, {.segment_bytes = shape.segment_bytes, .threads = false});
  std::uint64_t next = log.recovered().empty ? 1 : log.recovered().next_sequence + shape.skipped;
  if (log.begin_epoch(kRingId, next) != 0) return 0;
  for (std::uint64_t i = 0; i < shape.events; ++i, ++next) {
    const Bytes payload = payload_of(next, shape.size + next % 8);
    core::Record record;
    record.sequence = next;
    record.timestamp_ns = next * 1'000;
    record.size = static_cast<std::uint32_t>(payload.size());
    record.type = static_cast<std::uint32_t>(next);
    record.payload = payload.data();
    while (!log.stage(record)) {
      if (log.write() != 0) return next - 1;
    }
    if (log.write() != 0 || log.sync() != 0) return next - 1;
  }
  static_cast<void>(log.note_durable_point());
  return next - 1;
}

Files make_journal(const JournalShape& shape) {
  MemoryStorage storage;
  for (std::uint64_t life = 0; life < shape.lives; ++life)
    require(live_on(storage, shape) != 0, "a journal in memory can be written");
  return storage.contents();
}

void JournalWatcher::event(std::uint64_t sequence, std::span<const std::byte> payload) {
  require(next_ == 0 || sequence == next_, "an event is the next one, or a gap was told", sequence);
  next_ = sequence + 1;
  ++events_;
  if (!forged_) {
    require(is_payload_of(payload, sequence), "an event whose checksum holds is what was written", sequence);
    return;
  }
  touch(payload);
}

void JournalWatcher::gap(std::uint64_t first, std::uint64_t last) {
  require(next_ == 0 || first == next_, "a gap begins behind the last event", first);
  next_ = last + 1;
  lost_ += last + 1 - first;
}

void read_on(JournalReader& reader, JournalWatcher& watcher, std::uint64_t most_events) {
  Event event;
  for (std::uint64_t i = 0;; ++i) {
    require(i <= most_events, "no journal holds more events than it has room for", i);
    switch (reader.next(event)) {
      case Status::ok: watcher.event(event.sequence, event.payload); break;
      case Status::gap: watcher.gap(reader.last_gap().first, reader.last_gap().last); break;
      default: return;
    }
  }
}

JournalDirectory::JournalDirectory(std::string path, Files sound) : path_(std::move(path)), sound_(std::move(sound)) {
  std::filesystem::create_directories(path_);
  restore();
}

void JournalDirectory::set(const std::string& file, const Bytes& bytes) const {
  const std::string path = std::filesystem::path(path_) / file;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(fd >= 0 && ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
          "a file of the target's own can be written");
  ::close(fd);
}

void JournalDirectory::restore() const {
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const std::string name = entry.path().filename();
    if (sound_.contains(name)) {
      there.insert(name);
    } else {
      std::filesystem::remove_all(entry.path());
    }
  }
  for (const auto& [name, bytes] : sound_) set(name, bytes);
}

// Whatever the sizes say; the epoch is that of the segment's header until a control record begins another.
void repair_records(Bytes& segment) {
  core::SegmentHeader header{};
  if (segment.size() < core::kSegmentDataOffset) return;
  std::memcpy(&header, segment.data(), sizeof header);
  std::uint32_t seed = ipc::epoch_seed(header.epoch);
  for (std::uint64_t at = core::kSegmentDataOffset; at + sizeof(PlainHeader) <= segment.size();) {
    PlainHeader record{};
    std::memcpy(&record, segment.data() + at, sizeof record);
    const std::uint64_t bytes = core::record_bytes(record.size);
    if (record.sequence == 0 || bytes > segment.size() - at) return;
    const auto payload = std::span<const std::byte>(segment).subspan(at + sizeof record, record.size);
    if ((record.flags & core::kFlagControl) != 0 && payload.size() == sizeof(core::EpochNote)) {
      core::EpochNote note{};
      std::memcpy(&note, payload.data(), sizeof note);
      note.first_sequence = record.sequence;
      std::memcpy(segment.data() + at + sizeof record, &note, sizeof note);
      seed = ipc::epoch_seed(note.epoch);
    }
    record.checksum = ipc::record_checksum(record, payload, seed);
    std::memcpy(segment.data() + at, &record, sizeof record);
    at += bytes;
  }
}

}  // namespace ringbolt::fuzz
