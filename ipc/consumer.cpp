// Reading, waiting and committing; what runs per event is in consumer.hpp.
#include <ringbolt/core/locate.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/consumer_impl.hpp>
#include <ringbolt/ipc/probe.hpp>
#include <ringbolt/ipc/start.hpp>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr std::uint32_t kLookForRemovalEvery = 4'096;  // fruitless polls, for a consumer that the registry cannot tell
constexpr std::uint32_t kLookForEndEvery = 32;         // fruitless polls of a share
constexpr int kMostLossAttempts = 64;                  // in one call; the gap so far is kept for the next

}  // namespace

Consumer::Consumer(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

void Consumer::update_special() noexcept {
  const Impl& impl = *impl_;
  special_ = impl.pending_gap || impl.staged || impl.losing_since || impl.policy == Policy::latest ||
             impl.skip_below_sequence != 0 || impl.skip_before_ns != 0 || impl.in_journal || impl.had_attributes;
}

Status Consumer::read_special(Event& event) {
  Impl& impl = *impl_;
  event.reader = in_place_;    // the last event may have come from the journal
  event.attributes_bytes = 0;  // or have had some
  if (std::exchange(impl.had_attributes, false)) update_special();
  if (impl.pending_gap) return report_gap();
  if (impl.losing_since) return read_behind_loss();
  if (must_wait_for_leaders()) return reader_.evicted() ? rejoin() : nothing_yet();
  if (impl.staged) {
    const core::Record record = *std::exchange(impl.staged, std::nullopt);
    update_special();
    return hand_out(record, event);
  }
  if (impl.in_journal) return read_from_journal(event);
  if (impl.policy == Policy::latest) skip_to_newest();
  for (int overruns = 0;;) {
    core::Record record;
    const core::ReadStatus status = in_place_ != nullptr ? reader_.peek(record) : reader_.copy(record, buffer_);
    if (status == core::ReadStatus::overrun && impl.policy == Policy::latest && ++overruns < kMostLossAttempts) {
      skip_to_newest();  // what it missed, it would have skipped
      continue;
    }
    if (status != core::ReadStatus::event) return read_nothing(status, event);
    if (impl.wants(record)) {
      impl.skip_below_sequence = 0;
      impl.skip_before_ns = 0;
      update_special();
      return hand_out(record, event);
    }
    reader_.advance(record);
    count_skipped(1);
    done_ = reader_.place();  // nobody can commit what was never handed out: it holds nothing
    committed_ = done_.sequence;
    move_gate(done_.position);
    if (must_wait_for_leaders()) return nothing_yet();
  }
}

Status Consumer::read_with_attributes(Event& event) {
  core::Record record;
  const core::ReadStatus status = in_place_ != nullptr ? reader_.peek(record) : reader_.copy(record, buffer_);
  return status == core::ReadStatus::event ? hand_out(record, event) : read_nothing(status, event);
}

// What lies in front of the payload is checked as a whole before anything of it is handed out.
Status Consumer::hand_out(const core::Record& record, Event& event) {
  if ((record.flags & core::kFlagAttributes) == 0) {
    take(record, event);
    return Status::ok;
  }
  const std::uint64_t bytes = core::checked_attributes({record.payload, record.size});
  if (bytes == 0) {
    core::Record again;
    const core::ReadStatus status = in_place_ != nullptr ? reader_.peek(again) : core::ReadStatus::event;
    if (status != core::ReadStatus::event) return read_nothing(status, event);  // written over meanwhile
    throw Error(Code::damaged,
                "event " + std::to_string(record.sequence) + " of ring '" + impl_->directory.name +
                    "' has attributes that do not hold together: attach again behind it (Start::at) to go on");
  }
  take(record, event);
  special_ = impl_->had_attributes = true;  // so that the next event does not seem to have them
  event.attributes_bytes = static_cast<std::uint32_t>(bytes);
  event.payload = event.payload.subspan(bytes);
  return Status::ok;
}

bool Consumer::must_wait_for_leaders() {
  if (reader_.place().sequence < follow_limit_) return false;
  follow_limit_ = impl_->follow_limit();
  return reader_.place().sequence >= follow_limit_;
}

void Consumer::skip_to_newest() {
  const core::Location newest = core::Locator(impl_->view).newest();
  const core::Place here = reader_.place();
  if (newest.found != core::Found::record || !core::beyond(newest.place.position, here.position)) return;
  go_ahead_to(newest.place, here.sequence);
  count_skipped(newest.place.sequence - here.sequence);
}

void Consumer::count_skipped(std::uint64_t events) noexcept {
  counters_.skipped_events += events;
  if (entry_ != nullptr) entry_->skipped_events.fetch_add(events);
}

Status Consumer::report_gap() {
  Impl& impl = *impl_;
  gap_ = *std::exchange(impl.pending_gap, std::nullopt);
  update_special();
  counters_.gap_events += gap_.count();
  if (gap_.count() != 0) ++counters_.gaps;
  if (gap_.evicted) ++counters_.evictions;
  if (entry_ != nullptr && gap_.count() != 0) {
    entry_->gap_events.fetch_add(gap_.count());
    RINGBOLT_STEP(gap_counted);
    entry_->gaps.fetch_add(1);
  }
  return gap_.evicted ? Status::evicted : Status::gap;
}

Status Consumer::read_nothing(core::ReadStatus status, Event& event) {
  Impl& impl = *impl_;
  switch (status) {
    case core::ReadStatus::event:
    case core::ReadStatus::empty: return nothing_yet();
    case core::ReadStatus::overrun:
      RINGBOLT_PROBE(overrun, impl.directory.name.c_str(), reader_.place().sequence);
      if (impl.policy == Policy::journal && turn_to_journal(reader_.place().sequence)) return read_behind_turn(event);
      if (impl.policy == Policy::latest) return Status::empty;  // the next call skips again
      impl.losing_since = reader_.place().sequence;
      return read_behind_loss();
    case core::ReadStatus::evicted: return rejoin();
    case core::ReadStatus::corrupt: break;
  }
  throw_damaged();
}

// What lies further on in the stream has a larger number. A place found in a damaged ring need not.
void Consumer::go_ahead_to(core::Place place, std::uint64_t from_sequence) {
  reader_.go_to(place);
  if (place.sequence < from_sequence) throw_damaged();
}

void Consumer::throw_damaged() const {
  const Impl& impl = *impl_;
  throw Error(Code::damaged, "ring '" + impl.directory.name + "' is damaged: at position " +
                                 std::to_string(reader_.place().position) + ", where event " +
                                 std::to_string(reader_.place().sequence) + " should begin, is something else");
}

Status Consumer::nothing_yet() {
  Impl& impl = *impl_;
  impl.check_usable(++impl.fruitless % kLookForRemovalEvery == 0);
  const std::uint64_t ends_before = impl.events.header().closed.load_acquire();
  if (ends_before != 0 && ends_before == reader_.place().sequence) return Status::closed;
  if (impl.link && impl.fruitless % kLookForEndEvery == 0 && impl.link->gone()) {
    core::Record record;  // what was published before its end is read first
    if (reader_.peek(record) == core::ReadStatus::empty) impl.link->throw_gone();
  }
  if (gate_on_commit_ &&
      reader_.place().position - done_.position >= impl.view.capacity - core::largest_record_bytes(impl.view.capacity)) {
    throw Error(Code::holds_ring,
                "consumer '" + read_name(*entry_) + "' asks for more while it holds three quarters of ring '" +
                    impl.directory.name +
                    "' uncommitted, so that the next event may have no room: commit, or create a larger ring");
  }
  if (impl.descriptor) [[unlikely]]
    sleep_on_descriptor();
  return Status::empty;
}

int Consumer::fd() {
  Impl& impl = *impl_;
  impl.check_own();
  if (!impl.descriptor) {
    const std::optional<WaitChannel> channel = impl.channel();
    const bool watches = channel && channel->has_bell();
    impl.descriptor.emplace(watches ? impl.directory.file(channel->bell_file()) : std::string());
    if (watches && !impl.directory.still_there()) {  // another ring's file may be what is watched
      impl.descriptor.reset();
      impl.check_usable(true);
      throw Error(Code::removed, "ring '" + impl.directory.name + "' was removed: attach again when there is a new one");
    }
  }
  return impl.descriptor->get();
}

// From now on the descriptor is readable when there is something new.
void Consumer::sleep_on_descriptor() {
  Impl& impl = *impl_;
  impl.descriptor->read_bell();  // [B1]
  std::optional<WaitChannel> channel = impl.channel();
  if (!channel) return impl.descriptor->set_timer(kShortSleepNs);
  impl.descriptor->set_timer(channel->listen([&] { return something_to_read() || closed(); }, impl.epoch()));
}

// Overrun: goes on halfway to the newest event. The gap is reported once an event behind it is safely read, so that losses
// in a row are one gap. What was not wanted, because the start is still to come, is not lost.
Status Consumer::read_behind_loss() {
  Impl& impl = *impl_;
  const std::uint64_t first = *impl.losing_since;
  for (int attempt = 0; attempt < kMostLossAttempts; ++attempt) {
    go_ahead_to(find_halfway(impl.view, impl.directory.name), first);
    core::Record record;
    const core::ReadStatus status = in_place_ != nullptr ? reader_.peek(record) : reader_.copy(record, buffer_);
    if (status == core::ReadStatus::overrun) continue;
    impl.losing_since.reset();
    const std::uint64_t next = reader_.place().sequence;
    const bool before_start = status == core::ReadStatus::event ? !impl.wants(record) : next <= impl.skip_below_sequence;
    const std::uint64_t first_lost = before_start ? next : std::max(first, impl.skip_below_sequence);
    count_skipped(first_lost - first);
    if (!before_start) {
      impl.skip_below_sequence = 0;
      impl.skip_before_ns = 0;
      if (status == core::ReadStatus::event && in_place_ == nullptr)
        impl.staged = record;  // a view would be validated too early
    }
    update_special();
    if (next == first_lost) return Status::empty;  // nothing was lost after all; the next call reads on
    impl.pending_gap = Gap{first_lost, next - 1, false};
    return report_gap();
  }
  return Status::empty;
}

// Evicted: joins again where its gate was, or where it reads, or later if that is gone, and says so.
Status Consumer::rejoin() {
  Impl& impl = *impl_;
  impl.check_usable(false);  // a forked child sees zeros, which look like an eviction
  const core::Place here = reader_.place();
  impl.claim.generation = core::generation_of(entry_->state.load_acquire()) + 1;
  const core::Place place = join_gates(gate_on_commit_ ? done_ : here, impl.claim.generation, here.sequence);
  gate_ = place.position;
  if (core::beyond(place.position, here.position)) {
    go_ahead_to(place, here.sequence);
    if (gate_on_commit_) done_ = place;  // what was handed out and not committed has lost its gate
  }
  const std::uint64_t next = reader_.place().sequence;
  impl.pending_gap = Gap{std::clamp(impl.skip_below_sequence, here.sequence, next), next - 1, true};
  return report_gap();
}

bool Consumer::something_to_read() {
  Impl& impl = *impl_;
  if (impl.pending_gap || impl.losing_since) return true;
  if (must_wait_for_leaders()) return reader_.evicted();
  if (impl.staged) return true;
  if (impl.in_journal) return journal_has_news();
  core::Record record;
  return reader_.peek(record) != core::ReadStatus::empty;
}

Status Consumer::wait_for(std::chrono::nanoseconds timeout) {
  Impl& impl = *impl_;
  impl.check_own();
  const Deadline deadline{timeout};
  Waiter waiter(impl.wait);
  std::optional<WaitChannel> channel = impl.channel();
  const auto closed_or_readable = [&] { return something_to_read() || closed(); };
  for (;;) {
    if (something_to_read()) return Status::ok;
    if (const Status status = nothing_yet(); status == Status::closed) return something_to_read() ? Status::ok : status;
    if (deadline.passed()) return Status::timed_out;
    waiter.pause(channel ? &*channel : nullptr, closed_or_readable, deadline.remaining_ns(kLongestSleepNs), impl.epoch());
  }
}

Status Consumer::next_for(Event& event, std::chrono::nanoseconds timeout) {
  Status status = try_next(event);
  if (status != Status::empty) return status;
  const Deadline deadline{timeout};
  do {
    const auto left = timeout == std::chrono::nanoseconds::max()
                          ? timeout
                          : std::chrono::nanoseconds(deadline.remaining_ns(~std::uint64_t{0} >> 1));
    if (const Status waited = wait_for(left); waited != Status::ok) return waited;
    status = try_next(event);
  } while (status == Status::empty);  // woken for an event that is skipped
  return status;
}

std::optional<Event> Consumer::next_for(std::chrono::nanoseconds timeout) {
  Event event;
  switch (next_for(event, timeout)) {
    case Status::ok: return event;
    case Status::gap:
    case Status::evicted: throw_loss();
    default: return std::nullopt;
  }
}

std::optional<Event> Consumer::next() { return next_for(std::chrono::nanoseconds::max()); }

void Consumer::commit(std::uint64_t sequence) {
  Impl& impl = *impl_;
  impl.check_own();
  const core::Place here = reader_.place();
  if (sequence >= here.sequence) {
    throw Error(Code::bad_option, "event " + std::to_string(sequence) + " of ring '" + impl.directory.name +
                                      "' cannot be committed: the newest that was handed out is " +
                                      std::to_string(here.sequence - 1));
  }
  if (sequence + 1 <= committed_) return;  // committed before
  core::Place place{core::kNoPosition, sequence + 1};
  if (sequence + 1 == here.sequence) {
    place = here;
  } else if (gate_on_commit_) {  // the events from the gate on are still there: walk to it
    core::Reader walker = reader_;
    walker.go_to(done_);
    core::Record record;
    while (walker.place().sequence != place.sequence && walker.peek(record) == core::ReadStatus::event)
      walker.advance(record);
    if (walker.place().sequence == place.sequence) place = walker.place();
  }
  if (place.position != core::kNoPosition) done_ = place;
  committed_ = place.sequence;
  if (entry_ == nullptr) return;
  const bool moves_gate = gate_on_commit_ && place.position != core::kNoPosition;
  store_commit(place, moves_gate ? place.position : gate_);
}

bool Consumer::closed() const noexcept {
  const std::uint64_t ends_before = impl_->events.header().closed.load_acquire();
  return ends_before != 0 && ends_before == reader_.place().sequence && !impl_->pending_gap && !impl_->staged;
}
bool Consumer::publisher_alive() const {
  impl_->check_own();
  if (impl_->link) return !impl_->link->gone();
  return publisher_is_alive(impl_->directory, impl_->events.header());
}
Policy Consumer::policy() const noexcept { return impl_->policy; }
const std::string& Consumer::ring_name() const noexcept { return impl_->directory.name; }

void Consumer::wake_gate_waiters() noexcept { impl_->registry->gate_sleepers().wake_all(); }

void Consumer::throw_loss() const {
  const std::string what = gap_.count() == 0
                               ? "nothing was lost"
                               : "events " + std::to_string(gap_.first) + " to " + std::to_string(gap_.last) + " were lost";
  if (gap_.evicted) {
    throw Error(Code::evicted, "this consumer of ring '" + impl_->directory.name +
                                   "' was evicted because its budget was spent, and gates again: " + what);
  }
  throw Error(Code::overrun, "the publisher of ring '" + impl_->directory.name + "' overtook this consumer: " + what +
                                 "; the next call goes on behind them");
}

}  // namespace ringbolt
