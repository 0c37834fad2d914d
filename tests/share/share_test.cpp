// A ring in sealed memory, handed over a socket: honest consumers get what they get from any ring.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "../ipc/child.hpp"
#include "../ipc/support.hpp"

namespace ringbolt::test {
namespace {

class Share : public IpcTest {
 protected:
  [[nodiscard]] std::string socket() const { return place() + "/orders.sock"; }
  [[nodiscard]] std::string name() const { return "unix:" + socket(); }
  [[nodiscard]] Publisher open(PublisherOptions options = {}) const {
    if (options.capacity_bytes == 0) options.capacity_bytes = kSmall;
    if (options.share.socket.empty()) options.share.socket = socket();
    return Publisher::open("orders", options);
  }
};

TEST_F(Share, LeavesNothingButItsSocketInTheFileSystem) {
  {
    auto publisher = open();
    EXPECT_EQ(names_in(place()), (std::vector<std::string>{"orders.sock", "orders.sock.lease"}));
  }
  EXPECT_TRUE(names_in(place()).empty());
}

TEST_F(Share, IsReadByALossyConsumer) {
  auto publisher = open();
  publish_numbered(publisher, 100, 50);
  auto consumer = Consumer::attach(name());
  EXPECT_EQ(consumer.policy(), Policy::lossy);
  EXPECT_EQ(poll_sequences(consumer), sequences(1, 100));
  EXPECT_TRUE(consumer.publisher_alive());
  auto at = Consumer::attach(name(), {.start = Start::at(40)});
  EXPECT_EQ(at.next()->sequence, 40U);
  auto latest = Consumer::attach(name(), {.policy = Policy::latest});
  EXPECT_EQ(latest.next()->sequence, 100U);
  publisher.close();
  EXPECT_EQ(consumer.wait_for(kLong), Status::closed);
}

TEST_F(Share, TellsALossyConsumerWhatItLost) {
  auto publisher = open();
  auto consumer = Consumer::attach(name(), {.start = Start::earliest});
  const std::uint64_t published = publish_numbered(publisher, 5'000, 100);
  std::uint64_t received = 0;
  std::uint64_t lost = 0;
  Event event;
  for (;;) {
    const Status status = consumer.try_next(event);
    if (status == Status::empty) break;
    if (status == Status::gap) lost += consumer.last_gap().count();
    if (status == Status::ok) ++received;
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(received + lost, published);
}

TEST_F(Share, IsReadWholeByConsumersThatGateInOtherProcesses) {
  constexpr std::uint64_t count = 30'000;
  auto publisher = open({.share = {.longest_budget = kLong}});
  const auto body = [&](const Words& words) {
    auto consumer = Consumer::attach(name(), {.policy = Policy::gate, .start = Start::earliest});
    words.say("attached");
    for (std::uint64_t next = 1; next <= count; ++next) {
      const auto event = consumer.next_for(kLong);
      ASSERT_TRUE(event);
      ASSERT_EQ(event->sequence, next);
      ASSERT_TRUE(is_numbered_payload(event->payload, next));
    }
    EXPECT_FALSE(consumer.next_for(kLong));
    EXPECT_TRUE(consumer.closed());
  };
  Child first(body);
  Child second(body);
  first.words().expect("attached");
  second.words().expect("attached");
  publish_numbered(publisher, count, 200);
  publisher.close();
  EXPECT_TRUE(first.join());
  EXPECT_TRUE(second.join());
}

TEST_F(Share, HasGatesThatWaitForTheCommit) {
  auto publisher = open({.share = {.longest_budget = kLong}});
  auto consumer = Consumer::attach(name(), {.policy = Policy::gate, .start = Start::earliest, .gate_on_commit = true});
  const std::uint64_t room = publish_until_full(publisher, 1'000);
  for (std::uint64_t i = 0; i < room / 2; ++i) ASSERT_TRUE(consumer.next());
  EXPECT_EQ(publisher.try_publish(numbered_payload(room + 1, 1'000)).status, Status::full);
  consumer.commit();
  EXPECT_TRUE(eventually([&] { return publisher.try_publish(numbered_payload(room + 1, 1'000)).status == Status::ok; }));
}

TEST_F(Share, EvictsWhoHoldsItUpForLongerThanItsBudgetAndTellsIt) {
  auto publisher = open({.share = {.longest_budget = 1ms}});
  auto consumer = Consumer::attach(name(), {.policy = Policy::gate, .start = Start::earliest});
  publish_numbered(publisher, 2'000, 200);  // several times the ring, and nobody reads
  Event event;
  EXPECT_EQ(consumer.try_next(event), Status::evicted);
  EXPECT_EQ(consumer.last_gap().first, 1U);
  const std::uint64_t next = consumer.next_sequence();
  EXPECT_EQ(consumer.last_gap().last + 1, next);
  EXPECT_EQ(poll_sequences(consumer), sequences(next, 2'000));
}

TEST_F(Share, ReleasesTheGateOfAConsumerThatDies) {
  auto publisher = open({.share = {.longest_budget = kLong}});
  Child consumer([&](const Words& words) {
    auto gating = Consumer::attach(name(), {.policy = Policy::gate});
    words.say("gating");
    static_cast<void>(words.hear());
  });
  consumer.words().expect("gating");
  const std::uint64_t room = publish_until_full(publisher, 1'000);
  EXPECT_EQ(publisher.publish_for(numbered_payload(room + 1, 1'000), 5ms).status, Status::timed_out);
  consumer.kill();
  EXPECT_EQ(publisher.publish_for(numbered_payload(room + 1, 1'000), kLong).status, Status::ok);
}

TEST_F(Share, TellsItsConsumersThatThePublisherWasKilledAfterTheyHaveReadTheRest) {
  Child first([&](const Words& words) {
    auto publisher = open();
    words.say("open");
    words.expect("publish");
    publish_numbered(publisher, 10, 100);
    words.say("published");
    static_cast<void>(words.hear());
  });
  first.words().expect("open");
  auto consumer = Consumer::attach(name());
  auto gating = Consumer::attach(name(), {.policy = Policy::gate});
  first.words().say("publish");
  first.words().expect("published");
  first.kill();
  for (Consumer* reader : {&consumer, &gating}) {
    EXPECT_EQ(poll_sequences(*reader), sequences(1, 10));
    expect_error([&] { static_cast<void>(reader->next_for(kLong)); }, Code::removed, {"orders.sock", "attach again"});
    EXPECT_FALSE(reader->publisher_alive());
  }
  auto publisher = open({.first_sequence = 11});  // its socket and its lease are still there
  auto again = Consumer::attach(name(), {.start = Start::at(11)});
  publisher.publish("x");
  EXPECT_EQ(again.next()->sequence, 11U);
}

TEST_F(Share, IsOnePublishersAlone) {
  auto publisher = open();
  expect_error([&] { static_cast<void>(open()); }, Code::in_use, {"orders.sock", "another process"});
}

TEST_F(Share, RefusesWhatItDoesNotHave) {
  expect_error([&] { static_cast<void>(Consumer::attach(name())); }, Code::not_found, {"orders.sock"});
  const auto refused = [&](PublisherOptions options, const char* word) {
    expect_error([&] { static_cast<void>(open(std::move(options))); }, Code::bad_option, {word});
  };
  refused({.journal = {.directory = place() + "/journal"}}, "no journal");
  refused({.standby = 1s}, "stand by");
  refused({.mode = 0644}, "share.users");
  refused({.group = "root"}, "share.groups");
  refused({.huge_pages = true}, "huge pages");
  refused({.create = false}, "made anew");
  refused({.share = {.users = {"nobody-of-that-name"}}}, "nobody-of-that-name");
  EXPECT_TRUE(names_in(place()).empty());
  auto publisher = open({.share = {.longest_budget = 1ms}});
  const auto refuses = [&](const ConsumerOptions& options, const char* word) {
    expect_error([&] { static_cast<void>(Consumer::attach(name(), options)); }, Code::bad_option, {"orders.sock", word});
  };
  refuses({.name = "billing"}, "named");
  refuses({.after = {"billing"}}, "after");
  refuses({.policy = Policy::journal}, "journal");
  refuses({.policy = Policy::gate, .budget = 1s}, "longest budget");
  expect_error([&] { static_cast<void>(stat_ring(name())); }, Code::bad_option, {"orders.sock", "share"});
  expect_error([&] { remove_ring(name()); }, Code::bad_option, {"orders.sock", "share"});
  expect_error([&] { static_cast<void>(Publisher::open(name())); }, Code::bad_option, {"orders.sock", "share"});
}

TEST_F(Share, LetsInWhomTheKernelSaysIsAllowed) {
  if (!can_become_others()) GTEST_SKIP() << "becoming another user needs root";
  const auto attach_as = [&](uid_t user, gid_t group, bool allowed) {
    Child child([&](const Words&) {
      ASSERT_TRUE(become(user, group));
      if (allowed) {
        EXPECT_EQ(poll_sequences(*std::make_unique<Consumer>(Consumer::attach(name()))), sequences(1, 1));
      } else {
        EXPECT_THROW(static_cast<void>(Consumer::attach(name())), Error);
      }
    });
    EXPECT_TRUE(child.join()) << user << " " << group;
  };
  {
    auto publisher = open();
    publish_numbered(publisher, 1, 10);
    attach_as(kNobody, kNogroup, false);
  }
  {
    auto publisher = open({.share = {.users = {std::to_string(kNobody)}}});
    publish_numbered(publisher, 1, 10);
    attach_as(kNobody, kNogroup, true);
    attach_as(kNobody - 1, kNogroup, false);
  }
  auto publisher = open({.share = {.groups = {std::to_string(kNogroup)}}});
  publish_numbered(publisher, 1, 10);
  attach_as(kNobody - 1, kNogroup, true);
  attach_as(kNobody - 1, kNogroup - 1, false);
}

TEST_F(Share, IsNotMadeInADirectoryThatSomebodyElsePrepared) {
  const auto refused = [&](const std::string& directory, const char* why) {
    expect_error([&] { static_cast<void>(open({.share = {.socket = directory + "/orders.sock"}})); }, Code::not_allowed,
                 {"orders.sock", why});
  };
  std::filesystem::create_directory(place() + "/open");
  ASSERT_EQ(::chmod((place() + "/open").c_str(), 0777), 0);
  refused(place() + "/open", "written by everybody");
  if (!can_become_others()) GTEST_SKIP() << "becoming another user needs root";
  std::filesystem::create_directory(place() + "/theirs");
  ASSERT_EQ(::chown((place() + "/theirs").c_str(), kNobody, kNogroup), 0);
  refused(place() + "/theirs", "belongs to somebody else");
}

TEST_F(Share, IsWrittenToStandardOutputByTail) {
  auto publisher = open();
  publisher.publish("one");
  publisher.publish("two");
  const std::string tail = std::string(RINGBOLT_COMMAND) + " tail " + name() + " --no-follow";
  FILE* const output = ::popen(tail.c_str(), "r");
  ASSERT_NE(output, nullptr);
  std::array<char, 256> text{};
  const std::size_t size = std::fread(text.data(), 1, text.size(), output);
  EXPECT_EQ(::pclose(output), 0);
  EXPECT_EQ(std::string(text.data(), size), "1\tone\n2\ttwo\n");
}

TEST_F(Share, IsForgottenByAForkedChild) {
  auto publisher = open();
  auto consumer = Consumer::attach(name());
  Child child([&](const Words&) {
    expect_error([&] { publisher.publish("x"); }, Code::forked, {"fork"});
    expect_error([&] { static_cast<void>(consumer.next_for(kLong)); }, Code::forked, {"fork"});
  });
  EXPECT_TRUE(child.join());
  publisher.publish("x");
  EXPECT_EQ(poll_texts(consumer), (std::vector<std::string>{"x"}));
}

}  // namespace
}  // namespace ringbolt::test
