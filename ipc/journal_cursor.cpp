#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_cursor.hpp>

#include <cstring>
#include <utility>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

JournalId id_of(const std::string& directory) {
  const auto storage = open_directory(directory, false);
  std::vector<std::uint64_t> segments;
  if (const int error = list_segments(*storage, segments); error != 0)
    throw Error(Code::system, "cannot list " + directory + ": " + std::strerror(error) + ": check the disk", error);
  HeaderStatus status = HeaderStatus::damaged;
  for (const std::uint64_t segment : segments) {  // the first may be removed meanwhile, or damaged
    std::unique_ptr<StorageFile> file;
    core::SegmentHeader header{};
    if (storage->open(segment_name(segment), false, file) != 0) continue;
    status = read_segment_header(*file, segment, header);
    if (status == HeaderStatus::good) return header.journal_id;
  }
  if (segments.empty())
    throw Error(Code::not_found, "there is no journal in " + directory +
                                     ": it has no segment; give the directory that the publisher was told");
  throw_bad_header(status, storage->path(segment_name(segments.back())));
}

}  // namespace

struct JournalCursor::Impl {
  Impl(const std::string& directory, std::string_view name)
      : file(CursorFile::open(directory, name, id_of(directory), guard)) {}
  ForkGuard guard;  // before the file: it outlives it
  CursorFile file;
};

JournalCursor::JournalCursor(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
JournalCursor::JournalCursor(JournalCursor&&) noexcept = default;
JournalCursor& JournalCursor::operator=(JournalCursor&&) noexcept = default;
JournalCursor::~JournalCursor() = default;

JournalCursor JournalCursor::open(const std::string& directory, std::string_view name) {
  return JournalCursor(std::make_unique<Impl>(directory, name));
}

std::uint64_t JournalCursor::sequence() const noexcept { return impl_->file.read().value_or(Cursor{}).sequence; }
std::array<std::uint64_t, 2> JournalCursor::ring_id() const noexcept {
  return impl_->file.read().value_or(Cursor{}).ring_id;
}

void JournalCursor::commit(std::uint64_t sequence, const std::array<std::uint64_t, 2>& ring_id,
                           std::uint64_t epoch) noexcept {
  impl_->file.store({ring_id, epoch, sequence});
}

void JournalCursor::sync() { impl_->file.sync(); }

}  // namespace ringbolt
