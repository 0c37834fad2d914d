// docs/format.md and core/layout.hpp say the same: every field, its offset and size, and every constant, in both directions.
#include <gtest/gtest.h>
#include <ringbolt/core/layout.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <sstream>

#include "sources.hpp"

namespace ringbolt::house {
namespace {

using namespace ringbolt::core;  // NOLINT(google-build-using-namespace): the names under test

struct Field {
  std::size_t offset = 0;
  std::size_t size = 0;
};
using Fields = std::map<std::string, Field>;

// ---- what the structs say ----------------------------------------------------------------------------------------------------

#define RINGBOLT_FIELD(type, name)                      \
  {                                                     \
    #name, { offsetof(type, name), sizeof(type::name) } \
  }

const Fields kRecordHeader{
    RINGBOLT_FIELD(RecordHeader, sequence),
    RINGBOLT_FIELD(RecordHeader, timestamp_ns),
    {"size", {offsetof(RecordHeader, size) + offsetof(SizeWord, size), sizeof(SizeWord::size)}},
    {"checksum", {offsetof(RecordHeader, size) + offsetof(SizeWord, checksum), sizeof(SizeWord::checksum)}},
    {"type", {offsetof(RecordHeader, type) + offsetof(TypeWord, type), sizeof(TypeWord::type)}},
    {"flags", {offsetof(RecordHeader, type) + offsetof(TypeWord, flags), sizeof(TypeWord::flags)}},
    {"reserved", {offsetof(RecordHeader, type) + offsetof(TypeWord, reserved), sizeof(TypeWord::reserved)}},
};
const Fields kBoundary{RINGBOLT_FIELD(Boundary, sequence), RINGBOLT_FIELD(Boundary, position)};
const Fields kEventsHeader{
    RINGBOLT_FIELD(EventsHeader, magic),          RINGBOLT_FIELD(EventsHeader, layout_version),
    RINGBOLT_FIELD(EventsHeader, byte_order),     RINGBOLT_FIELD(EventsHeader, fingerprint),
    RINGBOLT_FIELD(EventsHeader, ring_id),        RINGBOLT_FIELD(EventsHeader, capacity_bytes),
    RINGBOLT_FIELD(EventsHeader, data_offset),    RINGBOLT_FIELD(EventsHeader, first_sequence),
    RINGBOLT_FIELD(EventsHeader, created_ns),     RINGBOLT_FIELD(EventsHeader, options),
    RINGBOLT_FIELD(EventsHeader, consumer_slots), RINGBOLT_FIELD(EventsHeader, numa_node),
    RINGBOLT_FIELD(EventsHeader, reserved0),      RINGBOLT_FIELD(EventsHeader, reserved1),
    RINGBOLT_FIELD(EventsHeader, checksum),       RINGBOLT_FIELD(EventsHeader, epoch),
    RINGBOLT_FIELD(EventsHeader, publisher_pid),  RINGBOLT_FIELD(EventsHeader, closed),
    RINGBOLT_FIELD(EventsHeader, granted),        RINGBOLT_FIELD(EventsHeader, reserved2),
    RINGBOLT_FIELD(EventsHeader, intent),         RINGBOLT_FIELD(EventsHeader, reserved3),
    RINGBOLT_FIELD(EventsHeader, hint),           RINGBOLT_FIELD(EventsHeader, reserved4),
    RINGBOLT_FIELD(EventsHeader, anchors),        RINGBOLT_FIELD(EventsHeader, reserved5),
    RINGBOLT_FIELD(EventsHeader, checkpoints),    RINGBOLT_FIELD(EventsHeader, reserved6),
};
const Fields kRegistryHeader{
    RINGBOLT_FIELD(RegistryHeader, magic),       RINGBOLT_FIELD(RegistryHeader, layout_version),
    RINGBOLT_FIELD(RegistryHeader, byte_order),  RINGBOLT_FIELD(RegistryHeader, fingerprint),
    RINGBOLT_FIELD(RegistryHeader, ring_id),     RINGBOLT_FIELD(RegistryHeader, slots),
    RINGBOLT_FIELD(RegistryHeader, entry_bytes), RINGBOLT_FIELD(RegistryHeader, reserved0),
    RINGBOLT_FIELD(RegistryHeader, checksum),    RINGBOLT_FIELD(RegistryHeader, changes),
    RINGBOLT_FIELD(RegistryHeader, removed),     RINGBOLT_FIELD(RegistryHeader, next_attach_number),
    RINGBOLT_FIELD(RegistryHeader, reserved1),   RINGBOLT_FIELD(RegistryHeader, waiters),
    RINGBOLT_FIELD(RegistryHeader, reserved2),   RINGBOLT_FIELD(RegistryHeader, wake),
    RINGBOLT_FIELD(RegistryHeader, reserved3),   RINGBOLT_FIELD(RegistryHeader, gate_waiters),
    RINGBOLT_FIELD(RegistryHeader, reserved4),   RINGBOLT_FIELD(RegistryHeader, gate_wake),
    RINGBOLT_FIELD(RegistryHeader, reserved5),   RINGBOLT_FIELD(RegistryHeader, fence_request),
    RINGBOLT_FIELD(RegistryHeader, fence_ack),   RINGBOLT_FIELD(RegistryHeader, reserved6),
};
const Fields kConsumerEntry{
    RINGBOLT_FIELD(ConsumerEntry, gate),
    RINGBOLT_FIELD(ConsumerEntry, cursor_sequence),
    RINGBOLT_FIELD(ConsumerEntry, cursor_position),
    RINGBOLT_FIELD(ConsumerEntry, reserved0),
    RINGBOLT_FIELD(ConsumerEntry, state),
    RINGBOLT_FIELD(ConsumerEntry, lineage),
    RINGBOLT_FIELD(ConsumerEntry, attach_number),
    RINGBOLT_FIELD(ConsumerEntry, policy),
    RINGBOLT_FIELD(ConsumerEntry, options),
    RINGBOLT_FIELD(ConsumerEntry, budget_ns),
    RINGBOLT_FIELD(ConsumerEntry, pid),
    RINGBOLT_FIELD(ConsumerEntry, attached_ns),
    RINGBOLT_FIELD(ConsumerEntry, reserved1),
    RINGBOLT_FIELD(ConsumerEntry, name),
    RINGBOLT_FIELD(ConsumerEntry, followed),
    RINGBOLT_FIELD(ConsumerEntry, gap_events),
    RINGBOLT_FIELD(ConsumerEntry, gaps),
    RINGBOLT_FIELD(ConsumerEntry, skipped_events),
    RINGBOLT_FIELD(ConsumerEntry, evictions),
    RINGBOLT_FIELD(ConsumerEntry, reserved2),
    RINGBOLT_FIELD(ConsumerEntry, blocked_count),
    RINGBOLT_FIELD(ConsumerEntry, blocked_ns),
    RINGBOLT_FIELD(ConsumerEntry, reserved3),
};

#undef RINGBOLT_FIELD

const std::map<std::string, std::uint64_t> kConstants{
    {"kEventsMagic", kEventsMagic},
    {"kConsumersMagic", kConsumersMagic},
    {"kLayoutVersion", kLayoutVersion},
    {"kByteOrderMark", kByteOrderMark},
    {"layout_fingerprint()", layout_fingerprint()},
    {"kFalseSharingBytes", kFalseSharingBytes},
    {"kMinCapacityBytes", kMinCapacityBytes},
    {"kMaxCapacityBytes", kMaxCapacityBytes},
    {"kDefaultCapacityBytes", kDefaultCapacityBytes},
    {"kDefaultConsumerSlots", kDefaultConsumerSlots},
    {"kMaxConsumerSlots", kMaxConsumerSlots},
    {"kChunksPerRing", kChunksPerRing},
    {"kLargestRecordShare", kLargestRecordShare},
    {"kRecordAlignment", kRecordAlignment},
    {"kNoPosition", kNoPosition},
    {"kNameBytes", kNameBytes},
    {"kMaxFollowed", kMaxFollowed},
    {"kFlagAttributes", kFlagAttributes},
    {"kOptionTimestamps", kOptionTimestamps},
    {"kOptionHugePages", kOptionHugePages},
    {"kOptionPrefault", kOptionPrefault},
    {"kOptionLockMemory", kOptionLockMemory},
    {"kOptionNumaNode", kOptionNumaNode},
    {"kEntryInPlace", kEntryInPlace},
    {"EntryState::free", static_cast<std::uint64_t>(EntryState::free)},
    {"EntryState::joining", static_cast<std::uint64_t>(EntryState::joining)},
    {"EntryState::attached", static_cast<std::uint64_t>(EntryState::attached)},
    {"EntryState::gating", static_cast<std::uint64_t>(EntryState::gating)},
    {"EntryState::evicted", static_cast<std::uint64_t>(EntryState::evicted)},
    {"EntryState::away", static_cast<std::uint64_t>(EntryState::away)},
    {"Policy::automatic", static_cast<std::uint64_t>(Policy::automatic)},
    {"Policy::gate", static_cast<std::uint64_t>(Policy::gate)},
    {"Policy::lossy", static_cast<std::uint64_t>(Policy::lossy)},
    {"Policy::journal", static_cast<std::uint64_t>(Policy::journal)},
    {"Policy::latest", static_cast<std::uint64_t>(Policy::latest)},
};

// ---- what the document says ----------------------------------------------------------------------------------------------------

std::string trimmed(std::string text) {
  std::erase(text, '`');
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result;
  std::stringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) result.push_back(trimmed(cell));
  return result;
}

// The rows of every table whose header line begins with these cells, from `first_line` to the next heading.
using Rows = std::vector<std::vector<std::string>>;
Rows rows_of_tables(const Source& document, std::size_t first_line, bool to_the_end, const std::string& header) {
  Rows rows;
  bool inside = false;
  for (std::size_t i = first_line; i < document.lines.size(); ++i) {
    const std::string& line = document.lines[i];
    if (!to_the_end && line.starts_with("#")) break;
    if (line.starts_with(header)) {
      inside = true;
    } else if (!line.starts_with("|")) {
      inside = false;
    } else if (inside && !line.starts_with("|---")) {
      rows.push_back(cells(line));
    }
  }
  return rows;
}

const Source& document() {
  static const Source source = read_source("docs/format.md");
  return source;
}

// The table under the heading "### `Struct`, N bytes".
void expect_document_equals(const std::string& name, std::size_t bytes, const Fields& fields) {
  const std::string heading = "### `" + name + "`, " + std::to_string(bytes) + " bytes";
  const auto found = std::ranges::find(document().lines, heading);
  ASSERT_NE(found, document().lines.end()) << "docs/format.md has no heading: " << heading;
  const auto first = static_cast<std::size_t>(found - document().lines.begin()) + 1;
  const Rows rows = rows_of_tables(document(), first, false, "| offset | size | field | meaning |");
  std::size_t end = 0;
  for (const auto& row : rows) {
    ASSERT_GE(row.size(), 3U);
    const std::string& field = row[2];
    EXPECT_EQ(std::stoull(row[0]), end) << name << "::" << field << " leaves a hole or overlaps in the document";
    end = std::stoull(row[0]) + std::stoull(row[1]);
    const auto real = fields.find(field);
    ASSERT_NE(real, fields.end()) << "the document has " << name << "::" << field << ", this test knows none";
    EXPECT_EQ(std::stoull(row[0]), real->second.offset) << name << "::" << field;
    EXPECT_EQ(std::stoull(row[1]), real->second.size) << name << "::" << field;
  }
  EXPECT_EQ(end, bytes) << name << ": the document does not reach its end";
  EXPECT_EQ(rows.size(), fields.size()) << name << ": a field is not in the document";
}

TEST(Format, OfTheRecordIsDocumented) { expect_document_equals("RecordHeader", sizeof(RecordHeader), kRecordHeader); }
TEST(Format, OfABoundaryIsDocumented) { expect_document_equals("Boundary", sizeof(Boundary), kBoundary); }
TEST(Format, OfTheEventsHeaderIsDocumented) { expect_document_equals("EventsHeader", sizeof(EventsHeader), kEventsHeader); }
TEST(Format, OfTheRegistryHeaderIsDocumented) {
  expect_document_equals("RegistryHeader", sizeof(RegistryHeader), kRegistryHeader);
}
TEST(Format, OfAConsumerEntryIsDocumented) {
  expect_document_equals("ConsumerEntry", sizeof(ConsumerEntry), kConsumerEntry);
}

TEST(Format, ConstantsAreDocumented) {
  std::map<std::string, std::uint64_t> documented;
  for (const auto& row : rows_of_tables(document(), 0, true, "| constant | value | meaning |")) {
    ASSERT_GE(row.size(), 2U);
    documented[row[0]] = std::stoull(row[1], nullptr, 0);
  }
  EXPECT_EQ(documented, kConstants);
}

// Every constant of the layout is in the list above, and so in the document.
TEST(Format, HasNoConstantThatThisTestDoesNotKnow) {
  const std::string declaration = "inline constexpr ";
  for (const std::string& line : read_source("core/layout.hpp").lines) {
    if (!line.starts_with(declaration)) continue;
    const std::size_t name = line.find(" k", declaration.size()) + 1;
    const std::string constant = line.substr(name, line.find(' ', name) - name);
    EXPECT_EQ(kConstants.count(constant), 1U) << constant;
  }
}

TEST(Format, MagicNumbersReadAsTheDocumentSays) {
  if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "written for little-endian machines";
  EXPECT_EQ(std::memcmp(&kEventsMagic, "RBEVNTS1", 8), 0);
  EXPECT_EQ(std::memcmp(&kConsumersMagic, "RBECONS1", 8), 0);
}

// The known answers of the hash that headers are checked with, so that another language can test its own.
TEST(Format, HashIsFnv1a) {
  const auto hash = [](const std::string& text) {
    return fnv1a(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  };
  EXPECT_EQ(hash(""), 0xcbf29ce484222325U);
  EXPECT_EQ(hash("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(hash("foobar"), 0x85944171f73967e8U);
}

}  // namespace
}  // namespace ringbolt::house
