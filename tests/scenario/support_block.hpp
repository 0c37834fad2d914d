// A disk that a test has in its hand: one file that a process of the test serves through FUSE, over which a loop device and
// a file system go. Each write and each flush that reaches it is written down, and it fails or waits where the test says so.
// From what is written down come the images that a power cut could have left at any moment.
//
// The disk has a volatile cache: what was written since the last flush may be lost, each write by itself and in any order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "scenario/support.hpp"

namespace ringbolt::scenario {

// Stands in every event that the disk is to know as such; at a multiple of 8 bytes.
inline constexpr std::uint64_t kDiskTag = 0x7461'6721'b10c'd15c;

// What the disk and the test tell each other.
struct DiskControl {
  Count fail_writes;   // so many writes of events will fail, and leave the disk as it was
  Count fail_flushes;  // so many flushes of nothing but events will fail, and lose what they were to keep
  Count kill;          // process that is killed before it is told of such a failure; 0: none
  Count faults;        // so many have failed
  Count hold_flushes;  // 1: a flush waits until this is 0 again
  Count held;          // flushes that have waited
  Count reads;         // that were answered
  Count writes;        // that were done
  Count write_bytes;
  Count flushes;
  Count log_entries;  // that are written down
  Count log_bytes;
  Count log_full;  // 1: not all is written down
};

struct DiskLogEntry {
  enum class Kind : std::uint32_t { write, flush };
  Kind kind;
  bool event;    // has events in it: each of its sectors may be lost by itself
  bool dropped;  // a flush that failed has lost it
  std::uint32_t bytes;
  std::uint64_t offset;
  std::uint64_t data;  // where it is in the log's bytes
};

class Disk {
 public:
  // Serves `bytes` zeros as the file `path`. `enter_own_mounts` came before. Throws Failure.
  Disk(std::string path, std::uint64_t bytes);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // Why this machine has no such disks; empty: it has.
  [[nodiscard]] static std::string why_not();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] DiskControl& control() const noexcept { return *control_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  // Forgets what was written down, and takes what is on the disk now as the beginning. Nothing is being written.
  void begin_log();
  [[nodiscard]] std::uint64_t log_entries() const noexcept { return control_->log_entries; }
  // The first entry from there on that has events, or is a flush; the number of entries if there is none.
  [[nodiscard]] std::uint64_t next_events(std::uint64_t from) const noexcept;
  [[nodiscard]] std::uint64_t next_flush(std::uint64_t from) const noexcept;

 private:
  friend class CrashImages;
  void serve(int fuse);

  std::string path_;
  std::uint64_t bytes_;
  Shared<DiskControl> control_;
  std::span<std::byte> now_;
  std::span<std::byte> log_data_;
  std::span<DiskLogEntry> log_;
  std::vector<std::byte> beginning_;
  std::unique_ptr<Process> server_;
};

// What the disk may hold after a power cut, at one moment after the other.
class CrashImages {
 public:
  explicit CrashImages(const Disk& disk) : disk_(disk), flushed_(disk.beginning_) {}

  // The cut comes when so many entries are written down, which never decreases: what was flushed by then, and by chance
  // some of what was not. Written to the file `to`.
  void make(std::uint64_t entries, Random& random, const std::string& to);
  // Nothing that was not flushed.
  void make_worst(std::uint64_t entries, const std::string& to);

  [[nodiscard]] std::uint64_t writes_left_out() const noexcept { return left_out_; }
  [[nodiscard]] std::uint64_t torn() const noexcept { return torn_; }

 private:
  void advance(std::uint64_t entries);
  void keep(std::vector<std::byte>& image, const DiskLogEntry& write, std::uint32_t from, std::uint32_t to) const;
  static void store(const std::vector<std::byte>& image, const std::string& to);

  const Disk& disk_;
  std::vector<std::byte> flushed_;
  std::uint64_t next_ = 0;  // entries before this one are in it
  std::uint64_t left_out_ = 0;
  std::uint64_t torn_ = 0;
};

}  // namespace ringbolt::scenario
