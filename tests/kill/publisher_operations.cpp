// A publisher's operations. While it is stopped it is alive: nobody takes its place, and everybody reads on to its last event.
#include <ringbolt/ipc/registry.hpp>

#include "kill/operation.hpp"

#include <array>
#include <filesystem>

namespace ringbolt::kill {
namespace {

using scenario::require;
using scenario::Scene;

constexpr std::uint64_t kBatch = 3;
constexpr std::uint64_t kEventsAfter = 300;  // when it goes on

class PublisherOperation : public Operation {
 public:
  using Operation::Operation;

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const std::uint64_t before = board().before;
    const std::uint64_t newest = check_ring(ring_in(place), expected(most_, turn), living);
    require(newest == before || newest == before + most_, "a part of a batch was published");
    return newest == before ? 0 : 1;
  }

  void check_stopped() override {
    const auto refused = scenario::error_of([&] { static_cast<void>(Publisher::open(ring())); });
    require(refused && refused->code() == Code::in_use, "a stopped publisher's place can be taken");
    require(stat_ring(ring()).publisher_alive, "a stopped publisher is taken for dead");
    const std::uint64_t before = board().before;
    for (Witness& witness : living().witnesses) {
      witness.read_all();
      require(witness.newest() == before || witness.newest() == before + most_, "a stopped publisher's event is half there");
    }
  }

  void check_finished() override {
    const std::uint64_t newest = board().handled;
    check_ring(ring(), {.at_least = newest, .at_most = newest, .whole_lap = false}, living());
  }

 protected:
  void set_up() override {
    static_cast<void>(make_ring());
    living().witnesses.emplace_back(ring(), Policy::lossy);
    living().witnesses.emplace_back(ring(), Policy::gate);
    for (Witness& witness : living().witnesses) witness.read_all();
  }
  void begin(const Window& window, const Publisher& publisher) {
    board().before = publisher.next_sequence() - 1;
    window.begin();
  }
  void end(const Window& window, Source& source) {
    window.end();
    go_on(source);
  }
  void go_on(Source& source) {
    // Not waiting: nobody reads for the gate in the test's own process while it waits for the end of this one.
    std::uint64_t newest = board().before;
    for (std::uint64_t i = 0; i < kEventsAfter; ++i) {
      const PublishResult result = source.try_publish();
      if (!result) break;
      newest = result.sequence;
    }
    board().handled = newest;
  }

  std::uint64_t most_ = 1;
};

class Publish : public PublisherOperation {
 public:
  Publish(const std::string& directory, bool slow)
      : PublisherOperation({.name = slow ? "publish, first of a chunk" : "publish",
                            .who = Who::publisher,
                            .outcomes = {"the event is not there", "the event is there, whole"},
                            .kills = slow ? 350U : 250U,
                            .stops = 40},
                           directory + (slow ? "/publish-chunk" : "/publish")),
        slow_(slow) {}

  void run(const Window& window) override {
    Publisher publisher = Publisher::open(ring());
    Source source(publisher, kShape, 0);
    if (!slow_) source.publish();  // the first one of a life takes the slow path
    begin(window, publisher);
    source.publish();
    end(window, source);
  }

 private:
  bool slow_;
};

class ClaimAndCommit : public PublisherOperation {
 public:
  explicit ClaimAndCommit(const std::string& directory)
      : PublisherOperation({.name = "claim and commit",
                            .who = Who::publisher,
                            .outcomes = {"the event is not there", "the event is there, whole"},
                            .kills = 250,
                            .stops = 30},
                           directory + "/claim") {}

  void run(const Window& window) override {
    Publisher publisher = Publisher::open(ring());
    Source source(publisher, kShape, 0);
    source.publish();
    begin(window, publisher);
    const std::uint64_t sequence = publisher.next_sequence();
    const std::uint32_t size = kShape.size_of(sequence);
    {
      const Claim abandoned = publisher.claim(size + 300);
      std::fill_n(abandoned.payload().data(), 100, std::byte{0x55});
    }
    Claim claim = publisher.claim(size + 100);
    scenario::fill_payload(claim.payload().first(size), sequence);
    claim.commit(size, {.type = scenario::type_of(sequence)});
    end(window, source);
  }
};

class Batch : public PublisherOperation {
 public:
  explicit Batch(const std::string& directory)
      : PublisherOperation({.name = "batch",
                            .who = Who::publisher,
                            .outcomes = {"none of the events is there", "all of the events are there, whole"},
                            .kills = 300,
                            .stops = 30},
                           directory + "/batch") {
    most_ = kBatch;
  }

  void run(const Window& window) override {
    Publisher publisher = Publisher::open(ring());
    Source source(publisher, kShape, 0);
    source.publish();
    std::array<std::vector<std::byte>, kBatch> payloads;
    std::array<BatchEvent, kBatch> events;
    for (std::uint64_t i = 0; i < kBatch; ++i) {
      const std::uint64_t sequence = publisher.next_sequence() + i;
      payloads.at(i).resize(kShape.size_of(sequence));
      scenario::fill_payload(payloads.at(i), sequence);
      events.at(i) = {payloads.at(i), scenario::type_of(sequence)};
    }
    begin(window, publisher);
    publisher.publish_batch(events);
    end(window, source);
  }
};

// Somebody sleeps, or says so: the flag is set by hand.
class WakeSleepers : public PublisherOperation {
 public:
  explicit WakeSleepers(const std::string& directory)
      : PublisherOperation({.name = "publish and wake",
                            .who = Who::publisher,
                            .outcomes = {"the event is not there", "the event is there, whole"},
                            .kills = 150,
                            .stops = 20},
                           directory + "/wake") {}

  void run(const Window& window) override {
    Publisher publisher = Publisher::open(ring());
    Source source(publisher, kShape, 0);
    source.publish();
    ipc::ForkGuard guard;
    const ipc::Registry registry(ipc::RingDirectory::open(ring()), ipc::Access::read_write, guard);
    registry.header().bell.store_release(1);
    registry.header().waiters.store_release(1);
    begin(window, publisher);
    source.publish();
    end(window, source);
  }
};

// The ring is full because of a consumer that is dead, or that stands still and has a budget.
class ClearTheWay : public PublisherOperation {
 public:
  ClearTheWay(const std::string& directory, bool evict)
      : PublisherOperation(evict ? Facts{.name = "evict a consumer",
                                         .who = Who::publisher,
                                         .outcomes = {"the consumer gates", "the consumer is evicted",
                                                      "the consumer is evicted; the event is there, whole"},
                                         .kills = 60,
                                         .stops = 10}
                                 : Facts{.name = "reclaim a dead consumer's gate",
                                         .who = Who::publisher,
                                         .outcomes = {"the gate is there", "the gate is gone, the cursor is kept",
                                                      "the gate is gone; the event is there, whole"},
                                         .kills = 60,
                                         .stops = 10},
                           directory + (evict ? "/evict" : "/reclaim")),
        evict_(evict) {}

  void run(const Window& window) override {
    Publisher publisher = Publisher::open(ring());
    Source source(publisher, kShape, 0);
    // As many as fit before the gate; the one behind them has to wait.
    std::uint64_t bytes = sizeof(std::uint64_t);
    for (std::uint64_t next = cursor_ + 1;; ++next) {
      bytes += core::record_bytes(kShape.size_of(next));
      if (bytes > kCapacityBytes) break;
      if (next == publisher.next_sequence()) source.publish();
    }
    begin(window, publisher);
    source.publish();
    end(window, source);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& /*living*/, std::uint64_t turn) override {
    const auto entry = stat_of(ring_in(place), "billing");
    require(entry && entry->cursor_sequence == cursor_, "the cursor of the one in the way is not kept");
    const bool gates = state_in(place) == core::EntryState::gating;
    Living nobody;
    const std::uint64_t newest = check_ring(ring_in(place), expected(1, turn), nobody);
    require(!gates || newest == board().before, "the event was published while the gate was there");
    if (standing_ && place == this->place() && !gates) {
      const PollResult told = standing_->try_poll([](const Event&) {});
      require(told.status == Status::evicted, "the evicted consumer is not told");
    }
    if (gates) return 0;
    return newest == board().before ? 1 : 2;
  }

 protected:
  void set_up() override {
    standing_.reset();
    const std::uint64_t newest = make_ring().next_sequence() - 1;
    cursor_ = newest - 5;
    if (evict_) {
      standing_.emplace(attach(std::chrono::milliseconds(1)));
      return;
    }
    scenario::Process dead("consumer", [this] {
      const Consumer consumer = attach(std::chrono::milliseconds(0));
      Window(board()).wait_for_test();
    });
    Scene::await("a consumer to gate", [&] { return board().ready != 0; });
    dead.die();
    board().ready = 0;
  }

 private:
  [[nodiscard]] Consumer attach(std::chrono::nanoseconds budget) const {
    Consumer consumer =
        Consumer::attach(ring(), {.name = "billing", .policy = Policy::gate, .budget = budget, .start = Start::earliest});
    consumer.poll([](const Event&) {}, cursor_ + 1 - consumer.next_sequence());
    return consumer;
  }
  [[nodiscard]] static core::EntryState state_in(const std::string& place) {
    ipc::ForkGuard guard;
    const ipc::Registry registry(ipc::RingDirectory::open(ring_in(place)), ipc::Access::read_only, guard);
    const auto index = registry.find("billing");
    return index ? core::state_of(registry.entries()[*index].state.load_acquire()) : core::EntryState::free;
  }

  bool evict_;
  std::uint64_t cursor_ = 0;
  std::optional<Consumer> standing_;
};

// Makes a ring, perhaps one with a journal.
class Create : public PublisherOperation {
 public:
  Create(const std::string& directory, bool journal)
      : PublisherOperation({.name = journal ? "create a ring with a journal" : "create a ring",
                            .who = Who::publisher,
                            .outcomes = {"there is no ring", "there is a ring, empty"},
                            .kills = 30,
                            .stops = 8},
                           directory + (journal ? "/create-journal" : "/create")),
        journal_(journal) {}

  void run(const Window& window) override {
    window.begin();
    Publisher publisher = Publisher::open(ring(), options());
    window.end();
    Source source(publisher, kShape, 0);
    go_on(source);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const std::string ring = ring_in(place);
    const bool there = std::filesystem::exists(ring);
    if (!there) create_ring(ring, {.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots});
    Expected empty = expected(0, turn);
    empty.whole_lap &= !(there && journal_);  // nobody runs the journal, and its gate stays
    check_ring(ring, empty, living);
    return there ? 1 : 0;
  }

  void check_stopped() override {
    if (!std::filesystem::exists(ring())) return;
    const auto refused = scenario::error_of([&] { static_cast<void>(Publisher::open(ring())); });
    require(refused && refused->code() == Code::in_use, "the place of a publisher that has made its ring can be taken");
  }

  void check_finished() override {
    if (journal_) detach_journal(ring());  // nobody runs it, and its gate stays
    PublisherOperation::check_finished();
  }

 protected:
  void set_up() override {}

 private:
  [[nodiscard]] PublisherOptions options() const {
    PublisherOptions options{.capacity_bytes = kCapacityBytes, .consumer_slots = kSlots};
    if (journal_) options.journal = {.directory = place() + "/journal", .sync = Sync::none, .own_process = true};
    return options;
  }

  bool journal_;
};

// Takes over a ring whose publisher has died.
class TakeOver : public PublisherOperation {
 public:
  explicit TakeOver(const std::string& directory)
      : PublisherOperation({.name = "take over a ring",
                            .who = Who::publisher,
                            .outcomes = {"the stream is whole, of the last epoch", "the stream is whole, of a new epoch"},
                            .kills = 150,
                            .stops = 20},
                           directory + "/take-over") {}

  void run(const Window& window) override {
    window.begin();
    Publisher publisher = Publisher::open(ring());
    window.end();
    Source source(publisher, kShape, 0);
    go_on(source);
  }

  [[nodiscard]] std::size_t check(const std::string& place, Living& living, std::uint64_t turn) override {
    const std::uint64_t epoch = stat_ring(ring_in(place)).epoch;
    require(epoch == epoch_ || epoch == epoch_ + 1, "the epoch is another one");
    check_ring(ring_in(place), expected(0, turn), living);
    return epoch == epoch_ ? 0 : 1;
  }

  void check_stopped() override {
    const auto refused = scenario::error_of([&] { static_cast<void>(Publisher::open(ring())); });
    require(!refused || refused->code() == Code::in_use, "a ring that is being taken over is broken");
    for (Witness& witness : living().witnesses) witness.read_all();
  }

 protected:
  void set_up() override {
    PublisherOperation::set_up();
    const RingStat before = stat_ring(ring());
    epoch_ = before.epoch;
    board().before = before.newest_sequence;
  }

 private:
  std::uint64_t epoch_ = 0;
};

}  // namespace

void add_publisher_operations(Operations& operations, const std::string& directory) {
  operations.push_back(std::make_unique<Create>(directory, false));
  operations.push_back(std::make_unique<Create>(directory, true));
  operations.push_back(std::make_unique<TakeOver>(directory));
  operations.push_back(std::make_unique<Publish>(directory, false));
  operations.push_back(std::make_unique<Publish>(directory, true));
  operations.push_back(std::make_unique<ClaimAndCommit>(directory));
  operations.push_back(std::make_unique<Batch>(directory));
  operations.push_back(std::make_unique<WakeSleepers>(directory));
  operations.push_back(std::make_unique<ClearTheWay>(directory, false));
  operations.push_back(std::make_unique<ClearTheWay>(directory, true));
}

}  // namespace ringbolt::kill
