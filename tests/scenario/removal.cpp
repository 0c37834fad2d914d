// A ring is removed by force while everybody uses it: all are told. And nobody believes it who is merely told so.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ringbolt/core/layout.hpp>

#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {
namespace {

constexpr Shape kShape{.usual_bytes = 300};
constexpr std::uint64_t kRemovals = 20;

struct Board {
  Count ready;
  Count go_on;  // the publisher goes on
  Count published;
  Count closed;
  Count over;
};

class Removal : public Scene {
 protected:
  // Runs `body`, which must end by being told that the ring was removed.
  std::unique_ptr<Process> start_until_removed(const char* name, const std::function<void()>& body) {
    return start(name, [&board = *board_, name = std::string(name), body] {
      try {
        body();
      } catch (const Error& error) {
        require(error.code() == Code::removed, name + " is told: " + error.what());
        return;
      }
      fail(name + " was not told that the ring was removed");
    });
  }
  void consume_for_ever(const ConsumerOptions& options) {
    Consumer consumer = Consumer::attach("ring", options);
    ++board_->ready;
    const Handler ignore{[](const Event& event) { check_event(event, kShape); }, [](const Gap&) {}};
    for (;;) {
      if (consumer.try_poll(ignore).count == 0) static_cast<void>(consumer.wait_for(std::chrono::seconds(100)));
    }
  }

  Shared<Board> board_;
};

TEST_F(Removal, ByForceUnderLoadIsToldToEverybody) {
  for (std::uint64_t round = 0; another(round, kRemovals); ++round) {
    board_->ready = 0;
    create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
    std::vector<std::unique_ptr<Process>> all;
    const auto consume = [&](const char* name, const ConsumerOptions& options) {
      all.push_back(start_until_removed(name, [this, options] { consume_for_ever(options); }));
    };
    consume("gate", {.name = "gate", .policy = Policy::gate});
    await("the one that others come after", [&] { return board_->ready == 1; });
    consume("follower", {.policy = Policy::gate, .after = {"gate"}});
    consume("gate with a budget", {.policy = Policy::gate, .budget = std::chrono::milliseconds(1)});
    consume("lossy", {.policy = Policy::lossy});
    consume("latest", {.policy = Policy::latest});
    all.push_back(start_until_removed("publisher", [this] {
      Publisher publisher = Publisher::open("ring");
      Source source(publisher, kShape, seed());
      ++board_->ready;
      for (;;) source.publish();
    }));
    await("everybody", [&] { return board_->ready == all.size(); });
    pass_ns(random().below(5'000'000));

    try {
      remove_ring("ring");
      FAIL() << "a ring with a live publisher was removed without force";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::in_use) << error.what();
    }
    remove_ring("ring", true);
    EXPECT_TRUE(list_rings().empty());
    // One of the same name is another one.
    Publisher next = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes});
    EXPECT_EQ(next.publish("another ring"), 1U);
    for (const auto& process : all) {
      await("everybody to be told", [&] { return process->ended(); });
      process->finish();
    }
    remove_ring("ring", true);
  }
}

TEST_F(Removal, WakesThoseWhoSleep) {
  for (std::uint64_t round = 0; another(round, kRemovals); ++round) {
    board_->ready = 0;
    create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
    const auto consumer = start_until_removed("consumer", [this] { consume_for_ever({.policy = Policy::gate}); });
    await("the consumer", [&] { return board_->ready == 1; });
    consumer->stop();  // it stands in the publisher's way
    const auto publisher = start_until_removed("publisher", [this] {
      Publisher mine = Publisher::open("ring");
      Source source(mine, kShape, seed());
      while (source.try_publish()) {
      }
      ++board_->ready;
      source.publish();
    });
    await("the publisher to be full", [&] { return board_->ready == 2; });
    remove_ring("ring", true);
    await("the publisher to be told", [&] { return publisher->ended(); });
    publisher->finish();
    consumer->go_on();
    await("the consumer to be told", [&] { return consumer->ended(); });
    consumer->finish();
  }
}

// Who waits for the lease of a ring that is removed makes a new one.
TEST_F(Removal, AStandbyMakesANewRing) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  Publisher first = Publisher::open("ring");
  first.publish("first");
  first.publish("second");
  const auto standby = start("standby", [&] {
    ++board_->ready;
    Publisher publisher = Publisher::open("ring", {.capacity_bytes = core::kMinCapacityBytes, .standby = kForever});
    board_->published = publisher.publish("another ring");
    await("the end", [&] { return board_->over != 0; });
  });
  await("the standby", [&] { return board_->ready == 1; });
  remove_ring("ring", true);
  await("the new ring", [&] { return board_->published != 0; });
  EXPECT_EQ(board_->published, 1U);
  board_->over = 1;
  standby->finish();
}

// The word that says so is in memory that every consumer may write. Who reads it makes sure.
TEST_F(Removal, ThatAConsumerClaimsIsNotBelieved) {
  create_ring("ring", {.capacity_bytes = core::kMinCapacityBytes});
  const int fd = ::open((directory() + "/ring/consumers").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  void* const memory = ::mmap(nullptr, sizeof(core::RegistryHeader), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  ASSERT_NE(memory, MAP_FAILED);
  static_cast<core::RegistryHeader*>(memory)->removed.store_release(1);
  ::munmap(memory, sizeof(core::RegistryHeader));

  constexpr std::uint64_t events = 20'000;
  const auto consume = [&](const ConsumerOptions& options) {
    Consumer consumer = Consumer::attach("ring", options);
    ++board_->ready;
    Ledger ledger(kShape, 1);
    ledger.read_to_the_end(consumer);
    require(ledger.received() + ledger.lost() == events, "the stream ended too early");
  };
  const auto gate = start("gate", [&] { consume({.policy = Policy::gate}); });
  const auto lossy = start("lossy", [&] { consume({.policy = Policy::lossy}); });
  await("the consumers", [&] { return board_->ready == 2; });
  Publisher publisher = Publisher::open("ring");
  Source source(publisher, kShape, seed());
  for (std::uint64_t i = 0; i < events; ++i) source.publish();
  publisher.close();
  for (const auto* process : {gate.get(), lossy.get()}) await("the consumers to end", [&] { return process->ended(); });
  gate->finish();
  lossy->finish();
}

}  // namespace
}  // namespace ringbolt::scenario
