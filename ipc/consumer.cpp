#include <ringbolt/core/locate.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/ring_directory.hpp>
#include <ringbolt/ipc/start.hpp>

#include <cstring>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr std::uint32_t kLookForRemovalEvery = 4'096;  // fruitless polls, for a consumer that the registry cannot tell
constexpr int kMostLossAttempts = 64;                  // in one call; the gap so far is kept for the next

Policy resolve_policy(const ConsumerOptions& options, std::string_view ring) {
  const auto refuse = [&](const char* why) {
    return Error(Code::bad_option, "cannot attach to ring '" + std::string(ring) + "': " + why);
  };
  const Policy policy = options.policy == Policy::automatic ? Policy::lossy : options.policy;
  if (policy == Policy::journal) throw refuse("it has no journal: use policy lossy, or gate");
  if (options.budget.count() < 0) throw refuse("the budget is negative");
  if (options.budget.count() > 0 && policy != Policy::gate) throw refuse("only policy gate has a budget");
  if (options.gate_on_commit && policy != Policy::gate)
    throw refuse("only policy gate has a gate that can wait for the commit");
  return policy;
}

}  // namespace

struct Consumer::Impl {
  explicit Impl(std::string_view ring)
      : directory(RingDirectory::open(ring)), events(directory, Access::read_only, guard), view(events.view()) {}
  ~Impl() {
    if (registered) registry->leave(claim);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] bool wants(const core::Record& record) const {
    return record.sequence >= skip_below_sequence && record.timestamp_ns >= skip_before_ns;
  }
  [[nodiscard]] std::uint64_t epoch() const { return events.header().epoch.load_acquire(); }

  void check_usable(bool look) {
    if (guard.inherited()) {
      throw Error(Code::forked, "a consumer of ring '" + directory.name +
                                    "' was attached before a fork and is used in the child: attach again there");
    }
    const bool told = registry && registry->header().removed.load_relaxed() != 0;  // relaxed: made sure of by `removed`
    if ((told || look) && directory.removed()) {
      throw Error(Code::removed, "ring '" + directory.name + "' was removed: attach again when there is a new one");
    }
  }

  // What others allow this consumer to read: the smallest gate of those it follows, or what it was while they are away.
  std::uint64_t follow_limit(std::uint64_t known) {
    std::uint64_t limit = ~std::uint64_t{0};
    for (Followed& other : followed) {
      const core::ConsumerEntry& entry = registry->entries()[other.index];
      if (core::state_of(entry.state.load_acquire()) == core::EntryState::gating) {
        const std::uint64_t gate = entry.gate.load_acquire();  // pairs with [G1]: what it did before is done
        if (entry.lineage.load_acquire() != other.lineage) {
          throw Error(Code::followed_changed,
                      "consumer '" + other.name + "' of ring '" + directory.name +
                          "', which this one comes after, was replaced or skipped events: attach again");
        }
        if (core::beyond(gate, other.gate)) other.gate = gate;
      }
      if (other.gate < limit) limit = other.gate;
    }
    return limit > known ? limit : known;
  }

  struct Followed {
    std::uint32_t index = 0;
    std::string name;
    std::uint64_t lineage = 0;
    std::uint64_t gate = 0;
  };

  ForkGuard guard;
  RingDirectory directory;
  EventsFile events;
  core::RingView view;
  std::optional<Registry> registry;
  bool registered = false;
  EntryClaim claim;
  Policy policy = Policy::lossy;
  Wait wait = Wait::park;
  std::vector<Followed> followed;
  std::unique_ptr<std::byte[]> buffer;

  std::optional<Gap> pending_gap;             // to be reported before anything else
  std::optional<core::Record> staged;         // read already, to be handed out behind the gap
  std::optional<std::uint64_t> losing_since;  // first sequence of a loss whose end is not known yet
  std::uint64_t skip_below_sequence = 0;
  std::uint64_t skip_before_ns = 0;
  std::uint32_t fruitless = 0;
};

Consumer::Consumer(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

Consumer Consumer::attach(std::string_view ring, const ConsumerOptions& options) {
  const Policy policy = resolve_policy(options, ring);
  Consumer consumer(std::make_unique<Impl>(ring));
  Impl& impl = *consumer.impl_;
  impl.policy = policy;
  impl.wait = options.wait;
  const bool gates = policy == Policy::gate;
  const bool checked = !gates || options.budget.count() > 0;
  consumer.in_place_ = options.read == Read::in_place || (options.read == Read::automatic && !checked);
  consumer.gate_on_commit_ = options.gate_on_commit;
  if (!consumer.in_place_) {
    // Untouched memory costs nothing, so there is room for the largest event from the start.
    impl.buffer = std::make_unique_for_overwrite<std::byte[]>(core::largest_record_bytes(impl.view.capacity));
    consumer.buffer_ = impl.buffer.get();
  }
  try {
    impl.registry.emplace(impl.directory, Access::read_write, impl.guard);
  } catch (const Error& error) {
    if (error.code() != Code::not_allowed || gates || !options.name.empty() || !options.after.empty()) throw;
  }
  if (impl.registry) {
    if (impl.registry->header().ring_id != impl.events.header().ring_id) {
      throw Error(Code::damaged, "the files `events` and `consumers` in " + impl.directory.path +
                                     " are of two different rings: remove it with `ringbolt rm --force`");
    }
    consumer.fence_each_gate_ = !register_for_barriers();
    consumer.gate_waiters_ = &impl.registry->header().gate_waiters;
    consumer.register_entry(options, policy);
  }
  consumer.start(options.start);
  return consumer;
}

void Consumer::register_entry(const ConsumerOptions& options, Policy policy) {
  Impl& impl = *impl_;
  std::vector<std::uint32_t> followed;
  const std::uint64_t entry_options =
      in_place_ && options.budget.count() == 0 && policy == Policy::gate ? core::kEntryInPlace : 0;
  impl.claim = impl.registry->claim(options, policy, entry_options, followed);
  impl.registered = true;
  entry_ = &impl.registry->entries()[impl.claim.index];
  for (const std::uint32_t index : followed) {
    const core::ConsumerEntry& other = impl.registry->entries()[index];
    const std::uint64_t lineage = other.lineage.load_acquire();
    const bool joining = core::state_of(other.state.load_acquire()) == core::EntryState::joining;  // then its gate is a try
    impl.followed.push_back({index, read_name(other), lineage, joining ? 0 : other.gate.load_acquire()});
  }
  if (!followed.empty()) follow_limit_ = 0;
}

void Consumer::start(Start start) {
  Impl& impl = *impl_;
  StartPlace from = find_start(impl.view, start, impl.claim.cursor, impl.directory.name);
  reader_ = core::Reader(impl.view, from.place);
  if (impl.policy == Policy::gate) {
    from.place = join_gates(from.place, impl.claim.generation);
  } else if (entry_ != nullptr) {
    entry_->gate.store_release(from.place.position);
    entry_->lineage.fetch_add(1);
    entry_->state.store_release(core::state_word(impl.claim.generation, core::EntryState::attached));
  }
  reader_.go_to(from.place);
  gate_ = from.place.position;
  done_ = from.place;
  committed_ = from.place.sequence;
  if (from.wanted_sequence != 0 && from.place.sequence > from.wanted_sequence) {
    impl.pending_gap = Gap{from.wanted_sequence, from.place.sequence - 1, false};
  }
  impl.skip_below_sequence = from.skip_below_sequence;
  impl.skip_before_ns = from.skip_before_ns;
  if (entry_ != nullptr && entry_->name[0].load_relaxed() == 0) {  // relaxed: ours. Only for `stat`: nobody resumes it
    entry_->cursor_sequence.store_release(from.place.sequence - 1);
  }
  update_special();
}

// [J1]..[J3]: from the given place if the publisher has not begun to write over it, otherwise from a later one.
core::Place Consumer::join_gates(core::Place place, std::uint64_t generation) {
  Impl& impl = *impl_;
  core::ConsumerEntry& entry = *entry_;
  // Followers go on behind us if we start no later than where the name was done before.
  const auto broken = [&] { return !impl.claim.gated_before || core::beyond(place.position, impl.claim.gate_before); };
  bool counted = false;
  for (;;) {
    if (!counted && broken()) {
      entry.lineage.fetch_add(1);
      counted = true;
    }
    if (core::join_gate(impl.registry->header(), entry, generation, place.position, impl.view)) break;
    const core::Place here = reader_.place();
    place = core::beyond(here.position, place.position) ? here : find_halfway(impl.view, impl.directory.name);
  }
  reader_.gate_with(entry.state, generation);
  return place;
}

void Consumer::update_special() noexcept {
  const Impl& impl = *impl_;
  special_ = impl.pending_gap || impl.staged || impl.losing_since || impl.policy == Policy::latest ||
             impl.skip_below_sequence != 0 || impl.skip_before_ns != 0;
}

Status Consumer::read_special(Event& event) {
  Impl& impl = *impl_;
  if (impl.pending_gap) return report_gap();
  if (impl.losing_since) return read_behind_loss();
  if (reader_.place().position >= follow_limit_) {
    follow_limit_ = impl.follow_limit(follow_limit_);
    if (reader_.place().position >= follow_limit_) return nothing_yet();
  }
  if (impl.staged) {
    take(*std::exchange(impl.staged, std::nullopt), event);
    update_special();
    return Status::ok;
  }
  if (impl.policy == Policy::latest) skip_to_newest();
  for (;;) {
    core::Record record;
    const core::ReadStatus status = in_place_ ? reader_.peek(record) : reader_.copy(record, buffer_);
    if (status != core::ReadStatus::event) return read_nothing(status);
    if (impl.wants(record)) {
      impl.skip_below_sequence = 0;
      impl.skip_before_ns = 0;
      update_special();
      take(record, event);
      return Status::ok;
    }
    reader_.advance(record);
    count_skipped(1);
    if (!gate_on_commit_) move_gate(reader_.place().position);
    if (reader_.place().position >= follow_limit_) return nothing_yet();
  }
}

void Consumer::skip_to_newest() {
  const core::Location newest = core::Locator(impl_->view).newest();
  const core::Place here = reader_.place();
  if (newest.found != core::Found::record || !core::beyond(newest.place.position, here.position)) return;
  count_skipped(newest.place.sequence - here.sequence);
  reader_.go_to(newest.place);
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
    entry_->gaps.fetch_add(1);
  }
  return gap_.evicted ? Status::evicted : Status::gap;
}

Status Consumer::read_nothing(core::ReadStatus status) {
  Impl& impl = *impl_;
  switch (status) {
    case core::ReadStatus::event:
    case core::ReadStatus::empty: return nothing_yet();
    case core::ReadStatus::overrun:
      if (impl.policy == Policy::latest) {  // what it missed, it would have skipped
        skip_to_newest();
        return Status::empty;
      }
      impl.losing_since = reader_.place().sequence;
      return read_behind_loss();
    case core::ReadStatus::evicted: return rejoin();
    case core::ReadStatus::corrupt: break;
  }
  throw Error(Code::damaged, "ring '" + impl.directory.name + "' is damaged: at position " +
                                 std::to_string(reader_.place().position) + ", where event " +
                                 std::to_string(reader_.place().sequence) + " should begin, is something else");
}

Status Consumer::nothing_yet() {
  Impl& impl = *impl_;
  impl.check_usable(++impl.fruitless % kLookForRemovalEvery == 0);
  const std::uint64_t ends_before = impl.events.header().closed.load_acquire();
  if (ends_before != 0 && ends_before == reader_.place().sequence) return Status::closed;
  if (gate_on_commit_ &&
      reader_.place().position - gate_ > impl.view.capacity - core::largest_record_bytes(impl.view.capacity)) {
    throw Error(Code::holds_ring,
                "consumer '" + read_name(*entry_) + "' asks for more while it holds three quarters of ring '" +
                    impl.directory.name +
                    "' uncommitted, so that the next event may have no room: commit, or create a larger ring");
  }
  return Status::empty;
}

// Overrun: goes on halfway to the newest event. The gap is reported once an event behind it is safely read, so that losses
// in a row are one gap.
Status Consumer::read_behind_loss() {
  Impl& impl = *impl_;
  const std::uint64_t first = *impl.losing_since;
  for (int attempt = 0; attempt < kMostLossAttempts; ++attempt) {
    reader_.go_to(find_halfway(impl.view, impl.directory.name));
    core::Record record;
    const core::ReadStatus status = in_place_ ? reader_.peek(record) : reader_.copy(record, buffer_);
    if (status == core::ReadStatus::overrun) continue;
    if (status == core::ReadStatus::event && !in_place_) impl.staged = record;  // a view would be validated too early
    impl.losing_since.reset();
    if (reader_.place().sequence == first) break;  // nothing was lost after all
    impl.pending_gap = Gap{first, reader_.place().sequence - 1, false};
    return report_gap();
  }
  update_special();
  return Status::empty;
}

// Evicted: joins again where its gate was, or where it reads, or later if that is gone, and says so.
Status Consumer::rejoin() {
  Impl& impl = *impl_;
  const core::Place here = reader_.place();
  impl.claim.generation = core::generation_of(entry_->state.load_acquire()) + 1;
  impl.claim.gated_before = true;
  impl.claim.gate_before = gate_on_commit_ ? gate_ : here.position;  // what it is done with
  core::Place place = gate_on_commit_ ? done_ : here;
  place = join_gates(place, impl.claim.generation);
  gate_ = place.position;
  if (core::beyond(place.position, here.position)) reader_.go_to(place);
  impl.pending_gap = Gap{here.sequence, reader_.place().sequence - 1, true};
  return report_gap();
}

bool Consumer::something_to_read() {
  Impl& impl = *impl_;
  if (impl.pending_gap || impl.losing_since) return true;
  if (reader_.place().position >= follow_limit_) {
    follow_limit_ = impl.follow_limit(follow_limit_);
    if (reader_.place().position >= follow_limit_) return false;
  }
  if (impl.staged) return true;
  core::Record record;
  return reader_.peek(record) != core::ReadStatus::empty;
}

Status Consumer::wait_for(std::chrono::nanoseconds timeout) {
  Impl& impl = *impl_;
  const Deadline deadline{timeout};
  Waiter waiter(impl.wait);
  std::optional<WaitChannel> channel;
  if (impl.registry) channel = impl.followed.empty() ? impl.registry->sleepers() : impl.registry->gate_sleepers();
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
  const core::Place here = reader_.place();
  if (core::beyond(sequence + 1, here.sequence)) {
    throw Error(Code::bad_option, "event " + std::to_string(sequence) + " of ring '" + impl.directory.name +
                                      "' cannot be committed: the newest that was handed out is " +
                                      std::to_string(here.sequence - 1));
  }
  if (!core::beyond(sequence + 1, committed_)) return;  // committed before
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
  entry_->cursor_position.store_relaxed(place.position);  // relaxed: checked against the ring before it is used
  entry_->cursor_sequence.store_release(sequence);
  if (gate_on_commit_ && place.position != core::kNoPosition) move_gate(place.position);
}

bool Consumer::closed() const noexcept {
  const std::uint64_t ends_before = impl_->events.header().closed.load_acquire();
  return ends_before != 0 && ends_before == reader_.place().sequence && !impl_->pending_gap && !impl_->staged;
}
bool Consumer::publisher_alive() const { return publisher_is_alive(impl_->directory, impl_->events.header()); }
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
