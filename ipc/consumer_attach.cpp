// Attaching: the entry in the registry, the place to start from, joining the gates.
#include <ringbolt/ipc/consumer_impl.hpp>
#include <ringbolt/ipc/start.hpp>

#include <new>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

Policy resolve_policy(const ConsumerOptions& options, std::string_view ring) {
  const auto refuse = [&](const char* why) {
    return Error(Code::bad_option, "cannot attach to ring '" + std::string(ring) + "': " + why);
  };
  const Policy policy = options.policy == Policy::automatic ? Policy::lossy : options.policy;
  if (policy == Policy::journal) throw refuse("it has no journal: use policy lossy, or gate");
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
    const core::ConsumerEntry& leader = impl.registry->entries()[index];
    impl.followed.push_back({index, read_name(leader), leader.lineage.load_acquire(), 0});
  }
  if (!followed.empty()) follow_limit_ = 0;
}

void Consumer::start(Start start) {
  Impl& impl = *impl_;
  StartPlace from = find_start(impl.view, start, impl.claim.cursor, impl.directory.name);
  reader_ = core::Reader(impl.view, from.place);
  if (impl.policy == Policy::gate) {
    const std::uint64_t cursor =
        impl.claim.cursor.sequence;  // 0: nothing committed, so everything from the first on is to come
    from.place = join_gates(from.place, impl.claim.generation, cursor != 0 ? cursor : impl.view.first_sequence);
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
  // Who has committed nothing yet resumes where it first started. A consumer without name is not resumed; `stat` shows it.
  if (entry_ != nullptr && impl.claim.cursor.sequence == 0) {
    entry_->cursor_position.store_relaxed(from.place.position);  // relaxed: checked against the ring before it is used
    entry_->cursor_sequence.store_release(from.place.sequence - 1);
  }
  update_special();
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
    if (core::join_gate(impl.registry->header(), *entry_, generation, place.position, impl.view)) break;
    const core::Place here = reader_.place();
    place = core::beyond(here.position, place.position) ? here : find_halfway(impl.view, impl.directory.name);
  }
  reader_.gate_with(entry_->state, generation);
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
