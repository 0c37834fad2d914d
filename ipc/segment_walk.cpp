#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/segment_walk.hpp>

#include <cerrno>
#include <cstring>

namespace ringbolt::ipc {

int SegmentWalk::enter(Storage& storage, std::uint64_t segment) {
  leave();
  const std::string path = storage.path(segment_name(segment));
  std::unique_ptr<StorageFile> file;
  int error = storage.open(segment_name(segment), false, file);
  if (error == ENOENT) return error;
  const auto refuse = [&](const char* what) {
    const bool denied = error == EACCES || error == EPERM;
    throw Error(denied ? Code::not_allowed : Code::system,
                std::string("cannot ") + what + " " + path + ": " + std::strerror(error) + ": check its rights and the disk",
                error);
  };
  if (error != 0) refuse("open");
  core::SegmentHeader header{};
  if (const HeaderStatus status = read_segment_header(*file, segment, header); status != HeaderStatus::good)
    throw_bad_header(status, path);
  const std::span<const std::byte> bytes = file->map(error);
  if (error != 0) refuse("map");
  if (bytes.size() < header.segment_bytes) throw_bad_header(HeaderStatus::too_short, path);
  file_ = std::move(file);
  header_ = header;
  bytes_ = bytes.first(header.segment_bytes);
  offset_ = core::kSegmentDataOffset;
  expected_ = header.first_sequence;
  epoch_ = header.epoch;
  seed_ = epoch_seed(epoch_);
  know_ring(header.ring_id);
  return 0;
}

void SegmentWalk::pass(const Found& found) noexcept {
  offset_ += found.bytes;
  if (found.lies == Lies::event) {
    ++expected_;
    return;
  }
  epoch_ = found.note.epoch;
  seed_ = epoch_seed(epoch_);
  expected_ = found.note.first_sequence;
  know_ring(found.note.ring_id);
}

bool SegmentWalk::jump(const core::IndexEntry& entry) noexcept {
  if (entry.offset < offset_ || entry.offset >= bytes_.size() || entry.offset % core::kRecordAlignment != 0) return false;
  const std::uint32_t seed = epoch_seed(entry.epoch);
  if (look_at(bytes_.subspan(entry.offset), entry.sequence, entry.epoch, seed).lies != Lies::event) return false;
  offset_ = entry.offset;
  expected_ = entry.sequence;
  epoch_ = entry.epoch;
  seed_ = seed;
  ring_known_ = false;
  return true;
}

std::vector<core::IndexEntry> index_of(Storage& storage, std::uint64_t segment) {
  SegmentWalk walk;
  if (walk.enter(storage, segment) != 0) return {};
  std::vector<core::IndexEntry> entries = load_index(storage, walk.header().journal_id, segment);
  if (!entries.empty()) return entries;
  for (std::uint64_t indexed = 0;;) {
    const Found found = walk.look(false);
    if (found.lies != Lies::event && found.lies != Lies::control) break;
    if (found.lies == Lies::event && (indexed == 0 || walk.offset() - indexed >= core::kIndexEveryBytes)) {
      indexed = walk.offset();
      entries.push_back({found.header.sequence, found.header.timestamp_ns, indexed, walk.epoch()});
    }
    walk.pass(found);
  }
  if (!entries.empty()) static_cast<void>(store_index(storage, walk.header().journal_id, segment, entries));
  return entries;
}

}  // namespace ringbolt::ipc
