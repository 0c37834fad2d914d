#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/journal_page.hpp>
#include <ringbolt/ipc/journal_reader.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/start.hpp>

#include <algorithm>
#include <optional>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

// A ring's registry and one consumer's entry in it.
struct NamedEntry {
  NamedEntry(std::string_view ring, std::string_view consumer)
      : directory(RingDirectory::open(ring)), registry(directory, Access::read_write, guard), name(consumer) {
    check_name(consumer, "consumer name");
    const auto found = registry.find(consumer);
    if (!found) {
      throw Error(Code::not_found,
                  "no consumer '" + name + "' on ring '" + std::string(ring) + "': `ringbolt stat` shows those there are");
    }
    index = *found;
  }
  [[nodiscard]] core::ConsumerEntry& entry() const { return registry.entries()[index]; }
  [[nodiscard]] std::string holder() const { return std::to_string(entry().pid.load_relaxed()); }  // relaxed: for people

  // The entry's byte, so that nobody attaches meanwhile.
  void hold(const char* to_do_what) {
    const auto held = registry.hold(name, std::string("cannot ") + to_do_what + ": ", "");
    if (!held) throw Error(Code::not_found, "consumer '" + name + "' has just been forgotten by somebody else");
    index = *held;
  }

  [[nodiscard]] bool still_named() const {
    return core::state_of(entry().state.load_acquire()) != core::EntryState::free && read_name(entry()) == name;
  }

  ForkGuard guard;
  RingDirectory directory;
  Registry registry;
  std::string name;
  std::uint32_t index = 0;
};

// Where a start that lies before the ring is in its journal; 0: nowhere.
std::uint64_t sequence_in_journal(const std::string& directory, Start to) {
  try {
    JournalReader reader = JournalReader::open(directory);
    const std::uint64_t oldest = reader.oldest_sequence();
    if (oldest == 0 || to.kind == Start::Kind::earliest) return oldest;
    return to.kind == Start::Kind::time ? reader.seek_time(to.value) : std::max(to.value, oldest);
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return 0;  // nothing is recorded yet
    throw;
  }
}

}  // namespace

void evict_consumer(std::string_view ring, std::string_view consumer, bool force) {
  const NamedEntry named(ring, consumer);
  core::ConsumerEntry& entry = named.entry();
  const std::uint64_t state = entry.state.load_acquire();
  if (core::state_of(state) != core::EntryState::gating || !named.still_named()) {
    throw Error(Code::bad_option,
                "consumer '" + named.name + "' does not gate at this moment: there is nothing to take away");
  }
  const bool in_place = (entry.options.load_relaxed() & core::kEntryInPlace) != 0;  // relaxed: ordered by the state
  if (in_place && !force && named.registry.owner_lives(named.index)) {
    throw Error(Code::in_use, "consumer '" + named.name +
                                  "' reads in place and would be handed overwritten bytes: end process " + named.holder() +
                                  ", which releases its gate at once, or insist with --force");
  }
  if (core::change_state(entry, state, core::EntryState::evicted)) entry.evictions.fetch_add(1);  // [E1] pairs with [E2]
  named.registry.gate_sleepers().wake_all();
}

std::uint32_t release_dead_gates(std::string_view ring) {
  ForkGuard guard;
  const RingDirectory directory = RingDirectory::open(ring);
  Registry registry(directory, Access::read_write, guard);
  std::uint32_t released = 0;
  for (std::uint32_t i = 0; i < registry.entries().size(); ++i) {
    const bool gates = core::state_of(registry.entries()[i].state.load_acquire()) == core::EntryState::gating;
    if (gates && registry.reclaim_if_dead(i)) ++released;
  }
  if (released != 0) registry.gate_sleepers().wake_all();
  return released;
}

void forget_consumer(std::string_view ring, std::string_view consumer) {
  NamedEntry named(ring, consumer);
  named.hold("forget");
  if (const auto page = JournalPageFile::open(named.directory, Access::read_only, named.guard)) {
    try {
      static_cast<void>(forget_cursor(page->directory(), consumer));
    } catch (...) {  // then nothing is forgotten
      named.registry.let_go(named.index);
      throw;
    }
  }
  named.registry.set_free(named.index);
  named.registry.let_go(named.index);
}

std::uint64_t seek_consumer(std::string_view ring, std::string_view consumer, Start to) {
  if (to.kind == Start::Kind::resume) {
    throw Error(Code::bad_option, "seek needs a place: earliest, latest, a sequence or a time");
  }
  NamedEntry named(ring, consumer);
  const EventsFile events(named.directory, Access::read_only, named.guard);
  if (named.registry.header().ring_id != events.header().ring_id ||
      named.registry.entries().size() != events.consumer_slots()) {
    throw Error(Code::damaged, "the files `events` and `consumers` in " + named.directory.path +
                                   " are of two different rings: remove it with `ringbolt rm --force`");
  }
  const StartPlace place = find_start(events.view(), to, {}, named.directory.name);
  if (place.skip_before_ns != 0) {
    throw Error(Code::bad_option,
                "no event of ring '" + named.directory.name +
                    "' has been stamped at that time or later yet: a cursor can only be set to an event, or to latest");
  }
  std::uint64_t next = place.skip_below_sequence != 0 ? place.skip_below_sequence : place.place.sequence;
  const auto page = JournalPageFile::open(named.directory, Access::read_only, named.guard);
  std::array<std::uint64_t, 2> ring_id = events.header().ring_id;
  if (page && to.kind != Start::Kind::latest) {
    const std::uint64_t older = sequence_in_journal(page->directory(), to);
    if (older != 0 && older < next) next = older;
  }
  if (next <= events.first_sequence()) ring_id = {};  // of an older ring: nobody will compare it
  named.hold("seek");
  std::optional<CursorFile> beside;  // had before anything is changed: where it cannot be, nothing is
  if (page && page->journal_id() != JournalId{})
    beside = CursorFile::open(page->directory(), consumer, page->journal_id(), named.guard);
  core::ConsumerEntry& entry = named.entry();
  if (next - 1 > entry.cursor_sequence.load_acquire()) entry.lineage.fetch_add(1);  // followers: events are skipped
  const bool in_ring = next == place.place.sequence;
  // Relaxed: checked against the ring before it is used.
  entry.cursor_position.store_relaxed(in_ring ? place.place.position : core::kNoPosition);
  entry.cursor_sequence.store_release(next - 1);
  mark_started(entry);
  if (beside) beside->store({ring_id, page->page().epoch.load_relaxed(), next - 1});  // relaxed: for people
  named.registry.let_go(named.index);
  return next;
}

}  // namespace ringbolt
