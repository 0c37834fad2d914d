// The ring: publisher and readers of production on a few records.
#include "harnesses.hpp"
#include "small_ring.hpp"

namespace ringbolt::model {
namespace {

SmallRing ring;

void begin(Scene& scene) { ring.begin(scene); }

void publish_all(int events) {
  while (events-- > 0 && ring.publish()) {
  }
}

// Reads on, copying, while there is something; an overrun ends it.
void read_lossily(core::Reader reader, int polls) {
  alignas(8) std::array<std::byte, kPayloadBytes> buffer{};
  core::Record record;
  while (polls-- > 0) {
    const std::uint64_t expected = reader.place().sequence;
    switch (reader.copy(record, buffer.data())) {
      case core::ReadStatus::event:
        promise_whole(record, expected);
        reader.advance(record);
        continue;
      case core::ReadStatus::empty: continue;
      case core::ReadStatus::overrun: return;
      case core::ReadStatus::evicted:
      case core::ReadStatus::corrupt: promise(false, "bytes that no publisher writes");
    }
  }
}

// A gating reader looks at the bytes in place, as ordinary memory, until it moves its gate.
void look_at_in_place(const core::Record& record) {
  for (std::uint64_t offset = 0; offset < kRecordBytes; offset += 8) {
    const std::uint64_t word = plain_read(ring.data.data() + ((record.position + offset) & (kCapacity - 1)));
    if (offset == 0) promise(word == record.sequence, "an event with another number");
    if (offset >= sizeof(core::RecordHeader))
      promise(word == payload_word(record.sequence, (offset - sizeof(core::RecordHeader)) / 8), "a torn event");
  }
}

void publish_and_gated_read(Scene& scene) {
  begin(scene);
  ring.gate_at(1);
  publish_all(3);
  scene.thread([] { publish_all(2); });
  scene.thread([] {
    core::Reader reader(ring.view(), place_of(1));
    reader.gate_with(ring.entries[0].state, 1);
    core::Record record;
    for (int polls = 0; polls < 4; ++polls) {
      const core::ReadStatus status = reader.peek(record);
      promise(status == core::ReadStatus::event || status == core::ReadStatus::empty, "a gating reader is overrun");
      if (status == core::ReadStatus::empty) continue;
      look_at_in_place(record);
      reader.advance(record);
      core::store_gate(ring.entries[0], reader.place().position);
    }
  });
}

void publish_and_overrun_read(Scene& scene) {
  begin(scene);
  publish_all(3);
  scene.thread([] { publish_all(2); });
  scene.thread([] { read_lossily({ring.view(), place_of(1)}, 2); });
}

void read_at_the_front(Scene& scene) {
  begin(scene);
  publish_all(2);
  scene.thread([] { publish_all(2); });
  scene.thread([] { read_lossily({ring.view(), place_of(3)}, 3); });
}

// Small events, two in one claim: whoever sees the first sees the second.
void batch(Scene& scene) {
  begin(scene);
  constexpr std::uint64_t bytes = 2 * core::record_bytes(0);
  static_assert(bytes <= core::largest_record_bytes(kCapacity));
  const auto publish_batch = [] {
    for (int attempt = 0; attempt < 3; ++attempt) {
      if (ring.writer.try_claim_bytes(bytes) != core::ClaimStatus::ok && !ring.writer.refill(bytes)) continue;
      const auto type = static_cast<std::uint32_t>(ring.writer.next_sequence());
      static_cast<void>(ring.writer.stage(0, 0, type, 0, 1));
      static_cast<void>(ring.writer.stage(core::record_bytes(0), 0, type + 1, 0, 1));
      ring.writer.commit_staged(2, bytes);
      return;
    }
  };
  for (int i = 0; i < 3; ++i) publish_batch();
  static bool inner_visible;
  inner_visible = false;
  scene.thread([publish_batch] { publish_batch(), publish_batch(); });
  scene.thread([] {
    core::Reader reader(ring.view(), {3 * bytes, 7});
    core::Record record;
    for (int polls = 0; polls < 3; ++polls) {
      const core::ReadStatus status = reader.peek(record);
      promise(status != core::ReadStatus::corrupt, "bytes that no publisher writes");
      if (status == core::ReadStatus::overrun) return;
      if (status == core::ReadStatus::empty) {
        promise(!inner_visible, "the first event of a batch is there, and the second is not");
        continue;
      }
      promise(record.type == record.sequence && record.size == 0, "a header that was never published");
      inner_visible = record.sequence % 2 == 1;
      reader.advance(record);
    }
  });
}

void joining_a_gate(Scene& scene) {
  begin(scene);
  publish_all(3);
  scene.thread([] { publish_all(3); });
  scene.thread([] {
    ring.entries[0].state.store_release(core::state_word(1, core::EntryState::joining));
    if (!core::join_gate(ring.registry, ring.entries[0], 1, place_of(2).position, ring.view())) return;
    core::Reader reader(ring.view(), place_of(2));
    reader.gate_with(ring.entries[0].state, 1);
    core::Record record;
    for (int events = 0; events < 2; ++events) {
      promise(reader.peek(record) == core::ReadStatus::event, "a gating reader is overrun");
      look_at_in_place(record);
      reader.advance(record);
    }
  });
}

// The next owner of an entry joins while the publisher's knowledge of the last one is old.
void joining_again(Scene& scene) {
  begin(scene);
  ring.gate_at(1);
  publish_all(3);
  scene.thread([] {
    const std::uint64_t seen = ring.entries[0].state.load_acquire();
    if (core::generation_of(seen) == 1)
      static_cast<void>(core::change_state(ring.entries[0], seen, core::EntryState::evicted));
    publish_all(2);
  });
  scene.thread([] {
    std::uint64_t state = ring.entries[0].state.load_acquire();  // a new owner, behind the lock of the last one
    while (!ring.entries[0].state.compare_exchange(state, core::state_word(2, core::EntryState::joining))) {
    }
    if (!core::join_gate(ring.registry, ring.entries[0], 2, place_of(3).position, ring.view())) return;
    core::Reader reader(ring.view(), place_of(3));
    reader.gate_with(ring.entries[0].state, 2);
    core::Record record;
    promise(reader.peek(record) == core::ReadStatus::event, "an eviction meant for the last owner hit the next");
    look_at_in_place(record);
    promise(!reader.evicted(), "an eviction meant for the last owner hit the next");
  });
}

void eviction_during_a_view(Scene& scene) {
  begin(scene);
  ring.gate_at(1);
  publish_all(3);
  scene.thread([] {
    publish_all(1);  // finds the ring full
    const std::uint64_t seen = ring.entries[0].state.load_acquire();
    promise(core::change_state(ring.entries[0], seen, core::EntryState::evicted), "nobody else changed the entry");
    publish_all(2);
  });
  scene.thread([] {
    core::Reader reader(ring.view(), place_of(1));
    reader.gate_with(ring.entries[0].state, 1);
    alignas(8) std::array<std::byte, kPayloadBytes> buffer{};
    core::Record record;
    for (std::uint64_t sequence = 1; sequence <= 2; ++sequence) {
      const core::ReadStatus status = reader.copy(record, buffer.data());
      if (status == core::ReadStatus::evicted) return;
      promise(status == core::ReadStatus::event, "bytes that no publisher writes");
      promise_whole(record, sequence);
      reader.advance(record);
    }
  });
}

// A consumer reads in place and leaves: what it read is written over only then.
void leaving(Scene& scene) {
  begin(scene);
  ring.gate_at(1);
  publish_all(3);
  scene.thread([] {
    core::Reader reader(ring.view(), place_of(1));
    core::Record record;
    promise(reader.peek(record) == core::ReadStatus::event, "a gating reader is overrun");
    look_at_in_place(record);
    core::set_state(ring.entries[0], 1, core::EntryState::away);
  });
  scene.thread([] { publish_all(1); });
}

// A journal dies while it reads in place, and somebody detaches it.
void leaving_by_death(Scene& scene) {
  begin(scene);
  ring.gate_at(1);
  publish_all(3);
  constexpr std::size_t journal = 0;
  scene.thread([] {
    core::Reader reader(ring.view(), place_of(1));
    core::Record record;
    promise(reader.peek(record) == core::ReadStatus::event, "a gating reader is overrun");
    look_at_in_place(record);
  });
  scene.thread([] {
    wait_until([] { return has_ended(journal); });
    take_over();
    const std::uint64_t life = core::life_of(ring.entries[0]);
    promise(core::change_state(ring.entries[0], life, core::EntryState::away), "nobody else changed the entry");
  });
  scene.thread([] { publish_all(1); });
}

// An entry's last owner had a budget, its new one has none and reads in place.
void joining_without_a_budget(Scene& scene) {
  begin(scene);
  ring.entries[0].budget_ns.store_relaxed(1);
  ring.entries[0].state.store_relaxed(core::state_word(1, core::EntryState::free));
  publish_all(3);
  scene.thread([] {
    static_cast<void>(core::evict_if_spent(ring.entries[0], core::life_of(ring.entries[0]), 1));
    publish_all(1);
  });
  scene.thread([] {
    ring.entries[0].budget_ns.store_relaxed(0);
    core::set_state(ring.entries[0], 2, core::EntryState::joining);
    if (!core::join_gate(ring.registry, ring.entries[0], 2, place_of(1).position, ring.view())) return;
    core::Reader reader(ring.view(), place_of(1));
    reader.gate_with(ring.entries[0].state, 2);
    core::Record record;
    promise(reader.peek(record) == core::ReadStatus::event, "a consumer without a budget is evicted");
    look_at_in_place(record);
  });
}

// A consumer that starts: what the search finds is a published event, or it is told that it was overrun.
template <class Find>
void start_and_read(Find find) {
  const core::Location found = find(core::Locator(ring.view()));
  promise(found.found != core::Found::corrupt, "a search meets bytes that no publisher writes");
  if (found.found == core::Found::overrun) return;
  promise(found.place == place_of(found.place.sequence), "a search ends beside a record");
  read_lossily({ring.view(), found.place}, 1);
}

void starting_at_the_newest(Scene& scene) {
  begin(scene);
  publish_all(4);
  scene.thread([] { publish_all(1); });
  scene.thread([] { start_and_read([](const core::Locator& locator) { return locator.newest(); }); });
}

void starting_at_the_oldest(Scene& scene) {
  begin(scene);
  publish_all(4);
  scene.thread([] { publish_all(2); });
  scene.thread([] { start_and_read([](const core::Locator& locator) { return locator.oldest(); }); });
}

// As `SmallRing`, but two records fit a chunk: so the second of them is committed with no fence [W4] since the first, and
// where it lies there was another one of the lap before.
struct TwoToAChunk {
  static constexpr std::uint64_t kBytes = 512;
  static constexpr std::uint64_t kRecord = core::record_bytes(0);
  static_assert(core::chunk_bytes(kBytes) == kRecord);

  void begin(Scene& scene) {
    std::memset(static_cast<void*>(this), 0, sizeof *this);
    core::start_stream(header, 1);
    scene.mirror(data.data(), kBytes);
    writer = core::Writer(header, data.data(), kBytes, {}, {0, 1});
  }
  void publish(bool staged) {
    if (writer.try_claim(0) != core::ClaimStatus::ok) promise(writer.refill(kRecord), "a ring with no gate is full");
    const auto type = static_cast<std::uint32_t>(writer.next_sequence());
    if (!staged) {
      static_cast<void>(writer.commit(0, type, 0, 1));
      return;
    }
    static_cast<void>(writer.stage(0, 0, type, 0, 1));
    static_cast<void>(writer.commit_staged(1, kRecord));
  }
  [[nodiscard]] core::RingView view() const { return {&header, data.data(), kBytes, 1}; }

  core::EventsHeader header;
  alignas(8) std::array<std::byte, 2 * kBytes> data;
  core::Writer writer;
};

TwoToAChunk pairs;

// Whoever finds the newest event by the hint must not find the one there that was written over for it.
void starting_behind_two(Scene& scene, bool staged) {
  pairs.begin(scene);
  constexpr int lap = TwoToAChunk::kBytes / TwoToAChunk::kRecord;
  for (int i = 0; i < lap + 2; ++i) pairs.publish(false);
  scene.thread([staged] {
    pairs.publish(false);
    pairs.publish(staged);
  });
  scene.thread([] {
    const core::Location found = core::Locator(pairs.view()).oldest();
    promise(found.found != core::Found::corrupt, "a search meets bytes that no publisher writes");
    promise(found.found == core::Found::overrun || found.place.position == (found.place.sequence - 1) * TwoToAChunk::kRecord,
            "a search ends beside a record");
  });
}

void starting_behind_two_events(Scene& scene) { starting_behind_two(scene, false); }
void starting_behind_a_batch(Scene& scene) { starting_behind_two(scene, true); }

// The publisher is killed before one of its accesses; a successor goes on.
void death_and_succession(Scene& scene, int events, bool may_lose_a_store) {
  begin(scene);
  publish_all(4);
  scene.mortal_thread([events] { publish_all(events); }, may_lose_a_store);
  scene.thread([] {
    constexpr std::size_t predecessor = 0;
    wait_until([] { return has_ended(predecessor); });
    take_over();
    std::uint64_t next = 5;
    while (newest(ring.sequence_word(next)) == next) ++next;
    const std::uint64_t intent = newest(ring.header.intent);
    const core::StreamEnd found = core::find_stream_end(ring.view());
    promise(found.valid, "what a dead publisher leaves is taken for damage");
    promise(found.end == place_of(next), "a successor leaves a gap, or uses a number twice");
    promise(found.newest_timestamp_ns == next - 1, "a successor's clock goes back");
    ring.writer = core::Writer(ring.header, ring.data.data(), kCapacity, ring.gates(), found.end);
    static_cast<void>(ring.writer.refill(core::record_bytes(0)));
    promise(newest(ring.header.intent) >= intent, "the intent decreases");
    publish_all(1);
  });
}

void death_and_succession(Scene& scene) { death_and_succession(scene, 2, true); }

// A reader beside them sees one stream.
void take_over_the_stream(Scene& scene) {
  death_and_succession(scene, 1, false);
  scene.thread([] { read_lossily({ring.view(), place_of(2)}, 2); });
}

constexpr std::array kHarnesses{
    Harness{"publish and gated read", 2, publish_and_gated_read},
    Harness{"publish and overrun read", 3, publish_and_overrun_read},
    Harness{"read at the front", 2, read_at_the_front},
    Harness{"batch publish", 2, batch},
    Harness{"joining a gate", 2, joining_a_gate},
    Harness{"joining again", 2, joining_again},
    Harness{"eviction during a view", 2, eviction_during_a_view},
    Harness{"leaving", 2, leaving},
    Harness{"leaving by death", 2, leaving_by_death},
    Harness{"joining without a budget", 2, joining_without_a_budget},
    Harness{"starting at the newest", 2, starting_at_the_newest},
    Harness{"starting at the oldest", 1, starting_at_the_oldest},
    Harness{"starting behind two events", 1, starting_behind_two_events},
    Harness{"starting behind a batch", 1, starting_behind_a_batch},
    Harness{"death and succession", 1, death_and_succession},
    Harness{"take-over", 1, take_over_the_stream},
};

}  // namespace

std::span<const Harness> ring_harnesses() { return kHarnesses; }

}  // namespace ringbolt::model
