// Journals for tests: written by the log itself into a directory of the file system, and damaged by hand.
#pragma once

#include <ringbolt/ipc/journal_log.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support.hpp"

namespace ringbolt::test {

inline constexpr std::array<std::uint64_t, 2> kJournalledRing{0xabcd, 0xef01};

// A directory with a journal that is being written. Segments of 4 KiB, so that a few events fill one.
class JournalWriter {
 public:
  explicit JournalWriter(const std::string& directory, ipc::LogOptions options = {.segment_bytes = 4'096, .threads = false},
                         std::uint64_t skip_to = 0, std::array<std::uint64_t, 2> ring = kJournalledRing)
      : storage_(ipc::open_directory(directory, true)), log_(*storage_, options) {
    next_ = std::max({log_.recovered().next_sequence, skip_to, std::uint64_t{1}});
    EXPECT_EQ(log_.begin_epoch(ring, next_), 0);
  }

  // Events `next()` and following, each with its number in its payload, written and synced.
  void append(std::uint64_t count, std::size_t size, std::uint64_t timestamp_ns = 0) {
    for (std::uint64_t i = 0; i < count; ++i) append_one(numbered_payload(next_, size), timestamp_ns);
  }
  void append_one(std::span<const std::byte> payload, std::uint64_t timestamp_ns = 0, std::uint32_t type = 7) {
    core::Record record;
    record.sequence = next_;
    record.timestamp_ns = timestamp_ns != 0 ? timestamp_ns : next_ * 1'000;
    record.size = static_cast<std::uint32_t>(payload.size());
    record.type = type;
    record.payload = payload.data();
    while (!log_.stage(record)) ASSERT_EQ(log_.write(), 0);
    ++next_;
    ASSERT_EQ(log_.write(), 0);
    if (syncing_) sync();
  }
  void sync_each(bool syncing) { syncing_ = syncing; }
  void sync() { ASSERT_EQ(log_.sync(), 0); }

  [[nodiscard]] std::uint64_t next() const { return next_; }
  [[nodiscard]] ipc::JournalLog& log() { return log_; }

 private:
  std::unique_ptr<ipc::Storage> storage_;
  ipc::JournalLog log_;
  std::uint64_t next_ = 1;
  bool syncing_ = true;
};

inline std::vector<std::uint64_t> segments_in(const std::string& directory) {
  std::vector<std::uint64_t> segments;
  EXPECT_EQ(ipc::list_segments(*ipc::open_directory(directory, false), segments), 0);
  return segments;
}
inline std::string segment_path(const std::string& directory, std::uint64_t first) {
  return directory + "/" + ipc::segment_name(first);
}

inline void flip_byte(const std::string& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  ASSERT_NE(byte, EOF) << path << " ends before " << offset;
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x20));
}
inline void overwrite(const std::string& path, std::uint64_t offset, const std::vector<char>& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Every file of a directory and what is in it, to see that nothing was touched.
inline std::vector<std::pair<std::string, std::string>> contents_of(const std::string& directory) {
  std::vector<std::pair<std::string, std::string>> contents;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    contents.emplace_back(entry.path().string(), std::string(std::istreambuf_iterator<char>(file), {}));
  }
  std::ranges::sort(contents);
  return contents;
}

}  // namespace ringbolt::test
