#include "writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ringbolt::ipc::test {

void Writer::open() {
  log = std::make_unique<JournalLog>(disk, options);
  const std::uint64_t first = log->recovered().empty ? branch.first() : log->recovered().next_sequence;
  ASSERT_EQ(log->begin_epoch({7, 7}, first), 0);
  branch.begun = true;
  branch.written = branch.durable = first - 1;
}

int Writer::write(std::uint64_t events) {
  const std::uint64_t last = log->staged_sequence() + events;
  while (log->staged_sequence() < last) {
    const core::Record record = branch.event(log->staged_sequence() + 1);
    branch.written = std::max(branch.written, record.sequence);
    if (log->stage(record)) continue;
    if (const int error = log->write(); error != 0) return error;
    branch.durable = log->durable_sequence();
  }
  const int error = log->write();
  branch.durable = log->durable_sequence();
  return error;
}

int Writer::write_and_sync(std::uint64_t events) {
  int error = write(events);
  if (error == 0) error = log->sync();
  branch.durable = log->durable_sequence();
  return error;
}

Recovered Writer::after_power_cut(std::uint64_t seed) {
  SimDisk image(seed);
  Random random(seed);
  disk.cut_power(random, image);
  const JournalLog recovered(image, options);
  EXPECT_EQ(branch.check(image, recovered.recovered().next_sequence), "");
  return recovered.recovered();
}

std::optional<Error> Writer::refusal(SimDisk& copy) const {
  try {
    const JournalLog opened(copy, options);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

std::string Writer::segment_of(std::uint64_t sequence) {
  std::vector<std::string> names;
  static_cast<void>(disk.list(names));
  std::uint64_t first = 0;
  for (const std::string& name : names) {
    if (const auto begins = parse_segment_name(name); begins && *begins <= sequence) first = std::max(first, *begins);
  }
  return segment_name(first);
}

std::uint64_t Writer::offset_of(std::uint64_t sequence) {
  const std::span<const std::byte> bytes = disk.look(segment_of(sequence));
  std::uint64_t offset = core::kSegmentDataOffset;
  for (;; offset += kControlRecordBytes) {
    PlainHeader header{};
    if (offset + sizeof header > bytes.size()) return 0;
    std::memcpy(&header, bytes.data() + offset, sizeof header);
    if (header.sequence == sequence && (header.flags & core::kFlagControl) == 0) return offset;
  }
}

}  // namespace ringbolt::ipc::test
