// The door for whoever consumes: any number of Consumers per ring, in any number of processes.
//
//   auto consumer = ringbolt::Consumer::attach("orders", {.name = "billing", .policy = ringbolt::Policy::gate});
//   while (auto event = consumer.next_for(100ms)) { handle(*event); consumer.commit(event->sequence); }
//
// What runs per event is inline and stands on `core/reader.hpp`. A Consumer is used by one thread at a time.
//
// On a ring with a journal a consumer of policy `journal` is two states of one: it reads the ring, and when it is overrun, or
// starts in the past, the journal, until it has caught up. No event is skipped or repeated at either turn.
//
// Gate and commit are two things. The *gate* tells the publisher what may be overwritten; the *commit* says where this name
// resumes. `poll` moves both when its handler has returned from the batch. `next` moves the gate when the next event is
// asked for, and never commits: the application does.
#pragma once

#include <ringbolt/core/gates.hpp>
#include <ringbolt/core/inline.hpp>
#include <ringbolt/core/reader.hpp>
#include <ringbolt/core/spin.hpp>
#include <ringbolt/core/wake.hpp>
#include <ringbolt/ipc/event.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringbolt {

namespace ipc {
struct StartPlace;
}

// How payloads reach the user.
enum class Read : std::uint8_t {
  automatic,  // in place for a consumer that gates without budget, a copy for all others
  copy,       // into the consumer's buffer, validated before it is handed out
  in_place,   // a view of the ring; a consumer that may be overrun or evicted asks Event::still_valid after use
};

struct ConsumerOptions {
  std::string name{};                  // keeps the cursor over restarts; empty: anonymous
  Policy policy = Policy::automatic;   // `journal` on a ring that has one, otherwise `lossy`
  std::chrono::nanoseconds budget{0};  // policy gate: how long the publisher waits before it evicts; 0: for ever
  Start start = Start::resume;
  // Sees an event only when these gating consumers have committed it, at most 8; `ringbolt::durable`: when it is on the disk.
  std::vector<std::string> after{};
  bool gate_on_commit = false;  // the gate waits for the commit instead of following what was handed out
  Read read = Read::automatic;
  Wait wait = Wait::park;  // how `next`, `next_for` and `wait_for` wait
};

struct PollResult {
  Status status = Status::empty;  // ok: the limit was reached; otherwise why it stopped before
  std::size_t count = 0;          // events handled
};

// What this Consumer object has seen; the registry keeps the totals of the name.
struct ConsumerCounters {
  std::uint64_t events = 0;          // handed out
  std::uint64_t gap_events = 0;      // lost
  std::uint64_t gaps = 0;            // in so many pieces
  std::uint64_t skipped_events = 0;  // passed over by design: policy latest, or a start that is still to come
  std::uint64_t evictions = 0;
  std::uint64_t turns_to_journal = 0;  // policy journal: from the ring, or at the start
  std::uint64_t turns_to_ring = 0;
};

class Consumer {
 public:
  // Attaches to an existing ring; never creates one. Throws Error: not_found, in_use (a live consumer of that name),
  // not_allowed, registry_full, cycle, bad_option, wrong_version, foreign_layout, too_short, damaged, cursor_ahead, ...
  // `unix:PATH` is a share (`PublisherOptions::share`): anonymous, policy gate (evicted after the share's longest budget at the
  // latest), lossy or latest; Error (removed) when its publisher has ended and everything was read.
  // Without write access to the registry only an anonymous lossy or latest consumer can attach; it leaves no trace.
  [[nodiscard]] static Consumer attach(std::string_view ring, const ConsumerOptions& options = {});

  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();  // leaves: the gate is released, the cursor of a name is kept

  // Hands up to `limit` events to `handler`, in order; never waits. Returns how many. What the handler has returned from
  // is committed and its gate moved when the batch ends, also when the handler throws; the event it threw for comes again.
  // A handler that can also be called with `const Gap&` is told of losses in their place in the order; otherwise Error
  // (overrun, evicted) is thrown for one, and the next call goes on behind it.
  template <class Handler>
  std::size_t poll(Handler&& handler, std::size_t limit = 256) {
    const PollResult result = try_poll(std::forward<Handler>(handler), limit);
    if (result.status == Status::gap || result.status == Status::evicted) [[unlikely]]
      throw_loss();
    return result.count;
  }

  // The same with the answer as an enum. Stops before a gap that the handler cannot take (`gap`, `evicted`).
  template <class Handler>
  PollResult try_poll(Handler&& handler, std::size_t limit = 256) {
    pace_.pause();
    Event event;  // outlives the batch, whose end may ask which it was
    BatchEnd batch{*this};
    PollResult result;
    event.reader = in_place_;
    while (result.count < limit) {
      result.status = read(event);
      if (result.status == Status::ok) [[likely]] {
        batch.handling = &event;
        handler(std::as_const(event));
        batch.handling = nullptr;
        ++result.count;
      } else if (result.status != Status::gap && result.status != Status::evicted) {
        pace_.drained(result.count);
        return result;
      } else if constexpr (std::invocable<Handler&, const Gap&>) {
        handler(std::as_const(gap_));
      } else {
        done_ = reader_.place();
        return result;
      }
      done_ = reader_.place();
    }
    pace_.behind(result.count);
    return result;
  }

  // For whoever keeps copies of a batch and commits them later: as `try_poll`, but only the gate moves when the batch ends. A
  // handler that answers false has not taken the event: it comes again, and the batch ends (ok).
  template <class Handler>
  PollResult try_fetch(Handler&& handler, std::size_t limit = 256) {
    pace_.pause();
    Event event;  // outlives the batch, whose end may ask which it was
    FetchEnd batch{*this};
    PollResult result;
    while (result.count < limit) {
      result.status = read(event);
      if (result.status != Status::ok) [[unlikely]] {
        if (result.status == Status::empty) pace_.drained(result.count);
        return result;
      }
      batch.handling = &event;
      if (!handler(std::as_const(event))) break;
      batch.handling = nullptr;
      ++result.count;
    }
    pace_.behind(result.count);
    return result;
  }

  // The next event, without waiting.
  [[nodiscard]] Status try_next(Event& event) {
    if (!gate_on_commit_) move_gate(reader_.place().position);
    event.reader = in_place_;
    event.attributes_bytes = 0;
    return read(event);
  }
  // Waits for the next event; empty when the stream is closed. Throws Error (overrun, evicted) for a gap; the next call
  // goes on behind it.
  [[nodiscard]] std::optional<Event> next();
  // The same for at most so long; empty after that, or when the stream is closed (`closed` tells which).
  [[nodiscard]] std::optional<Event> next_for(std::chrono::nanoseconds timeout);
  // The same with the answer as an enum: ok, gap, evicted, closed or timed_out.
  [[nodiscard]] Status next_for(Event& event, std::chrono::nanoseconds timeout);

  // Waits, as the option `wait` says, until there is something to read (ok: an event or a gap), the stream is closed
  // (closed), or the time is up (timed_out). Reads nothing.
  [[nodiscard]] Status wait_for(std::chrono::nanoseconds timeout);

  // A descriptor to wait on in an epoll, poll, io_uring, asyncio, libuv or Asio of one's own. It is readable unless the last
  // call that reads (`poll`, `try_poll`, `try_next`) found nothing, and nothing has come since; so after it became readable read
  // until nothing is left, then wait again. It is readable now and then with nothing to read: at the latest 100 ms after the last
  // look (1 ms on a share, and where the registry cannot be written), so that a publisher's death delays nobody for longer. A
  // call that finds nothing costs three or four system calls more from now on. Made at the first call, owned by this
  // Consumer, not to be read from or closed. Throws Error (system: a limit, which it names; removed, forked).
  [[nodiscard]] int fd();

  // This name resumes after `sequence`, which was handed out by this Consumer (Error bad_option otherwise). Costs no
  // system call. An anonymous consumer's commit only shows in `stat`.
  void commit(std::uint64_t sequence);
  // The same, and it survives a power cut when this returns: on a ring with a journal, for a consumer with a name. Throws
  // Error (bad_option without these two, not_allowed, system, no_space).
  void commit_durable(std::uint64_t sequence);
  void commit_durable() { commit_durable(reader_.place().sequence - 1); }
  // Everything handed out so far is done.
  void commit() { commit(reader_.place().sequence - 1); }

  // Of the last `gap` or `evicted`.
  [[nodiscard]] const Gap& last_gap() const noexcept { return gap_; }
  // The publisher ended the stream and everything was read.
  [[nodiscard]] bool closed() const noexcept;
  // Does a publisher hold the ring at this moment? Asks the kernel: about a microsecond. Throws Error where it does not say.
  [[nodiscard]] bool publisher_alive() const;
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return reader_.place().sequence; }
  [[nodiscard]] const ConsumerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] Policy policy() const noexcept;
  // Policy journal: are events read from the journal at this moment?
  [[nodiscard]] bool in_journal() const noexcept;
  [[nodiscard]] const std::string& ring_name() const noexcept;

 private:
  struct Impl;
  explicit Consumer(std::unique_ptr<Impl> impl) noexcept;
  [[nodiscard]] static Consumer attach_to_share(std::string_view ring, const ConsumerOptions& options);

  // Ends a batch of `poll`. An event whose handler has thrown comes again.
  struct BatchEnd {
    Consumer& consumer;
    const Event* handling = nullptr;
    ~BatchEnd() {
      if (handling != nullptr) consumer.reader_.go_to({handling->position, handling->sequence});
      consumer.end_batch();
    }
  };

  // Ends a batch of `try_fetch`. What was not taken comes again.
  struct FetchEnd {
    Consumer& consumer;
    const Event* handling = nullptr;
    ~FetchEnd() {
      if (handling != nullptr) {
        consumer.reader_.go_to({handling->position, handling->sequence});
        --consumer.counters_.events;
      }
      if (!consumer.gate_on_commit_) consumer.move_gate(consumer.reader_.place().position);
    }
  };

  [[nodiscard]] RINGBOLT_ALWAYS_INLINE Status read(Event& event) {
    if (special_ || reader_.place().sequence >= follow_limit_) [[unlikely]]
      return read_special(event);
    core::Record record;
    core::ReadStatus status = reader_.peek(record);
    if (status == core::ReadStatus::event) {
      if ((record.flags & core::kFlagAttributes) != 0) [[unlikely]]
        return read_with_attributes(event);
      if (in_place_ == nullptr) status = reader_.copy_payload(record, buffer_);
    }
    if (status != core::ReadStatus::event) return read_nothing(status, event);
    take(record, event);
    return Status::ok;
  }
  // All of an event that is not the same for every event of a batch.
  void take(const core::Record& record, Event& event) noexcept {
    reader_.advance(record);
    event.sequence = record.sequence;
    event.timestamp_ns = record.timestamp_ns;
    event.type = record.type;
    event.payload = {record.payload, record.size};
    event.position = record.position;
    ++counters_.events;
  }
  // Gate and cursor, as far as they moved; then whoever waits for them is woken. Nothing for a consumer without entry.
  void move_gate(std::uint64_t position) {
    if (position == gate_ || entry_ == nullptr) return;
    gate_ = position;
    core::store_gate(*entry_, position);
    RINGBOLT_STEP(gate_moved);
    wake_if_waited_for();
  }
  void store_commit(core::Place behind, std::uint64_t gate) {
    entry_->cursor_position.store_relaxed(behind.position);  // relaxed: checked against the ring before it is used
    RINGBOLT_STEP(cursor_placed);
    core::store_cursor(*entry_, behind.sequence - 1);
    RINGBOLT_STEP(cursor_stored);
    if (keeps_cursor_) keep_cursor(behind.sequence - 1);
    if (gate != gate_) {
      move_gate(gate);
    } else {
      wake_if_waited_for();
    }
  }
  void wake_if_waited_for() {
    if (core::anyone_asleep(*gate_waiters_, fence_each_gate_)) [[unlikely]]
      wake_gate_waiters();
  }
  void end_batch() {
    if (!core::beyond(done_.sequence, committed_)) return;
    committed_ = done_.sequence;
    if (entry_ != nullptr) store_commit(done_, done_.position);
  }

  void register_entry(const ConsumerOptions& options, Policy policy);
  void start(Start start);
  core::Place join_gates(core::Place place, std::uint64_t generation, std::uint64_t continues);
  void make_buffer();
  void update_special() noexcept;

  void open_journal(const ConsumerOptions& options);
  void open_cursor();
  [[nodiscard]] core::Place cursor_beside_journal();
  void keep_cursor(std::uint64_t sequence) noexcept;
  [[nodiscard]] bool start_in_journal(Start start, ipc::StartPlace& from);
  [[nodiscard]] bool has_journal_to_read();
  [[nodiscard]] bool turn_to_journal(std::uint64_t sequence);
  [[nodiscard]] bool turn_to_ring(bool at_once);
  [[nodiscard]] Status read_behind_turn(Event& event);
  [[nodiscard]] Status read_from_journal(Event& event);
  [[nodiscard]] Status find_neither(std::uint64_t next, std::uint64_t written);
  [[nodiscard]] Status lose_to_ring();
  [[nodiscard]] bool journal_has_news() const noexcept;
  [[nodiscard]] Status read_special(Event& event);
  [[nodiscard]] Status read_with_attributes(Event& event);
  [[nodiscard]] Status hand_out(const core::Record& record, Event& event);
  [[nodiscard]] Status read_nothing(core::ReadStatus status, Event& event);
  [[nodiscard]] Status nothing_yet();
  void sleep_on_descriptor();
  [[nodiscard]] Status report_gap();
  [[nodiscard]] Status read_behind_loss();
  [[nodiscard]] Status rejoin();
  [[nodiscard]] bool something_to_read();
  [[nodiscard]] bool must_wait_for_leaders();
  void skip_to_newest();
  void go_ahead_to(core::Place place, std::uint64_t from_sequence);
  [[noreturn]] void throw_damaged() const;
  void count_skipped(std::uint64_t events) noexcept;
  void wake_gate_waiters() noexcept;
  [[noreturn]] void throw_loss() const;

  core::Reader reader_;
  core::Pace pace_;
  std::byte* buffer_ = nullptr;
  const core::Reader* in_place_ = nullptr;  // set where events are read in place
  bool special_ = false;  // something before the ring must be looked at: a staged event, policy latest, a start to come
  bool gate_on_commit_ = false;
  bool fence_each_gate_ = false;
  bool keeps_cursor_ = false;                       // beside the journal, too
  std::uint64_t follow_limit_ = ~std::uint64_t{0};  // what others have committed: sequences below it may be read
  core::ConsumerEntry* entry_ = nullptr;            // null: not registered
  const core::Word32* gate_waiters_ = nullptr;
  std::uint64_t gate_ = 0;       // as last stored
  core::Place done_;             // behind the last event that a handler returned from, or that was committed
  std::uint64_t committed_ = 0;  // next sequence, as last committed
  Gap gap_;
  ConsumerCounters counters_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringbolt
