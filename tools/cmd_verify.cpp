// `ringbolt verify`, `dump` and `trim`: a journal's files as they are.
#include <ringbolt/ipc/journal_check.hpp>

#include "commands.hpp"
#include "journal_place.hpp"
#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

std::string range_text(std::uint64_t first, std::uint64_t last) {
  return first == last ? fmt::format("event {}", first)
                       : fmt::format("events {}..{} ({})", first, last, thousands(last + 1 - first));
}

std::string finding_line(const JournalFinding& finding) {
  const std::string lost =
      finding.events() == 0 ? "no event lost" : range_text(finding.first_sequence, finding.last_sequence);
  return fmt::format("{}: {}: {} at offset {}: {}\n", finding_name(finding.kind), lost, printable(finding.file),
                     finding.offset, printable(finding.why));
}

std::string check_text(const JournalCheck& check) {
  std::string text = fmt::format(
      "{}: {}, {}, {}\n", printable(check.directory), counted(check.segments, "segment", "segments"), size_text(check.bytes),
      check.events == 0
          ? "no events"
          : fmt::format("{}, {}..{}", counted(check.events, "event", "events"), check.first_sequence, check.last_sequence));
  for (const JournalEpoch& epoch : check.epochs) {
    text += fmt::format("epoch {}: from event {}, ring {}{}\n", epoch.epoch, epoch.first_sequence, epoch.ring_id,
                        epoch.opened_ns == 0 ? "" : ", begun " + time_text(epoch.opened_ns));
  }
  for (const JournalFinding& finding : check.findings) text += finding_line(finding);
  return text;
}

void say_verdict(const VerifyCommand& command, const JournalCheck& check) {
  if (!command.salvage.empty()) {
    say("saved {} of {} into {}; lost {}", counted(check.events, "event", "events"), command.directory, command.salvage,
        check.lost_events() == 0 ? "nothing" : counted(check.lost_events(), "event", "events"));
  } else if (check.sound()) {
    say("{} is sound", command.directory);
  } else if (check.lost_events() == 0) {
    say("{} is damaged; no event is lost", command.directory);
  } else {
    say("{} is damaged: {} lost; `ringbolt verify {} --salvage INTO` keeps what is left", command.directory,
        counted(check.lost_events(), "event is", "events are"), command.directory);
  }
}

const char* kind_name(JournalRecord::Kind kind) {
  switch (kind) {
    case JournalRecord::Kind::event: return "event";
    case JournalRecord::Kind::control: return "epoch";
    case JournalRecord::Kind::broken: break;
  }
  return "broken";
}

constexpr std::size_t kShownBytes = 60;  // of a payload

std::string record_line(const JournalRecord& record) {
  std::string line = fmt::format("{:>10}  {}", record.offset, kind_name(record.kind));
  if (record.kind == JournalRecord::Kind::broken) {
    line += fmt::format("  {} bytes", record.bytes);
    if (record.counts) line += fmt::format("  event {} was expected", record.sequence);
  } else if (record.kind == JournalRecord::Kind::control) {
    line += fmt::format(" {}  from event {}  begun {}  ring {:016x}{:016x}", record.epoch, record.sequence,
                        time_text(record.opened_ns), record.ring_id[0], record.ring_id[1]);
  } else {
    const std::string_view payload(reinterpret_cast<const char*>(record.payload.data()), record.payload.size());
    line +=
        fmt::format(" {}  epoch {}  {}  type {}  flags {}  {} bytes  crc {:08x}  undurable {}  {}", record.sequence,
                    record.epoch, record.timestamp_ns == 0 ? "-" : time_text(record.timestamp_ns), record.type, record.flags,
                    record.size, record.checksum, record.undurable, printable(payload.substr(0, kShownBytes)));
    if (payload.size() > kShownBytes) line += "...";
  }
  if (!record.counts) line += "  (does not count)";
  return line + "\n";
}

// Writes the records of a range. What is broken belongs to the events around it.
class Dump {
 public:
  explicit Dump(const DumpCommand& command) : command_(command) {}

  bool take(const JournalRecord& record) {
    if (record.sequence != 0) sequence_ = record.sequence;
    if (record.kind != JournalRecord::Kind::broken) timestamp_ns_ = record.timestamp_ns;
    if (stop_requested() || output_.broken()) return false;
    if (!wanted()) return true;
    if (command_.json) {
      append_record_json(output_.buffer(), record);
    } else {
      if (file_ != record.file) append(printable(record.file) + "\n");
      append(record_line(record));
    }
    file_ = record.file;
    if (output_.is_large()) static_cast<void>(output_.flush());
    return true;
  }
  void end() { static_cast<void>(output_.flush()); }

 private:
  [[nodiscard]] bool wanted() const {
    const auto value_for = [this](const Start& place) {
      return place.kind == Start::Kind::time ? timestamp_ns_ : sequence_;
    };
    if (command_.range.from && value_for(*command_.range.from) < command_.range.from->value) return false;
    if (!command_.range.to) return true;
    const Start& to = *command_.range.to;
    return to.kind == Start::Kind::time ? timestamp_ns_ < to.value : sequence_ <= to.value;
  }
  void append(const std::string& text) { output_.buffer().append(text.data(), text.data() + text.size()); }

  const DumpCommand& command_;
  Output output_;
  std::string file_;
  std::uint64_t sequence_ = 0;
  std::uint64_t timestamp_ns_ = 0;
};

}  // namespace

Exit verify(const VerifyCommand& command) {
  JournalCheck check;
  {
    Progress progress;
    const auto show = [&](std::uint64_t done, std::uint64_t all) { progress.show("reading", done, all); };
    if (command.salvage.empty()) {
      check = verify_journal(command.directory, show);
    } else {
      salvage_journal(command.directory, command.salvage, check, show);
    }
  }
  print(command.json ? verify_json(check) : check_text(check));
  say_verdict(command, check);
  return check.sound() || !command.salvage.empty() ? kDone : kNotSo;
}

Exit dump(const DumpCommand& command) {
  catch_signals();
  Dump dump(command);
  for_each_record(command.directory, [&dump](const JournalRecord& record) { return dump.take(record); });
  dump.end();
  return kDone;
}

Exit trim(const TrimCommand& command) {
  const TrimOptions& options = command.options;
  if (options.before_sequence == 0 && options.before_ns == 0 && options.keep_bytes == 0)
    throw Failure(kUsage, "nothing says what may go: give --before or --keep-bytes");
  const TrimResult result = trim_journal(command.directory, options);
  if (command.json) print(trim_json(result));
  say("removed {} of {}, {}, {}; the oldest event is {}", counted(result.segments, "segment", "segments"), command.directory,
      counted(result.events, "event", "events"), size_text(result.bytes), result.oldest_sequence);
  if (!result.kept_for.empty()) {
    say("more stays because consumer {} has not read it; --even-unread removes it all the same", result.kept_for);
  }
  return kDone;
}

}  // namespace ringbolt::command
