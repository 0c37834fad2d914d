// Each byte of a journal of 64 KiB, of its cursor and durable point, and of a ring's headers is damaged in turn: a bit
// flipped, all zeros, all ones. What comes of it is counted by region; which outcomes a region has is in docs/correctness.md.
// An event whose checksum covers the byte is never delivered with other bytes, and nothing is lost without a word.
#include <unistd.h>

#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/journal_check.hpp>
#include <ringbolt/ipc/journal_reader.hpp>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <utility>

#include "fuzz/journals.hpp"
#include "ipc/support.hpp"

namespace ringbolt::fuzz {
namespace {

using ringbolt::test::RingFile;

constexpr unsigned kWatchdogSeconds = 120;

enum class Outcome : std::uint8_t { same, reported, gap, waits, refused, older, changed, silent };
constexpr std::array<const char*, 8> kOutcomes{"same", "reported", "gap", "waits", "refused", "older", "changed", "silent"};

// How often each outcome came, by region.
class Table {
 public:
  void count(const std::string& region, Outcome outcome) { ++counts_[region][static_cast<std::size_t>(outcome)]; }
  [[nodiscard]] std::uint64_t all() const {
    std::uint64_t sum = 0;
    for (const auto& [region, counts] : counts_) {
      for (const std::uint64_t count : counts) sum += count;
    }
    return sum;
  }
  // Prints the counts, and holds the outcomes of each region against the document.
  void check() const {
    std::ifstream file(RINGBOLT_SOURCE_DIR "/docs/correctness.md");
    const std::string document((std::istreambuf_iterator<char>(file)), {});
    for (const auto& [region, counts] : counts_) {
      std::string outcomes;
      std::printf("%-28s", region.c_str());
      for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] == 0) continue;
        outcomes.append(outcomes.empty() ? "" : ", ").append(kOutcomes[i]);
        std::printf(" %llu %s", static_cast<unsigned long long>(counts[i]), kOutcomes[i]);
      }
      std::printf("\n");
      const std::string row = std::string("| ").append(region).append(" | ");
      const std::size_t at = document.find(row);
      ASSERT_NE(at, std::string::npos) << "docs/correctness.md has no row " << row;
      const std::string said = document.substr(at + row.size(), document.find(" |\n", at) - at - row.size());
      if (!test::kSanitized) {
        EXPECT_EQ(said, outcomes) << "is not what docs/correctness.md says of " << region;
      }
      for (std::size_t i = 0; i < counts.size(); ++i)  // of some of the bytes, some of the outcomes
        EXPECT_TRUE(counts[i] == 0 || said.find(kOutcomes[i]) != std::string::npos) << region << ": " << kOutcomes[i];
      EXPECT_EQ(counts[static_cast<std::size_t>(Outcome::silent)], 0U) << region;
    }
  }

 private:
  std::map<std::string, std::array<std::uint64_t, kOutcomes.size()>> counts_;
};

// Calls `judge` with each damage of each byte in a range; the byte is as before afterwards. A damage that changes nothing is
// none. Where `briefly` says so, as in a payload, which is one thing to its checksum, only a bit is flipped. Under a sanitizer
// only some of the bytes: all kinds of places and not all places.
template <class Judge>
void damage(
    std::span<std::byte> bytes, std::size_t begin, std::size_t end, Judge judge,
    const std::function<bool(std::size_t)>& briefly = [](std::size_t) { return false; }) {
  const std::size_t step = test::kSanitized && end - begin > 256 ? 37 : 1;
  for (std::size_t at = begin; at < end; at += step) {
    ::alarm(kWatchdogSeconds);  // for each byte, as all of them are much for a busy machine
    const std::byte sound = bytes[at];
    const std::byte flipped = sound ^ std::byte{1} << (at % 8);
    for (const std::byte damaged : {flipped, std::byte{0x00}, std::byte{0xff}}) {
      if (damaged == sound || (damaged != flipped && briefly(at))) continue;
      bytes[at] = damaged;
      judge(at);
      bytes[at] = sound;
      if (testing::Test::HasFailure()) {
        std::printf("at byte %zu, 0x%02x instead of 0x%02x\n", at, static_cast<unsigned>(damaged),
                    static_cast<unsigned>(sound));
        return;
      }
    }
  }
}

class Damage : public test::IpcTest {
 protected:
  Table table_;
};

// ---- a journal ----

class JournalDamage : public Damage {
 protected:
  static constexpr std::uint64_t kEvents = 54;  // of two lives, in four segments of 16 KiB

  void SetUp() override {
    const Files files = make_journal({.segment_bytes = 16'384, .lives = 2, .events = kEvents / 2, .size = 1'000});
    JournalDirectory(directory_, files);
    core::SegmentHeader header{};
    std::memcpy(&header, files.at(ipc::segment_name(1)).data(), sizeof header);
    id_ = header.journal_id;
    ASSERT_EQ(segments().size(), 4U);
  }
  [[nodiscard]] std::vector<std::uint64_t> segments() const {
    std::vector<std::uint64_t> all;
    EXPECT_EQ(ipc::list_segments(*ipc::open_directory(directory_, false), all), 0);
    return all;
  }
  [[nodiscard]] std::string path(const std::string& file) const { return directory_ + "/" + file; }

  struct Read {
    std::uint64_t events = 0;
    std::uint64_t lost = 0;  // as told
    bool refused = false;
    bool changed = false;
  };
  [[nodiscard]] Read read(std::uint64_t from) const {
    Read result;
    try {
      JournalReader reader = JournalReader::open(directory_);
      reader.seek(from);
      std::uint64_t next = from;
      Event event;
      for (;;) {
        const Status status = reader.next(event);
        if (status == Status::gap) {
          result.changed |= reader.last_gap().first != next;
          result.lost += reader.last_gap().count();
          next = reader.last_gap().last + 1;
        } else if (status == Status::ok) {
          ++result.events;
          result.changed |= event.sequence != next++ || event.timestamp_ns != event.sequence * 1'000 ||
                            event.type != event.sequence || event.payload.size() != 1'000 + event.sequence % 8 ||
                            !is_payload_of(event.payload, event.sequence);
        } else {
          break;
        }
      }
    } catch (const Error&) {
      result.refused = true;
    }
    return result;
  }
  [[nodiscard]] bool verify_reports() const {
    try {
      return !verify_journal(directory_).findings.empty();
    } catch (const Error&) {
      return true;
    }
  }
  [[nodiscard]] Outcome judge(std::uint64_t from = 1) const {
    const Read found = read(from);
    EXPECT_FALSE(found.changed) << "an event came with other bytes, or out of turn";
    if (found.changed) return Outcome::changed;
    if (found.refused) return Outcome::refused;
    const std::uint64_t all = kEvents + 1 - from;
    if (found.events == all) return verify_reports() ? Outcome::reported : Outcome::same;
    if (found.events + found.lost == all) return Outcome::gap;
    return verify_reports() ? Outcome::waits : Outcome::silent;
  }

  std::string directory_ = place() + "/journal";
  ipc::JournalId id_{};
};

// What each byte of a segment is.
std::vector<std::string> regions_of(std::span<const std::byte> segment, const std::string& which) {
  std::vector<std::string> regions(segment.size(), which + ": zeros");
  std::fill_n(regions.begin(), sizeof(core::SegmentHeader), which + ": header");
  std::fill(regions.begin() + sizeof(core::SegmentHeader), regions.begin() + core::kSegmentDataOffset, "behind a header");
  for (std::size_t at = core::kSegmentDataOffset; at + sizeof(ipc::PlainHeader) <= segment.size();) {
    ipc::PlainHeader header{};
    std::memcpy(&header, segment.data() + at, sizeof header);
    if (header.sequence == 0) break;
    const auto begin = regions.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t bytes = core::record_bytes(header.size);
    const std::size_t used = sizeof header + header.size;
    const bool control = (header.flags & core::kFlagControl) != 0;
    std::fill_n(begin, used, which + (control ? ": epoch record" : ": event header"));
    if (!control) std::fill_n(begin + sizeof header, header.size, which + ": payload");
    std::fill_n(begin + static_cast<std::ptrdiff_t>(used), bytes - used, "padding of a record");
    at += bytes;
  }
  return regions;
}

// From the segment before on: nobody who reads what comes before that looks at this one.
TEST_F(JournalDamage, OfEachByteOfItsSegmentsIsToldOrHarmless) {
  std::uint64_t from = 1;
  std::uint64_t before = 1;
  for (const std::uint64_t segment : segments()) {
    from = std::exchange(before, segment);
    const RingFile file(path(ipc::segment_name(segment)));
    const bool last = segment == segments().back();
    const auto regions = regions_of(file.bytes(), last ? "last segment" : "segment");
    damage(
        file.bytes(), 0, file.bytes().size(), [&](std::size_t at) { table_.count(regions[at], judge(from)); },
        [&](std::size_t at) { return regions[at].ends_with("payload") || regions[at].ends_with("zeros"); });
  }
  table_.check();
  EXPECT_EQ(judge(), Outcome::same) << "restored and well";
  std::printf("%llu damages\n", static_cast<unsigned long long>(table_.all()));
}

TEST_F(JournalDamage, OfEachByteOfAnIndexIsReportedAndHarmless) {
  const std::string index = path(ipc::index_name(1));
  std::ifstream file(index, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  ASSERT_GE(text.size(), sizeof(core::IndexHeader) + sizeof(core::IndexEntry));
  damage(std::as_writable_bytes(std::span(text)), 0, text.size(), [&](std::size_t at) {
    std::ofstream(index, std::ios::binary) << text;  // anew: a reader puts a good one in its place
    const bool reported = verify_reports();
    const Outcome outcome = judge(10);
    table_.count(at < sizeof(core::IndexHeader) ? "index: header" : "index: entries",
                 outcome == Outcome::same && reported ? Outcome::reported : outcome);
    std::ofstream(index, std::ios::binary) << text;
    EXPECT_EQ(JournalReader::open(directory_).seek_time(10'000), 10U);
  });
  table_.check();
}

TEST_F(JournalDamage, OfEachByteOfTheDurablePointIsToldOrHarmless) {
  const RingFile file(path("durable"));
  const auto region = [](std::size_t at) {
    return at % core::kCopyDistance < sizeof(core::DurablePoint) ? "durable point: a copy" : "durable point: rest";
  };
  for (const std::uint64_t copy : {std::uint64_t{0}, core::kCopyDistance}) {
    damage(file.bytes(), copy, copy + sizeof(core::DurablePoint) + 8, [&](std::size_t at) {
      table_.count(region(at), judge());
      // Recovery believes the other copy.
      Files files;
      for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        if (!entry.is_regular_file()) continue;
        const RingFile source(entry.path());
        files[entry.path().filename()].assign(source.bytes().begin(), source.bytes().end());
      }
      MemoryStorage storage(files);
      EXPECT_EQ(live_on(storage, {.segment_bytes = 16'384, .lives = 1, .events = 1}), kEvents + 1);
    });
  }
  table_.check();
}

TEST_F(JournalDamage, OfEachByteOfACursorGivesTheOneBeforeAtWorst) {
  constexpr std::uint64_t kNewest = 30;
  {
    ipc::ForkGuard guard;
    auto cursor = ipc::CursorFile::open(directory_, "billing", id_, guard);
    for (std::uint64_t sequence = kNewest - 5; sequence <= kNewest; ++sequence) {
      cursor.store({kRingId, 2, sequence});
      if (sequence == kNewest - 1) cursor.sync();
    }
  }
  const RingFile file(path("cursors/billing"));
  for (std::size_t copy = 0; copy < core::kCursorCopies; ++copy) {
    const std::size_t begin = copy * core::kCopyDistance;
    damage(file.bytes(), begin, begin + sizeof(core::CursorCopy) + 8, [&](std::size_t at) {
      const bool rest = at - begin >= sizeof(core::CursorCopy);
      const auto cursor = ipc::read_cursor(directory_, "billing");
      ASSERT_TRUE(cursor.has_value());
      ASSERT_TRUE(cursor->sequence == kNewest || cursor->sequence == kNewest - 1) << cursor->sequence;
      table_.count(rest ? "cursor: rest" : "cursor: a copy", cursor->sequence == kNewest ? Outcome::same : Outcome::older);
    });
  }
  table_.check();
}

// ---- a ring ----

class RingDamage : public Damage {
 protected:
  static constexpr std::uint64_t kSize = 900;

  // One that has been around a few times; or with a journal, so that the ring holds the end of what there is.
  void make_ring(const JournalOptions& journal = {}) {
    auto publisher = Publisher::open("orders", {.capacity_bytes = test::kSmall, .consumer_slots = 4, .journal = journal});
    auto billing = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t next = publisher.next_sequence();
      publisher.publish(payload_of(next, kSize), {.type = static_cast<std::uint32_t>(next)});
      billing.poll([](const Event&) {});
    }
    newest_ = publisher.next_sequence() - 1;
    oldest_ = journal.directory.empty() ? stat_ring("orders").oldest_sequence : 1;
  }

  // What a consumer sees that asks for all there is; nobody's own name, so that it leaves nothing behind.
  [[nodiscard]] Outcome judge(Policy policy) const {
    bool changed = false;
    std::uint64_t events = 0;
    std::uint64_t lost = 0;
    struct Handler {
      std::uint64_t next;
      bool& changed;
      std::uint64_t& events;
      std::uint64_t& lost;
      void operator()(const Event& event) {
        EXPECT_EQ(event.sequence, next) << "out of turn";
        changed |= event.type != event.sequence || event.timestamp_ns == 0 || event.payload.size() != kSize ||
                   !is_payload_of(event.payload, event.sequence);
        next = event.sequence + 1;
        ++events;
      }
      void operator()(const Gap& gap) {
        EXPECT_EQ(gap.first, next) << "out of turn";
        next = gap.last + 1;
        lost += gap.count();
      }
    } handler{oldest_, changed, events, lost};
    try {
      auto consumer = Consumer::attach("orders", {.policy = policy, .start = Start::at(oldest_)});
      for (int round = 0; round < 4; ++round) static_cast<void>(consumer.try_poll(handler, 1'000));
    } catch (const Error&) {
      return Outcome::refused;
    }
    if (changed) return Outcome::changed;
    if (events == newest_ + 1 - oldest_) return Outcome::same;
    return events + lost == newest_ + 1 - oldest_ ? Outcome::gap : Outcome::waits;
  }
  // And a successor, if it is let in: it counts on, and never gives a number twice.
  [[nodiscard]] Outcome succeed() const {
    try {
      auto publisher = Publisher::open("orders", {.journal = {}});
      EXPECT_EQ(publisher.next_sequence(), newest_ + 1) << "a successor takes another number";
      return publisher.next_sequence() == newest_ + 1 ? Outcome::same : Outcome::silent;
    } catch (const Error&) {
      return Outcome::refused;
    }
  }

  std::uint64_t oldest_ = 0;
  std::uint64_t newest_ = 0;
};

TEST_F(RingDamage, OfEachByteOfTheEventsHeaderIsRefusedOrCostsEventsThatAreTold) {
  make_ring();
  const RingFile events(ring_path("orders") + "/events");
  const RingFile registry(ring_path("orders") + "/consumers");
  const Bytes sound(events.bytes().begin(), events.bytes().end());
  const Bytes sound_registry(registry.bytes().begin(), registry.bytes().end());
  const auto region = [](std::size_t at) -> std::string {
    if (at < offsetof(core::EventsHeader, epoch)) return "ring header: fixed";
    if (at < offsetof(core::EventsHeader, intent)) return "ring header: epoch";
    if (at < offsetof(core::EventsHeader, hint)) return "ring header: intent";
    if (at < offsetof(core::EventsHeader, anchors)) return "ring header: hint";
    if (at < offsetof(core::EventsHeader, checkpoints)) return "ring header: anchors";
    return "ring header: checkpoints";
  };
  damage(events.bytes(), 0, sizeof(core::EventsHeader), [&](std::size_t at) {
    const std::byte damaged = events.bytes()[at];
    table_.count(region(at), judge(Policy::lossy));
    table_.count(region(at) + ", successor", succeed());
    std::memcpy(events.bytes().data(), sound.data(), sound.size());
    std::memcpy(registry.bytes().data(), sound_registry.data(), sound_registry.size());
    events.bytes()[at] = damaged;
  });
  table_.check();
}

// The end of the stream is then all that the anchor says: no record behind it tells its number.
TEST_F(RingDamage, OfEachByteOfAnAnchorAtTheEndIsRefusedOrHarmless) {
  make_ring();
  {
    auto publisher = Publisher::open("orders");
    static_cast<void>(publisher.try_claim(kSize));  // and dies
  }
  const RingFile events(ring_path("orders") + "/events");
  const Bytes sound(events.bytes().begin(), events.bytes().end());
  const std::size_t anchors = offsetof(core::EventsHeader, anchors);
  damage(events.bytes(), anchors, anchors + sizeof(core::EventsHeader::anchors), [&](std::size_t at) {
    const std::byte damaged = events.bytes()[at];
    table_.count("an anchor at the end", succeed());
    std::memcpy(events.bytes().data(), sound.data(), sound.size());
    events.bytes()[at] = damaged;
  });
  table_.check();
}

TEST_F(RingDamage, OfEachByteOfTheRegistryTakesNoEventFromOthers) {
  make_ring();
  const RingFile registry(ring_path("orders") + "/consumers");
  const Bytes sound(registry.bytes().begin(), registry.bytes().end());
  damage(registry.bytes(), 0, sizeof(core::RegistryHeader) + sizeof(core::ConsumerEntry), [&](std::size_t at) {
    const std::byte damaged = registry.bytes()[at];
    const char* region = at < offsetof(core::RegistryHeader, changes) ? "registry: fixed"
                         : at < sizeof(core::RegistryHeader)          ? "registry: words"
                                                                      : "registry: an entry";
    table_.count(region, judge(Policy::lossy));
    std::memcpy(registry.bytes().data(), sound.data(), sound.size());
    registry.bytes()[at] = damaged;
  });
  table_.check();
}

// The journal's gate is where its successor goes on reading the ring.
TEST_F(RingDamage, OfEachByteOfTheJournalsEntryIsRefusedOrCostsNoEvent) {
  make_ring({.directory = place() + "/journal", .sync = Sync::none, .segment_bytes = 1 << 20});
  const RingFile registry(ring_path("orders") + "/consumers");
  std::size_t index = 0;
  while ((registry.entry(index).options.load_relaxed() & core::kEntryJournal) == 0) ++index;
  const std::size_t entry = sizeof(core::RegistryHeader) + index * sizeof(core::ConsumerEntry);
  const Bytes sound(registry.bytes().begin(), registry.bytes().end());
  damage(registry.bytes(), entry, entry + sizeof(core::ConsumerEntry), [&](std::size_t at) {
    const std::byte damaged = registry.bytes()[at];
    const bool odd = registry.entry(index).gate.load_relaxed() % core::kRecordAlignment != 0;
    const Outcome outcome = succeed();
    EXPECT_TRUE(!odd || outcome == Outcome::refused) << "a gate that is no record's place";
    table_.count("registry: the journal's entry", outcome);
    std::memcpy(registry.bytes().data(), sound.data(), sound.size());
    EXPECT_EQ(judge(Policy::journal), Outcome::same);
    registry.bytes()[at] = damaged;
  });
  table_.check();
}

TEST_F(RingDamage, OfEachByteOfARecordsHeaderIsToldWhereItLeadsAstray) {
  make_ring();
  const RingFile events(ring_path("orders") + "/events");
  std::vector<std::size_t> places;
  const auto& header = events.events();
  for (std::size_t at = header.data_offset; at < events.bytes().size(); at += core::kRecordAlignment) {
    std::uint64_t sequence = 0;
    std::memcpy(&sequence, events.bytes().data() + at, sizeof sequence);
    std::uint32_t size = 0;
    if (at + sizeof(core::RecordHeader) > events.bytes().size()) break;
    std::memcpy(&size, events.bytes().data() + at + offsetof(core::RecordHeader, size), sizeof size);
    if (sequence > oldest_ + 5 && sequence < newest_ - 5 && size == kSize) places.push_back(at);
  }
  ASSERT_GT(places.size(), 20U);
  for (const std::size_t place : {places[0], places[places.size() / 2]}) {
    damage(events.bytes(), place, place + sizeof(core::RecordHeader), [&](std::size_t at) {
      const std::size_t field = at - place;
      const char* region = field < 8                   ? "ring record: sequence"
                           : field >= 16 && field < 20 ? "ring record: size"
                           : field >= 20 && field < 24 ? "ring record: checksum, unused"
                           : field >= 28               ? "ring record: flags"
                                                       : "ring record: time and type";
      table_.count(region, judge(Policy::lossy));
    });
  }
  table_.check();
}

TEST_F(RingDamage, OfEachByteOfTheJournalPageIsRefusedOrCostsNoEvent) {
  make_ring({.directory = place() + "/journal", .sync = Sync::none, .segment_bytes = 1 << 20});
  const RingFile page(ring_path("orders") + "/journal");
  const Bytes sound(page.bytes().begin(), page.bytes().end());
  const auto region = [](std::size_t at) -> std::string {
    if (at < offsetof(core::JournalPage, sync)) return "journal page: fixed";
    if (at < offsetof(core::JournalPage, state)) return "journal page: how it runs";
    return "journal page: how it does";
  };
  damage(page.bytes(), 0, sizeof(core::JournalPage),
         [&](std::size_t at) { table_.count(region(at), judge(Policy::journal)); });
  table_.check();
}

}  // namespace
}  // namespace ringbolt::fuzz
