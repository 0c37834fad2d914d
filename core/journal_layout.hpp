// Every byte of a journal's files, and of the page that tells a ring's processes about its journal; no mechanism lives here.
// `docs/format.md` is its description for people; a test holds the two against each other.
//
// What is on disk is written by one process at a time and never trusted when it is read: each struct carries a checksum,
// each file a magic number, the version and the byte order. Only the page `journal` is shared memory.
#pragma once

#include <ringbolt/core/layout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringbolt::core {

inline constexpr std::uint64_t kSegmentMagic = 0x31'54'4d'47'45'53'42'52;  // "RBSEGMT1" in memory on little-endian
inline constexpr std::uint64_t kIndexMagic = 0x31'58'44'4e'49'4a'42'52;    // "RBJINDX1"
inline constexpr std::uint64_t kDurableMagic = 0x31'42'52'55'44'4a'42'52;  // "RBJDURB1"
inline constexpr std::uint64_t kCursorMagic = 0x31'52'55'43'4e'4f'42'52;   // "RBONCUR1"
inline constexpr std::uint64_t kJournalMagic = 0x31'4c'4e'52'55'4a'42'52;  // "RBJURNL1"
inline constexpr std::uint32_t kJournalVersion = 1;

inline constexpr std::uint64_t kDefaultSegmentBytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t kMinSegmentBytes = 4'096;
inline constexpr std::uint64_t kSegmentDataOffset = 512;  // records do not share a sector with the header
inline constexpr std::uint64_t kCopyDistance = 4'096;     // between the copies of a durable point or a cursor

// ---- a record in a segment -------------------------------------------------------------------------------------------
//
// The same bytes as in the ring (`RecordHeader`, payload, zeros up to 8 bytes), with two fields filled in:
//   SizeWord::checksum  CRC32C over the epoch (8 bytes), the header with this field 0, and the payload
//   TypeWord::reserved  `undurable`: how many events before this one were not yet durable when it was written; 65535: that
//                       many or more. Event n with `undurable` u proves that every event below n - u was durable before n
//                       was written: if one of those does not hold together, that is damage and not a torn tail.
//
// An epoch begins with a control record: flag bit 1, `type` 1, the sequence of the next event (which it does not use up),
// and an EpochNote as payload. Its checksum is made with the epoch that it begins.
inline constexpr std::uint16_t kFlagControl = 2;
inline constexpr std::uint32_t kControlEpoch = 1;
inline constexpr std::uint16_t kManyUndurable = 0xffff;

struct EpochNote {
  std::uint64_t epoch;                   // counts the openings of this journal for writing, from 1
  std::array<std::uint64_t, 2> ring_id;  // whose events follow
  std::uint64_t first_sequence;          // of this epoch; beyond the event before it + 1: what is between was never recorded
  std::uint64_t opened_ns;               // wall clock
  std::uint64_t reserved;                // 0
};
static_assert(sizeof(EpochNote) == 48);
static_assert(offsetof(EpochNote, ring_id) == 8 && offsetof(EpochNote, first_sequence) == 24);
static_assert(offsetof(EpochNote, opened_ns) == 32);

// ---- FIRST.segment: 512 bytes, then records, then zeros ------------------------------------------------------------------
//
// FIRST is the sequence of its first event, 20 decimal digits. What a segment holds from the first sequence of the next
// segment on does not count (a sync failed, and it was written again there).
struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::array<std::uint64_t, 2> journal_id;  // random, the same in all files of a journal
  std::uint64_t first_sequence;
  std::uint64_t epoch;                   // in force where it begins
  std::uint64_t segment_bytes;           // of the file, this header included
  std::uint64_t created_ns;              // wall clock
  std::array<std::uint64_t, 2> ring_id;  // whose events it begins with
  std::uint64_t follows;                 // the sequence after the last event before it; below its first one: a gap
  std::uint64_t after_sync;              // 1: every event before its first was synced before it got its name
  std::uint64_t unsynced;  // 1: policy none; after a power cut it may end anywhere, and the segments behind it may be broken
  std::array<std::uint64_t, 2> reserved0;
  std::uint32_t reserved1;
  std::uint32_t checksum;  // CRC32C of the 124 bytes before it
};
static_assert(sizeof(SegmentHeader) == 128 && offsetof(SegmentHeader, checksum) == 124);
static_assert(offsetof(SegmentHeader, journal_id) == 16 && offsetof(SegmentHeader, first_sequence) == 32);
static_assert(offsetof(SegmentHeader, epoch) == 40 && offsetof(SegmentHeader, segment_bytes) == 48);

// ---- FIRST.index: a header, then entries; advisory ---------------------------------------------------------------------
struct IndexHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::array<std::uint64_t, 2> journal_id;
  std::uint64_t first_sequence;  // of the segment
  std::uint64_t entries;
  std::uint64_t reserved;
  std::uint32_t entries_checksum;  // CRC32C
  std::uint32_t checksum;          // CRC32C of the 60 bytes before it
};
static_assert(sizeof(IndexHeader) == 64 && offsetof(IndexHeader, checksum) == 60);
static_assert(offsetof(IndexHeader, first_sequence) == 32 && offsetof(IndexHeader, entries) == 40);

// One for about every 64 KiB of records, ascending.
struct IndexEntry {
  std::uint64_t sequence;
  std::uint64_t timestamp_ns;
  std::uint64_t offset;  // in the segment's file
  std::uint64_t epoch;   // that the record's checksum was made with
};
static_assert(sizeof(IndexEntry) == 32);
inline constexpr std::uint64_t kIndexEveryBytes = std::uint64_t{64} << 10;

// Nobody counts so far: a copy that says so is damaged, or the next one would not be larger.
inline constexpr std::uint64_t kLargestGeneration = std::uint64_t{1} << 63;

// ---- durable: two copies, 4096 bytes apart; the one with the larger generation counts --------------------------------------
//
// Where recovery begins: everything before this place was synced before this was written.
struct DurablePoint {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::array<std::uint64_t, 2> journal_id;
  std::uint64_t generation;
  std::uint64_t epoch;                   // that the records from here on are made with
  std::uint64_t segment;                 // first sequence of the segment
  std::uint64_t offset;                  // in its file
  std::uint64_t next_sequence;           // of the record at `offset`
  std::uint64_t newest_epoch;            // ever begun
  std::array<std::uint64_t, 2> ring_id;  // whose events those before it are
  std::array<std::uint64_t, 3> reserved0;
  std::uint32_t segment_checksum;  // of the segment's header: it is that file and not one that took its name
  std::uint32_t checksum;          // CRC32C of the 124 bytes before it
};
static_assert(sizeof(DurablePoint) == 128 && offsetof(DurablePoint, checksum) == 124);
static_assert(offsetof(DurablePoint, generation) == 32 && offsetof(DurablePoint, epoch) == 40);
static_assert(offsetof(DurablePoint, segment) == 48 && offsetof(DurablePoint, offset) == 56);
static_assert(offsetof(DurablePoint, next_sequence) == 64 && offsetof(DurablePoint, newest_epoch) == 72);

// ---- cursors/NAME: three copies, 4096 bytes apart; the one with the largest generation counts -----------------------------
//
// The one that a sync made durable is left alone; the other two are stored in turn, and a power cut may tear both.
struct CursorCopy {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::array<std::uint64_t, 2> journal_id;
  std::array<std::uint64_t, 2> ring_id;  // that the event was read from
  std::uint64_t generation;
  std::uint64_t epoch;     // of the journal when the event was committed
  std::uint64_t sequence;  // last committed event; 0: none
  std::array<std::uint64_t, 6> reserved0;
  std::uint32_t reserved1;
  std::uint32_t checksum;  // CRC32C of the 124 bytes before it
};
static_assert(sizeof(CursorCopy) == 128 && offsetof(CursorCopy, checksum) == 124);
static_assert(offsetof(CursorCopy, ring_id) == 32 && offsetof(CursorCopy, generation) == 48);
static_assert(offsetof(CursorCopy, epoch) == 56 && offsetof(CursorCopy, sequence) == 64);
inline constexpr std::uint32_t kCursorCopies = 3;
inline constexpr std::uint64_t kCursorFileBytes = kCursorCopies * kCopyDistance;

// ---- the file `journal` in a ring's directory ------------------------------------------------------------------------------
//
//      0  what was fixed when the ring got its journal, with its checksum, and the directory's path
//   2176  how it runs: written by whoever opens the journal
//   2304  how it does: written by the journal
//   4096  end
enum class JournalState : std::uint8_t {
  away = 0,  // no process has run it since the ring got it, or it has ended; its gate stays where it is
  running = 1,
  stalled = 2,   // the disk refuses; it tries again, and the ring holds what is not written
  detached = 3,  // events go unrecorded until the next journal
};
inline constexpr std::size_t kDirectoryBytes = 2'048;

struct JournalPage {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t byte_order;
  std::array<std::uint64_t, 2> ring_id;
  std::array<std::uint64_t, 11> reserved0;
  std::uint64_t checksum;  // FNV-1a of the 120 bytes before it and of the path
  std::array<char, kDirectoryBytes> directory;

  Word64 sync;  // Sync
  Word64 interval_ns;
  Word64 interval_bytes;
  Word64 segment_bytes;
  Word64 keep_bytes;   // 0: no limit
  Word64 keep_age_ns;  // 0: no limit
  Word64 keep_unread;
  Word64 own_process;                // 1: a process of its own runs it, 0: the publisher's
  std::array<Word64, 2> journal_id;  // zeros until it has been opened
  std::array<std::uint64_t, 6> reserved1;

  Word64 state;             // JournalState
  Word64 error;             // errno of the last failure; 0: none since it opened
  Word64 failures;          // writes and syncs that failed since it opened
  Word64 written_sequence;  // last event that is in its files
  Word64 durable_sequence;  // last event that was synced; under Sync::none it stays where it was when opened
  Word64 oldest_sequence;   // first event of its oldest segment; 0: none yet
  Word64 epoch;             // of the journal
  Word64 pid;               // for people only
  Word64 syncs;
  Word64 unrecorded_events;  // that went by while it was detached
  std::array<std::uint64_t, 214> reserved2;
};
static_assert(sizeof(JournalPage) == 4096 && offsetof(JournalPage, checksum) == 120);
static_assert(offsetof(JournalPage, directory) == 128 && offsetof(JournalPage, sync) == 2176);
static_assert(offsetof(JournalPage, state) == 2304 && offsetof(JournalPage, written_sequence) == 2328);

}  // namespace ringbolt::core
