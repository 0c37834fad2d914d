// What is valid of a journal into a new one, and what is old out of one.
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_builder.hpp>
#include <ringbolt/ipc/journal_collect.hpp>
#include <ringbolt/ipc/retention.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringbolt {
namespace ipc {
namespace {

// Gives what counts to the new journal while it is collected.
class Salvager final : public Collector {
 public:
  Salvager(JournalCheck& check, const JournalProgress& progress, JournalBuilder& builder)
      : Collector(check, progress), builder_(&builder) {}

  bool on_record(const JournalRecord& record) override {
    if (record.kind == JournalRecord::Kind::event) builder_->add(record);
    return Collector::on_record(record);
  }

 private:
  JournalBuilder* builder_;
};

void salvage_cursors(const std::string& from, const std::string& into, const JournalId& from_id, const JournalId& into_id) {
  ForkGuard guard;
  for (const auto& [name, cursor] : list_cursors(from)) {
    const CursorContent content = look_at_cursor(from, name);
    if (content.status != CursorStatus::good || content.copy.journal_id != from_id) continue;
    CursorFile file = CursorFile::open(into, name, into_id, guard);
    file.store(cursor);
    file.sync();
  }
}

// The stamp of the first event in a segment, or when the segment was begun where there is none; empty if neither is known.
std::optional<std::uint64_t> begins_at_ns(Storage& storage, std::uint64_t segment) {
  std::unique_ptr<StorageFile> file;
  core::SegmentHeader header{};
  if (storage.open(segment_name(segment), false, file) != 0) return std::nullopt;
  if (read_segment_header(*file, segment, header) != HeaderStatus::good) return std::nullopt;
  int error = 0;
  auto bytes = file->map(error);
  if (error != 0) return header.created_ns;
  bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), header.segment_bytes)).subspan(core::kSegmentDataOffset);
  std::uint64_t epoch = header.epoch;
  for (;;) {
    const Found found = look_at(bytes, segment, epoch, epoch_seed(epoch));
    if (found.lies == Lies::event) return found.header.timestamp_ns != 0 ? found.header.timestamp_ns : header.created_ns;
    if (found.lies != Lies::control) return header.created_ns;
    epoch = found.note.epoch;
    bytes = bytes.subspan(found.bytes);
  }
}

// The first sequence of what stays by the one limit that is set.
std::uint64_t limit_of(Storage& storage, const std::vector<std::uint64_t>& segments, const TrimOptions& options) {
  if (options.before_sequence != 0) return options.before_sequence;
  std::uint64_t stays = segments.front();
  if (options.before_ns != 0) {
    for (std::size_t i = 1; i < segments.size(); ++i) {
      const auto begins = begins_at_ns(storage, segments[i]);
      if (!begins || *begins >= options.before_ns) break;
      stays = segments[i];
    }
    return stays;
  }
  std::uint64_t bytes = 0;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    std::unique_ptr<StorageFile> file;
    std::uint64_t size = 0;
    if (storage.open(segment_name(*segment), false, file) == 0) static_cast<void>(file->size(size));
    if (bytes + size > options.keep_bytes && segment != segments.rbegin()) break;
    bytes += size;
    stays = *segment;
  }
  return stays;
}

// Who has not read on from below `sequence`, and from where: the furthest back.
struct Unread {
  std::string name;
  std::uint64_t from = ~std::uint64_t{0};
};
Unread furthest_back(const std::string& directory) {
  Unread unread;
  for (const auto& [name, cursor] : list_cursors(directory)) {
    const std::uint64_t from = cursor.sequence == ~std::uint64_t{0} ? cursor.sequence : cursor.sequence + 1;
    if (cursor.sequence == 0 || from < unread.from) unread = {name, cursor.sequence == 0 ? 0 : from};
    if (unread.from == 0) break;
  }
  return unread;
}

}  // namespace
}  // namespace ipc

std::uint64_t salvage_journal(std::string_view from, std::string_view into, JournalCheck& check,
                              const JournalProgress& progress) {
  const std::string source(from);
  const std::string target(into);
  check = {};
  const auto storage = ipc::open_directory(source, false);
  struct Sizes final : ipc::ScanVisitor {
    bool on_record(const JournalRecord&) override { return false; }
  } sizes;
  const std::uint64_t segment_bytes = ipc::JournalScan(*storage, sizes).largest_segment_bytes();

  JournalBuilder builder(target, segment_bytes);
  ipc::Salvager salvager(check, progress, builder);
  ipc::JournalScan scan(*storage, salvager);
  scan.run();
  salvager.finish(scan, source);
  ipc::salvage_cursors(source, target, scan.id(), builder.id());
  builder.finish();
  return check.events;
}

TrimResult trim_journal(std::string_view directory, const TrimOptions& options) {
  const int limits = (options.before_sequence != 0) + (options.before_ns != 0) + (options.keep_bytes != 0);
  if (limits != 1) {
    throw Error(Code::bad_option, "cannot trim " + std::string(directory) + ": " +
                                      (limits == 0 ? "nothing says what may go" : "more than one limit says what may go") +
                                      ": give a sequence, a time or a size");
  }
  const std::string path(directory);
  const auto storage = ipc::open_directory(path, false);
  std::vector<std::uint64_t> segments;
  int error = ipc::list_segments(*storage, segments);
  if (error == 0 && segments.empty()) ipc::throw_no_journal(directory);
  TrimResult result;
  if (error == 0) {
    std::uint64_t stays = ipc::limit_of(*storage, segments, options);
    // Whose reading keeps a segment that would go otherwise.
    const ipc::Unread unread = options.even_unread ? ipc::Unread{} : ipc::furthest_back(path);
    const auto would_go = std::ranges::upper_bound(segments, stays);
    if (would_go != segments.begin() && unread.from < would_go[-1]) result.kept_for = unread.name;
    stays = std::min(stays, unread.from);
    ipc::Removed removed;
    error = ipc::remove_segments_before(*storage, stays, removed);
    result.segments = removed.segments;
    result.events = removed.events;
    result.bytes = removed.bytes;
    result.oldest_sequence = removed.first_sequence_now;
  }
  if (error != 0) {
    const bool denied = error == EACCES || error == EPERM || error == EROFS;
    throw Error(denied ? Code::not_allowed : Code::system,
                "cannot trim " + path + ": " + std::strerror(error) +
                    (denied ? ": become a user who may write there" : ": check the disk and its file system"),
                error);
  }
  return result;
}

}  // namespace ringbolt
