#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/journal_collect.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace ringbolt {

const char* finding_name(FindingKind kind) noexcept {
  switch (kind) {
    case FindingKind::torn_tail: return "torn_tail";
    case FindingKind::gap: return "gap";
    case FindingKind::damaged_record: return "damaged_record";
    case FindingKind::missing_segment: return "missing_segment";
    case FindingKind::damaged_header: return "damaged_header";
    case FindingKind::damaged_index: return "damaged_index";
    case FindingKind::damaged_cursor: return "damaged_cursor";
    case FindingKind::damaged_durable_point: return "damaged_durable_point";
  }
  return "unknown";
}

bool JournalCheck::sound() const noexcept { return std::ranges::none_of(findings, &JournalFinding::is_damage); }

std::uint64_t JournalCheck::lost_events() const noexcept {
  std::uint64_t lost = 0;
  for (const JournalFinding& finding : findings) {
    if (finding.is_damage()) lost += finding.events();
  }
  return lost;
}

namespace ipc {
namespace {

std::string hexadecimal(const std::array<std::uint64_t, 2>& id) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(id[0]),
                static_cast<unsigned long long>(id[1]));
  return text.data();
}

void check_cursors(const std::string& directory, const JournalId& id, JournalCheck& check) {
  const auto bad = [&](const std::string& name, std::string why) {
    check.findings.push_back({FindingKind::damaged_cursor, directory + "/cursors/" + name, 0, 1, 0, std::move(why)});
  };
  for (const auto& [name, cursor] : list_cursors(directory)) {
    const CursorContent content = look_at_cursor(directory, name);
    switch (content.status) {
      case CursorStatus::good:
        if (content.copy.journal_id != id) bad(name, "it is the cursor of another journal");
        break;
      case CursorStatus::never_stored: break;
      case CursorStatus::wrong_size: bad(name, "it does not have the size of a cursor"); break;
      case CursorStatus::damaged: bad(name, "neither of its copies holds together"); break;
      case CursorStatus::wrong_version: bad(name, "it was written by another version of Ringbolt"); break;
      case CursorStatus::foreign_layout: bad(name, "it was written on a machine with the other byte order"); break;
      case CursorStatus::unreadable: bad(name, "it cannot be read"); break;
    }
  }
}

class EveryRecord final : public ScanVisitor {
 public:
  explicit EveryRecord(const std::function<bool(const JournalRecord&)>& callback) : callback_(&callback) {}
  bool on_record(const JournalRecord& record) override { return (*callback_)(record); }
  [[nodiscard]] bool wants_remains() const override { return true; }

 private:
  const std::function<bool(const JournalRecord&)>* callback_;
};

}  // namespace

void throw_no_journal(std::string_view directory) {
  throw Error(Code::not_found, "there is no journal in " + std::string(directory) +
                                   ": it has no segment; give the directory that the publisher was told");
}

bool Collector::on_record(const JournalRecord& record) {
  if (check_->epochs.empty() || check_->epochs.back().epoch != record.epoch) {
    const bool begins = record.kind == JournalRecord::Kind::control;
    check_->epochs.push_back({record.epoch, hexadecimal(record.ring_id), record.sequence, begins ? record.opened_ns : 0});
  }
  if (record.kind != JournalRecord::Kind::event) return true;
  if (check_->events++ == 0) check_->first_sequence = record.sequence;
  check_->last_sequence = record.sequence;
  return true;
}

void Collector::finish(const JournalScan& scan, const std::string& directory) {
  if (scan.segments() == 0 && check_->findings.empty()) throw_no_journal(directory);
  check_->directory = directory;
  check_->journal_id = hexadecimal(scan.id());
  check_->segments = scan.segments();
  check_->bytes = scan.all_bytes();
  check_cursors(directory, scan.id(), *check_);
}

}  // namespace ipc

JournalCheck verify_journal(std::string_view directory, const JournalProgress& progress) {
  const std::string path(directory);
  const auto storage = ipc::open_directory(path, false);
  JournalCheck check;
  ipc::Collector collector(check, progress);
  ipc::JournalScan scan(*storage, collector);
  scan.run();
  collector.finish(scan, path);
  return check;
}

void for_each_record(std::string_view directory, const std::function<bool(const JournalRecord&)>& callback) {
  const auto storage = ipc::open_directory(std::string(directory), false);
  ipc::EveryRecord visitor(callback);
  ipc::JournalScan scan(*storage, visitor);
  if (scan.segments() == 0) ipc::throw_no_journal(directory);
  scan.run();
}

}  // namespace ringbolt
