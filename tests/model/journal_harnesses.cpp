// The journal beside a publisher that goes round the ring: who turns to it and back misses nothing, and who waits until an
// event is durable may go on. The files are words that are written and read plainly, as `pwrite` and a mapping would.
#include <ringbolt/core/turn.hpp>

#include "harnesses.hpp"
#include "kernel.hpp"
#include "small_ring.hpp"

namespace ringbolt::model {
namespace {

constexpr std::uint64_t kEpoch = 7;
constexpr std::uint64_t kEvents = 4;  // the ring has room for three behind the journal's gate
constexpr std::size_t kPublisher = 0;
constexpr std::size_t kJournal = 1;

SmallRing ring;
core::JournalPage page;
std::array<core::Word64, kEvents> file;

ipc::WaitChannel gate_sleepers() { return {ring.registry.gate_waiters, ring.registry.gate_wake, nullptr, nullptr}; }

void begin(Scene& scene, int events) {
  ring.begin(scene);
  ring.gate_at(1);
  while (events-- > 0) ring.publish();
  std::memset(static_cast<void*>(&page), 0, sizeof page);
  for (core::Word64& word : file) word.store_relaxed(0);
  kernel = {};
}

// A round of the journal for each event: into the file, the mark, the cursor, the gate. As `JournalRunner` does it.
void record(std::uint64_t last, bool wakes) {
  core::Reader reader(ring.view(), place_of(1));
  reader.gate_with(ring.entries[0].state, 1);
  while (reader.place().sequence <= last) {
    const std::uint64_t next = reader.place().sequence;
    const core::Word64& word = ring.sequence_word(next);
    wait_until([&] { return newest(word) == next; });
    static_cast<void>(read_by_kernel(&word, sizeof word));  // it looks until it sees that, and no older one after it
    core::Record event;
    const core::ReadStatus status = reader.peek(event);
    promise(status == core::ReadStatus::event, "a gating reader is overrun");
    plain_write(&file[next - 1], reinterpret_cast<const core::Word64*>(event.payload)->load_relaxed());
    reader.advance(event);
    core::store_written(page, next);
    core::store_cursor(ring.entries[0], next);
    core::store_gate(ring.entries[0], reader.place().position);
    if (wakes && core::anyone_asleep(ring.registry.gate_waiters, false)) gate_sleepers().wake_all();
  }
}

// A consumer of policy `journal`, as `Consumer` is one.
class Turning {
 public:
  enum class Found : std::uint8_t { event, nothing, neither };

  Found read() {
    const std::uint64_t next = reader_.place().sequence;
    if (!in_journal_) {
      alignas(8) std::array<std::byte, kPayloadBytes> buffer{};
      core::Record event;
      switch (reader_.copy(event, buffer.data())) {
        case core::ReadStatus::event:
          promise_whole(event, next);
          reader_.advance(event);
          return Found::event;
        case core::ReadStatus::empty: return Found::nothing;
        case core::ReadStatus::overrun: break;
        case core::ReadStatus::evicted:
        case core::ReadStatus::corrupt: promise(false, "bytes that no publisher writes");
      }
      in_journal_ = true;
      reader_.go_to({core::kNoPosition, next});
    }
    const std::uint64_t written = core::written_of(page);
    if (next <= written) {
      promise(plain_read(&file[next - 1]) == payload_word(next, 0), "an event is called written and is not in the journal");
      reader_.go_to({core::kNoPosition, next + 1});
      return Found::event;
    }
    const core::Location found = core::Locator(ring.view()).sequence(next);
    core::Place place = found.found == core::Found::record || found.found == core::Found::end ? found.place : core::Place{};
    if (place.sequence != next) place = core::walk_from_gate(ring.entries[0], ring.view(), next);
    if (place.sequence != next) return Found::neither;
    promise(place == place_of(next), "a turn ends beside a record");
    reader_.go_to(place);
    in_journal_ = false;
    return Found::nothing;
  }
  [[nodiscard]] std::uint64_t next() const { return reader_.place().sequence; }

 private:
  core::Reader reader_{ring.view(), place_of(1)};
  bool in_journal_ = false;
};

// While the others go on it may find an event in neither for a moment; when they have ended it has every one.
void turning_to_the_journal(Scene& scene) {
  begin(scene, 3);
  scene.thread([] {
    for (std::uint64_t sequence = 4; sequence <= kEvents && ring.publish(); ++sequence) {
    }
    hand_over();
  });
  scene.thread([] {
    record(1, false);
    hand_over();
  });
  scene.thread([] {
    Turning consumer;
    for (int looks = 0; looks < 2; ++looks) static_cast<void>(consumer.read());
    wait_until([] { return has_ended(kPublisher) && has_ended(kJournal); });
    take_over();
    const std::uint64_t end = ring.writer.next_sequence();
    for (int looks = 0; looks < 12 && consumer.next() != end; ++looks)
      promise(consumer.read() != Turning::Found::neither, "an event is neither in the ring nor in the journal");
    promise(consumer.next() == end, "a consumer does not come to the end");
  });
}

// A publisher that waits for each event, until it is in the file: the ring's room is what the journal has recorded.
void publisher_waits_until_durable(Scene& scene) {
  begin(scene, 0);
  scene.thread([] {
    for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) {
      promise(ring.publish(), "a ring with room is full");
      const auto is_durable = [sequence] { return core::cursor_of(ring.entries[0]) >= sequence; };
      while (!is_durable()) gate_sleepers().park(is_durable, ipc::kLongestSleepNs, kEpoch);
      promise(plain_read(&file[sequence - 1]) == payload_word(sequence, 0), "an event is called durable and is not written");
    }
  });
  scene.thread([] { record(2, true); });
}

constexpr std::array kHarnesses{
    Harness{"turning to the journal", 1, turning_to_the_journal},
    Harness{"publisher waits until durable", 2, publisher_waits_until_durable},
};

}  // namespace

std::span<const Harness> journal_harnesses() { return kHarnesses; }

}  // namespace ringbolt::model
