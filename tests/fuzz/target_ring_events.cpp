// The file `events`: whoever opens a ring that somebody else wrote. The readers of core/ run on a mapping with nothing
// readable before and behind it, the doors of ipc/ on the file.
#include <ringbolt/core/takeover.hpp>

#include <deque>
#include <memory>

#include "fuzz/ring_files.hpp"

namespace ringbolt::fuzz {
namespace {

constexpr std::uint64_t kMostRecords = kCapacity / sizeof(core::RecordHeader);

// The data region twice, as a consumer maps it, between two regions that nobody may touch.
class Fenced {
 public:
  Fenced(int fd, std::uint64_t offset) {
    base_ = static_cast<std::byte*>(
        ::mmap(nullptr, 4 * kCapacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (std::uint64_t lap = 1; lap <= 2; ++lap) {
      void* const mapped =
          ::mmap(base_ + lap * kCapacity, kCapacity, PROT_READ, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(offset));
      require(mapped != MAP_FAILED, "the ring's data can be mapped twice");
    }
  }
  ~Fenced() { ::munmap(base_, 4 * kCapacity); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  [[nodiscard]] const std::byte* data() const { return base_ + kCapacity; }

 private:
  std::byte* base_ = nullptr;
};

struct Ring {
  explicit Ring(const std::string& ring)
      : name(ring),
        events(place() + "/" + ring + "/events"),
        consumers(place() + "/" + ring + "/consumers"),
        fenced(events.fd(), header().data_offset) {}
  [[nodiscard]] const core::EventsHeader& header() const {
    return *reinterpret_cast<const core::EventsHeader*>(events.data());
  }
  std::string name;
  MappedFile events;
  MappedFile consumers;
  Fenced fenced;
};

void publish(Publisher& publisher, int count, std::size_t size) {
  for (int i = 0; i < count; ++i) publisher.publish(payload_of(publisher.next_sequence(), size));
}

class RingEvents final : public Target {
 public:
  RingEvents() {
    make("empty", [](Publisher&) {});
    make("young", [](Publisher& publisher) {
      for (const std::size_t size : {0UL, 1UL, 8UL, 100UL, 1'000UL}) publish(publisher, 3, size);
    });
    make("old", [](Publisher& publisher) {
      publish(publisher, 200, 900);
      publish(publisher, 4, publisher.largest_payload_bytes());
    });
    make("crumbs", [](Publisher& publisher) {
      publish(publisher, 3'000, 0);
      const Bytes payload = payload_of(1, 40);
      publisher.publish_batch(std::vector{BatchEvent{payload, 1}, BatchEvent{payload, 2}, BatchEvent{{}, 3}});
    });
  }

  [[nodiscard]] const std::vector<Image>& images() const override { return images_; }

  void repair(Bytes& file) const override {
    if (file.size() < sizeof(core::EventsHeader)) return;
    core::EventsHeader header;  // all of it is checked; what may differ are capacity, slots, and what the ring does
    std::memcpy(static_cast<void*>(&header), file.data(), sizeof header);
    const auto& sound = *reinterpret_cast<const core::EventsHeader*>(images_[0].file.data());
    header.magic = sound.magic;
    header.layout_version = sound.layout_version;
    header.byte_order = sound.byte_order;
    header.fingerprint = sound.fingerprint;
    header.checksum = core::fnv1a(reinterpret_cast<const std::uint8_t*>(&header), offsetof(core::EventsHeader, checksum));
    std::memcpy(file.data(), static_cast<const void*>(&header), sizeof header);
  }

  void run(const Input& input) override {
    Ring& ring = *rings_[input.image];
    if (input.file.size() >= ring.events.sound().size()) {
      ring.events.set(input.file);
      look(ring, input.what);
    }
    open(ring, input);
    ring.events.restore();
    ring.consumers.restore();
  }

 private:
  template <class Fill>
  void make(const char* name, Fill fill) {
    static_cast<void>(place());
    {
      auto publisher = Publisher::open(name, {.capacity_bytes = kCapacity, .consumer_slots = 4});
      fill(publisher);
    }
    rings_.push_back(std::make_unique<Ring>(name));
    Image image{rings_.back()->events.sound(), {}};
    for (int i = 0; i < 4; ++i) {
      add_words(image.hot, 0, 160);
      add_words(image.hot, offsetof(core::EventsHeader, intent), offsetof(core::EventsHeader, intent) + 8);
      add_words(image.hot, offsetof(core::EventsHeader, hint), offsetof(core::EventsHeader, hint) + 8);
      add_words(image.hot, offsetof(core::EventsHeader, anchors), offsetof(core::EventsHeader, anchors) + 32);
      add_words(image.hot, offsetof(core::EventsHeader, checkpoints), sizeof(core::EventsHeader) - 128);
    }
    const core::RingView view = view_of(*rings_.back());
    core::Record record;
    core::Reader reader(view, core::Locator(view).oldest().place);
    for (int i = 0; i < 100 && reader.peek(record) == core::ReadStatus::event; ++i) {
      const std::size_t at = rings_.back()->header().data_offset + (record.position & (kCapacity - 1));
      add_words(image.hot, at, at + sizeof(core::RecordHeader));
      reader.advance(record);
    }
    images_.push_back(std::move(image));
  }

  static core::RingView view_of(const Ring& ring) {
    const std::uint64_t first = std::clamp<std::uint64_t>(ring.header().first_sequence, 1, core::kLargestFirstSequence);
    return {&ring.header(), ring.fenced.data(), kCapacity, first};
  }

  // core/ alone, on the bytes as they are.
  void look(const Ring& ring, std::uint8_t what) {
    const core::RingView view = view_of(ring);
    const core::Locator locator(view);
    const core::Location newest = locator.newest();
    for (const core::Location& found : {locator.oldest(), locator.end(), newest, locator.halfway(), locator.sequence(what),
                                        locator.time(what == 0 ? 0 : ~std::uint64_t{0} / what)}) {
      if (found.found != core::Found::record) continue;
      core::Record record;
      require(locator.published_at(found.place, record), "a place that was found holds what it says", found.place.sequence);
    }
    read_from(view, locator.oldest());
    const core::StreamEnd end = core::find_stream_end(view);
    require(!end.valid || end.end.sequence >= view.first_sequence, "a stream ends behind its beginning", end.end.sequence);
  }

  void read_from(const core::RingView& view, const core::Location& from) {
    if (from.found != core::Found::record) return;
    core::Reader reader(view, from.place);
    core::Record record;
    std::uint64_t records = 0;
    for (;;) {
      const core::Place here = reader.place();
      if (reader.copy(record, buffer_.get()) != core::ReadStatus::event) break;
      require(record.sequence == here.sequence, "the record is the one that was expected", record.sequence);
      require(record.size <= core::largest_payload_bytes(kCapacity), "no record is larger than the largest", record.size);
      reader.advance(record);
      ++records;
      require(records <= kMostRecords, "a lap ends", records);
    }
  }

  // What the doors do costs system calls, so one of them at a time.
  void open(Ring& ring, const Input& input) {
    ring.events.set(input.file);
    const std::string& name = ring.name;
    switch (input.what % 16) {
      case 0: tolerate([&] { static_cast<void>(stat_ring(name)); }); break;
      case 1: consume(name, {.start = Start::earliest}); break;
      case 2: consume(name, {.name = "billing", .policy = Policy::gate}); break;
      case 3: consume(name, {.policy = Policy::latest, .start = Start::latest, .read = Read::in_place}); break;
      case 4: consume(name, {.start = Start::at(input.what / 16 * 40), .read = Read::in_place}); break;
      case 5: consume(name, {.start = Start::at_time(1), .read = Read::copy}); break;
      case 6: take_over(name); break;
      case 7:
        consume(name, {.policy = Policy::gate, .budget = std::chrono::nanoseconds(1), .gate_on_commit = true});
        take_over(name);
        consume(name, {});
        break;
      default: break;  // core/ alone
    }
  }

  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<Image> images_;
  // Exactly what a consumer has.
  std::unique_ptr<std::byte[]> buffer_ = std::make_unique<std::byte[]>(core::largest_record_bytes(kCapacity));
};

}  // namespace

Target& target() {
  static RingEvents events;
  return events;
}

}  // namespace ringbolt::fuzz
