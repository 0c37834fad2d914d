// Records of every size wrap the ring a thousand times between processes, with sequences that begin at 1 and that cross
// 2^32 and 2^63.
#include <algorithm>

#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kLaps = 1'000;
constexpr std::uint64_t kCapacityBytes = core::kMinCapacityBytes;
constexpr std::uint64_t kBeforeTheTurn = 10'000;  // events

struct Board {
  Count ready;
  Count newest;
  Count published;  // when all are
  Count joined;
};

class Wrapping : public Scene {
 protected:
  void run(std::uint64_t first_sequence);
  void publish(std::uint64_t first_sequence);
  void consume(const ConsumerOptions& options, std::uint64_t first_sequence);
  void join_and_resume(std::uint64_t seed, std::uint64_t first_sequence);

  const Shape shape_ = Shape::up_to_a_quarter(kCapacityBytes);
  Shared<Board> board_;
};

// Publishers take turns, so that taking over crosses the turn of the numbers too.
void Wrapping::publish(std::uint64_t first_sequence) {
  await("the consumers", [&] { return board_->ready == 4; });
  std::uint64_t next = first_sequence;
  std::uint64_t bytes = 0;
  while (bytes < scaled(kLaps) * kCapacityBytes) {
    Publisher publisher = Publisher::open("ring");
    require(publisher.next_sequence() == next, "a successor goes on at another sequence");
    Source source(publisher, shape_, next);
    for (const std::uint64_t until = next + 1'000; next < until;) {
      const std::uint64_t last = source.publish_somehow();
      for (; next <= last; ++next) bytes += core::record_bytes(shape_.size_of(next));
      board_->newest = last;
    }
  }
  Publisher publisher = Publisher::open("ring");
  board_->published = next - first_sequence;
  publisher.close();
}

void Wrapping::consume(const ConsumerOptions& options, std::uint64_t first_sequence) {
  Consumer consumer = Consumer::attach("ring", options);
  ++board_->ready;
  Ledger ledger(shape_, first_sequence);
  ledger.read_to_the_end(consumer);
  require(ledger.received() + ledger.lost() == board_->published, "received and lost are not what was published");
  require(options.policy != Policy::gate || ledger.lost() == 0, "a gating consumer lost events");
}

// A name that leaves and returns, and joins at sequences around the newest.
void Wrapping::join_and_resume(std::uint64_t seed, std::uint64_t first_sequence) {
  Random random(seed);
  ++board_->ready;
  std::uint64_t committed = 0;
  await("the first event", [&] { return board_->newest != 0; });
  while (board_->published == 0) {
    const std::uint64_t near = std::max(board_->newest + 5 - random.below(10), first_sequence);
    const std::uint64_t wanted = committed != 0 && random.one_in(2) ? 0 : near;
    Consumer consumer = Consumer::attach(
        "ring", {.name = "returns", .policy = Policy::gate, .start = wanted == 0 ? Start::resume : Start::at(wanted)});
    Ledger ledger(shape_, wanted == 0 ? committed + 1 : wanted);
    for (std::uint64_t polls = 1 + random.below(10); polls > 0; --polls) ledger.read_some(consumer, 20);
    if (ledger.received() > 0) committed = ledger.next() - 1;
    ++board_->joined;
  }
}

void Wrapping::run(std::uint64_t first_sequence) {
  create_ring("ring", {.capacity_bytes = kCapacityBytes, .first_sequence = first_sequence});
  std::vector<std::unique_ptr<Process>> processes;
  const auto add = [&](const char* name, const std::function<void()>& body) { processes.push_back(start(name, body)); };
  add("gate", [&] { consume({.policy = Policy::gate}, first_sequence); });
  add("gate with a copy", [&] { consume({.policy = Policy::gate, .read = Read::copy}, first_sequence); });
  add("lossy", [&] { consume({.policy = Policy::lossy}, first_sequence); });
  add("returns", [&] { join_and_resume(seed(), first_sequence); });
  add("publisher", [&] { publish(first_sequence); });
  for (const auto& process : processes) {
    await("all to end", [&] { return process->ended(); });
    process->finish();
  }
  EXPECT_GT(board_->published, 2 * kBeforeTheTurn);
  EXPECT_GT(board_->joined, 10U);
  const RingStat ring = stat_ring("ring");
  EXPECT_EQ(ring.newest_sequence, first_sequence + board_->published - 1);
  EXPECT_EQ(ring.published_events, board_->published);
  EXPECT_GE(ring.published_bytes, kLaps * kCapacityBytes);
}

TEST_F(Wrapping, FromSequenceOne) { run(1); }

TEST_F(Wrapping, AcrossTwoToThe32) { run((std::uint64_t{1} << 32) - kBeforeTheTurn); }

TEST_F(Wrapping, AcrossTwoToThe63) { run((std::uint64_t{1} << 63) - kBeforeTheTurn); }

}  // namespace
}  // namespace ringbolt::scenario
