// Every policy at once on one ring: one process publishes a million events as fast as it can, others consume them, some
// of them far too slowly. What each received and what it was told it lost together are what was published.
#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kEvents = 1'000'000;
constexpr std::uint64_t kLeastGaps = 100;
constexpr std::uint64_t kSlowPerProcess = 8;

class Policies : public Scene {
 protected:
  struct Board {
    Count ready;      // consumers that are attached
    Count bytes;      // published so far
    Count published;  // events, once all are
    Count gaps;       // reported to all consumers together
  };

  void run(std::uint64_t capacity_bytes, Shape shape);

  // What the processes do.
  void publish_all(std::uint64_t consumers);
  void consume(const ConsumerOptions& options);
  void consume_slowly(std::uint64_t seed);
  void consume_on_a_budget(std::uint64_t seed);
  void consume_latest(std::uint64_t seed);

  Consumer attach(const ConsumerOptions& options) {
    Consumer consumer = Consumer::attach("ring", options);
    ++board_->ready;
    return consumer;
  }
  // At the end of a stream that began at 1.
  void expect_complete(const Ledger& ledger, const Consumer& consumer) {
    const std::uint64_t published = board_->published;
    require(ledger.next() == published + 1 && ledger.received() + ledger.lost() == published,
            "the stream ended before event " + std::to_string(ledger.next()));
    const ConsumerCounters& counted = consumer.counters();
    require(counted.events == ledger.received() && counted.gap_events == ledger.lost() && counted.gaps == ledger.gaps(),
            "a consumer counts other events, losses or gaps than it handed out");
    board_->gaps += ledger.gaps();
  }

  std::uint64_t capacity_bytes_ = 0;
  Shape shape_;
  Shared<Board> board_;
};

void Policies::publish_all(std::uint64_t consumers) {
  Publisher publisher = Publisher::open("ring");
  Source source(publisher, shape_, seed());
  await("all consumers to attach", [&] { return board_->ready == consumers; });
  std::uint64_t bytes = 0;
  for (std::uint64_t from = 1; from <= kEvents; from = publisher.next_sequence()) {
    const std::uint64_t last = from % 64 == 0 ? source.publish_batch() : source.publish();
    for (std::uint64_t i = from; i <= last; ++i) bytes += core::record_bytes(shape_.size_of(i));
    board_->bytes.store(bytes, std::memory_order_relaxed);
  }
  board_->published = publisher.next_sequence() - 1;
  publisher.close();
}

void Policies::consume(const ConsumerOptions& options) {
  Consumer consumer = attach(options);
  Ledger ledger(shape_, 1);
  ledger.read_to_the_end(consumer);
  expect_complete(ledger, consumer);
  require(options.policy != Policy::gate || ledger.lost() == 0, "a gating consumer without budget lost events");
}

// Some consumers that read a little and then nothing until the publisher is more than a lap ahead.
void Policies::consume_slowly(std::uint64_t seed) {
  Random random(seed);
  std::vector<Consumer> consumers;
  std::vector<Ledger> ledgers(kSlowPerProcess, Ledger(shape_, 1));
  for (std::uint64_t i = 0; i < kSlowPerProcess; ++i) {
    consumers.push_back(attach({.policy = Policy::lossy, .read = i % 2 == 0 ? Read::copy : Read::in_place}));
  }
  while (board_->published == 0) {
    for (std::size_t i = 0; i < consumers.size(); ++i) ledgers[i].read_some(consumers[i], 1 + random.below(500));
    const std::uint64_t lapped = board_->bytes + capacity_bytes_ + capacity_bytes_ / 4;
    await("the publisher to lap a slow consumer", [&] { return board_->bytes > lapped || board_->published != 0; });
  }
  for (std::size_t i = 0; i < consumers.size(); ++i) {
    ledgers[i].read_to_the_end(consumers[i]);
    expect_complete(ledgers[i], consumers[i]);
  }
}

// One that gates and now and then spends more time than the publisher has for it.
void Policies::consume_on_a_budget(std::uint64_t seed) {
  constexpr std::uint64_t most_breaks = 20;
  Random random(seed);
  Consumer consumer = attach({.policy = Policy::gate, .budget = std::chrono::milliseconds(2)});
  Ledger ledger(shape_, 1);
  std::uint64_t breaks = 0;
  while (ledger.read_some(consumer)) {
    if (breaks == most_breaks || !random.one_in(200)) continue;
    ++breaks;
    spend_ns(5'000'000);
  }
  expect_complete(ledger, consumer);
}

void Policies::consume_latest(std::uint64_t seed) {
  Random random(seed);
  Consumer consumer = attach({.policy = Policy::latest, .start = Start::earliest});
  std::uint64_t newest = 0;
  PollResult result;
  while (result.status != Status::closed) {
    result = consumer.try_poll([&](const Event& event) {
      require(event.sequence > newest, "policy latest went back");
      check_event(event, shape_);
      newest = event.sequence;
      spend_ns(random.below(20'000));
    });
  }
  const ConsumerCounters& counted = consumer.counters();
  require(newest == board_->published, "policy latest ended before the newest event");
  require(counted.events + counted.skipped_events == board_->published && counted.gaps == 0,
          "received " + std::to_string(counted.events) + " and skipped " + std::to_string(counted.skipped_events) +
              " are not what was published");
}

void Policies::run(std::uint64_t capacity_bytes, Shape shape) {
  capacity_bytes_ = capacity_bytes;
  shape_ = shape;
  create_ring("ring", {.capacity_bytes = capacity_bytes});
  std::vector<std::unique_ptr<Process>> processes;
  const auto add = [&](const char* name, const std::function<void()>& body) { processes.push_back(start(name, body)); };
  add("gating in place", [&] { consume({.policy = Policy::gate}); });
  add("gating with a copy", [&] { consume({.policy = Policy::gate, .read = Read::copy, .wait = Wait::yield}); });
  add("lossy", [&] { consume({.policy = Policy::lossy}); });
  add("lossy in place", [&] { consume({.policy = Policy::lossy, .read = Read::in_place}); });
  add("gating on a budget", [&] { consume_on_a_budget(seed() + 4); });
  add("latest", [&] { consume_latest(seed() + 1); });
  add("slow", [&] { consume_slowly(seed() + 2); });
  add("also slow", [&] { consume_slowly(seed() + 3); });
  add("publisher", [&] { publish_all(6 + 2 * kSlowPerProcess); });
  for (const auto& process : processes) {
    await("all processes to finish", [&] { return process->ended(); });
    process->finish();
  }
  EXPECT_GE(board_->published, kEvents);
  std::printf("%llu gaps\n", static_cast<unsigned long long>(board_->gaps));
  EXPECT_GE(board_->gaps, kLeastGaps) << "the run did not provoke enough losses to say anything";
}

TEST_F(Policies, GiveEachConsumerItsOwnAtTheSmallestCapacity) { run(core::kMinCapacityBytes, {.usual_bytes = 100}); }

TEST_F(Policies, GiveEachConsumerItsOwnAtTheDefaultCapacity) { run(core::kDefaultCapacityBytes, {.usual_bytes = 600}); }

}  // namespace
}  // namespace ringbolt::scenario
