// What the library says where no call answers.
#include <sys/resource.h>

#include <ringbolt/ipc/log.hpp>

#include <mutex>
#include <stdexcept>
#include <thread>

#include "child.hpp"
#include "journalled_ring.hpp"

namespace ringbolt::test {
namespace {

// Keeps what is said, while it lives.
class Heard {
 public:
  Heard() {
    set_log([this](const LogRecord& record) {
      const std::lock_guard lock(mutex_);
      said_.push_back(std::string(log_level_name(record.level)) + " " + std::string(record.ring) + ": " +
                      std::string(record.sentence));
    });
  }
  ~Heard() { set_log({}); }
  Heard(const Heard&) = delete;
  Heard& operator=(const Heard&) = delete;

  // One that begins so and has these words in it.
  [[nodiscard]] bool has(std::string_view beginning, const std::vector<std::string>& words) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(said_, [&](const std::string& said) {
      return said.starts_with(beginning) &&
             std::ranges::all_of(words, [&](const std::string& word) { return said.find(word) != std::string::npos; });
    });
  }
  [[nodiscard]] std::string all() const {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& said : said_) text += said + "\n";
    return text;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> said_;
};

using LogTest = JournalledRing;

TEST_F(LogTest, TellsATakeOver) {
  const Heard heard;
  { auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall}); }
  EXPECT_EQ(heard.all(), "") << "a ring that is made is nothing to talk about";
  auto publisher = Publisher::open("orders");
  EXPECT_TRUE(heard.has("info orders: ", {"2", "event 1"})) << heard.all();
}

TEST_F(LogTest, TellsAnEviction) {
  const Heard heard;
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto consumer = Consumer::attach("orders", {.name = "billing", .policy = Policy::gate, .budget = 1ms});
  publish_until_full(publisher, 1'000);
  publisher.publish(std::string(1'000, 'x'));
  EXPECT_TRUE(heard.has("warning orders: ", {"'billing'", "evicted", "budget"})) << heard.all();
}

TEST_F(LogTest, TellsThatAConsumerDied) {
  const Heard heard;
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  AttachedChild({.name = "billing", .policy = Policy::gate}).kill();
  publish_until_full(publisher, 1'000);
  publisher.publish(std::string(1'000, 'x'));
  EXPECT_TRUE(heard.has("info orders: ", {"'billing'", "died"})) << heard.all();
}

TEST_F(LogTest, TellsThatAJournalStallsAndGoesOn) {
  const Heard heard;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto publisher = Publisher::open("orders", journalled());
  publish_numbers(publisher, 1);
  const rlimit tight{1 << 10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  publish_numbers(publisher, 5'000 / 4);
  while (!heard.has("error orders: ", {"journal", directory()})) std::this_thread::yield();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(publisher.wait_durable(publisher.next_sequence() - 1, kLong));
  while (!heard.has("info orders: ", {"journal", "goes on"})) std::this_thread::yield();
}

TEST_F(LogTest, StopsNobodyWhereItFails) {
  set_log([](const LogRecord&) { throw std::runtime_error("no"); });
  { auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall}); }
  EXPECT_NO_THROW(static_cast<void>(Publisher::open("orders")));
  set_log({});
}

}  // namespace
}  // namespace ringbolt::test
