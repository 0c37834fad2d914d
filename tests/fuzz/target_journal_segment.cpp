// A segment, in front of, between or behind others that are sound: readers, checks, salvage and recovery.
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/journal_collect.hpp>
#include <ringbolt/ipc/segment_walk.hpp>

#include <cstring>
#include <memory>

#include "fuzz/journals.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr std::uint64_t kMostEvents = 4'096;  // more records than three segments have room for

// The journal of an image, and which of its files the input is.
struct Place {
  JournalDirectory directory;
  std::string file;
};

// Of a scan: what is given has a checksum that fits.
class Checker final : public ipc::ScanVisitor {
 public:
  explicit Checker(bool forged) : forged_(forged) {}
  bool on_record(const JournalRecord& record) override {
    ++records_;
    require(records_ <= 4 * kMostEvents, "a scan ends", records_);
    if (record.kind != JournalRecord::Kind::event || !record.counts) return true;
    require(record.sequence > last_, "a scan goes forward", record.sequence);
    last_ = record.sequence;
    if (!forged_) require(is_payload_of(record.payload, record.sequence), "an event is what was written", record.sequence);
    return true;
  }
  void on_finding(JournalFinding finding) override { require(!finding.why.empty(), "a finding has a reason"); }
  [[nodiscard]] bool wants_remains() const override { return true; }

 private:
  bool forged_;
  std::uint64_t records_ = 0;
  std::uint64_t last_ = 0;
};

template <class Action>
void tolerate(Action action) {
  try {
    action();
  } catch (const Error& error) {
    require(error.what()[0] != '\0', "an Error has a sentence");
  }
}

class JournalSegment final : public Target {
 public:
  JournalSegment() {
    const Files two_lives = make_journal({.events = 8});
    const Files with_gap = make_journal({.lives = 3, .events = 5, .size = 100, .skipped = 7});
    const Files one = make_journal({.segment_bytes = 16'384, .lives = 1, .events = 3, .size = 0});
    for (const Files& files : {two_lives, with_gap, one}) {
      for (const auto& [name, bytes] : files) {
        if (!ipc::parse_segment_name(name)) continue;
        places_.push_back({JournalDirectory(place() + "/" + std::to_string(places_.size()), files), name});
        images_.push_back(image_of(bytes));
      }
    }
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    if (file.size() < sizeof(core::SegmentHeader)) return;
    core::SegmentHeader header{};
    std::memcpy(&header, file.data(), sizeof header);
    header.magic = core::kSegmentMagic;
    header.version = core::kJournalVersion;
    header.byte_order = core::kByteOrderMark;
    header.checksum = ipc::struct_checksum(header);
    std::memcpy(file.data(), &header, sizeof header);
    repair_records(file);
  }

  void run(const Input& input) override {
    const Place& at = places_[input.image];
    Files files = at.directory.sound();
    files[at.file] = input.file;
    const bool forged = input.repaired;
    MemoryStorage storage(files);
    Checker checker(forged);
    tolerate([&] { ipc::JournalScan(storage, checker).run(); });
    switch (input.what % 4) {
      case 0: tolerate([&] { walk(storage, at.file); }); break;
      case 1: recover(storage, forged); break;
      default: read(at, input, forged); break;
    }
  }

 private:
  static Image image_of(const Bytes& segment) {
    Image image{segment, {}};
    add_words(image.hot, 0, sizeof(core::SegmentHeader));
    for (std::uint64_t offset = core::kSegmentDataOffset; offset + sizeof(ipc::PlainHeader) <= segment.size();) {
      ipc::PlainHeader header{};
      std::memcpy(&header, segment.data() + offset, sizeof header);
      if (header.sequence == 0) break;
      add_words(image.hot, offset, offset + sizeof header);
      if ((header.flags & core::kFlagControl) != 0) add_words(image.hot, offset, offset + core::record_bytes(header.size));
      offset += core::record_bytes(header.size);
    }
    return image;
  }
  static void add_words(std::vector<std::uint32_t>& hot, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end; at += 8) hot.push_back(static_cast<std::uint32_t>(at));
  }

  static void walk(MemoryStorage& storage, const std::string& file) {
    ipc::SegmentWalk walk;
    const std::uint64_t segment = ipc::parse_segment_name(file).value_or(1);
    if (walk.enter(storage, segment) != 0) return;
    for (std::uint64_t i = 0;; ++i) {
      require(i <= kMostEvents, "a segment ends", i);
      const ipc::Found found = walk.look(true);
      if (found.lies != ipc::Lies::event && found.lies != ipc::Lies::control) break;
      walk.pass(found);
    }
    static_cast<void>(ipc::index_of(storage, segment));
  }

  // What recovery takes for the journal can be written on, and is a journal afterwards.
  static void recover(MemoryStorage& storage, bool forged) {
    bool recovered = false;
    tolerate([&] { recovered = live_on(storage, {.lives = 1, .events = 3, .size = 200}) != 0; });
    if (!recovered || forged) return;
    Checker checker(true);  // the new events need not have the old ones' bytes
    ipc::JournalScan(storage, checker).run();
  }

  static void read(const Place& at, const Input& input, bool forged) {
    at.directory.set(at.file, input.file);
    tolerate([&] {
      JournalReader reader = JournalReader::open(at.directory.path(), {.verify = input.what % 8 != 7});
      JournalWatcher watcher(forged || input.what % 8 == 7);
      if (input.what >= 128) {
        const std::uint64_t found = reader.seek_time((input.what - 128U) * 500);
        static_cast<void>(found);
      } else if (input.what >= 64) {
        reader.seek(input.what - 63U);
      }
      read_on(reader, watcher, kMostEvents);
      static_cast<void>(reader.ring_id());
      static_cast<void>(reader.ring_of(5));
      static_cast<void>(reader.place());
    });
    tolerate([&] {
      JournalReader reader = JournalReader::open(at.directory.path());
      static_cast<void>(reader.newest_sequence());
    });
    at.directory.restore();
  }

  std::vector<Place> places_;
  std::vector<Image> images_;
};

}  // namespace

Target& target() {
  static JournalSegment segment;
  return segment;
}

}  // namespace ringbolt::fuzz
