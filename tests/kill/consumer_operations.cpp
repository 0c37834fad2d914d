// A consumer's operations, beside a publisher that lives and others that read. While it is stopped its policy decides: the
// publisher waits for its gate, or evicts it when its budget is spent, or never notices.
#include <poll.h>

#include <ringbolt/ipc/registry.hpp>

#include "kill/journal_place.hpp"
#include "kill/operation.hpp"

#include <array>
#include <utility>
#include <vector>

namespace ringbolt::kill {
namespace {

using namespace std::chrono_literals;
using scenario::require;
using scenario::Scene;

constexpr std::uint64_t kReadBefore = 20;
constexpr std::uint64_t kReadInside = 4;
constexpr const char* kName = "billing";

class ConsumerOperation : public Operation {
 public:
  ConsumerOperation(Facts facts, const std::string& place, ConsumerOptions options)
      : Operation(std::move(facts), place), options_(std::move(options)) {}

  void check_stopped() override {
    Publisher& publisher = *living().publisher;
    Source source(publisher, kShape, 0);
    for (Witness& witness : living().witnesses) witness.read_all();
    const auto before = stat_of(ring(), options_.name);
    require(!before || before->state == "away" || before->alive, "a stopped consumer is taken for dead");
    bool full = false;
    for (std::uint64_t i = 0; i < 2 * kEventsOfALap && !full; ++i) {
      full = !source.try_publish();
      for (Witness& witness : living().witnesses) witness.read_all();
    }
    if (!full) return;
    require(before && options_.policy == Policy::gate, "the publisher waits for a consumer that does not gate");
    if (options_.budget == 0ns) {
      require(source.publish_for(5ms).status == Status::timed_out, "the publisher does not wait for a stopped consumer");
      const auto waited_for = stat_of(ring(), options_.name);
      require(waited_for && waited_for->state == "gating" && waited_for->blocked_count != 0, "its gate was taken away");
    } else {
      require(source.publish_for(60s).status == Status::ok, "a budget is not kept to");
      const auto evicted = stat_of(ring(), options_.name);
      require(evicted && evicted->state == "evicted" && evicted->evictions != 0, "it was not evicted");
    }
  }

  void check_finished() override {
    const std::uint64_t newest = living().publisher->next_sequence() - 1;
    check_ring(ring(), {.at_least = newest, .at_most = newest, .whole_lap = false}, living());
  }

 protected:
  void set_up() override {
    living().publisher.emplace(make_ring());
    board().before = living().publisher->next_sequence() - 1;
    living().witnesses.emplace_back(ring(), Policy::lossy);
    for (Witness& witness : living().witnesses) witness.read_all();
  }

  // A name that is taken goes on where it was: nothing that it had not handled may be missing.
  std::uint64_t resume(const std::string& place, std::uint64_t newest) const {
    Consumer consumer = Consumer::attach(ring_in(place), {.name = options_.name, .policy = options_.policy});
    const std::uint64_t next = consumer.next_sequence();
    Ledger ledger(kShape, next);
    while (consumer.try_poll(ledger.handler(), 1'000).count != 0) {
    }
    require(ledger.lost() == 0 && ledger.next() == newest + 1, "whoever goes on under a name misses events");
    return next;
  }
  // The test's own work is done behind the operation, so that it is not stepped through.
  void poll_inside(const Window& window, Consumer& consumer, Ledger& ledger) {
    std::array<Event, kReadInside> events;
    std::array<std::vector<std::byte>, kReadInside> payloads;
    for (auto& payload : payloads) payload.reserve(kShape.usual_bytes);
    std::size_t count = 0;
    std::vector<std::pair<std::size_t, Gap>> gaps;  // each behind so many events
    gaps.reserve(kReadInside);
    const scenario::Handler note{[&](const Event& event) {
                                   events.at(count) = event;
                                   payloads.at(count++).assign(event.payload.begin(), event.payload.end());
                                   board().handled = event.sequence;
                                 },
                                 [&](const Gap& gap) { gaps.emplace_back(count, gap); }};
    window.begin();
    consumer.poll(note, kReadInside);
    window.end();
    auto gap = gaps.begin();
    for (std::size_t i = 0; i <= count; ++i) {
      for (; gap != gaps.end() && gap->first == i; ++gap) ledger.gap(gap->second);
      if (i == count) break;
      events.at(i).payload = payloads.at(i);
      events.at(i).reader = nullptr;
      ledger.event(events.at(i));
    }
    read_on(consumer, ledger);
  }
  // What the process does after it was stopped: reads on, told of whatever it has lost.
  void read_on(Consumer& consumer, Ledger& ledger) {
    while (consumer.try_poll(ledger.handler(), 1'000).count != 0) {
    }
    board().handled = ledger.next() - 1;
  }

  ConsumerOptions options_;
};

// Attaches for the first time.
class Join : public ConsumerOperation {
 public:
  Join(const std::string& directory, Policy policy, std::chrono::nanoseconds budget, const std::string& how)
      : ConsumerOperation({.name = "join, " + how,
                           .who = Who::consumer,
                           .outcomes = {"nobody of that name", "the name is known, and its next owner gets everything"},
                           .kills = 60,
                           .stops = 15},
                          directory + "/join-" + how, {.name = kName, .policy = policy, .budget = budget}) {}

  void run(const Window& window) override {
    window.begin();
    Consumer consumer = Consumer::attach(ring(), options_);
    window.end();
    Ledger ledger(kShape);
    read_on(consumer, ledger);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const bool known = stat_of(ring_in(place), kName).has_value();
    const std::uint64_t before = board().before;
    if (turn % 2 == 0) require(resume(place, before) <= stat_ring(ring_in(place)).oldest_sequence, "it begins too late");
    check_ring(ring_in(place), expected(0, turn), living);
    return known ? 1 : 0;
  }
};

// Reads and commits a few events.
class PollAndCommit : public ConsumerOperation {
 public:
  PollAndCommit(const std::string& directory, Policy policy, std::chrono::nanoseconds budget, const std::string& how,
                bool wakes = false)
      : ConsumerOperation({.name = "poll and commit, " + how,
                           .who = Who::consumer,
                           .outcomes = {"its name resumes at the batch", "its name resumes behind the batch"},
                           .kills = 110,
                           .stops = 20},
                          directory + "/poll-" + how, {.name = kName, .policy = policy, .budget = budget}),
        wakes_(wakes) {}

  void run(const Window& window) override {
    Consumer consumer = Consumer::attach(ring(), options_);
    Ledger ledger(kShape);
    consumer.poll(ledger.handler(), kReadBefore);
    committed() = ledger.next() - 1;
    ipc::ForkGuard guard;
    const ipc::Registry registry(ipc::RingDirectory::open(ring()), ipc::Access::read_write, guard);
    if (wakes_) {  // a publisher sleeps, or says so, and a follower on its descriptor
      registry.header().gate_bell.store_release(1);
      registry.header().gate_waiters.store_release(1);
    }
    poll_inside(window, consumer, ledger);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const auto entry = stat_of(ring_in(place), kName);
    require(entry.has_value(), "the name is forgotten");
    const std::uint64_t cursor = entry->cursor_sequence;
    const std::uint64_t first = committed();
    require(cursor == first || (cursor == first + kReadInside && board().handled == cursor), "a wrong event is committed");
    if (turn % 2 == 0) require(resume(place, board().before) == cursor + 1, "it does not resume behind its last commit");
    check_ring(ring_in(place), expected(0, turn), living);
    return cursor == first ? 0 : 1;
  }

 protected:
  Count& committed() noexcept { return board().until; }

 private:
  bool wakes_;
};

// The same, of events that the ring does not have any more; its cursor is a file of the journal's.
class PollAndCommitFromJournal : public PollAndCommit {
 public:
  explicit PollAndCommitFromJournal(const std::string& directory)
      : PollAndCommit(directory, Policy::journal, 0ns, "journal") {}

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    if (place != this->place()) lead_to_own_journal(place);
    const std::uint64_t first = committed();
    require(first == kReadBefore && first < stat_ring(ring_in(place)).oldest_sequence, "it does not read the journal");
    const std::uint64_t next = resume(place, board().before);
    require(next == first + 1 || (next == first + kReadInside + 1 && next == board().handled + 1),
            "it does not resume behind its last commit");
    check_ring(ring_in(place), expected(0, turn), living);
    return next == first + 1 ? 0 : 1;
  }

 protected:
  void set_up() override {
    const JournalOptions journal{
        .directory = journal_in(place()), .sync = Sync::none, .segment_bytes = 64 << 10, .own_process = true};
    living().publisher.emplace(
        Publisher::open(ring(), {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots, .journal = journal}));
    scenario::Process recorder("journal", [&] { run_journal(ring(), journal, [] { return false; }); });
    Source source(*living().publisher, kShape, 0);
    for (std::uint64_t i = 0; i < kEventsOfALap; ++i) source.publish();
    board().before = living().publisher->next_sequence() - 1;
    Scene::await("a journal to record",
                 [&] { return stat_ring(ring()).journal.value().written_sequence >= board().before; });
    recorder.die();
    detach_journal(ring());
    living().witnesses.emplace_back(ring(), Policy::lossy);
    for (Witness& witness : living().witnesses) witness.read_all();
  }
};

// Was overrun, or evicted: says so, and goes on.
class Overtaken : public ConsumerOperation {
 public:
  Overtaken(const std::string& directory, Policy policy, std::chrono::nanoseconds budget, const std::string& how)
      : ConsumerOperation({.name = "poll when " + how,
                           .who = Who::consumer,
                           .outcomes = {"its name resumes where it was " + how, "its name resumes behind the gap"},
                           .kills = 80,
                           .stops = 15},
                          directory + "/" + how, {.name = kName, .policy = policy, .budget = budget}) {}

  void run(const Window& window) override {
    Consumer consumer = Consumer::attach(ring(), options_);
    Ledger ledger(kShape);
    consumer.poll(ledger.handler(), kReadBefore);
    board().until = ledger.next() - 1;
    window.wait_for_test();
    poll_inside(window, consumer, ledger);
    require(ledger.gaps() != 0, "a consumer that was overtaken was told of no gap");
    require((ledger.evictions() != 0) == (options_.budget != 0ns), "it was not told why");
  }

  void help() override {
    Scene::await("a consumer to read", [&] { return board().ready != 0; });
    Source source(*living().publisher, kShape, 0);
    for (std::uint64_t i = 0; i < kEventsOfALap; ++i) {
      source.publish();
      if (i % 8 == 0) living().witnesses.front().read_all();
    }
    living().witnesses.front().read_all();
    board().before = living().publisher->next_sequence() - 1;
    board().go = 1;
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const auto entry = stat_of(ring_in(place), kName);
    require(entry.has_value(), "the name is forgotten");
    const std::uint64_t cursor = entry->cursor_sequence;
    check_ring(ring_in(place), expected(0, turn), living);
    require(cursor >= board().until, "a commit is lost");
    return cursor == board().until ? 0 : 1;
  }
};

// Falls asleep, as nothing comes, and wakes by itself. Without the spinning before it, whose length is a matter of time.
class Sleep : public ConsumerOperation {
 public:
  explicit Sleep(const std::string& directory)
      : ConsumerOperation(
            {.name = "sleep", .who = Who::consumer, .outcomes = {"everything as it was"}, .kills = 80, .stops = 15},
            directory + "/sleep", {.name = kName, .policy = Policy::gate}) {}

  void run(const Window& window) override {
    Consumer consumer = Consumer::attach(ring(), options_);
    Ledger ledger(kShape);
    read_on(consumer, ledger);
    ipc::ForkGuard guard;
    const ipc::Registry registry(ipc::RingDirectory::open(ring()), ipc::Access::read_write, guard);
    window.begin();
    registry.sleepers().park([] { return false; }, std::chrono::nanoseconds(1ms).count(), 0);
    window.end();
    read_on(consumer, ledger);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const std::uint64_t newest = board().before;
    if (turn % 2 == 0) require(resume(place, newest) == newest + 1, "a commit is lost");
    check_ring(ring_in(place), expected(0, turn), living);
    return 0;
  }
};

// The same on a descriptor.
class SleepOnDescriptor : public ConsumerOperation {
 public:
  explicit SleepOnDescriptor(const std::string& directory)
      : ConsumerOperation({.name = "sleep on a descriptor",
                           .who = Who::consumer,
                           .outcomes = {"everything as it was"},
                           .kills = 80,
                           .stops = 15},
                          directory + "/descriptor", {.name = kName, .policy = Policy::gate}) {}

  void run(const Window& window) override {
    Consumer consumer = Consumer::attach(ring(), options_);
    Ledger ledger(kShape);
    pollfd one{consumer.fd(), POLLIN, 0};
    read_on(consumer, ledger);
    window.begin();
    consumer.poll(ledger.handler());
    ::poll(&one, 1, 1);
    window.end();
    read_on(consumer, ledger);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const std::uint64_t newest = board().before;
    if (turn % 2 == 0) require(resume(place, newest) == newest + 1, "a commit is lost");
    check_ring(ring_in(place), expected(0, turn), living);
    return 0;
  }
};

class Leave : public ConsumerOperation {
 public:
  explicit Leave(const std::string& directory)
      : ConsumerOperation({.name = "leave",
                           .who = Who::consumer,
                           .outcomes = {"its gate is a dead consumer's, for the publisher to reclaim; its cursor is kept",
                                        "it is away, its cursor is kept"},
                           .kills = 120,
                           .stops = 15},
                          directory + "/leave", {.name = kName, .policy = Policy::gate}) {}

  void run(const Window& window) override {
    auto consumer = std::make_unique<Consumer>(Consumer::attach(ring(), options_));
    Ledger ledger(kShape);
    consumer->poll(ledger.handler(), kReadBefore);
    board().until = ledger.next() - 1;
    window.begin();
    consumer.reset();
    window.end();
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const auto entry = stat_of(ring_in(place), kName);
    require(entry && entry->cursor_sequence == board().until, "leaving loses the cursor");
    if (turn % 2 == 0)
      require(resume(place, board().before) == board().until + 1, "it does not resume behind its last commit");
    check_ring(ring_in(place), expected(0, turn), living);
    return entry->state == "away" ? 1 : 0;
  }
};

}  // namespace

void add_consumer_operations(Operations& operations, const std::string& directory) {
  operations.push_back(std::make_unique<Join>(directory, Policy::gate, 0ns, "gate"));
  operations.push_back(std::make_unique<Join>(directory, Policy::lossy, 0ns, "lossy"));
  operations.push_back(std::make_unique<PollAndCommit>(directory, Policy::gate, 0ns, "gate"));
  operations.push_back(std::make_unique<PollAndCommit>(directory, Policy::gate, 0ns, "waking a publisher", true));
  operations.push_back(std::make_unique<PollAndCommit>(directory, Policy::gate, 20ms, "gate with a budget"));
  operations.push_back(std::make_unique<PollAndCommit>(directory, Policy::lossy, 0ns, "lossy"));
  operations.push_back(std::make_unique<PollAndCommitFromJournal>(directory));
  operations.push_back(std::make_unique<Overtaken>(directory, Policy::lossy, 0ns, "overrun"));
  operations.push_back(std::make_unique<Overtaken>(directory, Policy::gate, 2ms, "evicted"));
  operations.push_back(std::make_unique<Sleep>(directory));
  operations.push_back(std::make_unique<SleepOnDescriptor>(directory));
  operations.push_back(std::make_unique<Leave>(directory));
}

}  // namespace ringbolt::kill
