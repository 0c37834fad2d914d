// The journal as the one process that writes it sees it: an endless file of records, cut into segments.
//
// Who promises what to whom:
//   * A record is *written* when `write` has returned 0: a process crash keeps it. It is *durable* when `sync` has: a power
//     cut keeps it. `durable_sequence` moves at that moment and never before.
//   * Under a policy that syncs, a segment gets its name only when its header is on the disk, and records go into it only when
//     its name is; everything before its first event is durable by then (`after_sync`). Under policy none (`unsynced`) all
//     that is done later, in order, and the durable point follows. So the only places where something may be missing after
//     a power cut are behind the durable point.
//   * After a failed write or sync nothing above the durable mark is believed to be anywhere but in the ring. `begin_again`
//     makes a new segment for it. A sync is never repeated.
//   * A death between any two calls leaves: a blank without a name in the journal; or a segment without records; or records
//     up to some place and anything behind it. Recovery takes the longest run of good records from the durable point on.
//     What lies behind it is a torn tail, unless a later record proves that it had been durable (`undurable` in
//     journal_layout.hpp): that is damage, and refused.
//   * What lies behind the tail stays there; the next epoch's records are written over it, and their checksums begin with
//     their epoch, so what an earlier epoch left is never taken for theirs. Only the header of the first record that is cut
//     is overwritten with zeros before anything else: the record that takes its place may be torn by the next power cut,
//     and where just the cut event's number was missing, the same number in the new record would complete it.
//   * The page cache may show what a failed sync did not bring to the disk, also to the next process. So recovery writes
//     the tail behind the durable point again, and syncs it, before anything is appended.
#pragma once

#include <ringbolt/core/reader.hpp>
#include <ringbolt/ipc/durable_point.hpp>
#include <ringbolt/ipc/segment_index.hpp>
#include <ringbolt/ipc/segment_maker.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace ringbolt::ipc {

struct LogOptions {
  std::uint64_t segment_bytes = core::kDefaultSegmentBytes;
  bool syncs = true;        // false: policy none; rolling does not wait for a sync
  bool zero_ahead = false;  // with zeros on the disk a commit is one write, and ext4 keeps what it said it had synced
  bool threads = true;      // false: for tests that are to repeat exactly
  std::size_t buffer_bytes = std::size_t{256} << 10;  // what one write takes; small enough to stay in a core's own cache
};

// What opening found.
struct Recovered {
  bool empty = true;  // a journal without any segment
  std::uint64_t segments = 0;
  std::uint64_t first_sequence = 0;  // of the oldest segment
  std::uint64_t next_sequence = 0;   // after the last good event
  std::uint64_t rewritten_bytes = 0;
  bool torn = false;                       // something that does not hold together was behind it, and was cut
  std::array<std::uint64_t, 2> ring_id{};  // whose events are the last; zeros if the place where that stands was not read
};

class JournalLog {
 public:
  // Opens and recovers. The caller holds the journal's lock; `storage` outlives this object. Throws Error: damaged,
  // too_short, wrong_version, foreign_layout, system, no_space.
  JournalLog(Storage& storage, const LogOptions& options);

  [[nodiscard]] const Recovered& recovered() const noexcept { return recovered_; }
  [[nodiscard]] const JournalId& id() const noexcept { return id_; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }

  // Begins the next epoch: from here on come the events of that ring from `first_sequence` on, which is at least
  // `recovered().next_sequence`. Durable when it returns 0; otherwise an errno, and it may be tried again.
  [[nodiscard]] int begin_epoch(const std::array<std::uint64_t, 2>& ring_id, std::uint64_t first_sequence);

  // Adds the next event. False: no room in the buffer or in the segment: `write`, then stage it again.
  [[nodiscard]] bool stage(const core::Record& record);
  // Writes what is staged; begins the next segment where the last event did not fit. An errno: `begin_again`.
  [[nodiscard]] int write();
  // Makes durable what is written. An errno: `begin_again`.
  [[nodiscard]] int sync();
  // After an errno: a new segment that goes on after `safe_sequence`; the caller stages again what comes after that. An
  // errno: nothing is lost, try again later.
  [[nodiscard]] int begin_again();
  // Writes down where recovery would begin, if that has moved. For a clean end, and now and then. An errno is worth telling
  // (`background_failure` keeps it) and harms nothing.
  [[nodiscard]] int note_durable_point();

  [[nodiscard]] std::uint64_t staged_sequence() const noexcept { return next_sequence_ - 1; }
  [[nodiscard]] std::uint64_t written_sequence() const noexcept { return written_sequence_; }
  [[nodiscard]] std::uint64_t durable_sequence() const noexcept { return durable_sequence_; }
  // What need not be staged again after a failure: under a policy that syncs what is durable, otherwise what is written.
  [[nodiscard]] std::uint64_t safe_sequence() const noexcept {
    return options_.syncs ? durable_sequence_ : written_sequence_;
  }
  [[nodiscard]] std::uint64_t unsynced_bytes() const noexcept { return offset_ - durable_offset_; }
  // Durable, and yet to be read again by recovery.
  [[nodiscard]] std::uint64_t bytes_behind_durable_point() const noexcept {
    return durable_offset_ - (noted_segment_ == segment_ ? noted_offset_ : core::kSegmentDataOffset);
  }
  // Counts rolls, so that its owner knows when to look at what may be removed.
  [[nodiscard]] std::uint64_t segments_begun() const noexcept { return segments_begun_; }
  [[nodiscard]] std::uint64_t first_sequence() const noexcept { return recovered_.first_sequence; }
  // Older segments were removed.
  void oldest_is(std::uint64_t first_sequence) noexcept { recovered_.first_sequence = first_sequence; }
  // First errno of a sync that nobody waited for (policy none), or of writing the durable point.
  [[nodiscard]] int background_failure() const { return maker_.failure() != 0 ? maker_.failure() : point_failure_; }

 private:
  // A place in the files where a record begins.
  struct Spot {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
    std::uint64_t sequence = 0;
    std::uint64_t epoch = 0;
  };

  void recover();  // in journal_recovery.cpp
  [[nodiscard]] Spot starting_point(const std::vector<std::uint64_t>& segments);
  void scan(const std::vector<std::uint64_t>& segments, Spot from);
  [[nodiscard]] bool fits(const core::DurablePoint& point, const core::SegmentHeader& header) const;
  void sweep_blanks();
  void refuse_if_it_was_durable(std::span<const std::byte> rest, const Spot& end) const;
  [[nodiscard]] std::uint64_t rewrite(StorageFile& file, std::span<const std::byte> bytes, std::uint64_t offset,
                                      const std::string& path) const;

  [[nodiscard]] int begin_segment(std::uint64_t first_sequence, std::uint64_t at_least_bytes, bool after_sync);
  [[nodiscard]] int write_note(std::uint64_t first_sequence, bool after_durable);
  [[nodiscard]] int roll();
  [[nodiscard]] int write_staged();
  [[nodiscard]] int write_durable_point();
  void sync_later();
  void write_index();
  void add_to_index(const PlainHeader& header, std::uint64_t offset);
  [[nodiscard]] std::uint64_t room() const noexcept { return segment_bytes_ - offset_ - staged_bytes_; }

  Storage* storage_;
  LogOptions options_;
  DurableFile durable_file_;
  Recovered recovered_;
  JournalId id_{};
  std::array<std::uint64_t, 2> ring_id_{};
  std::uint64_t epoch_ = 0;  // in force
  std::uint64_t newest_epoch_ = 0;
  std::uint32_t seed_ = 0;

  std::unique_ptr<StorageFile> file_;  // the segment that is written
  std::uint64_t segment_ = 0;          // its first sequence
  std::uint64_t segment_follows_ = 0;  // as its header says
  std::uint64_t segment_bytes_ = 0;
  bool segment_unsynced_ = false;
  core::DurablePoint segment_start_{};  // the durable point that says: everything before this segment
  std::uint64_t segments_begun_ = 0;
  std::uint64_t offset_ = 0;          // where the next write goes
  std::uint64_t durable_offset_ = 0;  // in this segment
  std::uint64_t padded_until_ = 0;    // zeros were written up to there
  bool roll_ = false;                 // the next event did not fit
  std::uint64_t roll_for_bytes_ = 0;  // its record's

  std::vector<std::byte> buffer_;
  std::uint64_t staged_bytes_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t written_sequence_ = 0;
  std::uint64_t durable_sequence_ = 0;
  std::uint64_t noted_offset_ = 0;  // in the durable point
  std::uint64_t noted_segment_ = 0;
  int point_failure_ = 0;
  std::vector<core::IndexEntry> index_;
  std::uint64_t indexed_offset_ = 0;
  SegmentMaker maker_;  // last: its thread ends before what it works on
};

}  // namespace ringbolt::ipc
