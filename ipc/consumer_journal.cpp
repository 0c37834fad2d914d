// A consumer of a ring that has a journal: reading what the ring no longer holds, turning from one to the other, and the
// cursor beside the journal.
//
// Why no event is skipped or repeated at a turn stands in `core/turn.hpp`. In the ring each event is validated as for every
// consumer that may be overrun; who is overrun asks the journal for the very sequence that it could not read.
#include <ringbolt/core/locate.hpp>
#include <ringbolt/core/turn.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/consumer_impl.hpp>
#include <ringbolt/ipc/start.hpp>

#include <algorithm>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

using RingId = std::array<std::uint64_t, 2>;

constexpr std::uint32_t kLookForRingEvery = 256;      // events from the journal
constexpr int kMostTurns = 64;                        // to the journal, in one call
constexpr std::uint64_t kPatienceNs = 2'000'000'000;  // with an event that is found neither here nor there

// Whose event the journal has under that number, asked by a consumer of another policy; zeros where it cannot know.
RingId ring_in_journal(const std::string& directory, std::uint64_t sequence) {
  try {
    return JournalReader::open(directory).ring_of(sequence);
  } catch (const Error& error) {
    if (error.code() != Code::not_found && error.code() != Code::not_allowed) throw;
    return {};
  }
}

}  // namespace

void Consumer::open_journal(const ConsumerOptions& options) {
  Impl& impl = *impl_;
  const bool after_durable = std::ranges::find(options.after, kJournalConsumer) != options.after.end();
  if (after_durable && impl.page->sync() == Sync::none) {
    throw Error(Code::bad_option, "cannot come after what is durable on ring '" + impl.directory.name +
                                      "': its journal never syncs; run it with --sync interval or every");
  }
  if (impl.policy == Policy::journal) static_cast<void>(has_journal_to_read());
  keeps_cursor_ = !options.name.empty() && entry_ != nullptr;
  if (keeps_cursor_) open_cursor();
}

// Beside a journal that has never begun there is nothing to be kept yet: then it is opened by a later commit.
void Consumer::open_cursor() {
  Impl& impl = *impl_;
  const auto journal_id = impl.page->journal_id();
  if (journal_id == JournalId{}) return;
  try {
    impl.cursor_file = CursorFile::open(impl.page->directory(), read_name(*entry_), journal_id, impl.guard);
  } catch (const Error& error) {
    // Who may only read the journal keeps its cursor in the ring, and not over a restart of the machine.
    if (error.code() != Code::not_allowed || impl.policy == Policy::journal) throw;
    keeps_cursor_ = false;
    return;
  }
  if (const auto cursor = impl.cursor_file->read()) impl.read_rings.push_back({cursor->sequence, cursor->ring_id});
}

// Where this name goes on in a ring that has never seen it: after what it committed in an earlier one. Sequence 0: nowhere.
core::Place Consumer::cursor_beside_journal() {
  Impl& impl = *impl_;
  const auto cursor = impl.cursor_file ? impl.cursor_file->read() : std::nullopt;
  if (!cursor) return {};
  const core::Place place{core::kNoPosition, cursor->sequence + 1};
  if (cursor->sequence == 0) return place;  // it had begun with the first event, and committed none
  const RingId present = impl.events.header().ring_id;
  if (cursor->ring_id == present || cursor->ring_id == RingId{}) return place;
  const std::uint64_t next = find_start(impl.view, Start::latest, {}, impl.directory.name).place.sequence;
  // Whose event has that number now? Nobody knows of one that is not kept any more.
  RingId now = present;
  if (cursor->sequence < impl.view.first_sequence)
    now = impl.journal ? impl.journal->ring_of(cursor->sequence) : ring_in_journal(impl.page->directory(), cursor->sequence);
  if (now == RingId{} || now == cursor->ring_id) return place;
  throw Error(Code::cursor_ahead,
              "consumer '" + read_name(*entry_) + "' of ring '" + impl.directory.name + "' has committed event " +
                  std::to_string(cursor->sequence) + ", which a power cut took back: " +
                  (cursor->sequence >= next ? "the stream ends with " + std::to_string(next - 1)
                                            : "the present one of that number is another") +
                  "; undo what it did with the lost events, then choose where it goes on (--from, Start::at)");
}

// With the ring that the event was read from: that tells it from another one that got its number after a power cut.
void Consumer::keep_cursor(std::uint64_t sequence) noexcept {
  Impl& impl = *impl_;
  if (!impl.cursor_file) {
    try {
      open_cursor();
    } catch (const Error&) {
      keeps_cursor_ = false;  // `commit_durable` says so to whoever relies on it
    }
    if (!impl.cursor_file) return;
  }
  RingId ring = impl.events.header().ring_id;
  if (sequence < impl.view.first_sequence) {
    ring = {};  // not known: nobody will compare it
    for (const Impl::ReadFrom& from : impl.read_rings) {
      // Whoever cannot read the journal knows of the event that it had committed, and of none in the gap behind it.
      if (from.sequence == sequence || (from.sequence < sequence && impl.policy == Policy::journal)) ring = from.ring;
    }
  }
  impl.cursor_file->store({ring, impl.page->page().epoch.load_relaxed(), sequence});  // relaxed: for people
}

void Consumer::commit_durable(std::uint64_t sequence) {
  Impl& impl = *impl_;
  commit(sequence);
  if (!impl.cursor_file && impl.page && entry_ != nullptr && !read_name(*entry_).empty()) {
    open_cursor();  // it was committed before there was a journal, or the file could not be had: then for this reason
    keeps_cursor_ = impl.cursor_file.has_value();
    if (keeps_cursor_) keep_cursor(committed_ - 1);
  }
  if (!impl.cursor_file) {
    throw Error(impl.page ? Code::not_allowed : Code::bad_option,
                "a durable commit needs a consumer with a name, on a ring with a journal, and the right to write beside it");
  }
  impl.cursor_file->sync();
}

// True if what is wanted lies before what the ring holds, and the journal has it, or what comes next after it. A journal that
// began while this consumer was attaching may have what the ring had a moment ago.
bool Consumer::start_in_journal(Start start, StartPlace& from) {
  Impl& impl = *impl_;
  if (impl.policy != Policy::journal || start.kind == Start::Kind::latest || !has_journal_to_read()) return false;
  std::uint64_t sequence = from.wanted_sequence;
  if (start.kind == Start::Kind::time) {
    sequence = impl.journal->seek_time(start.value);
  } else if (sequence == 0) {
    sequence = impl.journal->oldest_sequence();
  }
  if (sequence == 0 || sequence >= from.place.sequence || !turn_to_journal(sequence)) return false;
  from.wanted_sequence = 0;
  from.skip_before_ns = 0;
  return true;
}

// False if there is no journal to read yet: nothing is recorded.
bool Consumer::has_journal_to_read() {
  Impl& impl = *impl_;
  if (impl.journal) return true;
  try {
    impl.journal = JournalReader::open(impl.page->directory());
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
  }
  return impl.journal.has_value();
}

bool Consumer::turn_to_journal(std::uint64_t sequence) {
  Impl& impl = *impl_;
  if (!has_journal_to_read()) return false;
  impl.in_journal = true;
  impl.dry_since_ns = 0;
  impl.read_since_look = 0;
  ++counters_.turns_to_journal;
  reader_.go_to({core::kNoPosition, sequence});  // which event, but not where in the ring
  update_special();
  return true;
}

// Back to the ring if it holds the next event. Unless it must be now, not at the last moment before that is written over.
bool Consumer::turn_to_ring(bool at_once) {
  Impl& impl = *impl_;
  const std::uint64_t next = reader_.place().sequence;
  impl.read_since_look = 0;
  const core::Locator locator(impl.view);
  if (!at_once) {
    const core::Location halfway = locator.halfway();
    if (halfway.found != core::Found::record || next < halfway.place.sequence) return false;
  }
  const core::Location found = locator.sequence(next);
  core::Place place = found.found == core::Found::record || found.found == core::Found::end ? found.place : core::Place{};
  if (place.sequence != next && at_once && impl.registry) {
    const auto journal = impl.registry->find(kJournalConsumer);
    if (journal) place = core::walk_from_gate(impl.registry->entries()[*journal], impl.view, next);
  }
  if (place.sequence != next) return false;
  reader_.go_to(place);
  impl.in_journal = false;
  impl.dry_since_ns = 0;
  ++counters_.turns_to_ring;
  update_special();
  return true;
}

// The next event, from the journal, or from the ring where that has it again; overrun there it turns back, but a call ends.
Status Consumer::read_behind_turn(Event& event) {
  Impl& impl = *impl_;
  impl.turned = true;
  if (std::exchange(impl.reading_behind_turn, true)) return Status::empty;  // the call below goes on
  struct Done {
    bool& reading;
    ~Done() { reading = false; }
  } const done{impl.reading_behind_turn};
  Status status = Status::empty;
  for (int turns = 0; impl.turned && turns < kMostTurns; ++turns) {
    impl.turned = false;
    status = read_from_journal(event);
  }
  return status;
}

Status Consumer::read_from_journal(Event& event) {
  Impl& impl = *impl_;
  impl.check_own();
  for (;;) {
    if (must_wait_for_leaders()) return nothing_yet();
    if (impl.read_since_look++ >= kLookForRingEvery && turn_to_ring(false)) return read(event);
    const std::uint64_t next = reader_.place().sequence;
    if (impl.journal->next_sequence() != next) impl.journal->seek(next);  // a handler threw: its event comes again
    const std::uint64_t written = core::written_of(impl.page->page());
    switch (impl.journal->next(event, written + 1)) {
      case Status::ok: {
        const core::Record record{core::kNoPosition, event.sequence, event.timestamp_ns, 0, 0, 0, nullptr};
        reader_.go_to({core::kNoPosition, event.sequence + 1});
        if (!impl.wants(record)) {
          count_skipped(1);
          done_ = reader_.place();
          committed_ = done_.sequence;
          continue;
        }
        impl.skip_below_sequence = 0;
        impl.skip_before_ns = 0;
        event.position = core::kNoPosition;
        impl.dry_since_ns = 0;
        if (keeps_cursor_ && event.sequence < impl.view.first_sequence) {
          const RingId ring = impl.journal->ring_id();
          if (impl.read_rings.empty() || impl.read_rings.back().ring != ring)
            impl.read_rings.push_back({event.sequence, ring});
        }
        ++counters_.events;
        return Status::ok;
      }
      case Status::gap: {
        const Gap gap = impl.journal->last_gap();
        reader_.go_to({core::kNoPosition, gap.last + 1});
        impl.pending_gap = gap;
        return report_gap();
      }
      default: break;
    }
    // Everything that is written has been read: the ring has the rest, unless the publisher was faster.
    if (turn_to_ring(true)) return read(event);
    if (core::written_of(impl.page->page()) != written) continue;
    return find_neither(next, written);
  }
}

// Neither the journal nor the ring has what comes next. A publisher cannot pass a journal that gates, so one of them has it
// at the next look, or when the journal's process is back. But a journal may have been detached, or come late, and somebody
// may have taken its files away.
Status Consumer::find_neither(std::uint64_t next, std::uint64_t written) {
  Impl& impl = *impl_;
  impl.dry_at = written;  // nothing to look at again before that changes
  const std::uint64_t now = monotonic_ns();
  if (impl.dry_since_ns == 0) impl.dry_since_ns = now;
  const core::JournalState state = impl.page->state();
  const bool certain = state == core::JournalState::detached || now - impl.dry_since_ns >= kPatienceNs;
  if (state == core::JournalState::away || !certain) return nothing_yet();
  if (next > written) return lose_to_ring();
  throw Error(Code::damaged, "event " + std::to_string(next) + " of ring '" + impl.directory.name +
                                 "' is neither in the ring nor in its journal in " + impl.page->directory() +
                                 ", which has recorded events up to " + std::to_string(written) +
                                 ": `ringbolt verify` shows what is left of the journal");
}

bool Consumer::journal_has_news() const noexcept {
  const Impl& impl = *impl_;
  return impl.dry_since_ns == 0 || core::written_of(impl.page->page()) != impl.dry_at;
}

// The journal does not hold what comes next, nor does the ring: what is between is lost.
Status Consumer::lose_to_ring() {
  Impl& impl = *impl_;
  impl.in_journal = false;
  impl.dry_since_ns = 0;
  ++counters_.turns_to_ring;
  impl.losing_since = reader_.place().sequence;
  return read_behind_loss();
}

bool Consumer::in_journal() const noexcept { return impl_->in_journal; }

}  // namespace ringbolt
