// Attaching: the entry in the registry, the place to start from, joining the gates.
#include <ringbolt/ipc/consumer_impl.hpp>
#include <ringbolt/ipc/probe.hpp>
#include <ringbolt/ipc/start.hpp>

#include <new>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

Policy resolve_policy(const ConsumerOptions& options, std::string_view ring, bool has_journal) {
  const auto refuse = [&](const char* why) {
    return Error(Code::bad_option, "cannot attach to ring '" + std::string(ring) + "': " + why);
  };
  const Policy usual = has_journal ? Policy::journal : Policy::lossy;
  const Policy policy = options.policy == Policy::automatic ? usual : options.policy;
  if (policy == Policy::journal && !has_journal) throw refuse("it has no journal: use policy lossy, or gate");
  if (options.budget.count() < 0) throw refuse("the budget is negative");
  if (options.budget.count() > 0 && policy != Policy::gate) throw refuse("only policy gate has a budget");
  if (policy == Policy::latest && !options.after.empty()) {
    throw refuse(
        "policy latest skips to the newest event, which others may not have committed: use gate or lossy to come after "
        "them");
  }
  if (options.gate_on_commit && policy != Policy::gate)
    throw refuse("only policy gate has a gate that can wait for the commit");
  return policy;
}

}  // namespace

// The page that the publisher gave us is a registry of one entry: everything from here on is as it always is.
Consumer Consumer::attach_to_share(std::string_view ring, const ConsumerOptions& options) {
  const bool gates = options.policy == Policy::gate;
  Consumer consumer(std::make_unique<Impl>(ring, options));
  Impl& impl = *consumer.impl_;
  impl.policy = options.policy == Policy::automatic ? Policy::lossy : options.policy;
  impl.wait = options.wait;
  if (options.read == Read::in_place) consumer.in_place_ = &consumer.impl_->in_place;  // it can be evicted at any moment
  consumer.gate_on_commit_ = options.gate_on_commit && gates;
  if (consumer.in_place_ == nullptr) consumer.make_buffer();
  impl.registry.emplace(impl.link->page(), impl.directory.path, impl.guard);
  if (impl.registry->header().ring_id != impl.events.header().ring_id || impl.registry->entries().size() != 1)
    throw Error(Code::damaged, "what answers at " + impl.directory.path + " is no share of a ring: check the path");
  consumer.gate_waiters_ = &impl.registry->header().gate_waiters;
  impl.claim.generation = core::generation_of(impl.registry->entries()[0].state.load_acquire());
  impl.registered = true;
  consumer.entry_ = impl.registry->entries().data();
  consumer.start(options.start);
  return consumer;
}

Consumer Consumer::attach(std::string_view ring, const ConsumerOptions& options) {
  if (is_share(ring)) return attach_to_share(ring, options);
  static_cast<void>(resolve_policy(options, ring, true));  // what makes no sense needs no ring
  if (!options.name.empty()) check_name(options.name, "consumer name");
  Consumer consumer(std::make_unique<Impl>(ring));
  Impl& impl = *consumer.impl_;
  impl.page = JournalPageFile::open(impl.directory, Access::read_only, impl.guard);
  const Policy policy = resolve_policy(options, ring, impl.page.has_value());
  impl.policy = policy;
  impl.wait = options.wait;
  const bool gates = policy == Policy::gate;
  const bool checked = !gates || options.budget.count() > 0;
  if (options.read == Read::in_place || (options.read == Read::automatic && !checked))
    consumer.in_place_ = &consumer.impl_->in_place;
  consumer.gate_on_commit_ = options.gate_on_commit;
  if (consumer.in_place_ == nullptr) {
    // Untouched memory costs nothing, so there is room for the largest event from the start.
    consumer.make_buffer();
  }
  try {
    impl.registry.emplace(impl.directory, Access::read_write, impl.guard);
  } catch (const Error& error) {
    if (error.code() != Code::not_allowed || gates || !options.name.empty() || !options.after.empty()) throw;
  }
  if (impl.registry) {
    if (impl.registry->header().ring_id != impl.events.header().ring_id ||
        impl.registry->entries().size() != impl.events.consumer_slots()) {
      throw Error(Code::damaged, "the files `events` and `consumers` in " + impl.directory.path +
                                     " are of two different rings: remove it with `ringbolt rm --force`");
    }
    consumer.fence_each_gate_ = !register_for_barriers();
    consumer.gate_waiters_ = &impl.registry->header().gate_waiters;
    consumer.register_entry(options, policy);
  }
  if (impl.page) consumer.open_journal(options);
  consumer.start(options.start);
  return consumer;
}

void Consumer::register_entry(const ConsumerOptions& options, Policy policy) {
  Impl& impl = *impl_;
  std::vector<std::uint32_t> followed;
  const std::uint64_t entry_options =
      in_place_ != nullptr && options.budget.count() == 0 && policy == Policy::gate ? core::kEntryInPlace : 0;
  impl.claim = impl.registry->claim(options, policy, entry_options, followed);
  impl.registered = true;
  entry_ = &impl.registry->entries()[impl.claim.index];
  for (const std::uint32_t index : followed) {
    const core::ConsumerEntry& leader = impl.registry->entries()[index];
    impl.followed.push_back({index, read_name(leader), leader.lineage.load_acquire(), 0});
  }
  if (!followed.empty()) follow_limit_ = 0;
}

void Consumer::start(Start start) {
  Impl& impl = *impl_;
  const bool new_in_ring = impl.claim.cursor.sequence == 0;
  if (new_in_ring && start.kind == Start::Kind::resume) impl.claim.cursor = cursor_beside_journal();
  StartPlace from = find_start(impl.view, start, impl.claim.cursor, impl.directory.name);
  reader_ = core::Reader(impl.view, from.place);
  impl.in_place = reader_;
  if (impl.policy == Policy::gate) {
    const std::uint64_t cursor =
        impl.claim.cursor.sequence;  // 0: nothing committed, so everything from the first on is to come
    from.place = join_gates(from.place, impl.claim.generation, cursor != 0 ? cursor : impl.view.first_sequence);
  } else if (entry_ != nullptr) {
    entry_->gate.store_release(from.place.position);
    entry_->lineage.fetch_add(1);
    RINGBOLT_STEP(start_entered);
    entry_->state.store_release(core::state_word(impl.claim.generation, core::EntryState::attached));
    RINGBOLT_STEP(attached);
  }
  // What came before this ring may be in the journal, and is lost for who does not read it there; or in an earlier share.
  if (impl.page || impl.link) {
    if (start.kind == Start::Kind::sequence) from.wanted_sequence = std::max<std::uint64_t>(start.value, 1);
    if (start.kind == Start::Kind::resume && impl.claim.cursor.sequence != 0)
      from.wanted_sequence = impl.claim.cursor.sequence;
    if (impl.page && start_in_journal(start, from)) from.place = reader_.place();
  }
  reader_.go_to(from.place);
  gate_ = from.place.position;
  done_ = from.place;
  committed_ = from.place.sequence;
  if (from.wanted_sequence != 0 && from.place.sequence > from.wanted_sequence) {
    impl.pending_gap = Gap{from.wanted_sequence, from.place.sequence - 1, false};
    if (start.kind == Start::Kind::resume) committed_ = from.wanted_sequence;  // a gap that is told can be committed
  }
  impl.skip_below_sequence = from.skip_below_sequence;
  impl.skip_before_ns = from.skip_before_ns;
  // Who has committed nothing yet resumes where it first started. A consumer without name is not resumed; `stat` shows it.
  if (entry_ != nullptr && new_in_ring) {
    const std::uint64_t next = impl.claim.cursor.sequence != 0 ? impl.claim.cursor.sequence : from.place.sequence;
    entry_->cursor_position.store_relaxed(from.place.position);  // relaxed: checked against the ring before it is used
    entry_->cursor_sequence.store_release(next - 1);
    RINGBOLT_STEP(cursor_begun);
    mark_started(*entry_);
  }
  if (keeps_cursor_) keep_cursor(entry_->cursor_sequence.load_acquire());
  update_special();
  RINGBOLT_PROBE(attach, impl.directory.name.c_str(), static_cast<unsigned>(impl.policy), from.place.sequence);
}

// [J1]..[J3]: from the given place if the publisher has not begun to write over it, otherwise from a later one. Those who
// come after this consumer are told if it starts beyond `continues`, the sequence it had got to.
core::Place Consumer::join_gates(core::Place place, std::uint64_t generation, std::uint64_t continues) {
  Impl& impl = *impl_;
  bool told = false;
  for (;;) {
    if (!told && place.sequence > continues) {
      entry_->lineage.fetch_add(1);
      told = true;
    }
    if (impl.link) {
      const ShareLink::Joined joined = impl.link->join(place.position);
      impl.claim.generation = generation = joined.generation;
      if (joined.granted) break;
    } else if (core::join_gate(impl.registry->header(), *entry_, generation, place.position, impl.view)) {
      break;
    }
    const core::Place here = reader_.place();
    place = core::beyond(here.position, place.position) ? here : find_halfway(impl.view, impl.directory.name);
  }
  reader_.gate_with(entry_->state, generation);
  impl.in_place = reader_;
  return place;
}

// Untouched memory costs nothing, so there is room for the largest event from the start.
void Consumer::make_buffer() {
  const std::uint64_t bytes = core::largest_record_bytes(impl_->view.capacity);
  try {
    impl_->buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
  } catch (const std::bad_alloc&) {
    throw Error(Code::no_space, "cannot attach to ring '" + impl_->directory.name + "': no memory for a buffer of " +
                                    std::to_string(bytes) +
                                    " bytes, its largest event: raise the limit (`ulimit -v`), or read in place");
  }
  buffer_ = impl_->buffer.get();
}

}  // namespace ringbolt
