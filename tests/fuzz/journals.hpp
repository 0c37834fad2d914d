// Journals that the library wrote, and what a reader of one is held to.
#pragma once

#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/journal_log.hpp>
#include <ringbolt/ipc/journal_reader.hpp>

#include <array>
#include <map>
#include <string>

#include "fuzz/memory_storage.hpp"

namespace ringbolt::fuzz {

using Files = std::map<std::string, Bytes>;

inline constexpr std::array<std::uint64_t, 2> kRingId{0xabcd, 0xef01};

struct JournalShape {
  std::uint64_t segment_bytes = 4'096;
  std::uint64_t lives = 2;    // epochs
  std::uint64_t events = 20;  // in each
  std::size_t size = 300;     // of a payload; that of event n is up to 7 bytes more
  std::uint64_t skipped = 0;  // sequences that were never recorded, between two lives
};

// Event n is stamped n * 1000 and has the type n.
[[nodiscard]] Files make_journal(const JournalShape& shape);

// Stages and writes the events of one more life; returns the last one's sequence. Stops where the log refuses.
std::uint64_t live_on(ipc::Storage& storage, const JournalShape& shape);

// Holds events to the promises: numbers grow by one, or a gap was told; the payload is what was written, unless somebody has
// made a checksum fit to something else.
class JournalWatcher {
 public:
  explicit JournalWatcher(bool forged, std::uint64_t first = 0) : forged_(forged), next_(first) {}
  void event(std::uint64_t sequence, std::span<const std::byte> payload);
  void gap(std::uint64_t first, std::uint64_t last);
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::uint64_t next() const { return next_; }

 private:
  bool forged_;
  std::uint64_t next_;  // 0: anything
  std::uint64_t events_ = 0;
  std::uint64_t lost_ = 0;
};

// Reads on until nothing more comes; throws what the reader throws.
void read_on(JournalReader& reader, JournalWatcher& watcher, std::uint64_t most_events);

// Into a directory of the file system, where what is the same stays.
class JournalDirectory {
 public:
  JournalDirectory(std::string path, Files sound);
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Files& sound() const { return sound_; }
  void set(const std::string& file, const Bytes& bytes) const;
  // As it was, with nothing more and nothing less in it.
  void restore() const;

 private:
  std::string path_;
  Files sound_;
};

// The checksum of each record from `offset` on made to fit, as far as the records lead.
void repair_records(Bytes& segment);

}  // namespace ringbolt::fuzz
