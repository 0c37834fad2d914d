// `ringbolt tail`: the events of a ring on standard output.
//
// The order that makes it at-least-once: an event is written, then committed. Whoever dies in between prints it again; nothing
// is committed that was not handed to the reader of standard output. So the consumer is read with `try_next` and an explicit
// commit after each flush, and a gate follows the commit.
#include <algorithm>

#include "attach.hpp"
#include "commands.hpp"
#include "journal_place.hpp"
#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "tail_format.hpp"
#include "tail_journal.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kSlice = 100ms;              // the longest sleep, and the longest that an event stays in the buffer
constexpr std::uint64_t kClockEvents = 64;  // events between two looks at the clock
constexpr std::uint64_t kHeldShare = 8;     // of the ring that a gating tail holds before it lets go
constexpr int kSlicesPerLook = 10;          // slices between two looks at whether anybody publishes

std::vector<std::string> followed(const TailCommand& command) {
  std::vector<std::string> names = command.after;
  if (command.after_durable) names.emplace_back(durable);
  return names;
}

ConsumerOptions consumer_options(const TailCommand& command) {
  return {.name = command.as,
          .policy = command.policy,
          .budget = command.budget,
          .start = command.from.value_or(command.as.empty() ? Start::earliest : Start::resume),
          .after = followed(command),
          .gate_on_commit = command.policy == Policy::gate,
          .read = Read::copy,  // so that an operator may evict it
          .wait = Wait::park};
}

class Tail {
 public:
  Tail(const TailCommand& command, Consumer consumer, std::uint64_t capacity_bytes)
      : command_(command), consumer_(std::move(consumer)), most_held_bytes_(capacity_bytes / kHeldShare) {}

  Exit run() try {
    const Exit status = read_all();
    settle();
    return status;
  } catch (const Error&) {
    settle();  // what came before it
    throw;
  }

 private:
  Exit read_all() {
    Event event;
    while (!stop_requested() && !output_.broken()) {
      switch (consumer_.try_next(event)) {
        case Status::ok:
          take(event);
          if (++count_ == command_.count) return kDone;
          break;
        case Status::gap:
        case Status::evicted: take(consumer_.last_gap()); break;
        case Status::closed:
          if (stderr_is_terminal()) say("the stream {} is closed", command_.ring);
          return kDone;
        default:  // empty
          settle();
          if (!command_.follow) return kDone;
          if (!wait()) return kTimedOut;
      }
    }
    return kDone;
  }

  void take(const Event& event) {
    append_event(output_.buffer(), command_.format, event);
    held_bytes_ += core::record_bytes(event.attributes_bytes + event.payload.size());
    arrived_ = uncommitted_ = true;
    if (output_.is_large() || held_bytes_ >= most_held_bytes_) {
      settle();
    } else if (++since_clock_ >= kClockEvents) {
      since_clock_ = 0;
      if (steady_clock::now() - settled_ >= kSlice) settle();
    }
  }

  void take(const Gap& gap) {
    arrived_ = uncommitted_ = true;
    if (command_.format == TailFormat::json) {
      append_gap_json(output_.buffer(), gap);
    } else {
      settle();  // a terminal shows both streams: keep them in order
      write_line(gap_line(gap));
    }
  }

  // Writes what was collected, then commits it.
  void settle() {
    if (!output_.flush()) return;
    settled_ = steady_clock::now();
    held_bytes_ = 0;
    if (uncommitted_) consumer_.commit();
    uncommitted_ = false;
  }

  // Until there is something to read or a reason to stop; false if nothing came for too long.
  bool wait() {
    if (arrived_) last_arrival_ = steady_clock::now();
    arrived_ = false;
    for (int slices = 1; !stop_requested() && !output_.reader_has_gone(); ++slices) {
      std::chrono::nanoseconds slice = kSlice;
      if (command_.timeout.count() != 0) {
        const std::chrono::nanoseconds left = last_arrival_ + command_.timeout - steady_clock::now();
        if (left.count() <= 0) return false;
        slice = std::min(slice, left);
      }
      if (consumer_.wait_for(slice) != Status::timed_out) return true;
      if (slices % kSlicesPerLook == 0) look_for_publisher();
    }
    return true;
  }

  // Says once on a terminal that nobody publishes, and once more if that happens again.
  void look_for_publisher() {
    if (!stderr_is_terminal()) return;
    const bool alive = consumer_.publisher_alive();
    if (!alive && !said_gone_) say("the publisher of {} is gone; waiting for a successor, Ctrl-C ends", command_.ring);
    said_gone_ = !alive;
  }

  const TailCommand& command_;
  Consumer consumer_;
  Output output_;
  std::uint64_t most_held_bytes_;
  std::uint64_t held_bytes_ = 0;  // of records that were read and not committed
  std::uint64_t count_ = 0;
  std::uint64_t since_clock_ = 0;  // events since the last look at the clock
  bool uncommitted_ = false;
  bool arrived_ = false;  // something, since the last wait
  bool said_gone_ = false;
  steady_clock::time_point settled_ = steady_clock::now();
  steady_clock::time_point last_arrival_ = steady_clock::now();
};

Exit timed_out(const TailCommand& command) {
  say("nothing came from {} for {}", command.ring, duration_text(static_cast<std::uint64_t>(command.timeout.count())));
  return kTimedOut;
}

}  // namespace

Exit tail(const TailCommand& command) {
  catch_signals();
  if (is_journal(command.ring)) {
    const Exit status = tail_journal(command);
    return status == kTimedOut ? timed_out(command) : status;
  }
  std::optional<Consumer> consumer;
  switch (attach(command.ring, consumer_options(command), command.wait, command.timeout, consumer)) {
    case Attach::done: break;
    case Attach::stopped: return kDone;
    case Attach::timed_out: return timed_out(command);
  }
  const bool is_share = command.ring.starts_with(kSharePrefix);  // how large it is only its publisher knows
  Tail tail(command, std::move(*consumer), is_share ? core::kMinCapacityBytes : stat_ring(command.ring).capacity_bytes);
  const Exit status = tail.run();
  return status == kTimedOut ? timed_out(command) : status;
}

}  // namespace ringbolt::command
