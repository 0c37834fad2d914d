// Bytes of a ring's files that nobody of ours wrote: errors, perhaps events that are still whole, but no crash, no access
// out of bounds (this is what AddressSanitizer is for) and no hang.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <new>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

constexpr unsigned kWatchdogSeconds = 60;  // for each byte, as all of them are much for a busy machine
constexpr std::uint32_t kSlots = 4;
constexpr std::array<std::size_t, 3> kHeaderBytes{sizeof(core::EventsHeader), sizeof(core::RegistryHeader),
                                                  sizeof(core::ConsumerEntry)};

// Every call may end in an Error; any other end is a failure.
template <class Action>
void tolerate(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()), "");
  }
}

// Takes what it is handed: `whole` says that no record was damaged, so every event must be right.
struct Handler {
  bool whole;
  void operator()(const Event& event) const {
    const bool right = is_numbered_payload(event.payload, event.sequence);  // reads every byte in any case
    EXPECT_TRUE(right || !whole || !event.still_valid()) << event.sequence;
  }
  void operator()(const Gap&) const {}
};

void consume(const ConsumerOptions& options, bool whole) {
  tolerate([&] {
    auto consumer = Consumer::attach("orders", options);
    static_cast<void>(consumer.try_poll(Handler{whole}, 1'000));
    static_cast<void>(consumer.wait_for(0ns));
    Event event;
    static_cast<void>(consumer.next_for(event, 0ns));
    consumer.commit();
    static_cast<void>(consumer.closed());
    static_cast<void>(consumer.publisher_alive());
  });
}

// Everything that opens a ring.
void use_everything(bool whole) {
  tolerate([] { static_cast<void>(stat_ring("orders")); });
  consume({}, whole);
  consume({.name = "billing", .policy = Policy::gate}, whole);
  consume({.name = "audit", .policy = Policy::gate, .start = Start::at(250), .after = {"billing"}}, whole);
  consume({.policy = Policy::latest, .start = Start::latest, .read = Read::in_place}, whole);
  consume({.start = Start::at_time(1)}, whole);
  tolerate([] { static_cast<void>(list_rings()); });
  tolerate([] { evict_consumer("orders", "billing", true); });
  tolerate([] { seek_consumer("orders", "billing", Start::at(280)); });
  tolerate([] {
    auto publisher = Publisher::open("orders");
    for (int i = 0; i < 100; ++i) publisher.try_publish(numbered_payload(publisher.next_sequence(), 900));
    publisher.try_publish_batch(std::vector{BatchEvent{bytes_of("a"), 0}, BatchEvent{bytes_of("b"), 0}});
    publisher.close();
  });
  tolerate([] { forget_consumer("orders", "billing"); });
  tolerate([] { static_cast<void>(stat_ring("orders")); });
}

class Damage : public IpcTest {
 protected:
  // A ring that has been around a few times and knows two consumers, one of which is not there.
  void make_ring() const {
    auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .consumer_slots = kSlots});
    publish_numbered(publisher, 200, 900);
    auto billing = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
    auto audit = Consumer::attach("orders", {.name = "audit", .policy = Policy::gate, .after = {"billing"}});
    publish_until_full(publisher, 900);
    poll_sequences(billing, 20);
    poll_sequences(audit, 10);
  }
  [[nodiscard]] std::string events() const { return ring_path("orders") + "/events"; }
  [[nodiscard]] std::string consumers() const { return ring_path("orders") + "/consumers"; }
};

std::vector<std::byte> copy_of(const RingFile& file) { return {file.bytes().begin(), file.bytes().end()}; }
void restore(const RingFile& file, const std::vector<std::byte>& bytes) {
  std::memcpy(file.bytes().data(), bytes.data(), bytes.size());
}

TEST_F(Damage, OfAnyByteOfTheEventsHeaderIsSurvivedByWhoeverComes) {
  make_ring();
  const RingFile file(events());
  const RingFile registry(consumers());
  const auto sound = copy_of(file);
  const auto sound_registry = copy_of(registry);
  for (std::size_t at = 0; at < kHeaderBytes[0]; ++at) {
    SCOPED_TRACE(at);
    ::alarm(kWatchdogSeconds);
    file.bytes()[at] ^= std::byte{0xff};
    use_everything(true);  // what a header says is held against the records
    restore(file, sound);
    restore(registry, sound_registry);
  }
  EXPECT_EQ(Consumer::attach("orders", {.name = "billing"}).next_for(0ns).has_value(), true) << "restored and well";
}

TEST_F(Damage, OfAnyByteOfTheRegistryIsSurvivedByWhoeverComes) {
  make_ring();
  const RingFile file(events());
  const RingFile registry(consumers());
  const auto sound = copy_of(file);
  const auto sound_registry = copy_of(registry);
  for (std::size_t at = 0; at < kHeaderBytes[1] + kHeaderBytes[2]; ++at) {
    SCOPED_TRACE(at);
    ::alarm(kWatchdogSeconds);
    registry.bytes()[at] ^= std::byte{0xff};
    use_everything(true);  // nothing in the registry can make a wrong event of a right one
    restore(file, sound);
    restore(registry, sound_registry);
  }
}

// The same to those who are attached already, and go on.
TEST_F(Damage, OfAnyByteOfTheHeadersIsSurvivedByWhoeverIsThere) {
  constexpr std::size_t bytes_per_ring = 32;
  for (const bool in_events : {true, false}) {
    const std::size_t end = in_events ? kHeaderBytes[0] : kHeaderBytes[1] + kHeaderBytes[2];
    for (std::size_t begin = 0; begin < end; begin += bytes_per_ring) {
      make_ring();
      const RingFile file(in_events ? events() : consumers());
      auto publisher = Publisher::open("orders");
      std::deque<Consumer> attached;
      attached.push_back(Consumer::attach("orders", {.name = "billing", .policy = Policy::gate}));
      attached.push_back(Consumer::attach("orders", {.name = "audit", .policy = Policy::gate, .after = {"billing"}}));
      attached.push_back(Consumer::attach("orders", {.policy = Policy::gate, .budget = 1ns, .gate_on_commit = true}));
      attached.push_back(Consumer::attach("orders"));
      for (std::size_t at = begin; at < begin + bytes_per_ring; ++at) {
        SCOPED_TRACE(at);
        const std::byte sound = file.bytes()[at];
        file.bytes()[at] = sound ^ std::byte{0xff};
        for (int i = 0; i < 3; ++i)
          tolerate([&] { publisher.try_publish(numbered_payload(publisher.next_sequence(), 900)); });
        tolerate([&] { publisher.publish_for(bytes_of("x"), 0ns); });
        for (Consumer& consumer : attached) {
          tolerate([&] { static_cast<void>(consumer.try_poll(Handler{false}, 20)); });
          tolerate([&] { static_cast<void>(consumer.wait_for(0ns)); });
          tolerate([&] {
            Event event;
            static_cast<void>(consumer.try_next(event));
            consumer.commit();
          });
        }
        file.bytes()[at] = sound;
      }
      attached.clear();
      remove_ring("orders", true);
    }
  }
}

// What all participants of a run share: when to end.
struct Run {
  std::atomic<bool> over{false};
};
class SharedRun {
 public:
  SharedRun() : run_(new(::mmap(nullptr, sizeof(Run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Run) {}
  ~SharedRun() { ::munmap(static_cast<void*>(run_), sizeof(Run)); }
  SharedRun(const SharedRun&) = delete;
  SharedRun& operator=(const SharedRun&) = delete;
  [[nodiscard]] bool over() const { return run_->over.load(); }
  void end() { run_->over.store(true); }

 private:
  Run* run_;
};

void keep_consuming(const SharedRun& run, const ConsumerOptions& options) {
  while (!run.over()) {
    tolerate([&] {
      auto consumer = Consumer::attach("orders", options);
      for (int i = 0; i < 100 && !run.over(); ++i) {
        static_cast<void>(consumer.try_poll(Handler{false}, 100));
        static_cast<void>(consumer.wait_for(1ms));
      }
    });
  }
}

void keep_publishing(const SharedRun& run, std::mt19937_64& random) {
  while (!run.over()) {
    tolerate([&] {
      auto publisher = Publisher::open("orders");
      for (int i = 0; i < 2'000 && !run.over(); ++i) {
        const std::vector<std::byte> payload(random() % 3'000);
        publisher.publish_for(payload, 1ms);
        if (i % 50 == 0) publisher.try_publish_batch(std::vector{BatchEvent{payload, 1}, BatchEvent{{}, 2}});
      }
    });
  }
}

void keep_looking(const SharedRun& run) {
  while (!run.over()) {
    tolerate([] { static_cast<void>(stat_ring("orders")); });
    tolerate([] { evict_consumer("orders", "billing", true); });
    tolerate([] { seek_consumer("orders", "away", Start::earliest); });
  }
}

// Half of it among the words that everything hangs on, half of it anywhere.
void keep_damaging(std::mt19937_64& random, const RingFile& events, const RingFile& consumers,
                   std::chrono::nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    const RingFile& file = random() % 3 == 0 ? consumers : events;
    const std::size_t header = &file == &events ? 1'024 : 1'024 + kSlots * sizeof(core::ConsumerEntry);
    const std::size_t fixed = random() % 50 == 0 ? 0 : 128;  // rarely what an attach refuses at once
    const std::size_t range = random() % 2 == 0 ? header : file.bytes().size();
    const std::size_t at = fixed + random() % (range - fixed - 8);
    const std::uint64_t value = random() % 3 == 0 ? random() : random() % 100'000;
    if (random() % 4 == 0) {
      std::memcpy(&file.bytes()[at & ~std::size_t{7}], &value, 8);
    } else {
      file.bytes()[at] = static_cast<std::byte>(value);
    }
    for (int i = 0; i < 2'000; ++i) core::spin_hint();
  }
}

TEST_F(Damage, AtRandomWhileEverybodyRunsIsSurvived) {
  const std::uint64_t seed = test_seed();
  const auto budget = std::chrono::steady_clock::now() + 4s;
  for (std::uint64_t round = 0; round < 10 && std::chrono::steady_clock::now() < budget; ++round) {
    SCOPED_TRACE(round);
    make_ring();
    SharedRun run;
    std::deque<Child> children;
    children.emplace_back([&](const Words&) {
      std::mt19937_64 random(seed + round);
      keep_publishing(run, random);
    });
    for (const ConsumerOptions& options :
         {ConsumerOptions{}, ConsumerOptions{.name = "billing", .policy = Policy::gate},
          ConsumerOptions{.name = "audit", .policy = Policy::gate, .budget = 1ms, .after = {"billing"}},
          ConsumerOptions{.policy = Policy::latest, .read = Read::in_place}})
      children.emplace_back([&](const Words&) { keep_consuming(run, options); });
    children.emplace_back([&](const Words&) { keep_looking(run); });
    {
      const RingFile events_file(events());
      const RingFile consumers_file(consumers());
      std::mt19937_64 random(seed ^ round);
      keep_damaging(random, events_file, consumers_file, 300ms);
    }
    run.end();
    for (Child& child : children) EXPECT_TRUE(child.join()) << "crashed, or hung";
    children.clear();
    remove_ring("orders", true);
  }
}

// Numbers that no publisher comes to, where places are kept from which somebody goes on.
using DamagedPlaces = IpcTest;

TEST_F(DamagedPlaces, OfACursorAreToldItsConsumer) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  publish_numbered(publisher, 10, 8);
  {
    auto consumer = Consumer::attach("orders", {.name = "billing"});
    consumer.commit(consumer.next().value().sequence);
  }
  const RingFile registry(ring_path("orders") + "/consumers");
  for (const std::uint64_t committed : {core::kLargestSequence, ~std::uint64_t{0} - 1}) {
    registry.entry(0).cursor_sequence.store_relaxed(committed);
    expect_error([] { static_cast<void>(Consumer::attach("orders", {.name = "billing"})); }, Code::damaged,
                 {"cursor", std::to_string(committed), "Start::at"});
  }
  auto consumer = Consumer::attach("orders", {.name = "billing", .start = Start::at(2)});
  EXPECT_EQ(consumer.next().value().sequence, 2U);
}

TEST_F(DamagedPlaces, OfAJournalsGateAreToldTheJournal) {
  const JournalOptions journal{.directory = place() + "/journal", .sync = Sync::none, .own_process = true};
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall, .journal = journal});
  publisher.publish(std::string(64, '\xff'));
  const RingFile registry(ring_path("orders") + "/consumers");
  ASSERT_NE(registry.entry(0).options.load_relaxed() & core::kEntryJournal, 0U);
  registry.entry(0).gate.store_relaxed(sizeof(core::RecordHeader));  // of what was published
  expect_error([&] { run_journal("orders", journal, [] { return true; }); }, Code::other_ring, {"journal"});
}

}  // namespace
}  // namespace ringbolt::test
