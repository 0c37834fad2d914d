// The consumer of docs/idempotency.md is killed a thousand times while events are published; then each is in its books once.
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <ringbolt/ringbolt.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Payment {
  std::uint32_t account;
  std::uint32_t reserved;
  std::int64_t cents;
};
constexpr std::uint32_t kAccounts = 16;

// What is published under a number; the same in the oracle.
Payment payment(std::uint64_t sequence) {
  const std::uint64_t mixed = (sequence * 0x9e3779b97f4a7c15U) >> 17;
  return {static_cast<std::uint32_t>(mixed % kAccounts), 0, static_cast<std::int64_t>(mixed % 20'001) - 10'000};
}

// The database, asked by somebody who knows nothing of the program that wrote it.
class Database {
 public:
  explicit Database(const std::string& path) {
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK) << path;
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(database_); }

  std::vector<std::vector<std::int64_t>> rows(const std::string& question) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database_, question.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database_);
    std::vector<std::vector<std::int64_t>> rows;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      std::vector<std::int64_t>& row = rows.emplace_back();
      for (int i = 0; i < sqlite3_column_count(statement); ++i) row.push_back(sqlite3_column_int64(statement, i));
    }
    sqlite3_finalize(statement);
    return rows;
  }
  std::int64_t number(const std::string& question) { return rows(question).at(0).at(0); }

 private:
  sqlite3* database_ = nullptr;
};

class IdempotentSqlite : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/dev/shm/ringbolt-examples-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    ::setenv("RINGBOLT_DIR", directory_.c_str(), 1);
    database_ = directory_ / "books.db";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // A life of the program; ended by the kernel with this test, or if it hangs.
  [[nodiscard]] pid_t start() const {
    const std::string program = std::filesystem::path(RINGBOLT_EXAMPLES_DIR) / "idempotent_sqlite";
    const std::string errors = directory_ / "errors";
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::alarm(240);
    static_cast<void>(std::freopen("/dev/null", "w", stdout));
    static_cast<void>(std::freopen(errors.c_str(), "a", stderr));
    ::execl(program.c_str(), program.c_str(), "payments", database_.c_str(), nullptr);
    ::_exit(127);
  }
  [[nodiscard]] std::string errors() const {
    std::string text;
    if (std::FILE* file = std::fopen((directory_ / "errors").c_str(), "r")) {
      for (int byte = 0; (byte = std::fgetc(file)) != EOF;) text.push_back(static_cast<char>(byte));
      std::fclose(file);
    }
    return text;
  }
  // To the end of the stream; its exit status.
  [[nodiscard]] int run() const {
    int status = 0;
    ::waitpid(start(), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Each event from `first` to `last`, once, with what was published under its number; and nothing else.
  void expect_booked(std::uint64_t first, std::uint64_t last) const {
    Database database(database_);
    std::vector<std::int64_t> balances(kAccounts);
    std::uint64_t expected = first;
    for (const auto& row : database.rows("SELECT sequence, account, cents FROM entry ORDER BY sequence")) {
      const Payment& right = payment(expected);
      ASSERT_EQ(row, (std::vector<std::int64_t>{static_cast<std::int64_t>(expected), right.account, right.cents}));
      balances[right.account] += right.cents;
      ++expected;
    }
    EXPECT_EQ(expected, last + 1);
    for (const auto& row : database.rows("SELECT account, cents FROM balance")) {
      EXPECT_EQ(row[1], balances[static_cast<std::size_t>(row[0])]) << "account " << row[0];
    }
    EXPECT_EQ(database.number("SELECT sequence FROM cursor"), static_cast<std::int64_t>(last));
  }

  std::filesystem::path directory_;
  std::string database_;
};

// Publishes until it is told to stop, some ten thousand payments a second.
class Payer {
 public:
  explicit Payer(const ringbolt::PublisherOptions& options) : publisher_(ringbolt::Publisher::open("payments", options)) {
    thread_ = std::thread([this] {
      while (!stop_.load()) {
        for (int i = 0; i < 10; ++i) publisher_.publish(payment(publisher_.next_sequence()));
        std::this_thread::sleep_for(1ms);
      }
    });
  }
  // The last event's number.
  std::uint64_t stop() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
    publisher_.close();
    return publisher_.next_sequence() - 1;
  }
  ~Payer() { stop(); }

 private:
  ringbolt::Publisher publisher_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::uint64_t booked() {
  for (const ringbolt::ConsumerStat& consumer : ringbolt::stat_ring("payments").consumers) {
    if (consumer.name == "books") return consumer.cursor_sequence;
  }
  return 0;
}

// The moments of the kills are random, and scaled so that about half of the lives get as far as booking something, on whatever
// machine: they fall into attaching, reading, and every part of a transaction.
TEST_F(IdempotentSqlite, BooksEachEventOnceThroughAThousandKills) {
  constexpr int kLives = 1'000;
  const char* given = std::getenv("SEED");
  const auto seed = given != nullptr ? std::strtoul(given, nullptr, 10) : std::random_device{}();
  std::printf("SEED=%lu\n", static_cast<unsigned long>(seed));
  std::fflush(stdout);  // or each child prints it too
  std::mt19937_64 random(seed);

  Payer payer({.capacity_bytes = 64 << 10, .journal = {.directory = directory_ / "journal", .sync = ringbolt::Sync::none}});
  std::chrono::duration<double> longest = 8ms;
  int lives_that_booked = 0;
  for (int life = 0; life < kLives; ++life) {
    const std::uint64_t before = booked();
    const pid_t pid = start();
    std::this_thread::sleep_for(longest * std::uniform_real_distribution<double>(0, 1)(random));
    ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << errors();
    const bool progress = booked() > before;
    lives_that_booked += progress ? 1 : 0;
    longest = std::min<std::chrono::duration<double>>(longest * (progress ? 0.96 : 1.04), 1s);
  }
  const std::uint64_t last = payer.stop();
  EXPECT_EQ(run(), 0) << errors();
  expect_booked(1, last);
  EXPECT_GT(lives_that_booked, kLives / 10);
  std::printf("counts: %d kills, %d of them after something was booked, %llu payments\n", kLives, lives_that_booked,
              static_cast<unsigned long long>(last));
}

TEST_F(IdempotentSqlite, GoesOnInANewRingThatHasTheJournal) {
  const ringbolt::JournalOptions journal{.directory = directory_ / "journal", .sync = ringbolt::Sync::none};
  for (std::uint64_t sequence = 1; sequence <= 300; sequence += 100) {
    auto publisher = ringbolt::Publisher::open("payments", {.journal = journal});
    while (publisher.next_sequence() < sequence + 100) publisher.publish(payment(publisher.next_sequence()));
    publisher.close();
    EXPECT_EQ(run(), 0) << errors();
    ringbolt::remove_ring("payments", true);  // as when the machine is restarted
  }
  expect_booked(1, 300);
}

TEST_F(IdempotentSqlite, TakesANewRingWithoutAJournalForANewStream) {
  for (int round = 0; round < 2; ++round) {
    {
      auto publisher = ringbolt::Publisher::open("payments");
      while (publisher.next_sequence() <= 50) publisher.publish(payment(publisher.next_sequence()));
      publisher.close();
    }
    EXPECT_EQ(run(), 0) << errors();
    EXPECT_EQ(run(), 0) << errors();  // nothing new
    ringbolt::remove_ring("payments");
  }
  Database database(database_);
  EXPECT_EQ(database.number("SELECT count(*) FROM entry"), 100);
  EXPECT_EQ(database.number("SELECT count(DISTINCT ring_id) FROM entry"), 2);
  std::int64_t sum = 0;
  for (std::uint64_t sequence = 1; sequence <= 50; ++sequence) sum += 2 * payment(sequence).cents;
  EXPECT_EQ(database.number("SELECT sum(cents) FROM balance"), sum);
}

TEST_F(IdempotentSqlite, StopsAtAGapAndSaysWhichEventsAreMissing) {
  {
    auto publisher = ringbolt::Publisher::open("payments", {.capacity_bytes = 64 << 10});
    publisher.publish(payment(1));
    publisher.close();
    EXPECT_EQ(run(), 0) << errors();
    while (publisher.next_sequence() <= 5'000) publisher.publish(payment(publisher.next_sequence()));
    publisher.close();
  }
  EXPECT_EQ(run(), 1);
  EXPECT_NE(errors().find("payments 2 to "), std::string::npos) << errors();
  EXPECT_EQ(run(), 1);  // it does not get over it by being started again
  expect_booked(1, 1);
}

TEST_F(IdempotentSqlite, StopsWhereWhatWasBookedIsNoneOfTheStreamAnyMore) {
  const std::filesystem::path journal = directory_ / "journal";
  for (const std::uint64_t last : {100U, 60U}) {
    {
      auto publisher =
          ringbolt::Publisher::open("payments", {.journal = {.directory = journal, .sync = ringbolt::Sync::none}});
      while (publisher.next_sequence() <= last) publisher.publish(payment(publisher.next_sequence()));
      publisher.close();
    }
    EXPECT_EQ(run(), last == 100 ? 0 : 1);
    ringbolt::remove_ring("payments");
    std::filesystem::remove_all(journal);  // a power cut takes back what was not durable; here it is all
  }
  EXPECT_NE(errors().find("event 100 was booked"), std::string::npos) << errors();
  expect_booked(1, 100);
}

}  // namespace
