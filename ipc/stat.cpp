#include <ringbolt/core/locate.hpp>
#include <ringbolt/ipc/journal_page.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/stat.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cstdio>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr int kMostAttempts = 1'000;

const char* state_name(core::EntryState state) noexcept {
  switch (state) {
    case core::EntryState::free: return "free";
    case core::EntryState::joining: return "joining";
    case core::EntryState::attached: return "attached";
    case core::EntryState::gating: return "gating";
    case core::EntryState::evicted: return "evicted";
    case core::EntryState::away: return "away";
  }
  return "unknown";
}

std::string hexadecimal(const std::array<std::uint64_t, 2>& id) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(id[0]),
                static_cast<unsigned long long>(id[1]));
  return text.data();
}

// Oldest and newest event, as well as a publisher at full speed lets one see them.
void read_extent(const core::RingView& view, RingStat& stat) {
  const core::Locator locator(view);
  core::Record record;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    const core::Location newest = locator.newest();
    if (newest.found == core::Found::end) return;  // no event yet
    if (newest.found == core::Found::corrupt) break;
    const core::Location oldest = locator.oldest();
    if (newest.found != core::Found::record || oldest.found != core::Found::record ||
        !locator.published_at(newest.place, record))
      continue;
    stat.newest_sequence = newest.place.sequence;
    stat.oldest_sequence = std::min(oldest.place.sequence, newest.place.sequence);
    stat.newest_timestamp_ns = record.timestamp_ns;
    stat.published_events = stat.newest_sequence - stat.first_sequence + 1;
    stat.published_bytes = newest.place.position + core::record_bytes(record.size);
    return;
  }
  throw Error(Code::damaged,
              "the records of ring " + stat.path + " do not hold together: remove it with `ringbolt rm --force`");
}

// Where the locks cannot be seen the process table must do: for people only.
bool looks_alive(std::uint64_t pid) { return pid != 0 && sys::process_exists(pid); }

ConsumerStat read_consumer(const Registry& registry, std::uint32_t index, const RingStat& ring) {
  const auto entries = registry.entries();
  const core::ConsumerEntry& entry = entries[index];
  const core::EntryState state = core::state_of(entry.state.load_acquire());
  ConsumerStat stat;
  stat.name = read_name(entry);
  stat.policy =
      policy_name(static_cast<core::Policy>(entry.policy.load_relaxed()));  // from here on relaxed: a snapshot for people
  stat.budget_ns = entry.budget_ns.load_relaxed();
  stat.pid = entry.pid.load_relaxed();
  stat.alive = state != core::EntryState::away && (registry.locks() ? registry.owner_lives(index) : looks_alive(stat.pid));
  stat.state = state == core::EntryState::away || stat.alive ? state_name(state) : "dead";
  stat.gating = state == core::EntryState::gating;
  stat.cursor_sequence = entry.cursor_sequence.load_relaxed();
  const std::uint64_t done = stat.cursor_sequence != 0 ? stat.cursor_sequence : ring.first_sequence - 1;
  stat.lag_events = ring.newest_sequence > done ? ring.newest_sequence - done : 0;
  stat.gap_events = entry.gap_events.load_relaxed();
  stat.gaps = entry.gaps.load_relaxed();
  stat.skipped_events = entry.skipped_events.load_relaxed();
  stat.evictions = entry.evictions.load_relaxed();
  stat.blocked_count = entry.blocked_count.load_relaxed();
  stat.blocked_ns = entry.blocked_ns.load_relaxed();
  for (const core::Word64& word : entry.followed) {
    const std::uint64_t other = word.load_relaxed();
    if (other == 0 || other > entries.size()) break;
    const auto followed = static_cast<std::uint32_t>(other - 1);
    stat.after.push_back(read_name(entries[followed]));
    const bool gone = core::state_of(entries[followed].state.load_acquire()) != core::EntryState::gating ||
                      (registry.locks() && !registry.owner_lives(followed));
    if (stat.waits_for.empty() && stat.alive && gone) stat.waits_for = stat.after.back();
  }
  return stat;
}

JournalStat read_journal(const JournalPageFile& file, const RingStat& ring) {
  const core::JournalPage& page = file.page();
  JournalStat stat;
  stat.directory = file.directory();
  switch (file.sync()) {
    case Sync::none: stat.sync = "none"; break;
    case Sync::interval: stat.sync = "interval"; break;
    case Sync::every: stat.sync = "every"; break;
  }
  switch (file.state()) {
    case core::JournalState::away: stat.state = "away"; break;
    case core::JournalState::running: stat.state = "running"; break;
    case core::JournalState::stalled: stat.state = "stalled"; break;
    case core::JournalState::detached: stat.state = "detached"; break;
  }
  stat.own_process = page.own_process.load_relaxed() != 0;  // from here on relaxed: a snapshot for people
  stat.pid = page.pid.load_relaxed();
  stat.error = static_cast<int>(page.error.load_relaxed());
  stat.failures = page.failures.load_relaxed();
  stat.written_sequence = page.written_sequence.load_relaxed();
  stat.durable_sequence = page.durable_sequence.load_relaxed();
  const std::uint64_t done = file.sync() == Sync::none ? stat.written_sequence : stat.durable_sequence;
  stat.lag_events = ring.newest_sequence > done ? ring.newest_sequence - std::max(done, ring.first_sequence - 1) : 0;
  stat.oldest_sequence = page.oldest_sequence.load_relaxed();
  stat.epoch = page.epoch.load_relaxed();
  stat.syncs = page.syncs.load_relaxed();
  stat.unrecorded_events = page.unrecorded_events.load_relaxed();
  return stat;
}

}  // namespace

RingStat stat_ring(std::string_view ring) {
  ForkGuard guard;
  const RingDirectory directory = RingDirectory::open(ring);
  const EventsFile events(directory, Access::read_only, guard);
  const core::EventsHeader& header = events.header();
  RingStat stat;
  stat.name = directory.name;
  stat.path = directory.path;
  stat.ring_id = hexadecimal(header.ring_id);
  stat.capacity_bytes = events.capacity();
  stat.first_sequence = events.first_sequence();
  stat.consumer_slots = events.consumer_slots();
  stat.created_ns = header.created_ns;
  stat.timestamps = (header.options & core::kOptionTimestamps) != 0;
  stat.epoch = header.epoch.load_acquire();
  stat.publisher_pid = header.publisher_pid.load_relaxed();  // relaxed: for people
  stat.publisher_alive = publisher_is_alive(directory, header);
  stat.closed = header.closed.load_acquire() != 0;
  const std::uint64_t granted = header.granted.load_acquire();
  for (const auto& [name, bit] : kMemoryOptions) {
    if ((header.options & bit) != 0) stat.options.push_back({name, (granted & bit) != 0});
  }
  read_extent(events.view(), stat);
  if (const auto page = JournalPageFile::open(directory, Access::read_only, guard)) stat.journal = read_journal(*page, stat);
  try {
    const Registry registry(directory, Access::read_only, guard);
    if (registry.header().ring_id != header.ring_id || registry.entries().size() != events.consumer_slots()) {
      throw Error(Code::damaged, "the files `events` and `consumers` in " + directory.path +
                                     " are of two different rings: remove it with `ringbolt rm --force`");
    }
    for (std::uint32_t i = 0; i < registry.entries().size(); ++i) {
      if (core::state_of(registry.entries()[i].state.load_acquire()) != core::EntryState::free) {
        stat.consumers.push_back(read_consumer(registry, i, stat));
        // One that was killed has not said so.
        const bool journal = stat.journal && stat.consumers.back().name == kJournalConsumer;
        if (journal && !stat.consumers.back().alive && stat.journal->state != "detached") stat.journal->state = "away";
      }
    }
  } catch (const Error& error) {
    if (error.code() != Code::not_allowed) throw;
    stat.consumers_readable = false;
  }
  return stat;
}

}  // namespace ringbolt
