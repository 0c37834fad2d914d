// A named consumer is killed over and over, while it joins, reads and commits, and each time started again. It goes on
// after its last commit: it may see an event twice, it never misses one without being told.
#include "counts.hpp"
#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kDeaths = 300;
constexpr std::uint64_t kCapacityBytes = core::kMinCapacityBytes;
constexpr std::uint64_t kLongestLifeNs = 4'000'000;
constexpr Shape kShape{.usual_bytes = 300};
constexpr std::uint64_t kKeptEvents = kCapacityBytes / 2 / core::record_bytes(300);  // what the ring holds in any case

struct Board {
  Count published;
  Count handled;    // newest event that the consumer has seen, or was told it lost
  Count committed;  // newest commit that has returned
  Count lives;      // that got as far as reading
  Count gaps;
  Count over;
};

class Resuming : public Scene {
 protected:
  void run(bool loses);
  void publish(bool waits_for_commits);
  void live(std::uint64_t seed);
  void live_by_poll(Consumer& consumer);
  void live_by_next(Consumer& consumer, Random& random);

  // Called with everything that comes, in order.
  void handle(std::uint64_t first, std::uint64_t last) {
    if (next_ == 0) {
      ++board_->lives;
      // Who has not committed anything yet starts at the oldest event.
      require(board_->committed == 0 || (first > board_->committed && first <= board_->handled + 1),
              "resumes at " + std::to_string(first) + " after a commit of " + std::to_string(board_->committed) + " to " +
                  std::to_string(board_->handled));
    } else {
      require(first == next_, std::to_string(first) + " instead of " + std::to_string(next_));
    }
    next_ = last + 1;
    if (last > board_->handled) board_->handled = last;
  }
  void take(const Event& event) {
    check_event(event, kShape);
    handle(event.sequence, event.sequence);
  }
  void lose(const Gap& gap) {
    require(gap.last >= gap.first, "an empty gap");
    ++board_->gaps;
    handle(gap.first, gap.last);
  }

  Shared<Board> board_;
  std::uint64_t next_ = 0;  // of the life in this process
};

void Resuming::publish(bool waits_for_commits) {
  Publisher publisher = Publisher::open("ring");
  Source source(publisher, kShape, seed());
  while (board_->over == 0) {
    if (waits_for_commits && board_->published - board_->committed >= kKeptEvents) {
      breathe();
    } else {
      board_->published = source.publish();
    }
  }
  publisher.close();
}

void Resuming::live_by_poll(Consumer& consumer) {
  const Handler handler{[this](const Event& event) { take(event); }, [this](const Gap& gap) { lose(gap); }};
  for (;;) {
    const PollResult result = consumer.try_poll(handler, 20);
    if (result.count > 0) board_->committed = next_ - 1;
    if (result.status == Status::closed) return;
    if (result.count == 0) static_cast<void>(consumer.wait_for(std::chrono::milliseconds(10)));
  }
}

void Resuming::live_by_next(Consumer& consumer, Random& random) {
  Event event;
  for (;;) {
    switch (consumer.next_for(event, std::chrono::milliseconds(10))) {
      case Status::ok: {
        take(event);
        if (!random.one_in(5)) continue;
        consumer.commit(event.sequence);
        board_->committed = event.sequence;
        continue;
      }
      case Status::gap: lose(consumer.last_gap()); continue;
      case Status::closed: return;
      default: continue;
    }
  }
}

void Resuming::live(std::uint64_t seed) {
  Random random(seed);
  next_ = 0;
  ConsumerOptions options{.name = "billing", .policy = Policy::gate};
  if (random.one_in(3)) options.policy = Policy::lossy;
  if (options.policy == Policy::gate) options.gate_on_commit = random.one_in(2);
  if (random.one_in(2)) options.read = Read::copy;
  Consumer consumer = Consumer::attach("ring", options);
  if (random.one_in(2)) {
    live_by_poll(consumer);
  } else {
    live_by_next(consumer, random);
  }
}

void Resuming::run(bool loses) {
  create_ring("ring", {.capacity_bytes = kCapacityBytes});
  const auto publisher = start("publisher", [&] { publish(!loses); });
  // Until enough of them have come as far as reading.
  for (std::uint64_t death = 0; another(death, kDeaths) || board_->lives < kDeaths / 4; ++death) {
    const std::uint64_t life_seed = random().next();
    const auto consumer = start("consumer", [&] { live(life_seed); });
    const std::uint64_t until = now_ns() + random().below(kLongestLifeNs);
    await("the instant of death", [&] { return now_ns() >= until; });
    consumer->die();
  }
  board_->over = 1;
  publisher->finish();
  const auto last = start("consumer", [&] { live(seed()); });
  await("the last consumer to end", [&] { return last->ended(); });
  last->finish();
  EXPECT_EQ(board_->handled, board_->published);
  EXPECT_GE(board_->lives, kDeaths / 4);
  EXPECT_EQ(board_->gaps != 0, loses);
  test::print_counts({{"events", board_->published}, {"lives", board_->lives}, {"gaps", board_->gaps}});
}

TEST_F(Resuming, NeverMissesAnEventThatTheRingHolds) { run(false); }

TEST_F(Resuming, IsToldWhatWasLostWhileItWasDead) { run(true); }

}  // namespace
}  // namespace ringbolt::scenario
