#include "tail_journal.hpp"

#include <ringbolt/ipc/journal_cursor.hpp>
#include <ringbolt/ipc/journal_reader.hpp>

#include <algorithm>
#include <optional>

#include "json.hpp"
#include "output.hpp"
#include "signals.hpp"
#include "tail_format.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kLook = 20ms;     // between two looks for more: nobody wakes a reader of files
constexpr auto kSettle = 100ms;  // the longest that an event stays in the buffer

// Written first and committed afterwards, as `tail` of a ring does.
class JournalTail {
 public:
  explicit JournalTail(const TailCommand& command) : command_(command), reader_(JournalReader::open(command.ring)) {
    if (!command.as.empty()) cursor_.emplace(JournalCursor::open(command.ring, command.as));
    go_to(command.from.value_or(command.as.empty() ? Start::earliest : Start::resume));
  }

  Exit run() try {
    const Exit status = read_all();
    settle();
    return status;
  } catch (const Error&) {
    settle();  // what came before it
    throw;
  }

 private:
  void go_to(Start start) {
    switch (start.kind) {
      case Start::Kind::earliest: return;
      case Start::Kind::latest: reader_.seek(std::max(reader_.newest_sequence() + 1, reader_.next_sequence())); return;
      case Start::Kind::sequence: reader_.seek(start.value); return;
      case Start::Kind::time: reader_.seek_time(start.value); return;
      case Start::Kind::resume: resume();
    }
  }

  void resume() {
    if (!cursor_) throw Failure(kUsage, "only a consumer with a name can resume: give --as CONSUMER, or another --from");
    const std::uint64_t sequence = cursor_->sequence();
    if (sequence == 0) return;
    const std::uint64_t newest = reader_.newest_sequence();
    if (sequence > newest) {
      throw Error(Code::cursor_ahead, fmt::format("consumer '{}' has committed event {}, and the journal {} ends with {}: "
                                                  "choose where it goes on with --from",
                                                  command_.as, sequence, command_.ring, newest));
    }
    if (sequence >= reader_.oldest_sequence() && reader_.ring_of(sequence) != cursor_->ring_id()) {
      throw Error(Code::cursor_ahead,
                  fmt::format("consumer '{}' has committed event {} of another ring, and the journal {} has another event "
                              "of that number: choose where it goes on with --from",
                              command_.as, sequence, command_.ring));
    }
    reader_.seek(sequence + 1);
  }

  Exit read_all() {
    Event event;
    while (!stop_requested() && !output_.broken()) {
      switch (reader_.next(event)) {
        case Status::ok:
          take(event);
          if (++count_ == command_.count) return kDone;
          break;
        case Status::gap: take(reader_.last_gap()); break;
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
    arrived_ = true;
    uncommitted_ = event.sequence;
    if (output_.is_large() || steady_clock::now() - settled_ >= kSettle) settle();
  }

  void take(const Gap& gap) {
    arrived_ = true;
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
    if (!cursor_ || uncommitted_ == 0) return;
    const JournalPlace place = reader_.place();
    if (place.epoch != epoch_) {  // of one epoch all events are one ring's
      ring_id_ = reader_.ring_of(uncommitted_);
      epoch_ = place.epoch;
    }
    cursor_->commit(uncommitted_, ring_id_, epoch_);
    uncommitted_ = 0;
  }

  // Until it is worth another look; false if nothing came for too long.
  bool wait() {
    const auto now = steady_clock::now();
    if (arrived_) last_arrival_ = now;
    arrived_ = false;
    if (command_.timeout.count() != 0 && now - last_arrival_ >= command_.timeout) return false;
    if (!output_.reader_has_gone()) sleep_for(kLook);
    return true;
  }

  const TailCommand& command_;
  JournalReader reader_;
  std::optional<JournalCursor> cursor_;
  Output output_;
  std::uint64_t count_ = 0;
  std::uint64_t uncommitted_ = 0;  // the newest event that was taken and not committed; 0: none
  std::uint64_t epoch_ = 0;        // that `ring_id_` belongs to
  std::array<std::uint64_t, 2> ring_id_{};
  bool arrived_ = false;  // something, since the last wait
  steady_clock::time_point settled_ = steady_clock::now();
  steady_clock::time_point last_arrival_ = steady_clock::now();
};

}  // namespace

Exit tail_journal(const TailCommand& command) {
  if (command.policy != Policy::automatic || !command.after.empty() || command.after_durable)
    throw Failure(kUsage, fmt::format("{} is a journal: --policy, --after and --after-durable are for rings", command.ring));
  return JournalTail(command).run();
}

}  // namespace ringbolt::command
