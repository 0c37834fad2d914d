// What a slice does with a lane that is not right: one that loses, repeats or changes a message, or carries none.
#include <sys/wait.h>

#include <gtest/gtest.h>

#include "lane_loops.hpp"
#include "lanes.hpp"
#include "processes.hpp"
#include "slice.hpp"

#include <array>
#include <csignal>

namespace ringbolt::bench {
namespace {

enum class Fault : std::uint8_t { none, lose, repeat, damage };

// A slot in shared memory for each message, and one that is treated badly.
template <Fault fault>
class FaultyLane {
  static constexpr std::size_t kSlots = 64;
  static constexpr std::uint64_t kVictim = 7;
  struct Memory {
    std::array<std::array<std::byte, 64>, kSlots> messages;
    core::Word64 sent;
  };

 public:
  explicit FaultyLane(const Plan& /*plan*/) {}

  class Sender {
   public:
    Sender(FaultyLane& lane, const Plan& /*plan*/) : memory_(&*lane.memory_) {}
    void send(std::span<const std::byte> message) {
      ++asked_;
      if (fault == Fault::lose && asked_ == kVictim) return;
      put(message);
      if (fault == Fault::repeat && asked_ == kVictim) put(message);
    }
    void flush() {}

   private:
    void put(std::span<const std::byte> message) {
      std::array<std::byte, 64>& slot = memory_->messages[sent_ % kSlots];
      std::ranges::copy(message, slot.begin());
      if (fault == Fault::damage && asked_ == kVictim) slot[17] ^= std::byte{1};
      memory_->sent.store_release(++sent_);
    }
    Memory* memory_;
    std::uint64_t asked_ = 0;
    std::uint64_t sent_ = 0;
  };

  class Receiver {
   public:
    Receiver(FaultyLane& lane, const Plan& /*plan*/, std::size_t /*index*/) : memory_(&*lane.memory_) {}
    template <class Take>
    std::size_t poll(Take& take) {
      if (memory_->sent.load_acquire() == taken_) return 0;
      take(std::span<const std::byte>(memory_->messages[taken_++ % kSlots]));
      return 1;
    }
    template <class Take>
    void sleep(Take& take) {
      poll(take);
    }
    static constexpr std::uint64_t lost() noexcept { return 0; }

   private:
    Memory* memory_;
    std::uint64_t taken_ = 0;
  };

 private:
  Shared<Memory> memory_;
};

class Slices : public ::testing::Test {
 protected:
  void SetUp() override {
    if (machine.first_cpu == machine.second_cpu) GTEST_SKIP() << "two processes at a time need two CPUs";
    std::signal(SIGCHLD, SIG_DFL);  // an earlier test watches for peers that fail; here they are to
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  }
  template <Fault fault>
  [[nodiscard]] Slice run(std::uint64_t events = 50) const {
    const LaneKind kind{.name = "faulty", .make = make_lane<FaultyLane<fault>>};
    return run_slice(kind, {.events = events, .watchdog_seconds = 3}, machine);
  }
  // The same as a program: a failed process ends it, either by the signal or by the exception that comes of it.
  template <Fault fault>
  void run_as_program() const {
    end_badly_if([&] { static_cast<void>(run<fault>()); });
  }
  static void end_badly_if(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::_Exit(1);
    }
  }

  Machine machine = look_at_machine({});
};

TEST_F(Slices, CountWhatWasReceived) {
  const LaneKind kind{.name = "right", .make = make_lane<FaultyLane<Fault::none>>};
  EXPECT_EQ(run_slice(kind, {.events = 50}, machine).received, 50U);
}

TEST_F(Slices, FailWhereAMessageIsLost) {
  EXPECT_EXIT(run_as_program<Fault::lose>(), ::testing::ExitedWithCode(1), "of this benchmark failed");
}

TEST_F(Slices, FailWhereAMessageComesTwice) {
  EXPECT_EXIT(run_as_program<Fault::repeat>(), ::testing::ExitedWithCode(1), "message 8 is not what was sent");
}

TEST_F(Slices, FailWhereAMessageIsDamaged) {
  EXPECT_EXIT(run_as_program<Fault::damage>(), ::testing::ExitedWithCode(1), "message 7 is not what was sent");
}

TEST_F(Slices, RefuseToMeasureNothing) { EXPECT_THROW(static_cast<void>(run<Fault::none>(0)), std::runtime_error); }

TEST_F(Slices, FailWhereAProcessComesToNoEnd) {
  const auto hang = [] {
    Peer peer(
        [] {
          for (;;) pause();
        },
        1);
    peer.join();
  };
  EXPECT_EXIT(end_badly_if(hang), ::testing::ExitedWithCode(1), "of this benchmark failed");
}

}  // namespace
}  // namespace ringbolt::bench
