// What a scan is told, gathered into a JournalCheck. Shared by verify and salvage.
#pragma once

#include <ringbolt/ipc/journal_scan.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace ringbolt::ipc {

[[noreturn]] void throw_no_journal(std::string_view directory);

class Collector : public ScanVisitor {
 public:
  Collector(JournalCheck& check, const JournalProgress& progress) : check_(&check), progress_(&progress) {}

  bool on_record(const JournalRecord& record) override;
  void on_finding(JournalFinding finding) override { check_->findings.push_back(std::move(finding)); }
  void on_progress(std::uint64_t done_bytes, std::uint64_t all_bytes) override {
    if (*progress_) (*progress_)(done_bytes, all_bytes);
  }
  // The totals, and the cursors. Throws Error (not_found) if there was nothing that belongs to a journal.
  void finish(const JournalScan& scan, const std::string& directory);

 private:
  JournalCheck* check_;
  const JournalProgress* progress_;
};

}  // namespace ringbolt::ipc
