// The one seam for all file access of the journal: a directory of files that one process writes. Production goes through
// `open_directory`; tests put a simulated disk, or one that fails any call, in its place.
//
// Nothing here throws or retries: every call answers 0 or an errno, and does all that it was asked to do or has failed.
//
// The storage model that the journal is built on (`docs/durability.md`): after `sync` what was written to that file before
// is on the disk; until then each 512-byte sector of it may be old, new or a mixture. Writing again to a sector never hurts
// bytes of it that do not change. A rename, creation or removal is on the disk after `sync_directory`; until then it may
// have happened or not. After a failed `sync` nothing is known of what was written since the last good one, and a later
// `sync` that succeeds says nothing about it (measured on ext4, xfs and btrfs).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ringbolt::ipc {

// A file that is open. Not thread-safe, except that `sync` may run beside other calls of other files.
class StorageFile {
 public:
  StorageFile() = default;
  virtual ~StorageFile() = default;
  StorageFile(const StorageFile&) = delete;
  StorageFile& operator=(const StorageFile&) = delete;

  [[nodiscard]] virtual int write(std::span<const std::byte> bytes, std::uint64_t offset) = 0;
  // Reads what there is, `got` bytes, fewer than asked for only at the end of the file.
  [[nodiscard]] virtual int read(std::span<std::byte> bytes, std::uint64_t offset, std::size_t& got) = 0;
  [[nodiscard]] virtual int sync() = 0;
  // Makes a new file so long, its space allocated, reading as zeros. With `zeroed` also written, synced, and dropped from the
  // page cache, so that a later small write and sync is one small write of the disk.
  [[nodiscard]] virtual int allocate(std::uint64_t bytes, bool zeroed) = 0;
  [[nodiscard]] virtual int size(std::uint64_t& bytes) = 0;
  // The file's bytes in memory, as long as this object lives; shows later writes. Empty, with `error` set, if it fails.
  [[nodiscard]] virtual std::span<const std::byte> map(int& error) = 0;
};

class Storage {
 public:
  Storage() = default;
  virtual ~Storage() = default;
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // A new file for reading and writing; EEXIST if there is one of that name.
  [[nodiscard]] virtual int create(const std::string& name, std::unique_ptr<StorageFile>& file) = 0;
  [[nodiscard]] virtual int open(const std::string& name, bool writable, std::unique_ptr<StorageFile>& file) = 0;
  [[nodiscard]] virtual int rename(const std::string& from, const std::string& to) = 0;  // replaces what is there
  [[nodiscard]] virtual int remove(const std::string& name) = 0;
  [[nodiscard]] virtual int sync_directory() = 0;
  [[nodiscard]] virtual int list(std::vector<std::string>& names) = 0;
  // For messages.
  [[nodiscard]] virtual std::string path(const std::string& name) const = 0;
};

// A directory of the file system. Throws Error: not_found, not_allowed, system. With `create` it is made if it is missing
// (its parent is not).
[[nodiscard]] std::unique_ptr<Storage> open_directory(const std::string& path, bool create);

}  // namespace ringbolt::ipc
