// The file `durable` of a journal: where recovery begins. Two copies, written in turn; the one with the larger generation
// counts. What it says is true from the moment it is written, whether or not it is on the disk yet, because the records
// before it were synced first; so a copy that is lost or late only makes recovery read more.
#pragma once

#include <ringbolt/ipc/segment.hpp>

#include <memory>
#include <mutex>
#include <optional>

namespace ringbolt::ipc {

// The place where a segment's records begin.
[[nodiscard]] core::DurablePoint start_of(const core::SegmentHeader& header) noexcept;

// Thread-safe.
class DurableFile {
 public:
  explicit DurableFile(Storage& storage) noexcept : storage_(&storage) {}

  // The newest good copy; empty if there is none. The answer is an errno, 0 also if there is no such file.
  [[nodiscard]] int read(std::optional<core::DurablePoint>& point);
  // Writes and syncs the older copy. Fills in generation, magic and checksum.
  [[nodiscard]] int write(core::DurablePoint point);

 private:
  [[nodiscard]] int create();

  Storage* storage_;
  std::mutex mutex_;
  std::unique_ptr<StorageFile> file_;
  std::uint64_t generation_ = 0;
};

}  // namespace ringbolt::ipc
