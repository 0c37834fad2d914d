#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/durable_point.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/retention.hpp>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace ringbolt::ipc {
namespace {

constexpr std::uint64_t kEverything = ~std::uint64_t{0};

std::uint64_t size_of(Storage& storage, std::uint64_t segment) {
  std::unique_ptr<StorageFile> file;
  std::uint64_t bytes = 0;
  return storage.open(segment_name(segment), false, file) == 0 && file->size(bytes) == 0 ? bytes : 0;
}

// Empty if it does not hold together: then nothing is decided by it.
std::optional<core::SegmentHeader> header_of(Storage& storage, std::uint64_t segment) {
  std::unique_ptr<StorageFile> file;
  core::SegmentHeader header{};
  if (storage.open(segment_name(segment), false, file) != 0) return std::nullopt;
  if (read_segment_header(*file, segment, header) != HeaderStatus::good) return std::nullopt;
  return header;
}

int remove_if_there(Storage& storage, const std::string& name) {
  const int error = storage.remove(name);
  return error == ENOENT ? 0 : error;
}

// One who goes through the segments from the oldest on and takes them away.
class Sweep {
 public:
  Sweep(Storage& storage, Removed& removed) : storage_(&storage), removed_(&removed) {
    removed = {};
    error_ = list_segments(storage, segments_);
    DurableFile file(storage);
    std::optional<core::DurablePoint> point;
    if (file.read(point) == 0 && point) recovery_needs_ = point->segment;
    note_first();
  }

  // There is one that may go, and nothing has failed.
  [[nodiscard]] bool more() const noexcept {
    return error_ == 0 && segments_.size() - at_ > 1 && next_first() <= recovery_needs_;
  }
  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] std::uint64_t next_first() const noexcept { return segments_[at_ + 1]; }
  [[nodiscard]] std::uint64_t bytes_from_here() {
    if (!bytes_) {
      bytes_ = 0;
      for (std::size_t i = at_; i < segments_.size(); ++i) *bytes_ += size_of(*storage_, segments_[i]);
    }
    return *bytes_;
  }
  [[nodiscard]] std::optional<core::SegmentHeader> next_header() const { return header_of(*storage_, next_first()); }

  void remove_one() {
    const std::uint64_t first = segments_[at_];
    const std::uint64_t bytes = size_of(*storage_, first);
    const auto next = next_header();
    const std::uint64_t end = next ? std::clamp(next->follows, first, next_first()) : next_first();
    // The index first: alone it would be found by nobody and stay for ever.
    error_ = remove_if_there(*storage_, index_name(first));
    if (error_ == 0) error_ = remove_if_there(*storage_, segment_name(first));
    if (error_ == 0) error_ = storage_->sync_directory();
    if (error_ != 0) return;
    ++removed_->segments;
    removed_->events += end - first;
    removed_->bytes += bytes;
    if (bytes_) *bytes_ -= std::min(*bytes_, bytes);
    ++at_;
    note_first();
  }

 private:
  void note_first() noexcept { removed_->first_sequence_now = at_ < segments_.size() ? segments_[at_] : 0; }

  Storage* storage_;
  Removed* removed_;
  std::vector<std::uint64_t> segments_;
  std::size_t at_ = 0;
  std::uint64_t recovery_needs_ = kEverything;  // from this segment on
  std::optional<std::uint64_t> bytes_;          // of those that are left, once somebody has asked
  int error_ = 0;
};

}  // namespace

std::uint64_t oldest_unread(const std::string& journal_directory) {
  std::uint64_t oldest = kEverything;
  try {
    for (const auto& [name, cursor] : list_cursors(journal_directory)) {
      if (cursor.sequence == 0) return 0;
      if (cursor.sequence != kEverything) oldest = std::min(oldest, cursor.sequence + 1);
    }
  } catch (const Error&) {
    return 0;
  }
  return oldest;
}

std::uint64_t keep_from(const std::string& journal_directory, const Keep& keep) {
  return keep.unread ? oldest_unread(journal_directory) : kEverything;
}

int remove_old_segments(Storage& storage, const Keep& keep, std::uint64_t keep_from_sequence, std::uint64_t now_ns,
                        Removed& removed) {
  Sweep sweep(storage, removed);
  while (sweep.more() && sweep.next_first() <= keep_from_sequence) {
    bool goes = keep.bytes != 0 && sweep.bytes_from_here() > keep.bytes;
    if (!goes && keep.age_ns != 0) {
      const auto next = sweep.next_header();
      goes = next && next->created_ns < now_ns && now_ns - next->created_ns > keep.age_ns;
    }
    if (!goes) break;
    sweep.remove_one();
  }
  return sweep.error();
}

int remove_segments_before(Storage& storage, std::uint64_t sequence, Removed& removed) {
  Sweep sweep(storage, removed);
  while (sweep.more() && sweep.next_first() <= sequence) sweep.remove_one();
  return sweep.error();
}

}  // namespace ringbolt::ipc
