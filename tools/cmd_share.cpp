// `ringbolt share`: relays a ring into a share, for consumers that are not trusted; `docs/security.md` says what that means.
//
// Every event keeps its sequence, type and timestamp. A share's numbers have no holes, so where the relay lost events, or skipped
// some by design, the share ends and another one takes its place at the socket, which begins behind the hole. Its consumers read
// what is left of the old one, are told `removed`, attach again at the sequence that they want next, and are told the gap.
//
// An event is published first and committed afterwards, so a relay that is killed in between publishes it again, in the share
// of its next life: that one begins behind the last commit. No share holds an event twice.
#include "attach.hpp"
#include "commands.hpp"
#include "signals.hpp"
#include "tail_format.hpp"
#include "terminal.hpp"

namespace ringbolt::command {
namespace {

using namespace std::chrono_literals;

constexpr auto kSlice = 100ms;                    // the longest sleep
constexpr std::uint64_t kMostUncommitted = 1024;  // events; they are committed when nothing more has come, too
constexpr std::uint64_t kHeldShare = 8;           // of the ring that a gating relay holds before it lets go

class Relay {
 public:
  Relay(const ShareCommand& command, Consumer consumer)
      : command_(command), consumer_(std::move(consumer)), source_(stat_ring(command.ring)) {
    open_share(consumer_.next_sequence());
    say("shares {} as unix:{}, from sequence {}", command_.ring, command_.share.socket, consumer_.next_sequence());
  }

  Exit run() {
    Event event;
    while (!stop_requested()) {
      switch (consumer_.try_next(event)) {
        case Status::ok: relay(event); break;
        case Status::gap:
        case Status::evicted: say("{}", gap_line(consumer_.last_gap())); break;
        case Status::closed:
          commit();
          share_->close();
          if (stderr_is_terminal()) say("the stream {} is closed", command_.ring);
          return kDone;
        default:  // empty
          commit();
          static_cast<void>(consumer_.wait_for(kSlice));
      }
    }
    commit();
    return kDone;
  }

 private:
  void open_share(std::uint64_t first_sequence) {
    share_.reset();  // its socket goes with it
    share_ = Publisher::open(
        source_.name, {.capacity_bytes = command_.capacity_bytes != 0 ? command_.capacity_bytes : source_.capacity_bytes,
                       .timestamps = source_.timestamps,
                       .first_sequence = first_sequence,
                       .share = command_.share});
  }

  void relay(const Event& event) {
    if (event.sequence != share_->next_sequence()) open_share(event.sequence);
    const Attributes attributes = event.attributes();
    attributes_.assign(attributes.begin(), attributes.end());
    const EventOptions options{.type = event.type, .timestamp_ns = event.timestamp_ns, .attributes = attributes_};
    PublishResult result = share_->try_publish(event.payload, options);
    while (result.status == Status::full || result.status == Status::timed_out) {
      if (stop_requested()) return;
      result = share_->publish_for(event.payload, kSlice, options);
    }
    if (result.status == Status::too_large) {
      throw Failure(kNotSo, "event " + std::to_string(event.sequence) + " of " + command_.ring + " has " +
                                std::to_string(event.payload.size()) +
                                " bytes, which do not fit the share: give it a larger --capacity");
    }
    done_ = event.sequence;
    held_bytes_ += core::record_bytes(event.attributes_bytes + event.payload.size());
    if (++uncommitted_ == kMostUncommitted || held_bytes_ >= source_.capacity_bytes / kHeldShare) commit();
  }

  void commit() {
    if (uncommitted_ != 0) consumer_.commit(done_);
    uncommitted_ = held_bytes_ = 0;
  }

  const ShareCommand& command_;
  Consumer consumer_;
  RingStat source_;
  std::optional<Publisher> share_;
  std::vector<Attribute> attributes_;
  std::uint64_t done_ = 0;  // newest event that is in the share
  std::uint64_t uncommitted_ = 0;
  std::uint64_t held_bytes_ = 0;  // of records that were relayed and not committed
};

}  // namespace

Exit share(const ShareCommand& command) {
  catch_signals();
  const ConsumerOptions options{
      .name = command.as,
      .policy = command.policy,
      .budget = command.budget,
      .start = command.from.value_or(command.as.empty() ? Start::earliest : Start::resume),
      .gate_on_commit = command.policy == Policy::gate,
      .read = Read::copy,  // so that an operator may evict it
  };
  if (command.policy == Policy::latest)
    throw Failure(kUsage, "a share has no holes, and --policy latest makes them: use journal, gate or lossy");
  std::optional<Consumer> consumer;
  if (attach(command.ring, options, command.wait, {}, consumer) != Attach::done) return kDone;
  return Relay(command, std::move(*consumer)).run();
}

}  // namespace ringbolt::command
