// The publisher is killed over and over, between any two of its stores and at any other instant, and each time taken over.
// Consumers that live through all of it see one stream. Stopped there instead, it keeps its place, and goes on.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ringbolt/core/step.hpp>

#include "counts.hpp"
#include "scenario/support_stream.hpp"

#include <array>

namespace ringbolt::scenario {
namespace {

using core::Step;

constexpr std::uint64_t kDeaths = 1'000;      // at random instants
constexpr std::uint64_t kDeathsPerStep = 24;  // at each step, and inside a claim that is half written
constexpr std::uint64_t kStopsPerStep = 4;
constexpr std::uint64_t kEventsAfterStop = 300;
constexpr std::uint64_t kCapacityBytes = core::kMinCapacityBytes;
constexpr std::uint64_t kLongestLifeNs = 3'000'000;
constexpr std::uint64_t kEventsOfALife = 100'000;  // one that is not killed before is wrong
constexpr std::uint64_t kLargestBatch = 8;

struct Board {
  std::array<Count, core::kPublisherSteps> hits;  // deaths at this step
  Count deadly_step;                     // at which the present publisher dies, + 1; 0: at none
  Count stops;                           // 1: it is stopped there instead
  Count visits_left;                     // until it does
  Count acknowledged;                    // newest sequence whose publication has returned
  Count ready;                           // consumers that are attached
  Count over;                            // no more deaths
  Count published;                       // when it is over
  Count gaps;
  Count newcomers;
};

// Of the process that is to die; null in all others.
Board* mortal = nullptr;

[[noreturn]] void die_now() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

bool is_stopped(const Process& process) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(process.pid()), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
         info.si_code == CLD_STOPPED;
}

class Takeover : public Scene {
 protected:
  void run(const std::function<void()>& kill_again_and_again);
  // One publisher: takes over and publishes until it dies.
  void live(std::uint64_t seed);
  void live_to_die_in_a_claim(std::uint64_t seed);
  void publish(Source& source, std::uint64_t events);
  Publisher take_over();

  void gate(bool polls);
  void follow_lossily(Read read);
  void come_and_go(std::uint64_t seed);

  const Shape shape_ = Shape::up_to_a_quarter(kCapacityBytes);
  Shared<Board> board_;
};

Publisher Takeover::take_over() {
  Publisher publisher = Publisher::open("ring");
  const std::uint64_t acknowledged = board_->acknowledged;
  require(publisher.next_sequence() > acknowledged && publisher.next_sequence() <= acknowledged + 1 + kLargestBatch,
          "a successor goes on at " + std::to_string(publisher.next_sequence()) + " after " + std::to_string(acknowledged));
  board_->acknowledged = publisher.next_sequence() - 1;  // two lives in a row may end before they acknowledge anything
  return publisher;
}

void Takeover::publish(Source& source, std::uint64_t events) {
  for (std::uint64_t i = 0; i < events; ++i) board_->acknowledged = source.publish_somehow();
}

void Takeover::live(std::uint64_t seed) {
  mortal = &*board_;
  Publisher publisher = take_over();
  Source source(publisher, shape_, seed);
  publish(source, kEventsOfALife);
  fail("a publisher was not killed");
}

void Takeover::live_to_die_in_a_claim(std::uint64_t seed) {
  Publisher publisher = take_over();
  Source source(publisher, shape_, seed);
  publish(source, Random(seed).below(30));
  source.abandon_claim();
  die_now();
}

// Lives through everything and loses nothing.
void Takeover::gate(bool polls) {
  Consumer consumer = Consumer::attach("ring", {.policy = Policy::gate});
  ++board_->ready;
  Ledger ledger(shape_, 1);
  if (polls) {
    ledger.read_to_the_end(consumer);
  } else {
    while (const auto event = consumer.next()) ledger.event(*event);
  }
  require(ledger.lost() == 0 && ledger.received() == board_->published,
          "a gating consumer received " + std::to_string(ledger.received()) + " of " + std::to_string(board_->published));
}

void Takeover::follow_lossily(Read read) {
  Consumer consumer = Consumer::attach("ring", {.policy = Policy::lossy, .read = read});
  ++board_->ready;
  Ledger ledger(shape_, 1);
  ledger.read_to_the_end(consumer);
  require(ledger.received() + ledger.lost() == board_->published, "received and lost are not what was published");
  board_->gaps += ledger.gaps();
}

// Joins at the oldest event, where a dead publisher was about to write, and at others; reads on for a while; leaves.
void Takeover::come_and_go(std::uint64_t seed) {
  Random random(seed);
  ++board_->ready;
  while (board_->over == 0) {
    const Policy policy = random.one_in(4) ? Policy::gate : Policy::lossy;
    const Start start = random.one_in(4) ? Start::latest : Start::earliest;
    Consumer consumer = Consumer::attach("ring", {.policy = policy, .start = start});
    Ledger ledger(shape_);
    for (std::uint64_t polls = 1 + random.below(10); polls > 0; --polls) {
      static_cast<void>(consumer.try_poll(ledger.handler(), 100));
    }
    ++board_->newcomers;
  }
}

void Takeover::run(const std::function<void()>& kill_again_and_again) {
  create_ring("ring", {.capacity_bytes = kCapacityBytes});
  std::vector<std::unique_ptr<Process>> consumers;
  consumers.push_back(start("gate by poll", [&] { gate(true); }));
  consumers.push_back(start("gate by next", [&] { gate(false); }));
  consumers.push_back(start("lossy copy", [&] { follow_lossily(Read::copy); }));
  consumers.push_back(start("lossy in place", [&] { follow_lossily(Read::in_place); }));
  consumers.push_back(start("newcomers", [&] { come_and_go(seed() + 1); }));
  await("the consumers to attach", [&] { return board_->ready == consumers.size(); });

  kill_again_and_again();
  board_->over = 1;
  {
    Publisher last = take_over();
    Source source(last, shape_, seed());
    for (int i = 0; i < 1'000; ++i) source.publish_somehow();
    board_->published = last.next_sequence() - 1;
    last.close();
  }
  for (const auto& consumer : consumers) {
    await("the consumers to reach the end", [&] { return consumer->ended(); });
    consumer->finish();
  }
  test::print_counts({{"events", board_->published}, {"gaps", board_->gaps}, {"newcomers", board_->newcomers}});
}

TEST_F(Takeover, ContinuesAfterADeathAtEachStep) {
  run([&] {
    for (std::size_t step = 0; step <= core::kPublisherSteps; ++step) {
      for (std::uint64_t death = 0; another(death, kDeathsPerStep) && death < 100 * kDeathsPerStep; ++death) {
        board_->deadly_step = step < core::kPublisherSteps ? step + 1 : 0;
        // The steps of taking over come once in a life.
        board_->visits_left = step >= static_cast<std::size_t>(Step::lease_taken) ? 1 : 1 + random().below(40);
        const std::uint64_t life_seed = random().next();
        const auto publisher =
            start("publisher", [&] { step < core::kPublisherSteps ? live(life_seed) : live_to_die_in_a_claim(life_seed); });
        ASSERT_EQ(publisher->wait(), -SIGKILL);
      }
    }
  });
  for (std::size_t step = 0; step < core::kPublisherSteps; ++step) {
    EXPECT_GE(board_->hits.at(step), kDeathsPerStep) << core::step_name(static_cast<Step>(step));
  }
}

// While it stands there, whoever comes is served as far as the stream goes, and nobody takes its place.
TEST_F(Takeover, KeepsItsPlaceWhileItIsStoppedAtEachStep) {
  std::uint64_t stops = 0;
  const auto stop_at = [&](std::size_t step) {
    board_->deadly_step = step + 1;
    board_->visits_left = step >= static_cast<std::size_t>(Step::lease_taken) ? 1 : 1 + random().below(40);
    const auto publisher = start("publisher", [&, life_seed = random().next()] { live(life_seed); });
    await("the publisher to stop", [&] { return is_stopped(*publisher); });
    ++stops;
    const auto refusal =
        error_of([] { static_cast<void>(Publisher::open("ring", {.standby = std::chrono::milliseconds(2)})); });
    ASSERT_TRUE(refusal) << "a stopped publisher lost its place";
    EXPECT_EQ(refusal->code(), Code::in_use);
    const std::uint64_t seen = board_->newcomers;
    const std::uint64_t acknowledged = board_->acknowledged;
    await("newcomers to come and go", [&] { return board_->newcomers > seen + 2; });
    EXPECT_EQ(board_->acknowledged, acknowledged);
    const RingStat ring = stat_ring("ring");
    EXPECT_GE(ring.newest_sequence, acknowledged);
    EXPECT_LE(ring.newest_sequence, acknowledged + kLargestBatch);
    publisher->go_on();
    await("the publisher to go on", [&] { return board_->acknowledged > acknowledged + kEventsAfterStop; });
    publisher->die();
  };
  run([&] {
    board_->stops = 1;
    for (std::size_t step = 0; step < core::kPublisherSteps; ++step) {
      for (std::uint64_t stop = 0; another(stop, kStopsPerStep) && stop < 100 * kStopsPerStep; ++stop) stop_at(step);
    }
  });
  for (std::size_t step = 0; step < core::kPublisherSteps; ++step) {
    EXPECT_GE(board_->hits.at(step), kStopsPerStep) << core::step_name(static_cast<Step>(step));
  }
  test::print_counts({{"stops", stops}});
}

TEST_F(Takeover, ContinuesAfterAThousandDeathsAtRandomInstants) {
  run([&] {
    for (std::uint64_t death = 0; another(death, kDeaths); ++death) {
      const std::uint64_t life_seed = random().next();
      const auto publisher = start("publisher", [&] { live(life_seed); });
      pass_ns(random().below(kLongestLifeNs));
      publisher->die();
    }
  });
}

}  // namespace
}  // namespace ringbolt::scenario

extern "C" void ringbolt_on_step(ringbolt::core::Step step) {
  using ringbolt::scenario::mortal;
  if (mortal == nullptr || mortal->deadly_step != static_cast<std::uint64_t>(step) + 1) return;
  if (mortal->visits_left.fetch_sub(1) != 1) return;
  ++mortal->hits.at(static_cast<std::size_t>(step));
  if (mortal->stops == 0) ringbolt::scenario::die_now();
  ::kill(::getpid(), SIGSTOP);
}
