// Verify, dump, salvage and trim of journals that were damaged by hand, at known places.
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/journal_check.hpp>

#include <cstring>
#include <map>
#include <set>

#include "journal_files.hpp"

namespace ringbolt {

void PrintTo(FindingKind kind, std::ostream* out) { *out << finding_name(kind); }

namespace {

using ipc::segment_name;
using test::expect_error;
using test::flip_byte;
using test::segment_path;

// What is compared of a finding.
struct Damage {
  FindingKind kind;
  std::uint64_t first;
  std::uint64_t last;
  friend bool operator==(const Damage&, const Damage&) = default;
  friend void PrintTo(const Damage& damage, std::ostream* out) {
    *out << finding_name(damage.kind) << " " << damage.first << ".." << damage.last;
  }
};
std::vector<Damage> damages(const JournalCheck& check) {
  std::vector<Damage> result;
  for (const JournalFinding& finding : check.findings)
    result.push_back({finding.kind, finding.first_sequence, finding.last_sequence});
  return result;
}

struct Lies {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

class JournalCheckTest : public test::IpcTest {
 protected:
  static constexpr std::uint64_t kEvents = 40;

  void write_journal(ipc::LogOptions options = {.segment_bytes = 4'096, .threads = false}) {
    test::JournalWriter writer(directory_, options);
    writer.append(kEvents, 400);
    segments_ = test::segments_in(directory_);
  }
  // Where the event lies that counts.
  [[nodiscard]] Lies place_of(std::uint64_t sequence) const {
    Lies lies;
    for_each_record(directory_, [&](const JournalRecord& record) {
      if (record.kind == JournalRecord::Kind::event && record.sequence == sequence && record.counts)
        lies = {std::string(record.file), record.offset, record.bytes};
      return true;
    });
    EXPECT_FALSE(lies.file.empty()) << "event " << sequence << " is not there";
    return lies;
  }
  void damage_event(std::uint64_t sequence, std::uint64_t byte = 40) const {
    const Lies lies = place_of(sequence);
    flip_byte(lies.file, lies.offset + byte);
  }
  [[nodiscard]] JournalCheck verify() const { return verify_journal(directory_); }
  [[nodiscard]] std::vector<std::uint64_t> kept_in(const std::string& directory) const {
    std::vector<std::uint64_t> sequences;
    for_each_record(directory, [&](const JournalRecord& record) {
      if (record.kind != JournalRecord::Kind::event || !record.counts) return true;
      EXPECT_TRUE(test::is_numbered_payload(record.payload, record.sequence)) << record.sequence;
      EXPECT_EQ(record.timestamp_ns, record.sequence * 1'000);
      EXPECT_EQ(record.type, 7U);
      sequences.push_back(record.sequence);
      return true;
    });
    return sequences;
  }
  void commit(const std::string& name, std::uint64_t sequence) const {
    ipc::ForkGuard guard;
    const ipc::JournalId id = journal_id();
    ipc::CursorFile::open(directory_, name, id, guard).store({test::kJournalledRing, 1, sequence});
  }
  [[nodiscard]] ipc::JournalId journal_id(std::string directory = {}) const {
    if (directory.empty()) directory = directory_;
    core::SegmentHeader header{};
    std::ifstream(segment_path(directory, test::segments_in(directory).front()), std::ios::binary)
        .read(reinterpret_cast<char*>(&header), sizeof header);
    return header.journal_id;
  }

  std::string directory_ = place() + "/journal";
  std::vector<std::uint64_t> segments_;
};

TEST_F(JournalCheckTest, CountsWhatASoundJournalHolds) {
  write_journal();
  const JournalCheck check = verify();
  EXPECT_TRUE(check.sound());
  EXPECT_TRUE(check.findings.empty());
  EXPECT_EQ(check.segments, segments_.size());
  EXPECT_EQ(check.events, kEvents);
  EXPECT_EQ(check.first_sequence, 1U);
  EXPECT_EQ(check.last_sequence, kEvents);
  EXPECT_EQ(check.bytes, segments_.size() * 4'096);
  ASSERT_EQ(check.epochs.size(), 1U);
  EXPECT_EQ(check.epochs[0].epoch, 1U);
  EXPECT_EQ(check.epochs[0].ring_id, "000000000000abcd000000000000ef01");
  EXPECT_EQ(check.epochs[0].first_sequence, 1U);
  EXPECT_NE(check.epochs[0].opened_ns, 0U);
}

TEST_F(JournalCheckTest, TellsHowFarItIs) {
  write_journal();
  std::uint64_t last_done = 0;
  static_cast<void>(verify_journal(directory_, [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GT(done, last_done);
    EXPECT_EQ(all, segments_.size() * 4'096);
    last_done = done;
  }));
  EXPECT_EQ(last_done, segments_.size() * 4'096);
}

TEST_F(JournalCheckTest, NeedsAJournal) {
  expect_error([&] { static_cast<void>(verify()); }, Code::not_found, {"journal"});
  std::filesystem::create_directory(directory_);
  expect_error([&] { static_cast<void>(verify()); }, Code::not_found, {"journal"});
  expect_error([&] { for_each_record(directory_, [](const JournalRecord&) { return true; }); }, Code::not_found);
}

TEST_F(JournalCheckTest, FindsTheDamageOfEveryByteOfARecord) {
  write_journal();
  const Lies lies = place_of(12);
  for (std::uint64_t byte = 0; byte < 432; ++byte) {
    flip_byte(lies.file, lies.offset + byte);
    const JournalCheck check = verify();
    ASSERT_EQ(damages(check), (std::vector<Damage>{{FindingKind::damaged_record, 12, 12}})) << "byte " << byte;
    ASSERT_EQ(check.findings[0].file, lies.file);
    ASSERT_EQ(check.findings[0].offset, lies.offset);
    ASSERT_EQ(check.events, kEvents - 1);
    flip_byte(lies.file, lies.offset + byte);
  }
  EXPECT_TRUE(verify().sound());
}

TEST_F(JournalCheckTest, SaysExactlyWhatARunOfDamageTookAway) {
  write_journal();
  for (const std::uint64_t sequence : {20U, 21U, 22U}) damage_event(sequence);
  damage_event(30, 0);
  EXPECT_EQ(damages(verify()),
            (std::vector<Damage>{{FindingKind::damaged_record, 20, 22}, {FindingKind::damaged_record, 30, 30}}));
  EXPECT_EQ(verify().lost_events(), 4U);
}

TEST_F(JournalCheckTest, FindsDamageOfTheLastEventOfASegment) {
  write_journal();
  damage_event(segments_[2] - 1);
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_record, segments_[2] - 1, segments_[2] - 1}}));
}

TEST_F(JournalCheckTest, FindsDamageThatALaterRecordProvesToHaveBeenDurable) {
  write_journal();
  damage_event(kEvents - 1);  // in the last segment, with one good event behind it
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_record, kEvents - 1, kEvents - 1}}));
}

TEST_F(JournalCheckTest, FindsDamageBeforeTheDurablePoint) {
  {
    test::JournalWriter writer(directory_);
    writer.append(3, 400);
    ASSERT_EQ(writer.log().note_durable_point(), 0);
  }
  damage_event(3);  // the very last
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_record, 3, 3}}));
}

TEST_F(JournalCheckTest, FindsDamageThatTheDurablePointAloneProves) {
  {
    test::JournalWriter writer(directory_);
    writer.sync_each(false);
    writer.append(5, 100);
    writer.sync();  // one for all: no event says that those before it were durable
    ASSERT_EQ(writer.log().note_durable_point(), 0);
  }
  damage_event(3);
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_record, 3, 3}}));
  EXPECT_EQ(verify().events, 4U);
}

TEST_F(JournalCheckTest, TakesATornTailAsNormal) {
  write_journal();
  damage_event(kEvents);
  const JournalCheck check = verify();
  EXPECT_TRUE(check.sound());
  ASSERT_EQ(check.findings.size(), 1U);
  EXPECT_EQ(check.findings[0].kind, FindingKind::torn_tail);
  EXPECT_EQ(check.events, kEvents - 1);
  EXPECT_EQ(check.last_sequence, kEvents - 1);
  test::JournalWriter writer(directory_);  // recovery is of the same opinion
  EXPECT_EQ(writer.next(), kEvents);
  writer.append(1, 400);
  EXPECT_EQ(verify().last_sequence, kEvents);
}

TEST_F(JournalCheckTest, TakesEventsThatWereNeverSyncedForATornTail) {
  {
    test::JournalWriter writer(directory_);
    writer.sync_each(false);
    writer.append(5, 100);
  }
  damage_event(3);
  const JournalCheck check = verify();
  EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::torn_tail, 3, 5}}));
  EXPECT_EQ(check.events, 2U);
  EXPECT_EQ(test::JournalWriter(directory_).next(), 3U);
}

TEST_F(JournalCheckTest, NamesAMissingSegment) {
  write_journal();
  std::filesystem::remove(segment_path(directory_, segments_[2]));
  const JournalCheck check = verify();
  EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::missing_segment, segments_[2], segments_[3] - 1}}));
  EXPECT_EQ(check.findings[0].file, segment_path(directory_, segments_[2]));
  EXPECT_EQ(check.events, kEvents - (segments_[3] - segments_[2]));
}

TEST_F(JournalCheckTest, MissesTheLastSegmentWhenTheDurablePointNamesIt) {
  write_journal();
  std::filesystem::remove(segment_path(directory_, segments_.back()));
  const auto found = damages(verify());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, FindingKind::missing_segment);
  EXPECT_EQ(found[0].first, segments_.back());
}

TEST_F(JournalCheckTest, ReadsASegmentWithoutItsHeader) {
  write_journal();
  flip_byte(segment_path(directory_, segments_[1]), 45);
  flip_byte(segment_path(directory_, segments_[0]), 0);
  const JournalCheck check = verify();
  EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::damaged_header, 1, 0},
                                                 {FindingKind::damaged_header, segments_[1], segments_[1] - 1}}));
  EXPECT_EQ(check.events, kEvents);
  EXPECT_FALSE(check.sound());
}

TEST_F(JournalCheckTest, TakesAHeaderThatWasNeverSyncedForATornTail) {
  {
    test::JournalWriter writer(directory_, {.segment_bytes = 4'096, .syncs = false, .threads = false});
    writer.sync_each(false);
    writer.append(kEvents, 400);
    segments_ = test::segments_in(directory_);
  }
  // As a power cut leaves it that came before any of it was synced.
  const auto storage = ipc::open_directory(directory_, false);
  std::unique_ptr<ipc::StorageFile> file;
  core::SegmentHeader header{};
  ASSERT_EQ(storage->open(segment_name(1), false, file), 0);
  ASSERT_EQ(ipc::read_segment_header(*file, 1, header), ipc::HeaderStatus::good);
  ipc::DurableFile durable(*storage);
  std::optional<core::DurablePoint> newest;
  ASSERT_EQ(durable.read(newest), 0);
  ASSERT_EQ(durable.write(ipc::start_of(header)), 0);
  test::overwrite(segment_path(directory_, segments_[1]), 0, std::vector<char>(512));
  const JournalCheck check = verify();
  EXPECT_TRUE(check.sound());
  ASSERT_EQ(check.findings.size(), 1U);
  EXPECT_EQ(check.findings[0].kind, FindingKind::torn_tail);
  EXPECT_EQ(check.last_sequence, segments_[1] - 1);
  EXPECT_EQ(test::JournalWriter(directory_).next(), segments_[1]);  // recovery is of the same opinion
}

TEST_F(JournalCheckTest, FindsASegmentOfLengthZero) {
  write_journal();
  std::filesystem::resize_file(segment_path(directory_, segments_[1]), 0);
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_header, segments_[1], segments_[2] - 1}}));
}

TEST_F(JournalCheckTest, FindsASegmentThatWasCutShort) {
  write_journal();
  const Lies lies = place_of(segments_[1] + 2);
  std::filesystem::resize_file(segment_path(directory_, segments_[1]), lies.offset + 8);
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_header, segments_[1], segments_[1] - 1},
                                                    {FindingKind::damaged_record, segments_[1] + 2, segments_[2] - 1}}));
}

TEST_F(JournalCheckTest, FindsASegmentOfAnotherJournal) {
  write_journal();
  const std::string other = place() + "/other";
  {
    test::JournalWriter writer(other);
    writer.append(kEvents, 400);
  }
  std::filesystem::copy_file(segment_path(other, segments_[2]), segment_path(directory_, segments_[2]),
                             std::filesystem::copy_options::overwrite_existing);
  const JournalCheck check = verify();
  ASSERT_FALSE(check.findings.empty());
  EXPECT_EQ(check.findings[0].kind, FindingKind::damaged_header);
  EXPECT_NE(check.findings[0].why.find("another journal"), std::string::npos);
  EXPECT_FALSE(check.sound());
}

TEST_F(JournalCheckTest, RefusesAnotherVersionByName) {
  write_journal();
  core::SegmentHeader header{};
  const std::string path = segment_path(directory_, 1);
  std::ifstream(path, std::ios::binary).read(reinterpret_cast<char*>(&header), sizeof header);
  header.version = core::kJournalVersion + 1;
  header.checksum = ipc::struct_checksum(header);
  std::vector<char> bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  test::overwrite(path, 0, bytes);
  expect_error([&] { static_cast<void>(verify()); }, Code::wrong_version, {segment_name(1)});
}

TEST_F(JournalCheckTest, ReportsAGapAsUnrecorded) {
  write_journal();
  {
    test::JournalWriter writer(directory_, {.segment_bytes = 4'096, .threads = false}, kEvents + 11);
    writer.append(2, 400);
  }
  const JournalCheck check = verify();
  EXPECT_TRUE(check.sound());
  EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::gap, kEvents + 1, kEvents + 10}}));
  EXPECT_EQ(check.events, kEvents + 2);
  EXPECT_EQ(check.epochs.size(), 2U);
  EXPECT_EQ(check.lost_events(), 0U);
}

TEST_F(JournalCheckTest, ReadsOnBehindADamagedBeginningOfAnEpoch) {
  {
    test::JournalWriter writer(directory_);
    writer.append(3, 100);
  }
  {
    test::JournalWriter writer(directory_);
    writer.append(2, 100);
  }
  const Lies event = place_of(4);
  flip_byte(event.file, event.offset - 20);
  const JournalCheck check = verify();
  EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::damaged_record, 4, 3}}));
  EXPECT_EQ(check.events, 5U);
}

TEST_F(JournalCheckTest, DoesNotCountWhatWasWrittenAgainInTheNextSegment) {
  {
    test::JournalWriter writer(directory_);
    writer.append(2, 100);
    writer.sync_each(false);
    writer.append(2, 100);
    ASSERT_EQ(writer.log().begin_again(), 0);  // what was not synced comes again
  }
  {
    test::JournalWriter writer(directory_);
    EXPECT_EQ(writer.next(), 3U);
    writer.append(2, 100);
  }
  const JournalCheck check = verify();
  EXPECT_TRUE(check.sound()) << (check.findings.empty() ? "" : check.findings[0].why);
  EXPECT_EQ(check.events, 4U);
  std::map<std::uint64_t, std::set<bool>> seen;
  for_each_record(directory_, [&](const JournalRecord& record) {
    if (record.kind == JournalRecord::Kind::event) seen[record.sequence].insert(record.counts);
    return true;
  });
  EXPECT_EQ(seen[2], std::set<bool>{true});
  EXPECT_EQ(seen[3], (std::set<bool>{false, true}));
}

TEST_F(JournalCheckTest, FindsADamagedIndex) {
  write_journal();
  const std::string index = directory_ + "/" + ipc::index_name(segments_[0]);
  for (const std::uint64_t byte : {3U, 50U, 62U, 70U, 90U}) {
    flip_byte(index, byte);
    const JournalCheck check = verify();
    EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::damaged_index, 1, 0}})) << "byte " << byte;
    EXPECT_EQ(check.events, kEvents);
    flip_byte(index, byte);
  }
  std::filesystem::remove(index);
  EXPECT_TRUE(verify().findings.empty());
}

TEST_F(JournalCheckTest, FindsAnIndexThatNamesTheWrongPlace) {
  write_journal();
  const auto storage = ipc::open_directory(directory_, false);
  ASSERT_EQ(ipc::store_index(*storage, journal_id(), 1, {{2, 2'000, core::kSegmentDataOffset + 80, 1}}), 0);
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_index, 1, 0}}));
}

TEST_F(JournalCheckTest, FindsDamagedCursors) {
  write_journal();
  commit("good", 3);
  commit("bad", 3);
  std::filesystem::resize_file(directory_ + "/cursors/bad", 12);
  ipc::ForkGuard guard;
  ipc::CursorFile::open(directory_, "stranger", {1, 2}, guard).store({{}, 1, 5});
  const JournalCheck check = verify();
  EXPECT_EQ(damages(check), (std::vector<Damage>{{FindingKind::damaged_cursor, 1, 0}, {FindingKind::damaged_cursor, 1, 0}}));
  EXPECT_EQ(check.findings[0].file, directory_ + "/cursors/bad");
  EXPECT_EQ(check.findings[1].file, directory_ + "/cursors/stranger");
}

TEST_F(JournalCheckTest, FindsADamagedDurablePointButNotATornCopy) {
  write_journal();
  flip_byte(directory_ + "/durable", 70);
  EXPECT_TRUE(verify().sound());
  flip_byte(directory_ + "/durable", core::kCopyDistance + 70);
  EXPECT_EQ(damages(verify()), (std::vector<Damage>{{FindingKind::damaged_durable_point, 1, 0}}));
}

TEST_F(JournalCheckTest, ShowsWhatLiesBehindATornTail) {
  {
    test::JournalWriter writer(directory_);
    writer.sync_each(false);
    writer.append(5, 100);
  }
  damage_event(3);
  std::vector<std::pair<JournalRecord::Kind, bool>> seen;
  for_each_record(directory_, [&](const JournalRecord& record) {
    seen.emplace_back(record.kind, record.counts);
    return true;
  });
  using Kind = JournalRecord::Kind;
  EXPECT_EQ(seen, (std::vector<std::pair<Kind, bool>>{{Kind::control, true},
                                                      {Kind::event, true},
                                                      {Kind::event, true},
                                                      {Kind::broken, false},
                                                      {Kind::event, false},
                                                      {Kind::event, false}}));
}

TEST_F(JournalCheckTest, StopsGivingRecordsWhenAskedTo) {
  write_journal();
  int seen = 0;
  for_each_record(directory_, [&](const JournalRecord&) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
}

TEST_F(JournalCheckTest, ChangesNothing) {
  write_journal();
  commit("billing", 4);
  damage_event(12);
  const auto before = test::contents_of(directory_);
  static_cast<void>(verify());
  for_each_record(directory_, [](const JournalRecord&) { return true; });
  JournalCheck check;
  EXPECT_EQ(salvage_journal(directory_, place() + "/new", check), kEvents - 1);
  EXPECT_EQ(test::contents_of(directory_), before);
}

TEST_F(JournalCheckTest, SalvagesWhatIsValidAndMakesTheRestAGap) {
  write_journal();
  const std::string into = place() + "/salvaged";
  commit("billing", 33);
  for (const std::uint64_t sequence : {12U, 13U, 31U}) damage_event(sequence);
  JournalCheck check;
  EXPECT_EQ(salvage_journal(directory_, into, check), kEvents - 3);
  EXPECT_EQ(check.lost_events(), 3U);

  const JournalCheck salvaged = verify_journal(into);
  EXPECT_TRUE(salvaged.sound());
  EXPECT_EQ(damages(salvaged), (std::vector<Damage>{{FindingKind::gap, 12, 13}, {FindingKind::gap, 31, 31}}));
  std::vector<std::uint64_t> expected = test::sequences(1, kEvents);
  std::erase_if(expected, [](std::uint64_t s) { return s == 12 || s == 13 || s == 31; });
  EXPECT_EQ(kept_in(into), expected);
  EXPECT_EQ(salvaged.epochs.front().ring_id, "000000000000abcd000000000000ef01");
  EXPECT_NE(salvaged.journal_id, check.journal_id);

  ASSERT_TRUE(ipc::read_cursor(into, "billing").has_value());
  EXPECT_EQ(ipc::read_cursor(into, "billing")->sequence, 33U);
  ipc::ForkGuard guard;
  EXPECT_NO_THROW(static_cast<void>(ipc::CursorFile::open(into, "billing", journal_id(into), guard)));
  test::JournalWriter writer(into);
  EXPECT_EQ(writer.next(), kEvents + 1);
}

TEST_F(JournalCheckTest, SalvagesEveryLifeUnderItsOwnRing) {
  write_journal();
  {
    test::JournalWriter writer(directory_, {.segment_bytes = 4'096, .threads = false}, 0, {1, 2});
    writer.append(2, 400);
  }
  JournalCheck check;
  EXPECT_EQ(salvage_journal(directory_, place() + "/new", check), kEvents + 2);
  const JournalCheck salvaged = verify_journal(place() + "/new");
  ASSERT_EQ(salvaged.epochs.size(), 2U);
  EXPECT_EQ(salvaged.epochs[1].ring_id, "00000000000000010000000000000002");
  EXPECT_EQ(salvaged.epochs[1].first_sequence, kEvents + 1);
}

TEST_F(JournalCheckTest, SalvagesNothingOverWhatIsThere) {
  write_journal();
  const std::string into = place() + "/taken";
  std::filesystem::create_directory(into);
  std::ofstream(into + "/mine") << "mine";
  JournalCheck check;
  expect_error([&] { salvage_journal(directory_, into, check); }, Code::already_exists, {"taken"});
  EXPECT_EQ(names_in(into), std::vector<std::string>{"mine"});
  expect_error([&] { salvage_journal(directory_, directory_, check); }, Code::already_exists);
  std::filesystem::remove(into + "/mine");
  EXPECT_EQ(salvage_journal(directory_, into, check), kEvents);
}

TEST_F(JournalCheckTest, LeavesNothingOfASalvageThatFailed) {
  std::filesystem::create_directory(directory_);
  JournalCheck check;
  expect_error([&] { salvage_journal(directory_, place() + "/new", check); }, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(place() + "/new"));
}

// Whatever the bytes are, the answer is a finding or an Error; what is called an event is one that was written.
TEST_F(JournalCheckTest, SurvivesDamageAtRandomPlaces) {
  write_journal();
  std::mt19937_64 random(test::test_seed());
  std::vector<std::string> files;
  for (const std::string& name : names_in(directory_)) files.push_back(directory_ + "/" + name);
  std::map<std::string, std::vector<char>> originals;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    originals[file] = std::vector<char>(std::istreambuf_iterator<char>(in), {});
  }
  for (int round = 0; round < 300; ++round) {
    for (int i = 0; i < 3; ++i) {
      const std::string& file = files[random() % files.size()];
      const std::uint64_t offset = random() % originals[file].size();
      std::vector<char> junk(1 + random() % 600);
      for (char& byte : junk) byte = random() % 3 == 0 ? '\0' : static_cast<char>(random());
      junk.resize(std::min<std::uint64_t>(junk.size(), originals[file].size() - offset));
      test::overwrite(file, offset, junk);
    }
    std::uint64_t last = 0;
    std::set<std::uint64_t> seen;
    try {
      for_each_record(directory_, [&](const JournalRecord& record) {
        if (record.kind != JournalRecord::Kind::event || !record.counts) return true;
        EXPECT_TRUE(test::is_numbered_payload(record.payload, record.sequence));
        EXPECT_GT(record.sequence, last);
        last = record.sequence;
        seen.insert(record.sequence);
        return true;
      });
      const JournalCheck check = verify();
      EXPECT_EQ(check.events, seen.size());
      EXPECT_LE(check.events, kEvents);
      // Nothing is lost silently: every event is there, or in a finding.
      std::set<std::uint64_t> told;
      for (const JournalFinding& finding : check.findings) {
        for (std::uint64_t s = finding.first_sequence; s <= finding.last_sequence; ++s) told.insert(s);
      }
      for (std::uint64_t s = 1; s <= kEvents; ++s)
        EXPECT_TRUE(seen.count(s) != 0 || told.count(s) != 0 || s >= segments_.back()) << s;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == Code::wrong_version || error.code() == Code::foreign_layout) << error.what();
    }
    for (const auto& [file, bytes] : originals) test::overwrite(file, 0, bytes);
  }
}

TEST_F(JournalCheckTest, TrimsWhatIsBeforeASequence) {
  write_journal();
  const TrimResult result = trim_journal(directory_, {.before_sequence = segments_[2] + 1});
  EXPECT_EQ(result.oldest_sequence, segments_[2]);
  EXPECT_EQ(result.segments, 2U);
  EXPECT_EQ(result.events, segments_[2] - 1);
  EXPECT_EQ(result.bytes, 2 * 4'096U);
  EXPECT_TRUE(result.kept_for.empty());
  EXPECT_EQ(verify().first_sequence, segments_[2]);
  EXPECT_TRUE(verify().findings.empty());
}

TEST_F(JournalCheckTest, TrimsWhatIsOlderThanATime) {
  write_journal();  // event n is stamped n microseconds after 1970
  EXPECT_EQ(trim_journal(directory_, {.before_ns = segments_[2] * 1'000}).oldest_sequence, segments_[1]);
  EXPECT_EQ(trim_journal(directory_, {.before_ns = segments_[2] * 1'000 + 1}).oldest_sequence, segments_[2]);
  EXPECT_EQ(trim_journal(directory_, {.before_ns = ipc::wall_ns()}).oldest_sequence, segments_.back());
}

TEST_F(JournalCheckTest, TrimsToASize) {
  write_journal();
  EXPECT_EQ(trim_journal(directory_, {.keep_bytes = 3 * 4'096 + 1}).oldest_sequence, segments_.end()[-3]);
  EXPECT_EQ(trim_journal(directory_, {.keep_bytes = 1}).oldest_sequence, segments_.back());
}

TEST_F(JournalCheckTest, TrimsNothingThatANamedConsumerHasNotRead) {
  write_journal();
  commit("billing", segments_[1]);
  commit("audit", segments_[3]);
  const TrimResult held = trim_journal(directory_, {.before_sequence = segments_[3]});
  EXPECT_EQ(held.oldest_sequence, segments_[1]);
  EXPECT_EQ(held.kept_for, "billing");
  const TrimResult forced = trim_journal(directory_, {.before_sequence = segments_[3], .even_unread = true});
  EXPECT_EQ(forced.oldest_sequence, segments_[3]);
  EXPECT_TRUE(forced.kept_for.empty());
}

TEST_F(JournalCheckTest, TrimsByOneLimit) {
  write_journal();
  expect_error([&] { trim_journal(directory_, {}); }, Code::bad_option);
  expect_error([&] { trim_journal(directory_, {.before_sequence = 3, .keep_bytes = 1}); }, Code::bad_option);
  expect_error([&] { trim_journal(place() + "/none", {.keep_bytes = 1}); }, Code::not_found);
}

TEST_F(JournalCheckTest, TrimsBesideALiveWriter) {
  test::JournalWriter writer(directory_);
  writer.append(kEvents, 400);
  trim_journal(directory_, {.before_sequence = kEvents});
  writer.append(kEvents, 400);
  EXPECT_TRUE(verify().sound());
  EXPECT_EQ(verify().last_sequence, 2 * kEvents);
}

}  // namespace
}  // namespace ringbolt
