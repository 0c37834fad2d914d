// Publisher and consumers at full speed over one mapping: whole events in order, exact gaps, and gates that hold.
// Consumers that gate look at payloads in place with plain loads, so that ThreadSanitizer reports a race as soon as one of
// [W2], [R1], [G1], [G2], or the load of a state that [J1] stored, is weakened to relaxed.
#include "ring_threads.hpp"

namespace ringbolt::core::test {
namespace {

// Reads as a consumer that may be overrun until `total` events are accounted for.
Tally read_lossy(const TestRing& ring, std::uint64_t total, std::uint64_t pause_every) {
  Tally tally;
  Reader reader(ring.view(), {0, 1});
  std::vector<std::uint64_t> buffer(largest_payload_bytes(ring.capacity()) / 8 + 1);
  Record record;
  while (reader.place().sequence <= total && tally.wrong == 0) {
    switch (reader.copy(record, reinterpret_cast<std::byte*>(buffer.data()))) {
      case ReadStatus::event:
        if (!is_whole(record) || record.sequence != reader.place().sequence) ++tally.wrong;
        reader.advance(record);
        if (++tally.received % pause_every == 0) std::this_thread::yield();
        break;
      case ReadStatus::empty: std::this_thread::yield(); break;
      case ReadStatus::overrun: {
        const Place place = settle([&] { return Locator(ring.view()).halfway(); });
        if (place.sequence < reader.place().sequence) ++tally.wrong;
        tally.lost += place.sequence - reader.place().sequence;
        ++tally.losses;
        reader.go_to(place);
        break;
      }
      case ReadStatus::evicted:
      case ReadStatus::corrupt: ++tally.wrong;
    }
  }
  return tally;
}

// Reads in place as a consumer that the publisher waits for, entry `index`, which has joined at the beginning.
Tally read_gating(const TestRing& ring, std::size_t index, std::uint64_t total) {
  Tally tally;
  ConsumerEntry& entry = ring.entry(index);
  Reader reader(ring.view(), {0, 1});
  reader.gate_with(entry.state, 1);
  Record record;
  while (reader.place().sequence <= total && tally.wrong == 0) {
    std::uint64_t batch = 0;
    while (batch < 16 && reader.peek(record) == ReadStatus::event) {
      if (!is_whole(record) || record.sequence != reader.place().sequence) ++tally.wrong;
      reader.advance(record);
      ++batch;
    }
    tally.received += batch;
    entry.gate.store_release(reader.place().position);
    if (batch == 0) {
      if (reader.peek(record) == ReadStatus::corrupt) ++tally.wrong;
      std::this_thread::yield();
    }
  }
  return tally;
}

TEST(Threads, LossyConsumersReceiveAndLoseTogetherWhatWasPublished) {
  const Watchdog watchdog;
  const std::uint64_t total = rounds(3'000'000);
  const TestRing ring(kMinCapacityBytes);
  std::vector<Tally> tallies(3);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    threads.emplace_back([&, i] { tallies[i] = read_lossy(ring, total, i == 0 ? ~std::uint64_t{0} : i * 50); });
  }
  ThreadPublisher publisher(ring);
  for (std::uint64_t i = 0; i < total; ++i) publisher.publish();
  for (std::thread& thread : threads) thread.join();
  std::uint64_t losses = 0;
  for (const Tally& tally : tallies) {
    EXPECT_EQ(tally.wrong, 0U);
    EXPECT_EQ(tally.received + tally.lost, total);
    losses += tally.losses;
  }
  EXPECT_GT(losses, 0U) << "nobody was overrun: this run has shown nothing";
}

TEST(Threads, GatingConsumersLoseNothing) {
  const Watchdog watchdog;
  const std::uint64_t total = rounds(1'000'000);
  const TestRing ring(kMinCapacityBytes);
  std::vector<Tally> tallies(3);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    ASSERT_TRUE(join_gate(ring.registry(), ring.entry(i), 1, 0, ring.view()));
    threads.emplace_back([&, i] { tallies[i] = read_gating(ring, i, total); });
  }
  ThreadPublisher publisher(ring);
  for (std::uint64_t i = 0; i < total; ++i) publisher.publish();
  for (std::thread& thread : threads) thread.join();
  for (const Tally& tally : tallies) {
    EXPECT_EQ(tally.wrong, 0U);
    EXPECT_EQ(tally.received, total);
  }
}

TEST(Threads, GatingAndLossyConsumersMix) {
  const Watchdog watchdog;
  const std::uint64_t total = rounds(1'000'000);
  const TestRing ring(kMinCapacityBytes);
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  Tally gating;
  Tally lossy;
  std::thread first([&] { gating = read_gating(ring, 0, total); });
  std::thread second([&] { lossy = read_lossy(ring, total, 20); });
  ThreadPublisher publisher(ring);
  for (std::uint64_t i = 0; i < total; ++i) publisher.publish();
  first.join();
  second.join();
  EXPECT_EQ(gating.received, total);
  EXPECT_EQ(gating.wrong + lossy.wrong, 0U);
  EXPECT_EQ(lossy.received + lossy.lost, total);
}

TEST(Threads, ABatchIsReadWholeOrNotYet) {
  const Watchdog watchdog;
  constexpr std::uint64_t kBatch = 7;
  const std::uint64_t batches = rounds(200'000);
  const TestRing ring(kMinCapacityBytes);
  ASSERT_TRUE(join_gate(ring.registry(), ring.entry(0), 1, 0, ring.view()));
  std::uint64_t wrong = 0;
  std::thread consumer([&] {
    Reader reader(ring.view(), {0, 1});
    reader.gate_with(ring.entry(0).state, 1);
    Record record;
    for (std::uint64_t i = 0; i < batches; ++i) {
      while (reader.peek(record) == ReadStatus::empty) std::this_thread::yield();
      for (std::uint64_t k = 0; k < kBatch; ++k) {  // the first one is there: so are all
        if (reader.peek(record) != ReadStatus::event || !is_whole(record)) ++wrong;
        reader.advance(record);
      }
      ring.entry(0).gate.store_release(reader.place().position);
    }
  });
  ThreadPublisher publisher(ring);
  for (std::uint64_t i = 0; i < batches; ++i) publisher.publish_batch(kBatch);
  consumer.join();
  EXPECT_EQ(wrong, 0U);
}

// ---- joining while the publisher runs ------------------------------------------------------------------------------------

// Where a consumer wants to start, and whether it got there.
Place choose_start(const TestRing& ring, Random& random, std::uint64_t& wrong) {
  const Locator locator(ring.view());
  const Place newest = settle([&] { return locator.newest(); });
  if (newest.sequence == 0) {
    ++wrong;
    return {0, 1};
  }
  const std::uint64_t wanted = newest.sequence - std::min(newest.sequence - 1, random.below(400)) + random.below(4);
  switch (random.below(5)) {
    case 0: return settle([&] { return locator.oldest(); });
    case 1: return settle([&] { return locator.end(); });
    case 2: return settle([&] { return locator.halfway(); });
    case 3: {
      const Location found = locator.sequence(wanted);
      if (found.found == Found::overrun) return newest;
      // The oldest there is if it is gone, the end if it is still to come.
      if (found.found == Found::corrupt || (found.found == Found::end && found.place.sequence > wanted)) ++wrong;
      if (found.found == Found::record && found.place.sequence < wanted) ++wrong;
      return found.place;
    }
    default: {
      const Location found = locator.time(timestamp_for(wanted));
      if (found.found == Found::overrun) return newest;
      if (found.found == Found::corrupt) ++wrong;
      if (found.found == Found::record && timestamp_for(found.place.sequence) < timestamp_for(wanted)) ++wrong;
      return found.place;
    }
  }
}

// Joins at random, reads some events for which the publisher waits, leaves, again and again.
void come_and_go(const TestRing& ring, std::size_t index, std::uint64_t joins, std::uint64_t seed, Tally& tally) {
  Random random(seed);
  ConsumerEntry& entry = ring.entry(index);
  Record record;
  for (std::uint64_t generation = 1; generation <= joins && tally.wrong == 0; ++generation) {
    const Place wanted = choose_start(ring, random, tally.wrong);
    entry.state.store_release(state_word(generation, EntryState::joining));
    const Place place = join_at_or_later(ring, index, generation, wanted);
    if (place.sequence == 0 || tally.wrong != 0) {
      ++tally.wrong;
      break;
    }
    Reader reader(ring.view(), place);
    reader.gate_with(entry.state, generation);
    // Now and then the publisher gets the time to come round to the first event that it may not write over.
    for (std::uint64_t yields = random.once_in(4) ? 20 : 0; yields != 0; --yields) std::this_thread::yield();
    for (std::uint64_t some = random.below(100); some != 0; --some) {
      const ReadStatus status = reader.peek(record);
      if (status == ReadStatus::empty) {
        std::this_thread::yield();
        continue;
      }
      if (status != ReadStatus::event || !is_whole(record) || record.sequence != reader.place().sequence) {
        ++tally.wrong;
        break;
      }
      reader.advance(record);
      ++tally.received;
      if (random.once_in(8)) entry.gate.store_release(reader.place().position);
    }
    if (!change_state(entry, state_word(generation, EntryState::gating), EntryState::away)) ++tally.wrong;
  }
}

TEST(Threads, ConsumersThatComeAndGoAtFullSpeedAreNeverWrittenOver) {
  const Watchdog watchdog;
  const std::uint64_t seed = test_seed();
  const TestRing ring(kMinCapacityBytes);
  std::vector<Tally> tallies(3);
  std::vector<std::thread> threads;
  std::atomic<int> running{static_cast<int>(tallies.size())};
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    threads.emplace_back([&, i] {
      come_and_go(ring, i, rounds(10'000), seed + i, tallies[i]);
      --running;
    });
  }
  ThreadPublisher publisher(ring);
  while (running != 0) publisher.publish();
  for (std::thread& thread : threads) thread.join();
  for (const Tally& tally : tallies) {
    EXPECT_EQ(tally.wrong, 0U);
    EXPECT_GT(tally.received, 0U);
  }
}

// The first lap begins under the eyes of the search: whatever it answers, no event of this lap may be passed over.
TEST(Threads, ASearchWhileTheFirstEventsArePublishedPassesNoneOver) {
  const Watchdog watchdog;
  const std::uint64_t rings = rounds(200);
  std::vector<std::unique_ptr<TestRing>> all;
  for (std::uint64_t i = 0; i < rings; ++i) all.push_back(std::make_unique<TestRing>());
  std::atomic<std::uint64_t> at{0};
  std::uint64_t wrong = 0;
  std::thread consumer([&] {
    for (std::uint64_t i = 0; i < rings; ++i) {
      const Locator locator(all[i]->view());
      at = i + 1;
      for (bool begun = false; !begun;) {
        begun = locator.newest().found == Found::record;
        for (const Location& found : {locator.oldest(), locator.sequence(1), locator.time(1), locator.halfway()}) {
          if (found.place != Place{0, 1}) ++wrong;
        }
      }
    }
  });
  for (std::uint64_t i = 0; i < rings; ++i) {
    while (at != i + 1) std::this_thread::yield();
    ThreadPublisher publisher(*all[i]);
    for (int events = 0; events < 4; ++events) publisher.publish();
  }
  consumer.join();
  EXPECT_EQ(wrong, 0U);
}

// ---- eviction --------------------------------------------------------------------------------------------------------------

// Gates with copies, is slow now and then, and joins again when it was evicted.
Tally read_evictable(const TestRing& ring, std::size_t index, std::uint64_t total) {
  Tally tally;
  ConsumerEntry& entry = ring.entry(index);
  std::uint64_t generation = 1;
  Reader reader(ring.view(), {0, 1});
  reader.gate_with(entry.state, generation);
  std::vector<std::uint64_t> buffer(largest_payload_bytes(ring.capacity()) / 8 + 1);
  Record record;
  while (reader.place().sequence <= total && tally.wrong == 0) {
    switch (reader.copy(record, reinterpret_cast<std::byte*>(buffer.data()))) {
      case ReadStatus::event:
        if (!is_whole(record) || record.sequence != reader.place().sequence) ++tally.wrong;
        reader.advance(record);
        if (++tally.received % 64 == 0) entry.gate.store_release(reader.place().position);
        break;
      case ReadStatus::empty:
        entry.gate.store_release(reader.place().position);
        std::this_thread::yield();
        break;
      case ReadStatus::evicted: {
        const Place place = join_at_or_later(ring, index, ++generation, reader.place());
        if (place.sequence < reader.place().sequence) ++tally.wrong;
        tally.lost += place.sequence - reader.place().sequence;
        ++tally.losses;
        reader.go_to(place);
        reader.gate_with(entry.state, generation);
        break;
      }
      case ReadStatus::overrun:
      case ReadStatus::corrupt: ++tally.wrong;
    }
  }
  return tally;
}

TEST(Threads, AnEvictedConsumerIsNeverHandedWhatWasWrittenOver) {
  const Watchdog watchdog;
  const std::uint64_t total = rounds(1'000'000);
  const TestRing ring(kMinCapacityBytes);
  std::vector<Tally> tallies(2);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    ASSERT_TRUE(join_gate(ring.registry(), ring.entry(i), 1, 0, ring.view()));
    threads.emplace_back([&, i] { tallies[i] = read_evictable(ring, i, total); });
  }
  ThreadPublisher publisher(ring);
  std::uint64_t evictions = 0;
  int patience = 0;
  for (std::uint64_t i = 0; i < total; ++i) {
    publisher.publish([&] {
      if (++patience % 8 != 0) return std::this_thread::yield();
      for (const std::uint32_t index : publisher.writer().gates().gating()) {
        ConsumerEntry& entry = ring.entry(index);
        const std::uint64_t state = entry.state.load_acquire();
        if (state_of(state) == EntryState::gating && change_state(entry, state, EntryState::evicted)) ++evictions;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t losses = 0;
  for (const Tally& tally : tallies) {
    EXPECT_EQ(tally.wrong, 0U);
    EXPECT_EQ(tally.received + tally.lost, total);
    losses += tally.losses;
  }
  EXPECT_GT(evictions, 0U);
  EXPECT_LE(losses, evictions);
}

}  // namespace
}  // namespace ringbolt::core::test
