#include <ringbolt/ipc/segment_index.hpp>

#include <cstring>

namespace ringbolt::ipc {

int store_index(Storage& storage, const JournalId& journal, std::uint64_t segment,
                const std::vector<core::IndexEntry>& entries) {
  const auto body = std::as_bytes(std::span(entries));
  core::IndexHeader header{};
  header.magic = core::kIndexMagic;
  header.version = core::kJournalVersion;
  header.byte_order = core::kByteOrderMark;
  header.journal_id = journal;
  header.first_sequence = segment;
  header.entries = entries.size();
  header.entries_checksum = crc32c(body);
  header.checksum = struct_checksum(header);

  const std::string hidden = hidden_index_name(segment);
  static_cast<void>(storage.remove(hidden));  // left by a death at this place
  std::unique_ptr<StorageFile> file;
  if (const int error = storage.create(hidden, file); error != 0) return error;
  int error = file->write(std::as_bytes(std::span(&header, 1)), 0);
  if (error == 0) error = file->write(body, sizeof header);
  if (error == 0) error = storage.rename(hidden, index_name(segment));
  if (error != 0) static_cast<void>(storage.remove(hidden));
  return error;
}

std::vector<core::IndexEntry> load_index(Storage& storage, const JournalId& journal, std::uint64_t segment) {
  std::unique_ptr<StorageFile> file;
  core::IndexHeader header{};
  std::size_t got = 0;
  std::uint64_t bytes = 0;
  if (storage.open(index_name(segment), false, file) != 0 || file->size(bytes) != 0) return {};
  if (file->read(std::as_writable_bytes(std::span(&header, 1)), 0, got) != 0 || got != sizeof header) return {};
  if (header.magic != core::kIndexMagic || header.version != core::kJournalVersion ||
      header.byte_order != core::kByteOrderMark || header.checksum != struct_checksum(header) ||
      header.journal_id != journal || header.first_sequence != segment ||
      header.entries != (bytes - sizeof header) / sizeof(core::IndexEntry)) {
    return {};
  }
  std::vector<core::IndexEntry> entries(header.entries);
  const auto body = std::as_writable_bytes(std::span(entries));
  if (file->read(body, sizeof header, got) != 0 || got != body.size() || header.entries_checksum != crc32c(body)) return {};
  return entries;
}

}  // namespace ringbolt::ipc
