// Every byte that two processes share, and nothing else: no mechanism lives here. `docs/format.md` is its description for
// people and for other languages; a test holds the two against each other.
//
// A plain integer is written once, before anyone else can see it. A `Word32`/`Word64` is shared and says its order at
// each use. Words that different processes write are 128 bytes apart, a fixed number, so that two builds never disagree.
#pragma once

#include <ringbolt/core/shared_word.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace ringbolt::core {

inline constexpr std::uint64_t kEventsMagic = 0x31'53'54'4e'56'45'42'52;     // "RBEVNTS1" in memory on little-endian
inline constexpr std::uint64_t kConsumersMagic = 0x31'53'4e'4f'43'45'42'52;  // "RBECONS1"
inline constexpr std::uint32_t kLayoutVersion = 1;
inline constexpr std::uint32_t kByteOrderMark = 0x01020304;
inline constexpr std::size_t kFalseSharingBytes = 128;

inline constexpr std::uint64_t kMinCapacityBytes = std::uint64_t{64} << 10;
inline constexpr std::uint64_t kMaxCapacityBytes = std::uint64_t{16} << 30;  // so that every size that fits is below 2^32
inline constexpr std::uint64_t kDefaultCapacityBytes = std::uint64_t{16} << 20;
inline constexpr std::uint32_t kDefaultConsumerSlots = 256;
inline constexpr std::uint32_t kMaxConsumerSlots = 65'536;

inline constexpr std::uint64_t kChunksPerRing = 16;      // the publisher's bookkeeping step is a sixteenth of the ring
inline constexpr std::uint64_t kLargestRecordShare = 4;  // a record, or a batch, is at most a quarter of the ring
inline constexpr std::uint64_t kRecordAlignment = 8;
inline constexpr std::uint64_t kNoPosition = ~std::uint64_t{0};

// Sequences never wrap: a billion events a second, counted from the largest beginning, take 36 years to the largest sequence.
// A place that claims more is damage. Were it believed, a walk from there would come to the expected number 0, and take the
// word of an event that is not published yet for it; two laps of the largest ring stay short of that.
inline constexpr std::uint64_t kLargestFirstSequence = 0xf000'0000'0000'0000;
inline constexpr std::uint64_t kLargestSequence = ~std::uint64_t{0} - kMaxCapacityBytes;

// ---- the record --------------------------------------------------------------------------------------------------------
//
//   0         8             16    20        24    28     30
//   +---------+-------------+-----+---------+-----+------+----------+----------------- - - -
//   | sequence| timestamp_ns| size| checksum| type| flags| reserved | payload, to 8 bytes
//   +---------+-------------+-----+---------+-----+------+----------+----------------- - - -
//
// The same bytes in the ring and in the journal. `sequence` is the commit word: stored last; 0 means not yet.
struct SizeWord {
  std::uint32_t size;      // payload bytes
  std::uint32_t checksum;  // CRC32C, filled by the journal; 0 in the ring
};
struct TypeWord {
  std::uint32_t type;  // the application's own
  std::uint16_t flags;
  std::uint16_t reserved;  // 0
};
inline constexpr std::uint16_t kFlagAttributes = 1;  // the payload is preceded by a block of attributes

struct RecordHeader {
  Word64 sequence;
  Word64 timestamp_ns;  // publisher's wall clock; 0 in a ring without timestamps
  SharedWord<SizeWord> size;
  SharedWord<TypeWord> type;
};
static_assert(sizeof(RecordHeader) == 32 && alignof(RecordHeader) == 8);
static_assert(offsetof(RecordHeader, sequence) == 0 && offsetof(RecordHeader, timestamp_ns) == 8);
static_assert(offsetof(RecordHeader, size) == 16 && offsetof(RecordHeader, type) == 24);
static_assert(offsetof(SizeWord, size) == 0 && offsetof(SizeWord, checksum) == 4);
static_assert(offsetof(TypeWord, type) == 0 && offsetof(TypeWord, flags) == 4 && offsetof(TypeWord, reserved) == 6);

// ---- attributes --------------------------------------------------------------------------------------------------------
//
//   0      4                                  bytes
//   +------+------+------+------+- - - -+- - -+----------------- - - -
//   | bytes| name | size | name | value | ... | payload
//   +------+------+------+------+- - - -+- - -+----------------- - - -
//
// In front of the payload, where a record has kFlagAttributes; `size` of the record counts both. An entry begins at a multiple
// of 4, the payload at one of 8; zeros are in between, and a zero word ends the entries. `attributes.hpp` reads and writes them.
struct AttributesHeader {
  std::uint32_t bytes;  // of the block, this word included; a multiple of 8
};
struct AttributeEntry {
  std::uint16_t name;  // 1 to kNameBytes: so many characters follow; kKnownAttribute + KnownAttribute: none do
  std::uint16_t size;  // bytes of the value, behind the name
};
static_assert(sizeof(AttributesHeader) == 4 && sizeof(AttributeEntry) == 4);
static_assert(offsetof(AttributeEntry, name) == 0 && offsetof(AttributeEntry, size) == 2);
inline constexpr std::uint16_t kKnownAttribute = 0x8000;
inline constexpr std::uint64_t kAttributeAlignment = 4;
inline constexpr std::uint64_t kMostAttributeValueBytes = 65'535;

// Attributes whose names take no room.
enum class KnownAttribute : std::uint16_t {
  traceparent = 1,      // W3C Trace Context
  content_type = 2,     // RFC 9110
  key = 3,              // the application's own, for consumers that choose by it
  merge_ring = 4,       // whose event this was, before a merge
  merge_sequence = 5,   // its number there
  merge_positions = 6,  // how far the merge had come with each of its sources
};

// A record boundary that somebody may start reading from: a checkpoint, or an anchor. Written in the order position =
// invalid, sequence, position, so that a pair is never half one and half another without one of them being checked.
struct Boundary {
  Word64 sequence;
  Word64 position;  // kNoPosition: none
};
static_assert(sizeof(Boundary) == 16);

// ---- the file `events` -------------------------------------------------------------------------------------------------
//
//      0  what was fixed at creation, with its checksum
//    128  who publishes: epoch, pid, closed, what creation was granted   changes at take-over and close
//    256  intent                                                        changes once a chunk, read by every consumer
//    384  hint                                                          changes with every event, read when joining
//    512  anchors[2]                                                    changes once a chunk, read at take-over
//    640  checkpoints[16]                                               changes once a chunk, read when joining
//   1024  end of the header; the data region begins at data_offset
//
// Written by the publisher alone. Consumers open and map it read-only.
inline constexpr std::uint32_t kOptionTimestamps = 1;
inline constexpr std::uint32_t kOptionHugePages = 2;
inline constexpr std::uint32_t kOptionPrefault = 4;
inline constexpr std::uint32_t kOptionLockMemory = 8;
inline constexpr std::uint32_t kOptionNumaNode = 16;

struct EventsHeader {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t byte_order;
  std::uint64_t fingerprint;             // of every size and offset in this file
  std::array<std::uint64_t, 2> ring_id;  // random, new for each creation
  std::uint64_t capacity_bytes;          // power of two
  std::uint64_t data_offset;             // from the start of the file; a multiple of the page size
  std::uint64_t first_sequence;
  std::uint64_t created_ns;  // wall clock
  std::uint32_t options;     // kOption…: what was asked for
  std::uint32_t consumer_slots;
  std::int32_t numa_node;  // -1: not asked for
  std::uint32_t reserved0;
  std::array<std::uint64_t, 4> reserved1;
  std::uint64_t checksum;  // of the 120 bytes before it

  Word64 epoch;          // counts the publishers this ring has had, from 1
  Word64 publisher_pid;  // for people only; never decides anything
  Word64 closed;         // 0: open; otherwise the sequence that the stream ended before
  Word64 granted;        // kOption…: what took effect
  std::array<std::uint64_t, 12> reserved2;

  Word64 intent;  // the publisher may write below this position; never decreases
  std::array<std::uint64_t, 15> reserved3;

  Word64 hint;  // position of the newest record, or of the first of the newest batch; kNoPosition before the first
  std::array<std::uint64_t, 15> reserved4;

  std::array<Boundary, 2> anchors;
  std::array<std::uint64_t, 12> reserved5;

  std::array<Boundary, kChunksPerRing> checkpoints;
  std::array<std::uint64_t, 16> reserved6;
};
static_assert(sizeof(EventsHeader) == 1024 && offsetof(EventsHeader, checksum) == 120);
static_assert(offsetof(EventsHeader, epoch) == 128 && offsetof(EventsHeader, intent) == 256);
static_assert(offsetof(EventsHeader, hint) == 384 && offsetof(EventsHeader, anchors) == 512);
static_assert(offsetof(EventsHeader, checkpoints) == 640);

// ---- the file `consumers` ----------------------------------------------------------------------------------------------
//
//      0  what was fixed at creation, with its checksum
//    128  changes: counts joins, so that the publisher need not look at every entry; attach numbers; removed
//    256  waiters: set by a consumer that is about to sleep, read by the publisher after every commit; bell: it sleeps on a
//         descriptor
//    384  wake: the futex that consumers sleep on
//    512  gate_waiters: set by whoever waits for a consumer's gate, read by consumers after they moved theirs; gate_bell
//    640  gate_wake: the futex that those sleep on
//    768  fence_request, fence_ack: for a sleeper that membarrier(2) was refused to
//   1024  entries
//
// Mapped read-write by consumers. Nothing in it can make the publisher read or write outside its own memory.
struct RegistryHeader {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t byte_order;
  std::uint64_t fingerprint;
  std::array<std::uint64_t, 2> ring_id;  // the same as in `events`
  std::uint32_t slots;
  std::uint32_t entry_bytes;
  std::array<std::uint64_t, 9> reserved0;
  std::uint64_t checksum;  // of the 120 bytes before it

  Word64 changes;
  Word64 next_attach_number;
  Word64 removed;  // 1: somebody removed the ring; whoever reads it makes sure of it from the file system
  std::array<std::uint64_t, 13> reserved1;

  Word32 waiters;
  Word32 bell;  // 1: touch the file `events` too, for those who sleep on a descriptor
  std::array<std::uint32_t, 30> reserved2;
  Word32 wake;
  std::array<std::uint32_t, 31> reserved3;
  Word32 gate_waiters;
  Word32 gate_bell;  // 1: touch the file `consumers` too
  std::array<std::uint32_t, 30> reserved4;
  Word32 gate_wake;
  std::array<std::uint32_t, 31> reserved5;
  Word64 fence_request;  // not 0: a sleeper asks the publisher to fence after each commit
  Word64 fence_ack;      // the epoch of the publisher that does
  std::array<std::uint64_t, 30> reserved6;
};
static_assert(sizeof(RegistryHeader) == 1024 && offsetof(RegistryHeader, checksum) == 120);
static_assert(offsetof(RegistryHeader, changes) == 128 && offsetof(RegistryHeader, waiters) == 256);
static_assert(offsetof(RegistryHeader, wake) == 384 && offsetof(RegistryHeader, gate_waiters) == 512);
static_assert(offsetof(RegistryHeader, gate_wake) == 640 && offsetof(RegistryHeader, fence_request) == 768);

// What an entry is at this moment; the low byte of its `state` word, the generation above it.
enum class EntryState : std::uint8_t {
  free = 0,      // nobody's
  joining = 1,   // being set up by whoever holds its lock byte
  attached = 2,  // a consumer that does not gate
  gating = 3,    // a consumer that the publisher waits for
  evicted = 4,   // gated, and its budget is spent
  away = 5,      // a named consumer that is not attached: its cursor is kept
};

enum class Policy : std::uint8_t {
  automatic = 0,  // `journal` on a ring with a journal, otherwise `lossy`; never stored
  gate = 1,       // the publisher waits for this consumer; with a budget, only so long
  lossy = 2,      // overrun, told the exact gap, goes on
  journal = 3,    // reads what it missed from the journal
  latest = 4,     // skips to the newest event by design
};

inline constexpr std::uint64_t kEntryInPlace =
    1;  // reads in place without looking back: only its death may release its gate
inline constexpr std::uint64_t kEntryJournal = 2;  // the ring's journal: nothing but a detach releases its gate
inline constexpr std::uint64_t kEntryBeginning =
    4;                                             // a journal that has not begun to record: its gate goes with its process
inline constexpr std::uint64_t kEntryStarted = 8;  // the name has a cursor, though it may be 0: it resumes with event 1
inline constexpr std::size_t kNameBytes = 64;
inline constexpr std::size_t kMaxFollowed = 8;

// ---- an entry of the registry: 640 bytes -------------------------------------------------------------------------------
//
//     0  gate, cursor        written by the consumer with each batch, read by the publisher once a chunk
//   128  state and who it is written when joining and leaving; `state` by compare-and-swap
//   256  name, followed      written when joining
//   384  what it lost        written by the consumer
//   512  what it held up     written by the publisher
struct ConsumerEntry {
  Word64 gate;             // position the publisher may not overtake by more than the capacity
  Word64 cursor_sequence;  // last committed event; 0: none, or with `kEntryStarted` all are still to come
  Word64 cursor_position;  // where the event after it begins; a help in finding it, checked before it is believed
  std::array<std::uint64_t, 13> reserved0;

  Word64 state;          // generation << 8 | EntryState; the generation counts attachments of this entry
  Word64 lineage;        // changes when the entry's stream of commits breaks: another owner, or a start beyond its cursor
  Word64 attach_number;  // increases with every attachment to this ring
  Word64 policy;         // Policy
  Word64 options;        // kEntry…
  Word64 budget_ns;      // 0: none
  Word64 pid;            // for people, and a guess how long to wait for an owner that seems dead
  Word64 attached_ns;    // wall clock
  std::array<std::uint64_t, 8> reserved1;

  std::array<Word64, kNameBytes / 8> name;    // zero-padded; all zero: anonymous
  std::array<Word64, kMaxFollowed> followed;  // index + 1 of each consumer that this one comes after; 0 ends the list

  Word64 gap_events;      // lost to overruns and evictions
  Word64 gaps;            // in so many pieces
  Word64 skipped_events;  // passed over by design: policy `latest`
  Word64 evictions;
  std::array<std::uint64_t, 12> reserved2;

  Word64 blocked_count;  // times the publisher waited for this consumer
  Word64 blocked_ns;     // and for how long
  std::array<std::uint64_t, 14> reserved3;
};
static_assert(sizeof(ConsumerEntry) == 640);
static_assert(offsetof(ConsumerEntry, state) == 128 && offsetof(ConsumerEntry, name) == 256);
static_assert(offsetof(ConsumerEntry, followed) == 320 && offsetof(ConsumerEntry, gap_events) == 384);
static_assert(offsetof(ConsumerEntry, blocked_count) == 512);

// ---- identity ----------------------------------------------------------------------------------------------------------

// FNV-1a, 64 bits (Fowler, Noll, Vo): guards headers against damage, not against intent.
constexpr std::uint64_t fnv1a(const std::uint8_t* bytes, std::size_t count,
                              std::uint64_t hash = 0xcbf29ce484222325) noexcept {
  for (std::size_t i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

// One number for the whole layout: a build that disagrees about any of these refuses to attach.
constexpr std::uint64_t layout_fingerprint() noexcept {
  constexpr std::array<std::uint64_t, 38> facts{kLayoutVersion,
                                                kFalseSharingBytes,
                                                kChunksPerRing,
                                                kLargestRecordShare,
                                                kRecordAlignment,
                                                kNameBytes,
                                                kMaxFollowed,
                                                sizeof(RecordHeader),
                                                offsetof(RecordHeader, timestamp_ns),
                                                offsetof(RecordHeader, size),
                                                offsetof(RecordHeader, type),
                                                sizeof(EventsHeader),
                                                offsetof(EventsHeader, capacity_bytes),
                                                offsetof(EventsHeader, data_offset),
                                                offsetof(EventsHeader, first_sequence),
                                                offsetof(EventsHeader, options),
                                                offsetof(EventsHeader, epoch),
                                                offsetof(EventsHeader, closed),
                                                offsetof(EventsHeader, intent),
                                                offsetof(EventsHeader, hint),
                                                offsetof(EventsHeader, anchors),
                                                offsetof(EventsHeader, checkpoints),
                                                sizeof(RegistryHeader),
                                                offsetof(RegistryHeader, slots),
                                                offsetof(RegistryHeader, changes),
                                                offsetof(RegistryHeader, waiters),
                                                offsetof(RegistryHeader, wake),
                                                offsetof(RegistryHeader, gate_waiters),
                                                offsetof(RegistryHeader, gate_wake),
                                                offsetof(RegistryHeader, fence_request),
                                                sizeof(ConsumerEntry),
                                                offsetof(ConsumerEntry, cursor_sequence),
                                                offsetof(ConsumerEntry, state),
                                                offsetof(ConsumerEntry, lineage),
                                                offsetof(ConsumerEntry, name),
                                                offsetof(ConsumerEntry, followed),
                                                offsetof(ConsumerEntry, gap_events),
                                                offsetof(ConsumerEntry, blocked_count)};
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t fact : facts) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      const auto byte = static_cast<std::uint8_t>(fact >> shift);
      hash = fnv1a(&byte, 1, hash);
    }
  }
  return hash;
}

}  // namespace ringbolt::core
