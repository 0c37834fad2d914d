// Ten thousand consumers join a ring that is being written at full speed. Each starts where it should, and goes on from
// there without a hole or is told exactly what it lost.
#include "scenario/support_stream.hpp"

#include <array>

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kJoins = 10'000;
constexpr std::uint64_t kJoiners = 2;
constexpr std::uint64_t kReadAfterJoining = 200;

// All payloads have the same size, so that a sequence says where its event is.
struct Numbered {
  std::uint64_t sequence;
};
constexpr std::uint64_t kRecordBytes = core::record_bytes(sizeof(Numbered));

// What is known of the stream without asking the ring.
struct Stream {
  std::uint64_t capacity_bytes = 0;
  const Count* published = nullptr;

  [[nodiscard]] std::uint64_t newest() const { return published->load(std::memory_order_acquire); }
  [[nodiscard]] static std::uint64_t position_of(std::uint64_t sequence) { return (sequence - 1) * kRecordBytes; }
  [[nodiscard]] std::uint64_t chunk() const { return core::chunk_bytes(capacity_bytes); }
  // Can an event no longer be found when so much has been published? What the publisher announces ahead and the distance
  // between two checkpoints make this coarse.
  [[nodiscard]] bool may_be_gone(std::uint64_t sequence, std::uint64_t newest) const {
    return position_of(newest) + 3 * chunk() > position_of(sequence) + capacity_bytes;
  }
};

// A consumer that has just joined, and what it got first.
struct Arrival {
  Arrival(Stream known, const ConsumerOptions& options)
      : stream(known),
        newest_before(stream.newest()),
        consumer(Consumer::attach("ring", options)),
        newest_joined(stream.newest()) {}

  void read_on() {
    const auto take = [this](const Event& event) {
      if (first == 0) {
        first = event.sequence;
        first_event_ns = event.timestamp_ns;
        newest_reading = stream.newest();
      }
      if (next != 0 && event.sequence != next)
        fail("event " + std::to_string(event.sequence) + " instead of " + std::to_string(next) + " after joining");
      if (event.as<Numbered>().sequence != event.sequence) fail("an event has another one's payload");
      next = event.sequence + 1;
      ++read;
    };
    const auto lose = [this](const Gap& gap) {
      require(gap.last >= gap.first, "an empty gap");
      require(next == 0 || gap.first == next,
              "a gap from " + std::to_string(gap.first) + " instead of " + std::to_string(next));
      if (first == 0) {
        first = gap.first;
        lost_first = true;
        newest_reading = stream.newest();
      }
      next = gap.last + 1;
    };
    static_cast<void>(consumer.try_poll(Handler{take, lose}, 50));
  }
  void read_first() {
    while (first == 0) read_on();
  }
  void read_enough() {
    while (read < kReadAfterJoining) read_on();
  }
  // The first event is `wanted`; it is reported as lost only if it may be gone, or if what the search for it began with is.
  void expect_first(std::uint64_t wanted) {
    read_first();
    require(first == wanted, "the first event is " + std::to_string(first) + " and should be " + std::to_string(wanted));
    require(!lost_first || stream.may_be_gone(std::min(wanted, newest_before + 1), newest_reading),
            "an event was reported lost that cannot be gone");
  }

  Stream stream;
  std::uint64_t newest_before;
  Consumer consumer;
  std::uint64_t newest_joined;       // when it was attached
  std::uint64_t newest_reading = 0;  // when it had its first answer
  std::uint64_t first = 0;           // what it got first, or was told first that it lost
  bool lost_first = false;
  std::uint64_t first_event_ns = 0;
  std::uint64_t next = 0;
  std::uint64_t read = 0;
};

// A gating consumer that has read some events and gates some chunks before them: while it stands still, nothing from the
// newest of them on is lost, and all of that can be found.
class Witness {
 public:
  Witness(Stream stream, Random& random)
      : kept_(3 * stream.chunk() / kRecordBytes),
        consumer_(Consumer::attach("ring", {.policy = Policy::gate, .start = Start::latest, .gate_on_commit = true})) {
    read(kept_ + 2 + random.below(300));
    while (timestamp_ns() == before_ns_) read(1);
  }
  void read(std::uint64_t events) {
    for (; events > 0; --events) {
      before_ns_ = event_.timestamp_ns;
      while (consumer_.try_next(event_) != Status::ok) {
      }
      if (++read_ > kept_) consumer_.commit(event_.sequence - kept_);
    }
  }
  // The newest event that was read, and the stamp of the one before, which is earlier at first.
  [[nodiscard]] std::uint64_t sequence() const { return event_.sequence; }
  [[nodiscard]] std::uint64_t timestamp_ns() const { return event_.timestamp_ns; }
  [[nodiscard]] std::uint64_t before_ns() const { return before_ns_; }

 private:
  std::uint64_t kept_;
  Consumer consumer_;
  Event event_;
  std::uint64_t before_ns_ = 0;
  std::uint64_t read_ = 0;
};

constexpr std::array<const char*, 8> kKinds{
    "earliest", "latest",        "a sequence",     "a coming sequence", "a sequence that is kept",
    "a time",   "a coming time", "the last commit"};

// Joins in one of these ways and throws if it does not start there.
class Joiner {
 public:
  Joiner(std::string name, std::uint64_t seed, Stream stream) : name_(std::move(name)), random_(seed), stream_(stream) {}

  void join(std::size_t kind) {
    switch (kind) {
      case 0: return earliest();
      case 1: return latest();
      case 2: return sequence(stream_.newest() - random_.below(stream_.capacity_bytes / kRecordBytes));
      case 3: return sequence(stream_.newest() + 1 + random_.below(3'000));
      case 4: return kept_sequence();
      case 5: return time();
      case 6: return coming_time();
      default: return last_commit();
    }
  }

 private:
  ConsumerOptions options(Start start) {
    ConsumerOptions options{.start = start};
    options.policy = random_.one_in(2) ? Policy::gate : Policy::lossy;
    if (options.policy == Policy::gate && random_.one_in(2)) options.budget = std::chrono::seconds(10);
    return options;
  }

  void earliest() {
    Arrival arrival(stream_, options(Start::earliest));
    arrival.read_enough();
    // Who cannot have the oldest because it is being overwritten starts halfway.
    require(Stream::position_of(arrival.first) + stream_.capacity_bytes / 2 <=
                Stream::position_of(arrival.newest_joined) + 2 * stream_.chunk(),
            "`earliest` began at " + std::to_string(arrival.first) + " of " + std::to_string(arrival.newest_joined));
  }
  void latest() {
    Arrival arrival(stream_, options(Start::latest));
    arrival.read_enough();
    require(arrival.first > arrival.newest_before && arrival.first <= arrival.newest_joined + 2,
            "`latest` began at " + std::to_string(arrival.first) + " between " + std::to_string(arrival.newest_before) +
                " and " + std::to_string(arrival.newest_joined));
  }
  void sequence(std::uint64_t wanted) {
    Arrival arrival(stream_, options(Start::at(wanted)));
    arrival.expect_first(wanted);
    arrival.read_enough();
  }
  void kept_sequence() {
    const Witness witness(stream_, random_);
    Arrival arrival(stream_, options(Start::at(witness.sequence())));
    arrival.expect_first(witness.sequence());
    require(!arrival.lost_first, "an event was lost although a gate is before it");
  }
  void time() {
    const Witness witness(stream_, random_);
    const std::uint64_t since_ns = witness.timestamp_ns() - random_.below(witness.timestamp_ns() - witness.before_ns());
    Arrival arrival(stream_, options(Start::at_time(since_ns)));
    arrival.expect_first(witness.sequence());
    require(!arrival.lost_first, "an event was lost although a gate is before it");
  }
  void coming_time() {
    Witness witness(stream_, random_);
    const std::uint64_t since_ns = witness.timestamp_ns() + random_.below(200'000);
    Arrival arrival(stream_, options(Start::at_time(since_ns)));
    while (witness.timestamp_ns() < since_ns) {
      arrival.read_on();  // before the witness lets the publisher go on
      witness.read(1);
    }
    arrival.expect_first(witness.sequence());
  }
  void last_commit() {
    ConsumerOptions named = options(Start::resume);
    named.name = name_;
    std::uint64_t committed = 0;
    {
      Arrival arrival(stream_, named);
      if (committed_ != 0) arrival.expect_first(committed_ + 1);
      arrival.read_enough();
      committed = arrival.next - 1;
    }
    committed_ = committed;
  }

  std::string name_;
  Random random_;
  Stream stream_;
  std::uint64_t committed_ = 0;
};

class Joining : public Scene {
 protected:
  struct Board {
    Count published;
    Count joined;
    Count done;
    std::array<Count, kKinds.size()> kinds;
  };
  void run(std::uint64_t capacity_bytes);

  Shared<Board> board_;
};

void Joining::run(std::uint64_t capacity_bytes) {
  create_ring("ring", {.capacity_bytes = capacity_bytes});
  const Stream stream{capacity_bytes, &board_->published};
  const auto publisher = start("publisher", [&] {
    Publisher mine = Publisher::open("ring");
    while (board_->done != kJoiners) {
      const std::uint64_t sequence = mine.publish(Numbered{mine.next_sequence()});
      board_->published.store(sequence, std::memory_order_release);
    }
  });
  // The ring is full before anybody joins, so that there is something to be overtaken by.
  await("the first lap", [&] { return Stream::position_of(board_->published + 1) > 2 * capacity_bytes; });
  std::vector<std::unique_ptr<Process>> joiners;
  for (std::uint64_t i = 0; i < kJoiners; ++i) {
    joiners.push_back(start("joiner", [&, i] {
      Random random(seed() + i);
      Joiner joiner("joiner-" + std::to_string(i), random.next(), stream);
      for (std::uint64_t joined = 0; another(joined, kJoins / 2 / kJoiners); ++joined) {
        const std::size_t kind = random.below(kKinds.size());
        try {
          joiner.join(kind);
        } catch (const std::exception& error) {
          fail(std::string("joining at ") + kKinds.at(kind) + ": " + error.what());
        }
        ++board_->kinds.at(kind);
        ++board_->joined;
      }
      ++board_->done;
    }));
  }
  await("all joiners", [&] { return board_->done == kJoiners; });
  for (const auto& joiner : joiners) joiner->finish();
  publisher->finish();
  EXPECT_GE(board_->joined, kJoins / 2);
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) EXPECT_GE(board_->kinds.at(kind), 100U) << kKinds.at(kind);
}

// Too small to be caught up with: what is looked for is mostly gone.
TEST_F(Joining, StartsWhereItShouldWhileTheSearchIsOvertaken) { run(core::kMinCapacityBytes); }

// Large enough that what is looked for is mostly there.
TEST_F(Joining, StartsWhereItShouldAtFullSpeed) { run(std::uint64_t{1} << 20); }

}  // namespace
}  // namespace ringbolt::scenario
