// The sparse index of a segment: where some of its records begin. Advisory: whoever uses an entry looks at the record first,
// and where an index is missing or wrong the segment is walked instead.
#pragma once

#include <ringbolt/ipc/segment.hpp>

#include <cstdint>
#include <vector>

namespace ringbolt::ipc {

// Puts the file in place of any that is there. Not synced. The answer is an errno.
[[nodiscard]] int store_index(Storage& storage, const JournalId& journal, std::uint64_t segment,
                              const std::vector<core::IndexEntry>& entries);
// Empty if there is none or it does not hold together.
[[nodiscard]] std::vector<core::IndexEntry> load_index(Storage& storage, const JournalId& journal, std::uint64_t segment);

}  // namespace ringbolt::ipc
