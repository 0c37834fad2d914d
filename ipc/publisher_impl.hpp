// What a Publisher keeps behind its door; used by publisher.cpp and publisher_open.cpp alone. Most of it is about the
// consumers that are in its way: whom to blame, whom to reclaim, whom to evict.
#pragma once

#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/fast_clock.hpp>
#include <ringbolt/ipc/journal_runner.hpp>
#include <ringbolt/ipc/log.hpp>
#include <ringbolt/ipc/probe.hpp>
#include <ringbolt/ipc/publisher.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/share_hub.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringbolt {

namespace ipc {
// An event of a batch whose attributes are a block already, and which has a stamp of its own.
struct EncodedEvent {
  std::span<const std::byte> block;
  std::span<const std::byte> payload;
  std::uint32_t type = 0;
  std::uint64_t timestamp_ns = 0;
};

// A journal that was opened before the ring that it is for.
struct OpenJournal {
  JournalOptions options;
  std::unique_ptr<ForkGuard> guard = std::make_unique<ForkGuard>();
  std::unique_ptr<JournalStore> store;
  bool keeps_open = true;  // whoever opened it will run it: the id that a new journal got stays

  void open() {
    if (!store) store = std::make_unique<JournalStore>(options, *guard);
  }
};

// A ring whose lease this process holds: made, taken over, or waited for as the options say. A ring that is made goes on
// where the journal ends.
[[nodiscard]] HeldRing hold_ring(std::string_view name, const PublisherOptions& options, ForkGuard& guard,
                                 OpenJournal& journal);

inline constexpr std::uint64_t kLookAtConsumersEveryNs =
    1'000'000;                                                   // for the dead and the evictable, while one is in the way
inline constexpr std::uint64_t kStalledAfterNs = 1'000'000'000;  // a journal that was in the way for so long
inline constexpr std::uint64_t kLongestShareSleepNs = 100'000;   // a share's consumers wake nobody
inline constexpr std::uint64_t kLongestGateSleepNs = 2'000'000;  // death wakes nobody: bounds how long it goes unnoticed
}  // namespace ipc

struct Publisher::Impl {
  Impl(std::string_view name, const PublisherOptions& options)
      : on_stall(options.journal.on_stall),
        ring(ipc::hold_ring(name, options, guard, opened_journal)),
        events(ring.directory, ipc::Access::read_write, guard),
        registry(ring.directory, ipc::Access::read_write, guard),
        gating(registry.entries().size()),
        obstacles(registry.entries().size()),
        wait(options.wait) {
    guard.raise_in_child(
        registry.header().waiters);  // the first commit in a forked child ends in wake_sleepers, which throws
  }

  // A share: in memory that has no name.
  Impl(std::string_view name, const PublisherOptions& options, ipc::SharedMemory&& memory);

  // Before the gates are looked at: what a share's consumers say about theirs is taken over.
  [[nodiscard]] bool refill(core::Writer& writer, std::uint64_t bytes) {
    RINGBOLT_PROBE(slow_path, writer.position(), bytes);
    if (share) share->take_gates();
    return writer.refill(bytes);
  }

  void check_usable() {
    if (guard.inherited()) {
      throw Error(Code::forked,
                  "the publisher of ring '" + ring.directory.name +
                      "' was opened before a fork and is used in the child: open one there after the parent's has ended");
    }
    if (registry.header().removed.load_acquire() != 0 && (ring.directory.removed() || !ring.directory.still_there())) {
      throw Error(Code::removed, "ring '" + ring.directory.name +
                                     "' was removed while it was published to: open it again to make a new one");
    }
  }

  // Bytes of the block that these make; 0 for none. Throws Error (bad_option).
  [[nodiscard]] std::uint64_t block_bytes(std::span<const Attribute> attributes) const;
  // The block itself, valid until the next call.
  [[nodiscard]] std::span<const std::byte> encode(std::span<const Attribute> attributes);

  // Who publishes after close() opens the stream again.
  void open_again(core::Writer& writer) {
    if (std::exchange(closed, false)) writer.set_closed(false);
  }

  // The journal's entry, if the ring has one.
  [[nodiscard]] std::optional<std::uint32_t> journal_entry() {
    if (!journal_index || !registry.is_journal(*journal_index)) journal_index = registry.find(kJournalConsumer);
    return journal_index;
  }
  // Nobody runs it, though its page may still say so: it was killed.
  [[nodiscard]] bool journal_is_gone() {
    const auto index = journal_entry();
    return page->state() != core::JournalState::running || !index || !registry.owner_lives(*index);
  }
  // Is the ring full because the journal cannot write, or is not there, and is that to be told?
  [[nodiscard]] bool journal_stalls() {
    if (on_stall == OnStall::wait || !page || blocked.position == core::kNoPosition) return false;
    const auto index = journal_entry();
    if (!index || !in_the_way(*index)) return false;
    return journal_is_gone() || ipc::monotonic_ns() - blocked.since_ns >= ipc::kStalledAfterNs;
  }
  [[noreturn]] void throw_journal_stalled() const {
    const auto error = static_cast<int>(page->page().error.load_relaxed());  // relaxed: for people
    throw Error(Code::journal_stalled,
                "the journal of ring '" + ring.directory.name + "' in " + page->directory() + " does not get on" +
                    (error != 0 ? std::string(": ") + std::strerror(error) : std::string()) +
                    ": make room or mend the disk, and it goes on by itself; `ringbolt stat` shows its state",
                error);
  }

  // Is this consumer's gate in the way of the claim that is blocked?
  [[nodiscard]] bool in_the_way(std::uint32_t index) const {
    return core::beyond(blocked.needed, registry.entries()[index].gate.load_acquire() + events.capacity());
  }

  // Whose fault it is that this consumer is where it is: its own, or that of the one it comes after and has caught up with,
  // or whom that one comes after. With `gating_only`, only through those that still gate.
  [[nodiscard]] std::uint32_t root_of(std::uint32_t index, bool gating_only) const {
    const auto entries = registry.entries();
    const auto leader_of = [&](std::uint32_t follower) {
      const std::uint64_t done = entries[follower].cursor_sequence.load_acquire();
      for (const core::Word64& word : entries[follower].followed) {
        const std::uint64_t leader =
            word.load_relaxed();  // relaxed: statistics, and who is evicted first, hang on it, no more
        if (leader == 0 || leader > entries.size()) continue;
        const core::ConsumerEntry& entry = entries[leader - 1];
        if (gating_only && core::state_of(entry.state.load_acquire()) != core::EntryState::gating) continue;
        if (!core::beyond(entry.cursor_sequence.load_acquire(), done)) return static_cast<std::uint32_t>(leader - 1);
      }
      return follower;
    };
    for (std::size_t depth = 0; depth < entries.size(); ++depth) {  // bounded, whatever the registry says
      const std::uint32_t leader = leader_of(index);
      if (leader == index) break;
      index = leader;
    }
    return index;
  }

  // A claim found no room. It is the same wait as before if it is the same claim.
  void begin_blocked(const core::Writer& writer, std::uint64_t needed) {
    if (blocked.position == writer.position() && blocked.needed == needed) return;
    const std::uint64_t now = ipc::monotonic_ns();
    blocked = {writer.position(), needed, now, now, now, std::nullopt};
    for (const std::uint32_t index : writer.gates().gating()) {
      if (!in_the_way(index)) continue;
      obstacles[index] = {core::life_of(registry.entries()[index]), needed, now};
      if (blocked.blamed) continue;
      blocked.blamed = root_of(index, false);
      registry.entries()[*blocked.blamed].blocked_count.fetch_add(1);
    }
  }
  void account_blocked(std::uint64_t now) {
    if (blocked.blamed) registry.entries()[*blocked.blamed].blocked_ns.fetch_add(now - blocked.accounted_ns);
    blocked.accounted_ns = now;
  }
  void end_blocked(const core::Writer& writer) {
    if (blocked.position == core::kNoPosition) return;
    if (blocked.position == writer.position()) account_blocked(ipc::monotonic_ns());
    blocked = {};
  }

  // Releases the gates of the dead and of those whose budget is spent. True if one was: then begin again at [W3].
  bool clear_the_way(const core::Writer& writer) {
    const std::uint64_t now = ipc::monotonic_ns();
    if (now - blocked.looked_ns < ipc::kLookAtConsumersEveryNs) return false;
    blocked.looked_ns = now;
    account_blocked(now);
    bool cleared = false;
    bool hopeless = false;  // somebody without a budget is in the way: evicting others would free nothing
    for (const std::uint32_t index : writer.gates().gating()) {
      if (!in_the_way(index)) {
        obstacles[index] = {};
        continue;
      }
      const std::string who = ipc::logs() ? consumer(index) : std::string();
      if (registry.reclaim_if_dead(index)) {
        RINGBOLT_PROBE(reclaim, index);
        ipc::log(LogLevel::info, ring.directory.name, who + " has died, and nobody waits for it any more");
        cleared = true;
        continue;
      }
      const std::uint64_t life = core::life_of(registry.entries()[index]);
      hopeless |= registry.entries()[index].budget_ns.load_relaxed() == 0;  // relaxed: ordered by [E3]
      Obstacle& obstacle = obstacles[index];
      const bool waits = root_of(index, true) != index;  // for another one, whose time it is
      if (waits || obstacle.life != life || obstacle.needed != blocked.needed) obstacle = {life, blocked.needed, now};
    }
    if (hopeless) return cleared;
    for (const std::uint32_t index : writer.gates().gating()) cleared |= in_the_way(index) && evict_if_spent(index, now);
    return cleared;
  }
  bool evict_if_spent(std::uint32_t index, std::uint64_t now) {
    core::ConsumerEntry& entry = registry.entries()[index];
    const Obstacle& obstacle = obstacles[index];
    if (!core::evict_if_spent(entry, obstacle.life, now - obstacle.since_ns)) return false;
    RINGBOLT_STEP(evicted);
    RINGBOLT_PROBE(evict, index, now - obstacle.since_ns);
    entry.evictions.fetch_add(1);
    if (ipc::logs()) {
      ipc::log(LogLevel::warning, ring.directory.name,
               consumer(index) + " is evicted, as it held the publisher up for longer than its budget: it is told what it " +
                   "loses; give it a larger budget or the ring a larger capacity");
    }
    if (share) share->tell_evicted(index);
    return true;
  }

  // For people.
  [[nodiscard]] std::string consumer(std::uint32_t index) const {
    const std::string name = ipc::read_name(registry.entries()[index]);
    return name.empty() ? "a consumer without a name" : "consumer '" + name + "'";
  }

  // One consumer's gate in the way of one claim, since when.
  struct Obstacle {
    std::uint64_t life = 0;  // its state word: another attachment starts anew
    std::uint64_t needed = 0;
    std::uint64_t since_ns = 0;
  };
  // The claim that waits for room, if one does.
  struct Blocked {
    std::uint64_t position = core::kNoPosition;
    std::uint64_t needed = 0;  // where it would end
    std::uint64_t since_ns = 0;
    std::uint64_t accounted_ns = 0;
    std::uint64_t looked_ns = 0;
    std::optional<std::uint32_t> blamed;
  };

  ipc::ForkGuard guard;
  ipc::OpenJournal opened_journal;
  OnStall on_stall;
  ipc::HeldRing ring;
  ipc::EventsFile events;
  ipc::Registry registry;
  std::vector<std::uint32_t> gating;  // memory for core::Gates
  std::vector<Obstacle> obstacles;    // by entry
  Blocked blocked;
  ipc::Descriptor alive;
  Wait wait;
  ipc::FastClock clock{ipc::processor_ticks_hold()};
  std::uint64_t epoch = 0;
  bool closed = false;
  std::vector<std::byte> block;              // memory for `encode`
  std::optional<ipc::JournalPageFile> page;  // where the ring has a journal
  std::optional<std::uint32_t> journal_index;
  std::unique_ptr<ipc::JournalThread> journal;  // ends before what it stands on
  std::unique_ptr<ipc::ShareHub> share;         // likewise
};

}  // namespace ringbolt
