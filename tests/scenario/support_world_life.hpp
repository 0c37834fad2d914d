// One life of a consumer in a world, and what it must see.
#pragma once

#include "scenario/support_world.hpp"

namespace ringbolt::scenario {

// One life of a consumer.
class World::Life {
 public:
  Life(World& world, Role role, RoleBoard& board, const RoleBoard* leader, const ConsumerOptions& options,
       Consumer& consumer, std::uint64_t seed)
      : world_(world),
        role_(role),
        board_(board),
        leader_(leader),
        named_(!options.name.empty()),
        gates_(consumer.policy() == Policy::gate),
        consumer_(consumer),
        ledger_(kShape),
        random_(seed) {
    if (random_.one_in(2)) slow_ns_ = random_.below(random_.one_in(4) ? 20'000 : 1'500);
  }

  // Until the stream is closed.
  void run() {
    const bool polls = random_.one_in(2);
    while (polls ? by_poll() : by_next()) {
    }
  }
  void read_to_the_end() {
    slow_ns_ = 0;
    while (by_poll()) {
    }
    require(ledger_.received() + ledger_.lost() == world_.board_->published,
            "received and lost are " + std::to_string(ledger_.received()) + " and " + std::to_string(ledger_.lost()) +
                " of " + std::to_string(world_.board_->published));
  }

 private:
  void take(const Event& event) {
    begin(event.sequence);
    ledger_.event(event);
    if (leader_ != nullptr) {
      const std::uint64_t leader = leader_->handled;
      if (event.sequence > leader)
        fail("a follower gets " + std::to_string(event.sequence) + " and the leader has handled " + std::to_string(leader));
    }
    handled(event.sequence);
    if (slow_ns_ != 0) spend_ns(slow_ns_);
  }

  void lose(const Gap& gap) {
    const bool first = !begun_;
    begin(gap.first);
    ledger_.gap(gap);
    const std::string what = std::to_string(gap.first) + " to " + std::to_string(gap.last);
    // A gate loses only what was overwritten while its owner was dead, or by an eviction that it is told of.
    require(consumer_.policy() != Policy::journal, "a reader of the journal lost " + what);
    require(!gates_ || gap.evicted || (named_ && first), "a gating consumer lost " + what);
    require(!gap.evicted || role_ == Role::budget, "somebody without a budget was evicted");
    if (gap.count() != 0) require_overwritten(gap.first);
    ++world_.board_->gaps;
    world_.board_->evictions += gap.evicted ? 1 : 0;
    handled(gap.last);
  }

  // May the publisher have gone over this event? What lies behind it, with what a publisher may have been about to write
  // when it died, fills the ring.
  void require_overwritten(std::uint64_t sequence) const {
    std::uint64_t bytes = core::chunk_bytes(kCapacityBytes) + core::largest_record_bytes(kCapacityBytes) + 8;
    const std::uint64_t last = world_.board_->acknowledged + kLargestBatch;
    for (std::uint64_t at = sequence; at <= last && bytes < kCapacityBytes; ++at)
      bytes += core::record_bytes(kShape.size_of(at));
    require(bytes >= kCapacityBytes, "event " + std::to_string(sequence) + " was told lost, and the ring holds it");
  }

  void begin(std::uint64_t sequence) {
    if (begun_) return;
    begun_ = true;
    const std::uint64_t committed = board_.committed;
    const std::uint64_t committing = board_.committing;
    if (!named_ || (committed == 0 && committing == 0)) return;
    // Killed in the middle of a commit, it resumes after that or after the one before.
    require(sequence == committed + 1 || sequence == committing + 1,
            "resumes at " + std::to_string(sequence) + " after the commit of " + std::to_string(committed) +
                ", having begun that of " + std::to_string(committing));
    board_.committing = board_.committed = sequence - 1;
  }

  void handled(std::uint64_t sequence) {
    if (sequence > board_.handled) board_.handled = sequence;
    ++board_.beats;
  }

  bool by_poll() {
    const PollResult result = consumer_.try_poll(Handler{[this](const Event& event) {
                                                           take(event);
                                                           board_.committing = event.sequence;  // at the end of the batch
                                                         },
                                                         [this](const Gap& gap) {
                                                           lose(gap);
                                                           board_.committing = gap.last;
                                                         }},
                                                 1 + random_.below(300));
    board_.committed.store(board_.committing);
    if (result.status == Status::closed) return false;
    if (random_.one_in(16)) pass_ns(random_.below(2'000'000));
    if (result.count == 0) wait();
    return true;
  }

  bool by_next() {
    Event event;
    switch (consumer_.try_next(event)) {
      case Status::closed: return false;
      case Status::ok: take(event); break;
      case Status::gap:
      case Status::evicted: lose(consumer_.last_gap()); return true;
      default: wait(); return true;
    }
    if (!random_.one_in(20)) return true;
    board_.committing = event.sequence;
    consumer_.commit(event.sequence);
    board_.committed = event.sequence;
    if (random_.one_in(200)) pass_ns(random_.below(2'000'000));
    return true;
  }

  void wait() { static_cast<void>(consumer_.wait_for(std::chrono::milliseconds(100))); }

  World& world_;
  Role role_;
  RoleBoard& board_;
  const RoleBoard* leader_;  // null: it follows nobody
  bool named_;
  bool gates_;
  Consumer& consumer_;
  Ledger ledger_;
  Random random_;
  std::uint64_t slow_ns_ = 0;
  bool begun_ = false;
};

}  // namespace ringbolt::scenario
