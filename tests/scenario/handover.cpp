// A ring and its journal are one stream: named consumers, of random speed, away for random times, are killed and started
// again on a ring that is far too small for them, while its publisher, or its journal, is killed and started again. For each
// name every event comes, in order, and again only from its last commit on. Strangers start at random events.
#include "counts.hpp"
#include "scenario/support_actor.hpp"
#include "scenario/support_stream.hpp"

#include <array>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLives = 2'000;
constexpr std::uint64_t kTurnsPerHundredLives = 10;  // in each direction
constexpr std::size_t kNames = 6;
constexpr std::size_t kStrangers = 2;
constexpr std::uint64_t kLongestBacklog = 15'000;  // events that the slowest name is behind, so that the disk stays small
constexpr std::uint64_t kLargestBatch = 8;
constexpr Shape kShape{.usual_bytes = 200, .largest_bytes = 8'000, .large_every = 200};

// What a name has done, in all its lives.
struct Name {
  Count handled;     // newest event that it has seen
  Count committing;  // newest commit that was begun
  Count committed;   // newest commit that has returned
};

struct Board {
  std::array<Name, kNames> names;
  Count acknowledged;  // newest sequence whose publication has returned
  Count lives;         // of consumers that received an event
  Count turns_to_journal;
  Count turns_to_ring;
  Count killed;
  Count removed;  // events that were no longer there for a stranger
  Count over;     // the stream is closed: read to its end
};

// One life of a consumer: what it receives is in order, and what the name's earlier lives say.
class Life {
 public:
  Life(Board& board, Name* name, Consumer& consumer, std::uint64_t start, std::uint64_t seed)
      : board_(board), name_(name), consumer_(consumer), next_(start), random_(seed) {
    if (random_.one_in(2)) slow_ns_ = random_.below(random_.one_in(4) ? 20'000 : 1'500);
  }
  ~Life() { count_turns(); }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  void run(std::uint64_t events) {
    const bool polls = random_.one_in(2);
    while (received_ < events && (polls ? by_poll() : by_next())) count_turns();
  }
  void read_to_the_end() {
    slow_ns_ = 0;
    while (by_poll()) count_turns();
  }

 private:
  void take(const Event& event) {
    if (received_ == 0) {
      begin(event.sequence);
    } else if (event.sequence != next_) {
      fail("event " + std::to_string(event.sequence) + " where " + std::to_string(next_) + " should come, " +
           (consumer_.in_journal() ? "from the journal" : "from the ring"));
    }
    check_event(event, kShape);
    if (event.timestamp_ns < stamp_) fail("the stamp of event " + std::to_string(event.sequence) + " is before the last");
    stamp_ = event.timestamp_ns;
    ++received_;
    next_ = event.sequence + 1;
    if (name_ != nullptr && event.sequence > name_->handled) name_->handled = event.sequence;
    if (slow_ns_ != 0) spend_ns(slow_ns_);
  }

  void begin(std::uint64_t sequence) {
    ++board_.lives;
    if (name_ == nullptr) {
      require(next_ == 0 || sequence == next_,
              "a stranger gets " + std::to_string(sequence) + " and asked for " + std::to_string(next_));
      return;
    }
    // Killed in the middle of a commit, it resumes after that or after the one before.
    require(sequence == name_->committed + 1 || sequence == name_->committing + 1,
            "resumes at " + std::to_string(sequence) + " after the commit of " + std::to_string(name_->committed) +
                ", having begun that of " + std::to_string(name_->committing));
    name_->committing = name_->committed = sequence - 1;
  }

  // Only what no name needs any more may be gone, and then for nobody but a stranger.
  void lose(const Gap& gap) {
    bool needed = name_ != nullptr || !consumer_.in_journal();
    // Who was killed between its commit and telling the board has committed what it was about to.
    for (const Name& name : board_.names) needed |= gap.last > name.committed && gap.last > name.committing;
    require(!needed && (received_ == 0 || gap.first == next_), "lost are " + std::to_string(gap.first) + " to " +
                                                                   std::to_string(gap.last) + ", says the " +
                                                                   (consumer_.in_journal() ? "journal" : "ring"));
    board_.removed += gap.count();
    next_ = gap.last + 1;
  }

  bool by_poll() {
    const PollResult result = consumer_.try_poll(Handler{[this](const Event& event) {
                                                           take(event);
                                                           // The end of the batch commits it.
                                                           if (name_ != nullptr) name_->committing = event.sequence;
                                                         },
                                                         [this](const Gap& gap) { lose(gap); }},
                                                 1 + random_.below(400));
    if (name_ != nullptr) name_->committed.store(name_->committing);
    pause();
    return result.status != Status::closed && (result.count != 0 || wait());
  }

  bool by_next() {
    Event event;
    const Status status = consumer_.try_next(event);
    if (status == Status::closed) return false;
    if (status == Status::gap) lose(consumer_.last_gap());
    if (status == Status::ok) take(event);
    if (status == Status::ok && random_.one_in(50))
      commit(event.sequence - random_.below(std::min<std::uint64_t>(received_, 5)));
    if (status == Status::ok && random_.one_in(2'000)) pause();
    return status != Status::empty || wait();
  }

  void commit(std::uint64_t sequence) {
    if (name_ == nullptr || sequence < name_->committed) return;
    name_->committing = sequence;
    if (random_.one_in(50)) {
      consumer_.commit_durable(sequence);
    } else {
      consumer_.commit(sequence);
    }
    name_->committed = sequence;
  }

  void pause() {
    if (random_.one_in(8)) pass_ns(random_.below(2'000'000));
  }
  bool wait() {
    static_cast<void>(consumer_.wait_for(1ms));
    return board_.over == 0 || !consumer_.closed();
  }

  void count_turns() {
    const ConsumerCounters& now = consumer_.counters();
    if (now.turns_to_journal != to_journal_) board_.turns_to_journal += now.turns_to_journal - to_journal_;
    if (now.turns_to_ring != to_ring_) board_.turns_to_ring += now.turns_to_ring - to_ring_;
    to_journal_ = now.turns_to_journal;
    to_ring_ = now.turns_to_ring;
  }

  Board& board_;
  Name* name_;  // null: a stranger
  Consumer& consumer_;
  std::uint64_t next_;
  Random random_;
  std::uint64_t slow_ns_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t stamp_ = 0;
  std::uint64_t to_journal_ = 0;
  std::uint64_t to_ring_ = 0;
};

class Handover : public Scene {
 protected:
  void run(bool own_process, std::uint64_t least_lives);

  [[nodiscard]] JournalOptions journal(Random& random, bool own_process) {
    JournalOptions options{.directory = disk() + "/journal",
                           .interval = std::chrono::nanoseconds(1'000'000 + random.below(9'000'000)),
                           .segment_bytes = std::uint64_t{256} << 10,
                           .keep_bytes = std::uint64_t{1} << 20,
                           .own_process = own_process};
    options.sync = disk_syncs() ? std::array{Sync::none, Sync::interval, Sync::every}.at(random.below(3)) : Sync::none;
    return options;
  }
  [[nodiscard]] static std::string name_of(std::size_t i) { return "name-" + std::to_string(i); }
  [[nodiscard]] std::uint64_t slowest() {
    std::uint64_t slowest = board_->names[0].committed;
    for (const Name& name : board_->names) slowest = std::min<std::uint64_t>(slowest, name.committed);
    return slowest;
  }

  void make_ring(bool own_process);
  void publish(std::uint64_t seed, bool own_process);
  void record(std::uint64_t seed);
  void consume(std::size_t i, std::uint64_t seed);
  void stray(std::uint64_t seed);
  void report(std::uint64_t lives);

  Shared<Board> board_;
};

// Every name has a cursor before the first event is published, so that retention waits for all of them.
void Handover::make_ring(bool own_process) {
  JournalOptions options = journal(random(), own_process);
  options.own_process = false;
  const Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes, .journal = options});
  for (std::size_t i = 0; i < kNames; ++i) {
    EXPECT_EQ(Consumer::attach("ring", {.name = name_of(i)}).policy(), Policy::journal);
  }
}

void Handover::publish(std::uint64_t seed, bool own_process) {
  Random random(seed);
  Publisher publisher = Publisher::open("ring", {.journal = journal(random, own_process)});
  const std::uint64_t acknowledged = board_->acknowledged;
  require(publisher.next_sequence() > acknowledged && publisher.next_sequence() <= acknowledged + 1 + kLargestBatch,
          "a successor goes on at " + std::to_string(publisher.next_sequence()) + " after " + std::to_string(acknowledged));
  board_->acknowledged = publisher.next_sequence() - 1;
  Source source(publisher, kShape, seed);
  for (;;) {
    for (std::uint64_t burst = random.below(5'000); burst > 0; --burst) board_->acknowledged = source.publish_somehow();
    while (board_->acknowledged > slowest() + kLongestBacklog) breathe();
    if (random.one_in(3)) pass_ns(random.below(3'000'000));
  }
}

void Handover::record(std::uint64_t seed) {
  Random random(seed);
  run_journal("ring", journal(random, true), [] { return false; });
}

void Handover::consume(std::size_t i, std::uint64_t seed) {
  Random random(seed);
  Name& name = board_->names.at(i);
  Consumer consumer = Consumer::attach("ring", {.name = name_of(i), .wait = random.one_in(2) ? Wait::park : Wait::yield});
  Life(*board_, &name, consumer, 0, seed).run(random.one_in(3) ? random.below(5'000) : ~std::uint64_t{0});
}

// Starts at an event that nobody needs any more, or that one may be just about to commit, or that is still to come.
void Handover::stray(std::uint64_t seed) {
  Random random(seed);
  const std::uint64_t least = slowest();
  const std::uint64_t newest = board_->acknowledged;
  const std::uint64_t from = least > 3'000 ? least - 3'000 : 1;
  const std::uint64_t sequence = from + random.below(newest - std::min(newest, from) + 200);
  Consumer consumer = Consumer::attach("ring", {.start = Start::at(sequence)});
  Life(*board_, nullptr, consumer, sequence, seed).run(random.below(10'000));
}

void Handover::run(bool own_process, std::uint64_t least_lives) {
  make_ring(own_process);
  std::vector<std::unique_ptr<Actor>> actors;
  const auto add = [&](const std::string& name, std::uint64_t life_ns, std::uint64_t absence_ns, auto body) {
    actors.push_back(std::make_unique<Actor>(name, life_ns, absence_ns, body));
  };
  add("publisher", 150'000'000, 20'000'000, [=, this](std::uint64_t seed) { publish(seed, own_process); });
  if (own_process) add("journal", 60'000'000, 10'000'000, [this](std::uint64_t seed) { record(seed); });
  for (std::size_t i = 0; i < kNames; ++i)
    add(name_of(i), 40'000'000, 50'000'000, [=, this](std::uint64_t seed) { consume(i, seed); });
  for (std::size_t i = 0; i < kStrangers; ++i)
    add("stranger", 40'000'000, 50'000'000, [this](std::uint64_t seed) { stray(seed); });

  std::uint64_t lives = 0;
  const std::uint64_t began = now_ns();
  await("so many lives", [&] {
    for (const auto& actor : actors) board_->killed += actor->look(random()) ? 1 : 0;
    lives = board_->lives;
    return !another(lives, least_lives);
  });
  for (const auto& actor : actors) actor->end();

  const std::uint64_t took_ms = (now_ns() - began) / 1'000'000;
  std::uint64_t published = 0;
  {
    Random other(seed());
    JournalOptions options = journal(other, own_process);
    options.own_process = false;  // whoever ran it before
    Publisher last = Publisher::open("ring", {.journal = options});
    published = last.next_sequence() - 1;
    last.close();
  }
  for (std::size_t i = 0; i < kNames; ++i) {
    const auto process = start(name_of(i), [&] {
      board_->over = 1;
      Consumer consumer = Consumer::attach("ring", {.name = name_of(i)});
      Life(*board_, &board_->names.at(i), consumer, 0, seed()).read_to_the_end();
    });
    await("the names to reach the end", [&] { return process->ended(); });
    process->finish();
    EXPECT_EQ(board_->names.at(i).committed, published) << name_of(i);
  }
  std::printf("%llu ms\n", static_cast<unsigned long long>(took_ms));
  test::print_counts({{"events", published}, {"lives", lives}, {"kills", board_->killed}});
  report(lives);
}

void Handover::report(std::uint64_t lives) {
  const auto number = [](const Count& count) { return static_cast<unsigned long long>(count); };
  std::printf("%llu lives of consumers, %llu kills, %llu turns to the journal, %llu to the ring, %llu events removed\n",
              static_cast<unsigned long long>(lives), number(board_->killed), number(board_->turns_to_journal),
              number(board_->turns_to_ring), number(board_->removed));
  EXPECT_GE(board_->turns_to_journal * 100, lives * kTurnsPerHundredLives);
  EXPECT_GE(board_->turns_to_ring * 100, lives * kTurnsPerHundredLives);
}

TEST_F(Handover, EveryNameGetsEveryEventWhoeverDies) { run(false, kLives); }
TEST_F(Handover, AlsoWhereTheJournalIsAProcessOfItsOwn) { run(true, kLives / 2); }

}  // namespace
}  // namespace ringbolt::scenario
