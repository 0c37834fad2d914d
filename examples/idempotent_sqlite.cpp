// Books payments into a database, each once, although it may be killed at any moment: what an event does and how far the
// events have got are one transaction. docs/idempotency.md says why that is enough. idempotent_sqlite RING DATABASE
#include <ringbolt/ringbolt.hpp>

#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

struct Payment {
  std::uint32_t account;
  std::uint32_t reserved;
  std::int64_t cents;
};

// The last event that was booked. A number means something in its stream alone, so the ring's id goes with it.
struct Cursor {
  std::string ring_id;  // empty: nothing was booked yet
  std::uint64_t sequence = 0;
};

class Books {
 public:
  explicit Books(const char* path) {
    check(sqlite3_open(path, &database_));
    check(sqlite3_busy_timeout(database_, 10'000));
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");  // what was committed is there after a power cut
    run("CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), ring_id TEXT NOT NULL, sequence "
        "INTEGER)");
    run("CREATE TABLE IF NOT EXISTS entry (ring_id TEXT, sequence INTEGER, account INTEGER, cents INTEGER,"
        " PRIMARY KEY (ring_id, sequence)) WITHOUT ROWID");
    run("CREATE TABLE IF NOT EXISTS balance (account INTEGER PRIMARY KEY, cents INTEGER NOT NULL)");
    entry_ = prepare("INSERT INTO entry VALUES (?1, ?2, ?3, ?4)");  // an event that was booked already is an error here
    balance_ = prepare("INSERT INTO balance VALUES (?3, ?4) ON CONFLICT (account) DO UPDATE SET cents = cents + ?4");
    cursor_ = prepare("INSERT INTO cursor VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE SET ring_id = ?1, sequence = ?2");
  }
  Books(const Books&) = delete;
  Books& operator=(const Books&) = delete;
  ~Books() {
    for (sqlite3_stmt* statement : {entry_, balance_, cursor_}) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }

  Cursor cursor() {
    sqlite3_stmt* const ask = prepare("SELECT ring_id, sequence FROM cursor");
    Cursor cursor;
    if (sqlite3_step(ask) == SQLITE_ROW) {
      cursor.ring_id = reinterpret_cast<const char*>(sqlite3_column_text(ask, 0));
      cursor.sequence = static_cast<std::uint64_t>(sqlite3_column_int64(ask, 1));
    }
    check(sqlite3_finalize(ask));
    return cursor;
  }

  void begin() { run("BEGIN IMMEDIATE"); }
  void book(const Cursor& at, const Payment& payment) {
    for (sqlite3_stmt* statement : {entry_, balance_}) {
      bind(statement, at);
      check(sqlite3_bind_int64(statement, 3, payment.account));
      check(sqlite3_bind_int64(statement, 4, payment.cents));
      step(statement);
    }
  }
  void commit(const Cursor& at) {
    bind(cursor_, at);
    step(cursor_);
    run("COMMIT");
  }

 private:
  void check(int result) const {
    if (result != SQLITE_OK && result != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(database_));
  }
  void run(const char* statement) { check(sqlite3_exec(database_, statement, nullptr, nullptr, nullptr)); }
  sqlite3_stmt* prepare(const char* text) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database_, text, -1, &statement, nullptr));
    return statement;
  }
  void bind(sqlite3_stmt* statement, const Cursor& at) const {
    check(sqlite3_bind_text(statement, 1, at.ring_id.c_str(), -1, SQLITE_STATIC));
    check(sqlite3_bind_int64(statement, 2, static_cast<sqlite3_int64>(at.sequence)));
  }
  void step(sqlite3_stmt* statement) const {
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* entry_ = nullptr;
  sqlite3_stmt* balance_ = nullptr;
  sqlite3_stmt* cursor_ = nullptr;
};

// Do the numbers of this ring go on where those end that were booked? A new ring's do where it has the journal of the old one.
bool same_stream(const ringbolt::RingStat& ring, const Cursor& booked) {
  return ring.ring_id == booked.ring_id || ring.first_sequence > booked.sequence;
}

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: idempotent_sqlite RING DATABASE\n"), 2;
  constexpr int kEventsInTransaction = 64;
  Books books(argv[2]);
  const ringbolt::RingStat ring = ringbolt::stat_ring(argv[1]);
  Cursor booked = books.cursor();
  if (!same_stream(ring, booked)) {
    if (ring.journal) {
      throw std::runtime_error("event " + std::to_string(booked.sequence) +
                               " was booked and is none of this stream any more: docs/idempotency.md says what to do");
    }
    booked.sequence = 0;  // a new ring, whose numbers begin again
  }
  booked.ring_id = ring.ring_id;

  ringbolt::ConsumerOptions options{.name = "books"};
  options.start = booked.sequence == 0 ? ringbolt::Start::earliest : ringbolt::Start::at(booked.sequence + 1);
  if (!ring.journal) options.policy = ringbolt::Policy::gate;  // nobody else keeps events for us
  if (ring.journal && ring.journal->sync != "none")
    options.after = ringbolt::durable;  // nothing that a power cut takes back
  auto consumer = ringbolt::Consumer::attach(argv[1], options);
  if (ringbolt::stat_ring(argv[1]).ring_id != ring.ring_id) throw std::runtime_error("the ring was made anew: start again");

  while (consumer.wait_for(ringbolt::kForever) == ringbolt::Status::ok) {
    const std::uint64_t before = booked.sequence;
    ringbolt::Event event;
    ringbolt::Status status = ringbolt::Status::ok;
    books.begin();
    for (int i = 0; i < kEventsInTransaction && (status = consumer.try_next(event)) == ringbolt::Status::ok; ++i) {
      if (event.sequence <= booked.sequence) continue;  // it came again, and was booked
      booked.sequence = event.sequence;
      books.book(booked, event.as<Payment>());
    }
    books.commit(booked);
    // For `ringbolt stat`, and for what the journal keeps; where to go on stands in the database.
    if (booked.sequence != before) consumer.commit(booked.sequence);
    if (status == ringbolt::Status::gap || status == ringbolt::Status::evicted) {
      const ringbolt::Gap& gap = consumer.last_gap();
      throw std::runtime_error("payments " + std::to_string(gap.first) + " to " + std::to_string(gap.last) +
                               " are lost: book them by other means, then set the cursor behind them");
    }
  }
  std::printf("books: all booked up to %llu\n", static_cast<unsigned long long>(booked.sequence));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "idempotent_sqlite: %s\n", error.what());
  return 1;
}
