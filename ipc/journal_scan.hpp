// Going through all bytes of a journal, damaged or not, from the oldest segment to the end: what verify, dump and salvage
// stand on. Believes a record only if its checksum holds, and after one that does not it looks for the next that does, so
// that what is lost is known exactly.
//
// What a broken place is: before the durable point, or proven durable by a later record or segment (`undurable`,
// `after_sync` in journal_layout.hpp), it is damage. Otherwise it is the torn tail that recovery would cut, with all that
// comes behind it.
#pragma once

#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/segment_index.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ringbolt::ipc {

// Who is told. Records come in the order of the files, findings as they are made.
class ScanVisitor {
 public:
  ScanVisitor() = default;
  virtual ~ScanVisitor() = default;
  ScanVisitor(const ScanVisitor&) = delete;
  ScanVisitor& operator=(const ScanVisitor&) = delete;

  // False: enough. `record.payload` is valid until the call returns.
  virtual bool on_record(const JournalRecord& record) = 0;
  virtual void on_finding(JournalFinding /*finding*/) {}
  virtual void on_progress(std::uint64_t /*done_bytes*/, std::uint64_t /*all_bytes*/) {}
  // Also those records that do not count.
  [[nodiscard]] virtual bool wants_remains() const { return false; }
};

class JournalScan {
 public:
  // Reads the headers. Throws Error: not_found (no journal), not_allowed, wrong_version, foreign_layout, system.
  JournalScan(Storage& storage, ScanVisitor& visitor);
  void run();

  [[nodiscard]] std::uint64_t segments() const noexcept { return segments_.size(); }
  [[nodiscard]] std::uint64_t all_bytes() const noexcept { return all_bytes_; }
  [[nodiscard]] std::uint64_t largest_segment_bytes() const noexcept;
  [[nodiscard]] const JournalId& id() const noexcept { return id_; }

 private:
  struct Segment {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;  // of its file
    core::SegmentHeader header{};
    bool known = false;  // the header can be believed; otherwise the name is all that is known
    std::string bad;     // what is wrong with the header; empty: nothing
  };
  // Where the scan is, and what is expected there.
  struct Spot {
    std::uint64_t offset = 0;
    std::uint64_t sequence = 0;
    std::uint64_t epoch = 0;
  };
  enum class Outcome : std::uint8_t { go_on, end_of_segment, end_of_journal };

  // journal_scan_open.cpp: what is known before the first record is looked at.
  void read_headers();
  void read_header(Segment& segment);
  void read_durable_point();
  void choose_checked_until();
  [[nodiscard]] bool load();
  void load_segment_index();

  // journal_scan.cpp: record by record.
  [[nodiscard]] bool scan_segment();
  [[nodiscard]] Outcome step();
  [[nodiscard]] Outcome past_broken();
  [[nodiscard]] Outcome at_the_end();
  [[nodiscard]] Outcome without_header();
  [[nodiscard]] Outcome cut_here(std::uint64_t end, const std::string& why);
  void check_point();
  void check_index(const PlainHeader& header);
  [[nodiscard]] JournalRecord record_of(const Found& found, std::uint64_t offset, std::uint64_t epoch) const;
  void give(const JournalRecord& record);
  void give_broken(std::uint64_t end);

  // journal_scan_search.cpp: behind a place where nothing holds together.
  [[nodiscard]] std::optional<Spot> find_next(const Spot& from) const;
  [[nodiscard]] std::uint64_t end_of_run(Spot from) const;
  [[nodiscard]] bool was_durable();
  [[nodiscard]] std::uint64_t proven_below(const Spot& from) const;
  void give_remains(std::uint64_t from);
  [[nodiscard]] std::optional<Found> any_record_at(std::uint64_t offset, std::uint64_t& epoch) const;

  void know_epoch(std::uint64_t epoch);
  void find(FindingKind kind, std::uint64_t offset, std::uint64_t first, std::uint64_t end, std::string why);
  void find_in(std::string file, FindingKind kind, std::uint64_t offset, std::uint64_t first, std::uint64_t end,
               std::string why);
  [[nodiscard]] const Segment& here() const noexcept { return segments_[number_]; }
  [[nodiscard]] bool is_last() const noexcept { return number_ + 1 == segments_.size(); }
  [[nodiscard]] bool point_is_here() const noexcept { return point_ && point_->segment == here().first; }
  // The sequence from which on nothing in the present segment counts.
  [[nodiscard]] std::uint64_t end_before() const noexcept;
  [[nodiscard]] std::span<const std::byte> at(std::uint64_t offset) const noexcept;
  [[nodiscard]] bool zeros_from(std::uint64_t offset) const noexcept;

  Storage* storage_;
  ScanVisitor* visitor_;
  JournalId id_{};
  std::vector<Segment> segments_;
  std::uint64_t all_bytes_ = 0;
  std::uint64_t done_bytes_ = 0;
  std::optional<core::DurablePoint> point_;       // where recovery would begin
  std::optional<core::DurablePoint> lost_point_;  // the same, and the segment is not there
  std::size_t checked_until_ = 0;                 // number of the segment before which everything was durable
  std::vector<std::uint64_t> epochs_;             // that checksums may have been made with, ascending

  std::size_t number_ = 0;  // of the present segment
  std::string path_;        // its file
  std::vector<std::byte> bytes_;
  std::string read_failure_;  // of some of its bytes, which are zeros here
  std::vector<core::IndexEntry> index_;
  std::size_t index_at_ = 0;
  Spot spot_;
  std::array<std::uint64_t, 2> ring_id_{};
  std::optional<std::uint64_t> proven_below_;
  bool point_met_ = false;
  bool stopped_ = false;  // the visitor has had enough
};

}  // namespace ringbolt::ipc
