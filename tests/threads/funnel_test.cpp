// A funnel: many threads publish through it. Order of each thread, nothing lost or twice, what happens when it is full, what tickets
// say, and that an event allocates nothing.
#include <ringbolt/ipc/funnel.hpp>

#include <array>
#include <latch>
#include <map>
#include <thread>

#include "counted_new.hpp"
#include "ipc/support.hpp"

#if defined(__SANITIZE_THREAD__) || defined(RINGBOLT_TSAN)
// The queue orders its reuse of blocks by fences, which ThreadSanitizer does not follow. What goes through it is numbers of
// places; what is in the places is ordered by their own words, and not suppressed.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:moodycamel::\n"; }
constexpr std::uint64_t kSlower = 20;
#else
constexpr std::uint64_t kSlower = 1;
#endif

namespace ringbolt::test {
namespace {

struct Numbered {
  std::uint64_t thread = 0;
  std::uint64_t number = 0;
};

class FunnelTest : public IpcTest {
 protected:
  static Publisher open() { return Publisher::open("orders", {.capacity_bytes = 1 << 20}); }
  // Runs `work` in so many threads, which begin together.
  static void in_threads(std::size_t count, const std::function<void(std::size_t thread)>& work) {
    std::latch begin(static_cast<std::ptrdiff_t>(count));
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        begin.arrive_and_wait();
        work(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(FunnelTest, KeepsTheOrderOfEachThreadAndLosesNothing) {
  constexpr std::uint64_t kThreads = 6;
  constexpr std::uint64_t kEach = 10'000;
  for (const std::size_t places : {1UL, 7UL, 1'024UL}) {
    const std::uint64_t each = (places == 1 ? kEach / 20 : kEach) / kSlower;
    Funnel funnel(open(), {.capacity_events = places, .payload_bytes = 32, .thread = true});
    auto consumer = Consumer::attach("orders", {.policy = Policy::gate, .start = Start::latest});
    std::thread reading([&] {
      std::array<std::uint64_t, kThreads> next{};
      for (std::uint64_t i = 0; i < kThreads * each; ++i) {
        const auto event = consumer.next_for(kLong);
        ASSERT_TRUE(event) << "after " << i;
        const auto numbered = event->as<Numbered>();
        ASSERT_LT(numbered.thread, kThreads);
        ASSERT_EQ(numbered.number, next[numbered.thread]++) << "of thread " << numbered.thread;
        ASSERT_EQ(event->type, numbered.number % 7);
        const bool has_key = event->attributes().find("key").has_value();
        ASSERT_EQ(has_key, numbered.number % 5 == 0);
      }
    });
    in_threads(kThreads, [&](std::size_t thread) {
      const std::array attributes{Attribute{"key", "v"}};
      for (std::uint64_t n = 0; n < each; ++n) {
        EventOptions options{.type = static_cast<std::uint32_t>(n % 7)};
        if (n % 5 == 0) options.attributes = attributes;
        funnel.publish(Numbered{thread, n}, options);
      }
    });
    Publisher publisher = funnel.stop();
    EXPECT_EQ(funnel.counters().events, kThreads * each);
    EXPECT_EQ(funnel.counters().failed, 0U);
    EXPECT_LE(funnel.counters().batches, kThreads * each);
    reading.join();
    publisher.close();
    EXPECT_EQ(consumer.next_for(kLong), std::nullopt);
    EXPECT_TRUE(consumer.closed()) << "nothing came twice";
  }
}

TEST_F(FunnelTest, TellsEachTicketItsSequence) {
  constexpr std::size_t kThreads = 4;
  constexpr std::uint64_t kEach = 2'000 / kSlower;
  std::array<std::map<std::uint64_t, std::uint64_t>, kThreads> numbers;  // by sequence
  auto publisher = open();
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  Funnel funnel(std::move(publisher), {.capacity_events = 64, .thread = true});
  in_threads(kThreads, [&](std::size_t thread) {
    std::vector<FunnelTicket> kept;
    for (std::uint64_t n = 0; n < kEach; ++n) {
      kept.push_back(funnel.publish(Numbered{thread, n}));
      if (n % 8 != 0) continue;  // some at once, some together
      for (std::size_t i = 0; i < kept.size(); ++i) numbers[thread][kept[i].wait()] = n + 1 + i - kept.size();
      kept.clear();
    }
    for (std::size_t i = 0; i < kept.size(); ++i) numbers[thread][kept[i].wait()] = kEach + i - kept.size();
  });
  std::uint64_t events = 0;
  while (const std::size_t now = consumer.poll([&](const Event& event) {
    const auto numbered = event.as<Numbered>();
    const auto told = numbers.at(numbered.thread).find(event.sequence);
    ASSERT_NE(told, numbers.at(numbered.thread).end()) << "no ticket has " << event.sequence;
    EXPECT_EQ(told->second, numbered.number);
  }))
    events += now;
  EXPECT_EQ(events, kThreads * kEach);
}

TEST_F(FunnelTest, IsDrainedByAThreadOfTheUsers) {
  Funnel funnel(open(), {.capacity_events = 4});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  FunnelTicket one = funnel.publish("one");
  EXPECT_EQ(one.wait_for(1ms), std::nullopt) << "nobody has drained";
  EXPECT_TRUE(funnel.try_publish("two"));
  EXPECT_EQ(funnel.drain(), 2U);
  EXPECT_EQ(one.wait(), 1U);
  EXPECT_EQ(funnel.drain(1ms), 0U);
  EXPECT_EQ(poll_texts(consumer), (std::vector<std::string>{"one", "two"}));
}

TEST_F(FunnelTest, RefusesOrWaitsWhenItIsFull) {
  Funnel funnel(open(), {.capacity_events = 2});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  EXPECT_TRUE(funnel.try_publish("1"));
  EXPECT_TRUE(funnel.try_publish("2"));
  EXPECT_EQ(funnel.try_publish("3").status(), Status::full);
  EXPECT_EQ(funnel.publish_for(bytes_of("3"), 1ms).status(), Status::timed_out);
  const FunnelTicket refused = funnel.try_publish("3");
  expect_error([&] { static_cast<void>(refused.wait()); }, Code::bad_option, {"full"});
  std::thread waiting([&] { EXPECT_TRUE(funnel.publish("3")); });  // has a place when something has been drained
  std::uint64_t drained = 0;
  EXPECT_TRUE(eventually([&] { return (drained += funnel.drain()) == 3; }));
  waiting.join();
  EXPECT_EQ(poll_texts(consumer), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(FunnelTest, IsFullOfKeptTickets) {
  Funnel funnel(open(), {.capacity_events = 2});
  std::optional<FunnelTicket> first = funnel.try_publish("1");
  const FunnelTicket second = funnel.try_publish("2");
  EXPECT_EQ(funnel.drain(), 2U);
  EXPECT_EQ(funnel.try_publish("3").status(), Status::full) << "their tickets hold the places";
  EXPECT_EQ(second.wait(), 2U);
  first.reset();
  EXPECT_TRUE(funnel.try_publish("3"));
}

TEST_F(FunnelTest, TakesLargeEventsAndRefusesTooLargeOnes) {
  Funnel funnel(open(), {.capacity_events = 8, .payload_bytes = 16, .thread = true});
  auto consumer = Consumer::attach("orders", {.policy = Policy::gate});
  const std::array attributes{Attribute{"key", "v"}};
  const std::size_t most = core::largest_payload_bytes(1 << 20);
  for (const std::size_t size : {0UL, 16UL, 17UL, 5'000UL, most}) {
    const std::uint64_t sequence = funnel.publish(numbered_payload(consumer.next_sequence(), size)).wait();
    EXPECT_EQ(poll_sequences(consumer), sequences(sequence, sequence)) << size;
  }
  EXPECT_EQ(funnel.publish(numbered_payload(6, 12), {.attributes = attributes}).wait(), 6U);
  EXPECT_EQ(poll_sequences(consumer), sequences(6, 6));
  const std::vector<std::byte> more(most + 1);
  EXPECT_EQ(funnel.try_publish(more).status(), Status::too_large);
  expect_error([&] { funnel.publish(more); }, Code::event_too_large, {"ring 'orders'"});
  const std::array bad{Attribute{"a b", "v"}};
  expect_error([&] { funnel.publish("x", {.attributes = bad}); }, Code::bad_option, {"'a b'"});
  EXPECT_EQ(funnel.publish("still works").wait(), 7U);
}

TEST_F(FunnelTest, TellsTicketsWhatThePublisherRefuses) {
  Funnel funnel(open(), {.capacity_events = 8});
  const FunnelTicket before = funnel.publish("before");
  funnel.drain();
  remove_ring("orders", true);
  std::vector<FunnelTicket> tickets;
  // The publisher looks whether its ring was removed when it needs room, once a sixteenth of the ring at the latest.
  const std::vector<std::byte> payload(100'000);
  for (int i = 0; i < 3; ++i) {
    tickets.push_back(funnel.publish(payload));
    funnel.drain();
  }
  EXPECT_EQ(before.wait(), 1U);
  expect_error([&] { static_cast<void>(tickets.back().wait()); }, Code::removed, {"ring 'orders'"});
  EXPECT_GE(funnel.counters().failed, 1U);
}

TEST_F(FunnelTest, PublishesEverythingWhenItEnds) {
  for (const bool thread : {true, false}) {
    auto consumer = std::optional<Consumer>();
    {
      Funnel funnel(open(), {.capacity_events = 1'000, .thread = thread});
      consumer = Consumer::attach("orders", {.policy = Policy::gate, .start = Start::latest});
      for (std::uint64_t n = 1; n <= 1'000; ++n) funnel.publish(n);
    }
    std::uint64_t next = 1;
    while (consumer->poll([&](const Event& event) { EXPECT_EQ(event.as<std::uint64_t>(), next++); }) != 0) continue;
    EXPECT_EQ(next, 1'001U);
  }
}

TEST_F(FunnelTest, TakesNothingOnceItWasStopped) {
  Funnel funnel(open(), {.thread = true});
  expect_error([&] { funnel.drain(); }, Code::bad_option, {"ring 'orders'", "thread"});
  const FunnelTicket ticket = funnel.publish("one");
  Publisher publisher = funnel.stop();
  EXPECT_EQ(ticket.wait(), 1U);
  expect_error([&] { funnel.publish("two"); }, Code::bad_option, {"stopped"});
  EXPECT_EQ(publisher.publish("two"), 2U);
  expect_error([] { Funnel none(Publisher::open("other"), {.capacity_events = 0}); }, Code::bad_option, {"ring 'other'"});
}

TEST_F(FunnelTest, AllocatesNothingForAnEvent) {
  constexpr std::size_t kThreads = 4;
  Funnel funnel(open(), {.capacity_events = 512, .payload_bytes = 128, .thread = true});
  const std::array attributes{Attribute{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
  const std::array<std::byte, 64> payload{};
  std::latch warm(kThreads);
  std::latch counted(kThreads);
  std::latch begin(1);
  std::vector<std::thread> threads;
  const auto publish = [&](std::uint64_t count) {
    for (std::uint64_t n = 0; n < count; ++n) {
      funnel.publish(payload, n % 2 == 0 ? EventOptions{} : EventOptions{.attributes = attributes});
      if (n % 64 == 0) static_cast<void>(funnel.publish(payload).wait());
    }
  };
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      publish(2'000 / kSlower);  // its first event makes its own queue
      {
        // And the first place that it is the last to let go of another one, for what is free: when the second of these is
        // published, the funnel's thread has let go of the first.
        const FunnelTicket held = funnel.publish(payload);
        static_cast<void>(held.wait());
        static_cast<void>(funnel.publish(payload).wait());
      }
      warm.count_down();
      begin.wait();
      publish(20'000 / kSlower);
      counted.count_down();
    });
  }
  warm.wait();
  counting_allocations = true;
  begin.count_down();
  counted.wait();
  counting_allocations = false;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allocations.load(), 0U);
}

}  // namespace
}  // namespace ringbolt::test
