// `ringbolt share`: a ring relayed to consumers that are not trusted, in real processes.
#include <csignal>

#include <sys/stat.h>
#include <unistd.h>

#include <ringbolt/ringbolt.hpp>

#include "command.hpp"

namespace ringbolt::command::test {
namespace {

using namespace std::chrono_literals;

class ShareTest : public CommandTest {
 protected:
  [[nodiscard]] std::string socket() const { return box.directory() + "/socket"; }
  [[nodiscard]] std::string share() const { return "unix:" + socket(); }
  // It is up when it has said so.
  [[nodiscard]] Process start_relay(Arguments more = {}) const {
    Arguments arguments{"share", "orders", "--socket", socket()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Process relay = box.start(arguments);
    relay.wait_for_error_text("shares orders as " + share());
    return relay;
  }
};

// What a consumer of a share does that wants everything: attaches again where it is, when the share has ended.
class Guest {
 public:
  explicit Guest(std::string share) : share_(std::move(share)) {}

  // Reads up to that event. Each sequence comes once and in order, or is told lost.
  void read_up_to(std::uint64_t last) {
    const auto until = std::chrono::steady_clock::now() + kWatchdog;
    while (next_ <= last) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "stands at " << next_;
      try {
        if (!consumer_) consumer_ = Consumer::attach(share_, {.policy = Policy::lossy, .start = Start::at(next_)});
        read(last);
      } catch (const Error& error) {
        ASSERT_TRUE(error.code() == Code::removed || error.code() == Code::not_found || error.code() == Code::system)
            << error.what();
        ended_ += consumer_ ? 1 : 0;
        consumer_.reset();
      }
    }
  }
  std::uint64_t lost_events = 0;
  [[nodiscard]] std::uint64_t ended() const noexcept { return ended_; }

 private:
  void read(std::uint64_t last) {
    Event event;
    while (next_ <= last) {
      const Status status = consumer_->next_for(event, 20ms);
      if (status == Status::gap) {
        ASSERT_EQ(consumer_->last_gap().first, next_);
        lost_events += consumer_->last_gap().count();
        next_ = consumer_->last_gap().last + 1;
      } else if (status == Status::ok) {
        ASSERT_EQ(event.sequence, next_);
        ASSERT_EQ(event.text(), std::to_string(next_));
        ++next_;
      } else {
        return;
      }
    }
  }

  std::string share_;
  std::optional<Consumer> consumer_;
  std::uint64_t next_ = 1;
  std::uint64_t ended_ = 0;
};

TEST_F(ShareTest, RelaysEveryEventWithItsNumberTypeAndTime) {
  box.run_ok({"pub", "orders", "--type", "7"}, numbers(1, 3));
  Process relay = start_relay();
  Process tail = box.start({"tail", share(), "--json"});
  const std::vector<Json> original = json_lines(box.run_ok({"tail", "orders", "--json", "--no-follow"}));
  ASSERT_EQ(original.size(), 3U);
  for (const Json& event : original) EXPECT_EQ(Json::parse(tail.read_line()), event);
  box.run_ok({"pub", "orders", "--close"}, numbers(4, 5));
  EXPECT_EQ(Json::parse(tail.read_line())["sequence"], 4);
  EXPECT_EQ(Json::parse(tail.read_line())["sequence"], 5);
  EXPECT_EQ(tail.finish().status, 0);  // the stream is closed
  EXPECT_EQ(relay.finish().status, 0);
  EXPECT_NE(::access(socket().c_str(), F_OK), 0);
}

TEST_F(ShareTest, GoesOnWithTheNextPublisher) {
  box.run_ok({"create", "orders"});
  Process first = box.start({"pub", "orders"});
  first.write("1\n");
  box.wait_until("orders", [](const Json& stat) { return stat["newest_sequence"] == 1; });
  Process relay = start_relay();
  Guest guest(share());
  guest.read_up_to(1);
  first.signal(SIGKILL);
  first.wait_for_end();
  box.run_ok({"pub", "orders"}, numbers(2, 2'000));
  guest.read_up_to(2'000);
  EXPECT_EQ(guest.lost_events, 0U);
  EXPECT_EQ(guest.ended(), 0U);
}

// Nothing is lost and nothing comes twice, whenever the relay dies.
TEST_F(ShareTest, GoesOnBehindItsLastCommitWhenTheRelayIsKilled) {
  constexpr std::uint64_t kKills = 20;
  box.run_ok({"create", "orders"});
  Guest guest(share());
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < kKills; ++i) {
    Process relay = start_relay({"--as", "relay", "--policy", "gate"});
    box.run_ok({"pub", "orders"}, numbers(last + 1, last + 500));
    last += 500;
    guest.read_up_to(last - i * 20);  // it still has to read the rest of what the dead one left
    relay.signal(SIGKILL);
    relay.wait_for_end();
  }
  Process relay = start_relay({"--as", "relay"});
  guest.read_up_to(last);
  EXPECT_GE(guest.ended(), kKills - 1);  // what the last one left may have been everything
  EXPECT_EQ(guest.lost_events, 0U);
}

// The relay is overrun: its consumers are told the same hole.
TEST_F(ShareTest, BeginsAnewBehindWhatItLost) {
  box.run_ok({"create", "orders", "--capacity", "64KiB"});
  Process relay = start_relay({"--policy", "lossy"});
  box.run_ok({"pub", "orders"}, numbers(1, 10));
  Guest guest(share());
  guest.read_up_to(10);
  relay.signal(SIGSTOP);
  box.run_ok({"pub", "orders"}, numbers(11, 20'000));
  relay.signal(SIGCONT);
  guest.read_up_to(20'000);
  EXPECT_GT(guest.lost_events, 0U);
  EXPECT_LT(guest.lost_events, 19'990U);
  EXPECT_EQ(guest.ended(), 1U);
}

TEST_F(ShareTest, IsNotHeldUpForLongByAConsumerThatStops) {
  box.run_ok({"create", "orders", "--capacity", "64KiB"});
  Process relay = start_relay({"--policy", "gate", "--longest-budget", "50ms"});
  Process stopped = box.start({"tail", share(), "--raw", "--policy", "gate"});
  box.run_ok({"pub", "orders"}, numbers(1, 1));
  EXPECT_EQ(stopped.read_line(), "1");
  stopped.signal(SIGSTOP);
  box.run_ok({"pub", "orders", "--close"}, numbers(2, 50'000));
  EXPECT_EQ(relay.finish().status, 0);
  stopped.signal(SIGCONT);
}

TEST_F(ShareTest, LetsInOnlyWhoIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  ASSERT_EQ(::chmod(box.directory().c_str(), 0755), 0);
  box.run_ok({"pub", "orders"}, numbers(1, 2));
  {
    Process relay = start_relay();
    EXPECT_EQ(box.run({"tail", share(), "--raw", "--no-follow"}, {}, {.other_user = true}).status, 1);
  }
  Process relay = start_relay({"--users", "nobody"});
  const Result read = box.run({"tail", share(), "--raw", "--no-follow"}, {}, {.other_user = true});
  EXPECT_EQ(read.status, 0) << read.err;
  EXPECT_EQ(read.out, "1\n2\n");
  EXPECT_NE(box.run({"tail", "orders", "--no-follow"}, {}, {.other_user = true}).status, 0);
}

TEST_F(ShareTest, RefusesWhatMakesHoles) {
  box.run_ok({"create", "orders"});
  const Result result = box.run({"share", "orders", "--socket", socket(), "--policy", "latest"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(contains(result.err, "a share has no holes")) << result.err;
}

}  // namespace
}  // namespace ringbolt::command::test
