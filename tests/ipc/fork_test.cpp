// fork: a child can use nothing that it inherited, and keeps nothing alive; the parent goes on unharmed.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <utility>

#include "child.hpp"
#include "support.hpp"

namespace ringbolt::test {
namespace {

const std::vector<std::string> kForked{"'orders'", "before a fork"};

class Fork : public IpcTest {
 protected:
  Publisher publisher_ = Publisher::open("orders", {.capacity_bytes = kSmall});
};

TEST_F(Fork, AChildCannotPublish) {
  publish_numbered(publisher_, 3, 100);  // so that there is room that the slow path does not have to be asked for
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  const std::vector<std::function<void()>> attempts{
      [&] { publisher_.publish("x"); },
      [&] { publisher_.try_publish("x"); },
      [&] { publisher_.publish_for(bytes_of("x"), 1ms); },
      [&] { publisher_.claim(8).commit(); },
      [&] {
        publisher_.publish_batch(std::vector{BatchEvent{bytes_of("x"), 0}});
      },
      [&] {
        publisher_.try_publish_batch(std::vector{BatchEvent{bytes_of("x"), 0}});
      },
      [&] { publisher_.publish_batch(std::span<const int>(std::array{1})); },
      [&] { publisher_.publish(std::vector<std::byte>(10'000)); },
      [&] { publisher_.close(); },
  };
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    Child child([&](const Words&) { expect_error(attempts[i], Code::forked, kForked); });
    EXPECT_TRUE(child.join()) << "attempt " << i;
  }
  EXPECT_EQ(publish_numbered(publisher_, 3, 100), 6U);
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 6)) << "the parent's stream must be as if there had been no child";
  EXPECT_FALSE(stat_ring("orders").closed);
}

TEST_F(Fork, AChildGoesOnFailing) {
  Child child([&](const Words&) {
    for (int i = 0; i < 100; ++i) expect_error([&] { publisher_.publish("x"); }, Code::forked);
  });
  EXPECT_TRUE(child.join());
}

TEST_F(Fork, AChildCannotCommitAClaim) {
  publish_numbered(publisher_, 3, 100);
  Claim claim = publisher_.claim(8);
  Child child([&](const Words&) {
    std::fill(claim.payload().begin(), claim.payload().end(), std::byte{1});
    expect_error([&] { claim.commit(); }, Code::forked, kForked);
  });
  EXPECT_TRUE(child.join());
  const auto payload = numbered_payload(4, 8);
  std::copy(payload.begin(), payload.end(), claim.payload().begin());
  EXPECT_EQ(claim.commit(), 4U);
  auto consumer = Consumer::attach("orders");
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 4));
}

TEST_F(Fork, AChildCannotConsume) {
  for (const ConsumerOptions& options :
       {ConsumerOptions{}, ConsumerOptions{.policy = Policy::latest}, ConsumerOptions{.policy = Policy::gate},
        ConsumerOptions{.policy = Policy::gate, .budget = 1s},
        ConsumerOptions{.policy = Policy::gate, .gate_on_commit = true}, ConsumerOptions{.read = Read::in_place},
        ConsumerOptions{.start = Start::at(1'000)}}) {
    auto consumer = Consumer::attach("orders", options);
    publish_numbered(publisher_, 3, 100);
    static_cast<void>(consumer.try_poll([](const Event&) {}, 1));
    const std::vector<std::function<void()>> attempts{
        [&] { consumer.poll([](const Event&) { ADD_FAILURE(); }); },
        [&] { static_cast<void>(consumer.try_poll([](const Event&) { ADD_FAILURE(); })); },
        [&] { consumer.poll([](const auto&) { ADD_FAILURE() << "an event or a gap that is none"; }); },
        [&] {
          Event event;
          static_cast<void>(consumer.try_next(event));
        },
        [&] { static_cast<void>(consumer.next()); },
        [&] { static_cast<void>(consumer.next_for(kLong)); },
        [&] { static_cast<void>(consumer.wait_for(kLong)); },
        [&] { consumer.commit(); },
        [&] { static_cast<void>(consumer.publisher_alive()); },
    };
    for (std::size_t i = 0; i < attempts.size(); ++i) {
      Child child([&](const Words&) { expect_error(attempts[i], Code::forked, kForked); });
      EXPECT_TRUE(child.join()) << "attempt " << i << " of policy " << static_cast<int>(options.policy);
    }
  }
}

TEST_F(Fork, TheParentsConsumerGoesOn) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher_, 5, 1'000);
  EXPECT_EQ(poll_sequences(consumer, 2), sequences(1, 2));
  Child child([&](const Words&) {
    expect_error([&] { poll_sequences(consumer); }, Code::forked);
    const Consumer destroyed = std::move(consumer);  // must not make the parent's leave
    const Publisher given_up = std::move(publisher_);
  });
  EXPECT_TRUE(child.join());
  EXPECT_EQ(stat_of("orders", "billing").state, "gating");
  EXPECT_TRUE(stat_of("orders", "billing").alive);
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  publish_until_full(publisher_, 1'000);
  EXPECT_EQ(poll_sequences(consumer).front(), 3U);
}

TEST_F(Fork, AChildMayOpenAndAttachAnew) {
  publish_numbered(publisher_, 5, 100);
  Child child([&](const Words& words) {
    auto consumer = Consumer::attach("orders", {.name = "child", .policy = Policy::gate});
    EXPECT_EQ(poll_sequences(consumer), sequences(1, 5));
    auto own = Publisher::open("other", {.capacity_bytes = kSmall});
    publish_numbered(own, 1, 8);
    words.say("attached");
    EXPECT_TRUE(consumer.next_for(kLong));
  });
  child.words().expect("attached");
  publish_numbered(publisher_, 1, 100);
  EXPECT_TRUE(child.join());
}

// A process that holds everything forks; its child lives on after it was killed.
TEST_F(Fork, AChildThatLivesOnKeepsNothingOfItsDeadParentAlive) {
  for (const bool with_exec : {false, true}) {
    SCOPED_TRACE(with_exec ? "after exec" : "without exec");
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);  // the grandchild lives until its other end is closed
    Child parent([&](const Words& words) {
      auto publisher = Publisher::open("held", {.capacity_bytes = kSmall});
      auto consumer = Consumer::attach("held", {.name = "billing", .policy = Policy::gate});
      auto anonymous = Consumer::attach("held", {.policy = Policy::gate});
      if (::fork() == 0) {
        ::close(pipe[1]);
        ::dup2(pipe[0], STDIN_FILENO);
        words.say(std::to_string(::getpid()));
        if (with_exec) ::execl("/bin/cat", "cat", nullptr);
        char byte = 0;
        ::_exit(static_cast<int>(::read(STDIN_FILENO, &byte, 1)));
      }
      ::pause();
    });
    const pid_t grandchild = std::stoi(parent.words().hear());
    EXPECT_TRUE(stat_ring("held").publisher_alive);
    EXPECT_TRUE(stat_of("held", "billing").alive);
    parent.kill();
    EXPECT_EQ(::kill(grandchild, 0), 0) << "still there";
    EXPECT_FALSE(stat_ring("held").publisher_alive);
    EXPECT_FALSE(stat_of("held", "billing").alive);
    auto publisher = Publisher::open("held");
    auto consumer = Consumer::attach("held", {.name = "billing"});
    publish_numbered(publisher, 200, 1'000);  // no gate is in the way any more
    remove_ring("held", true);
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}

// A ring that is made while another thread forks: the child must not get hold of the lease before it can be taken away.
TEST_F(Fork, AChildOfAnotherThreadKeepsNoLeaseAlive) {
  constexpr int children = 200;
  std::array<int, 2> pipe{};
  std::array<int, 2> started{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::pipe(started.data()), 0);
  Child parent([&](const Words& words) {
    std::atomic<bool> stop{false};
    std::thread forking([&] {
      for (int i = 0; i < children; ++i) {
        if (::fork() == 0) {
          ::close(pipe[1]);
          char byte = 0;
          if (::write(started[1], &byte, 1) != 1) ::_exit(1);
          ::_exit(static_cast<int>(::read(pipe[0], &byte, 1)));
        }
      }
      stop = true;
    });
    int rings = 0;
    while (!stop) create_ring("ring-" + std::to_string(rings++), {.capacity_bytes = kSmall});
    forking.join();
    words.say(std::to_string(rings));
  });
  const int rings = std::stoi(parent.words().hear());
  EXPECT_TRUE(parent.join());
  std::array<char, children> bytes{};
  for (ssize_t count = 0; count < children;) count += ::read(started[0], bytes.data(), bytes.size());
  EXPECT_GT(rings, 0);
  for (int i = 0; i < rings; ++i)
    EXPECT_NO_THROW(static_cast<void>(Publisher::open("ring-" + std::to_string(i)))) << "somebody still holds its lease";
  for (const int end : {pipe[0], pipe[1], started[0], started[1]}) ::close(end);
}

TEST_F(Fork, VforkAndSpawnDisturbNothing) {
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate});
  publish_numbered(publisher_, 3, 100);
  const pid_t vforked = ::vfork();
  if (vforked == 0) ::_exit(0);
  ASSERT_GT(vforked, 0);
  ::waitpid(vforked, nullptr, 0);
  pid_t spawned = -1;
  std::array<char, 5> name{"true"};
  std::array<char*, 2> arguments{name.data(), nullptr};
  ASSERT_EQ(::posix_spawn(&spawned, "/bin/true", nullptr, nullptr, arguments.data(), environ), 0);
  ::waitpid(spawned, nullptr, 0);
  publish_numbered(publisher_, 3, 100);
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 6));
  EXPECT_TRUE(stat_ring("orders").publisher_alive);
  EXPECT_TRUE(stat_of("orders", "billing").alive);
}

// The numbers of closed descriptors are given to others: the child must not close those.
TEST_F(Fork, AChildKeepsItsOwnDescriptors) {
  { auto gone = Consumer::attach("orders", {.name = "billing"}); }
  const int file = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  auto consumer = Consumer::attach("orders");
  Child child([&](const Words&) {
    char byte = 1;
    EXPECT_EQ(::read(file, &byte, 1), 1);
    EXPECT_EQ(byte, 0);
  });
  EXPECT_TRUE(child.join());
  ::close(file);
}

}  // namespace
}  // namespace ringbolt::test
