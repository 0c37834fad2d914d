// docs/format.md, core/layout.hpp and core/journal_layout.hpp say the same: every field, its offset and size, and every constant, in both directions.
#include <gtest/gtest.h>
#include <ringbolt/core/attributes.hpp>
#include <ringbolt/core/journal_layout.hpp>
#include <ringbolt/core/layout.hpp>
#include <ringbolt/ipc/journal.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <sstream>

#include "format_document.hpp"

namespace ringbolt::house {
namespace {

using namespace ringbolt::core;  // NOLINT(google-build-using-namespace): the names under test

// ---- what the structs say ----------------------------------------------------------------------------------------------------

const Fields kRecordHeader{
    RINGBOLT_FIELD(RecordHeader, sequence),
    RINGBOLT_FIELD(RecordHeader, timestamp_ns),
    {"size", {offsetof(RecordHeader, size) + offsetof(SizeWord, size), sizeof(SizeWord::size)}},
    {"checksum", {offsetof(RecordHeader, size) + offsetof(SizeWord, checksum), sizeof(SizeWord::checksum)}},
    {"type", {offsetof(RecordHeader, type) + offsetof(TypeWord, type), sizeof(TypeWord::type)}},
    {"flags", {offsetof(RecordHeader, type) + offsetof(TypeWord, flags), sizeof(TypeWord::flags)}},
    {"reserved", {offsetof(RecordHeader, type) + offsetof(TypeWord, reserved), sizeof(TypeWord::reserved)}},
};
const Fields kAttributesHeader{RINGBOLT_FIELD(AttributesHeader, bytes)};
const Fields kAttributeEntry{RINGBOLT_FIELD(AttributeEntry, name), RINGBOLT_FIELD(AttributeEntry, size)};
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
    RINGBOLT_FIELD(RegistryHeader, magic),        RINGBOLT_FIELD(RegistryHeader, layout_version),
    RINGBOLT_FIELD(RegistryHeader, byte_order),   RINGBOLT_FIELD(RegistryHeader, fingerprint),
    RINGBOLT_FIELD(RegistryHeader, ring_id),      RINGBOLT_FIELD(RegistryHeader, slots),
    RINGBOLT_FIELD(RegistryHeader, entry_bytes),  RINGBOLT_FIELD(RegistryHeader, reserved0),
    RINGBOLT_FIELD(RegistryHeader, checksum),     RINGBOLT_FIELD(RegistryHeader, changes),
    RINGBOLT_FIELD(RegistryHeader, removed),      RINGBOLT_FIELD(RegistryHeader, next_attach_number),
    RINGBOLT_FIELD(RegistryHeader, reserved1),    RINGBOLT_FIELD(RegistryHeader, waiters),
    RINGBOLT_FIELD(RegistryHeader, bell),         RINGBOLT_FIELD(RegistryHeader, reserved2),
    RINGBOLT_FIELD(RegistryHeader, wake),         RINGBOLT_FIELD(RegistryHeader, reserved3),
    RINGBOLT_FIELD(RegistryHeader, gate_waiters), RINGBOLT_FIELD(RegistryHeader, gate_bell),
    RINGBOLT_FIELD(RegistryHeader, reserved4),    RINGBOLT_FIELD(RegistryHeader, gate_wake),
    RINGBOLT_FIELD(RegistryHeader, reserved5),    RINGBOLT_FIELD(RegistryHeader, fence_request),
    RINGBOLT_FIELD(RegistryHeader, fence_ack),    RINGBOLT_FIELD(RegistryHeader, reserved6),
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

const Fields kEpochNote{
    RINGBOLT_FIELD(EpochNote, epoch),     RINGBOLT_FIELD(EpochNote, ring_id),  RINGBOLT_FIELD(EpochNote, first_sequence),
    RINGBOLT_FIELD(EpochNote, opened_ns), RINGBOLT_FIELD(EpochNote, reserved),
};
const Fields kSegmentHeader{
    RINGBOLT_FIELD(SegmentHeader, magic),          RINGBOLT_FIELD(SegmentHeader, version),
    RINGBOLT_FIELD(SegmentHeader, byte_order),     RINGBOLT_FIELD(SegmentHeader, journal_id),
    RINGBOLT_FIELD(SegmentHeader, first_sequence), RINGBOLT_FIELD(SegmentHeader, epoch),
    RINGBOLT_FIELD(SegmentHeader, segment_bytes),  RINGBOLT_FIELD(SegmentHeader, created_ns),
    RINGBOLT_FIELD(SegmentHeader, ring_id),        RINGBOLT_FIELD(SegmentHeader, follows),
    RINGBOLT_FIELD(SegmentHeader, after_sync),     RINGBOLT_FIELD(SegmentHeader, unsynced),
    RINGBOLT_FIELD(SegmentHeader, reserved0),      RINGBOLT_FIELD(SegmentHeader, reserved1),
    RINGBOLT_FIELD(SegmentHeader, checksum),
};
const Fields kIndexHeader{
    RINGBOLT_FIELD(IndexHeader, magic),          RINGBOLT_FIELD(IndexHeader, version),
    RINGBOLT_FIELD(IndexHeader, byte_order),     RINGBOLT_FIELD(IndexHeader, journal_id),
    RINGBOLT_FIELD(IndexHeader, first_sequence), RINGBOLT_FIELD(IndexHeader, entries),
    RINGBOLT_FIELD(IndexHeader, reserved),       RINGBOLT_FIELD(IndexHeader, entries_checksum),
    RINGBOLT_FIELD(IndexHeader, checksum),
};
const Fields kIndexEntry{
    RINGBOLT_FIELD(IndexEntry, sequence),
    RINGBOLT_FIELD(IndexEntry, timestamp_ns),
    RINGBOLT_FIELD(IndexEntry, offset),
    RINGBOLT_FIELD(IndexEntry, epoch),
};
const Fields kDurablePoint{
    RINGBOLT_FIELD(DurablePoint, magic),
    RINGBOLT_FIELD(DurablePoint, version),
    RINGBOLT_FIELD(DurablePoint, byte_order),
    RINGBOLT_FIELD(DurablePoint, journal_id),
    RINGBOLT_FIELD(DurablePoint, generation),
    RINGBOLT_FIELD(DurablePoint, epoch),
    RINGBOLT_FIELD(DurablePoint, segment),
    RINGBOLT_FIELD(DurablePoint, offset),
    RINGBOLT_FIELD(DurablePoint, next_sequence),
    RINGBOLT_FIELD(DurablePoint, newest_epoch),
    RINGBOLT_FIELD(DurablePoint, ring_id),
    RINGBOLT_FIELD(DurablePoint, reserved0),
    RINGBOLT_FIELD(DurablePoint, segment_checksum),
    RINGBOLT_FIELD(DurablePoint, checksum),
};
const Fields kCursorCopy{
    RINGBOLT_FIELD(CursorCopy, magic),      RINGBOLT_FIELD(CursorCopy, version),  RINGBOLT_FIELD(CursorCopy, byte_order),
    RINGBOLT_FIELD(CursorCopy, journal_id), RINGBOLT_FIELD(CursorCopy, ring_id),  RINGBOLT_FIELD(CursorCopy, generation),
    RINGBOLT_FIELD(CursorCopy, epoch),      RINGBOLT_FIELD(CursorCopy, sequence), RINGBOLT_FIELD(CursorCopy, reserved0),
    RINGBOLT_FIELD(CursorCopy, reserved1),  RINGBOLT_FIELD(CursorCopy, checksum),
};
const Fields kJournalPage{
    RINGBOLT_FIELD(JournalPage, magic),
    RINGBOLT_FIELD(JournalPage, version),
    RINGBOLT_FIELD(JournalPage, byte_order),
    RINGBOLT_FIELD(JournalPage, ring_id),
    RINGBOLT_FIELD(JournalPage, reserved0),
    RINGBOLT_FIELD(JournalPage, checksum),
    RINGBOLT_FIELD(JournalPage, directory),
    RINGBOLT_FIELD(JournalPage, sync),
    RINGBOLT_FIELD(JournalPage, interval_ns),
    RINGBOLT_FIELD(JournalPage, interval_bytes),
    RINGBOLT_FIELD(JournalPage, segment_bytes),
    RINGBOLT_FIELD(JournalPage, keep_bytes),
    RINGBOLT_FIELD(JournalPage, keep_age_ns),
    RINGBOLT_FIELD(JournalPage, keep_unread),
    RINGBOLT_FIELD(JournalPage, own_process),
    RINGBOLT_FIELD(JournalPage, journal_id),
    RINGBOLT_FIELD(JournalPage, reserved1),
    RINGBOLT_FIELD(JournalPage, state),
    RINGBOLT_FIELD(JournalPage, error),
    RINGBOLT_FIELD(JournalPage, failures),
    RINGBOLT_FIELD(JournalPage, written_sequence),
    RINGBOLT_FIELD(JournalPage, durable_sequence),
    RINGBOLT_FIELD(JournalPage, oldest_sequence),
    RINGBOLT_FIELD(JournalPage, epoch),
    RINGBOLT_FIELD(JournalPage, pid),
    RINGBOLT_FIELD(JournalPage, syncs),
    RINGBOLT_FIELD(JournalPage, unrecorded_events),
    RINGBOLT_FIELD(JournalPage, reserved2),
};

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
    {"kLargestFirstSequence", kLargestFirstSequence},
    {"kLargestSequence", kLargestSequence},
    {"kNameBytes", kNameBytes},
    {"kMaxFollowed", kMaxFollowed},
    {"kFlagAttributes", kFlagAttributes},
    {"kKnownAttribute", kKnownAttribute},
    {"kAttributeAlignment", kAttributeAlignment},
    {"kMostAttributeValueBytes", kMostAttributeValueBytes},
    {"KnownAttribute::traceparent", static_cast<std::uint64_t>(KnownAttribute::traceparent)},
    {"KnownAttribute::content_type", static_cast<std::uint64_t>(KnownAttribute::content_type)},
    {"KnownAttribute::key", static_cast<std::uint64_t>(KnownAttribute::key)},
    {"KnownAttribute::merge_ring", static_cast<std::uint64_t>(KnownAttribute::merge_ring)},
    {"KnownAttribute::merge_sequence", static_cast<std::uint64_t>(KnownAttribute::merge_sequence)},
    {"KnownAttribute::merge_positions", static_cast<std::uint64_t>(KnownAttribute::merge_positions)},
    {"kOptionTimestamps", kOptionTimestamps},
    {"kOptionHugePages", kOptionHugePages},
    {"kOptionPrefault", kOptionPrefault},
    {"kOptionLockMemory", kOptionLockMemory},
    {"kOptionNumaNode", kOptionNumaNode},
    {"kEntryInPlace", kEntryInPlace},
    {"kEntryJournal", kEntryJournal},
    {"kEntryBeginning", kEntryBeginning},
    {"kEntryStarted", kEntryStarted},
    {"kSegmentMagic", kSegmentMagic},
    {"kIndexMagic", kIndexMagic},
    {"kDurableMagic", kDurableMagic},
    {"kCursorMagic", kCursorMagic},
    {"kJournalMagic", kJournalMagic},
    {"kJournalVersion", kJournalVersion},
    {"kDefaultSegmentBytes", kDefaultSegmentBytes},
    {"kMinSegmentBytes", kMinSegmentBytes},
    {"kSegmentDataOffset", kSegmentDataOffset},
    {"kLargestGeneration", kLargestGeneration},
    {"kCopyDistance", kCopyDistance},
    {"kCursorCopies", kCursorCopies},
    {"kCursorFileBytes", kCursorFileBytes},
    {"kIndexEveryBytes", kIndexEveryBytes},
    {"kFlagControl", kFlagControl},
    {"kControlEpoch", kControlEpoch},
    {"kManyUndurable", kManyUndurable},
    {"kDirectoryBytes", kDirectoryBytes},
    {"JournalState::away", static_cast<std::uint64_t>(JournalState::away)},
    {"JournalState::running", static_cast<std::uint64_t>(JournalState::running)},
    {"JournalState::stalled", static_cast<std::uint64_t>(JournalState::stalled)},
    {"JournalState::detached", static_cast<std::uint64_t>(JournalState::detached)},
    {"Sync::none", static_cast<std::uint64_t>(Sync::none)},
    {"Sync::interval", static_cast<std::uint64_t>(Sync::interval)},
    {"Sync::every", static_cast<std::uint64_t>(Sync::every)},
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

TEST(Format, OfTheRecordIsDocumented) { expect_document_equals("RecordHeader", sizeof(RecordHeader), kRecordHeader); }
TEST(Format, OfAttributesIsDocumented) {
  expect_document_equals("AttributesHeader", sizeof(AttributesHeader), kAttributesHeader);
  expect_document_equals("AttributeEntry", sizeof(AttributeEntry), kAttributeEntry);
}
// The rows of the well-known ones begin their meaning with the name that stands for the number.
TEST(Format, OfKnownAttributesHasTheirNames) {
  std::size_t known = 0;
  for (const auto& row : rows_of_tables(document(), 0, true, "| constant | value | meaning |")) {
    if (!row[0].starts_with("KnownAttribute::")) continue;
    ASSERT_GE(row.size(), 3U);
    EXPECT_EQ(row[2].substr(0, row[2].find(':')), kKnownAttributeNames.at(std::stoull(row[1]) - 1)) << row[0];
    ++known;
  }
  EXPECT_EQ(known, kKnownAttributeNames.size());
}
TEST(Format, OfABoundaryIsDocumented) { expect_document_equals("Boundary", sizeof(Boundary), kBoundary); }
TEST(Format, OfTheEventsHeaderIsDocumented) { expect_document_equals("EventsHeader", sizeof(EventsHeader), kEventsHeader); }
TEST(Format, OfTheRegistryHeaderIsDocumented) {
  expect_document_equals("RegistryHeader", sizeof(RegistryHeader), kRegistryHeader);
}
TEST(Format, OfAConsumerEntryIsDocumented) {
  expect_document_equals("ConsumerEntry", sizeof(ConsumerEntry), kConsumerEntry);
}

TEST(Format, OfASegmentHeaderIsDocumented) {
  expect_document_equals("SegmentHeader", sizeof(SegmentHeader), kSegmentHeader);
}
TEST(Format, OfAnEpochNoteIsDocumented) { expect_document_equals("EpochNote", sizeof(EpochNote), kEpochNote); }
TEST(Format, OfAnIndexHeaderIsDocumented) { expect_document_equals("IndexHeader", sizeof(IndexHeader), kIndexHeader); }
TEST(Format, OfAnIndexEntryIsDocumented) { expect_document_equals("IndexEntry", sizeof(IndexEntry), kIndexEntry); }
TEST(Format, OfADurablePointIsDocumented) { expect_document_equals("DurablePoint", sizeof(DurablePoint), kDurablePoint); }
TEST(Format, OfACursorCopyIsDocumented) { expect_document_equals("CursorCopy", sizeof(CursorCopy), kCursorCopy); }
TEST(Format, OfTheJournalPageIsDocumented) { expect_document_equals("JournalPage", sizeof(JournalPage), kJournalPage); }

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
  for (const char* file : {"core/layout.hpp", "core/journal_layout.hpp"}) {
    for (const std::string& line : read_source(file).lines) {
      if (!line.starts_with(declaration)) continue;
      const std::size_t name = line.find(" k", declaration.size()) + 1;
      const std::string constant = line.substr(name, line.find(' ', name) - name);
      EXPECT_EQ(kConstants.count(constant), 1U) << constant;
    }
  }
}

TEST(Format, MagicNumbersReadAsTheDocumentSays) {
  if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "written for little-endian machines";
  EXPECT_EQ(std::memcmp(&kEventsMagic, "RBEVNTS1", 8), 0);
  EXPECT_EQ(std::memcmp(&kConsumersMagic, "RBECONS1", 8), 0);
  EXPECT_EQ(std::memcmp(&kSegmentMagic, "RBSEGMT1", 8), 0);
  EXPECT_EQ(std::memcmp(&kIndexMagic, "RBJINDX1", 8), 0);
  EXPECT_EQ(std::memcmp(&kDurableMagic, "RBJDURB1", 8), 0);
  EXPECT_EQ(std::memcmp(&kCursorMagic, "RBONCUR1", 8), 0);
  EXPECT_EQ(std::memcmp(&kJournalMagic, "RBJURNL1", 8), 0);
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
