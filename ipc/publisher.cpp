// Waiting for room, batches, waking; what runs per event is in publisher.hpp.
#include <ringbolt/ipc/publisher_impl.hpp>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

Publisher::Publisher(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Publisher::Publisher(Publisher&&) noexcept = default;
Publisher& Publisher::operator=(Publisher&&) noexcept = default;
Publisher::~Publisher() = default;

Status Publisher::wait_for_room(std::uint64_t record_bytes, std::chrono::nanoseconds timeout) {
  const auto stalled = [&] {
    if (timeout == kForever) impl_->throw_journal_stalled();
    return Status::journal_stalled;
  };
  const Status first = look_for_room(record_bytes);
  if (first == Status::ok) return first;
  if (first == Status::journal_stalled) return stalled();
  if (first == Status::too_large) {
    throw Error(Code::event_too_large, "an event of " + std::to_string(record_bytes) +
                                           " bytes, header included, is too large for ring '" + impl_->ring.directory.name +
                                           "': at most a quarter of its capacity, " +
                                           std::to_string(core::largest_record_bytes(capacity_bytes())) +
                                           " bytes; create the ring with a larger capacity");
  }
  const Deadline deadline{timeout};
  Waiter waiter(impl_->wait);
  WaitChannel gates = impl_->registry.gate_sleepers();
  while (!deadline.passed()) {
    waiter.pause(
        &gates, [&] { return impl_->refill(writer_, record_bytes); },
        deadline.remaining_ns(impl_->share ? kLongestShareSleepNs : kLongestGateSleepNs), impl_->epoch);
    const Status status = look_for_room(record_bytes);
    if (status == Status::ok) return status;
    if (status == Status::journal_stalled) return stalled();
  }
  return Status::timed_out;
}

Status Publisher::look_for_room(std::uint64_t record_bytes) {
  if (record_bytes > core::largest_record_bytes(capacity_bytes())) return Status::too_large;
  impl_->check_usable();
  impl_->open_again(writer_);
  bool room = impl_->refill(writer_, record_bytes);
  if (!room) {
    impl_->begin_blocked(writer_, writer_.position() + record_bytes + sizeof(std::uint64_t));
    if (impl_->clear_the_way(writer_)) room = impl_->refill(writer_, record_bytes);
  }
  if (!room) RINGBOLT_PROBE(full, writer_.position(), record_bytes);
  if (!room) return impl_->journal_stalls() ? Status::journal_stalled : Status::full;
  impl_->end_blocked(writer_);
  return Status::ok;
}

std::uint64_t Publisher::stamp(std::uint64_t given_ns) noexcept {
  const std::uint64_t now = given_ns != 0 ? given_ns : impl_->clock.now_ns();
  if (now > last_timestamp_ns_)
    last_timestamp_ns_ = now;  // the clock may be set back; stamps are searched, so they never decrease
  return last_timestamp_ns_;
}

void Publisher::wake_sleepers() {
  if (impl_->guard.inherited()) impl_->check_usable();
  RINGBOLT_PROBE(wake, writer_.next_sequence());
  WaitChannel sleepers = impl_->registry.sleepers();
  if (sleepers.answer_fence_request(impl_->epoch)) fence_each_commit_ = true;
  sleepers.wake_all();
}

std::uint64_t Publisher::publish_batch(std::span<const BatchEvent> events) {
  const std::uint64_t bytes = batch_bytes(events);
  if (events.empty()) return next_sequence();
  claim_or_wait(bytes, kForever);
  return finish_batch(events, bytes);
}

PublishResult Publisher::try_publish_batch(std::span<const BatchEvent> events) {
  const std::uint64_t bytes = batch_bytes(events);
  if (events.empty()) return {Status::ok, next_sequence()};
  if (const Status status = try_room(bytes); status != Status::ok) return {status, 0};
  return {Status::ok, finish_batch(events, bytes)};
}

std::uint64_t Publisher::finish_batch(std::span<const BatchEvent> events, std::uint64_t bytes) {
  const std::uint64_t timestamp_ns = timestamps_ ? stamp(0) : 0;
  std::uint64_t offset = 0;
  for (const BatchEvent& event : events) {
    const std::span<const std::byte> block = event.attributes.empty() ? std::span<const std::byte>()  // nearly always
                                                                      : impl_->encode(event.attributes);
    const std::uint64_t size = block.size() + event.payload.size();
    std::byte* const to = writer_.stage(offset, static_cast<std::uint32_t>(size), event.type,
                                        block.empty() ? std::uint16_t{0} : core::kFlagAttributes, timestamp_ns);
    core::copy_to_shared(to, block.data(), block.size());
    core::copy_to_shared(to + block.size(), event.payload.data(), event.payload.size());
    offset += core::record_bytes(size);
  }
  const std::uint64_t first = writer_.commit_staged(events.size(), bytes);
  wake();
  return first;
}

PublishResult Publisher::publish_batch_of(std::span<const std::byte> values, std::size_t value_bytes, EventOptions options,
                                          std::chrono::nanoseconds timeout) {
  if (!options.attributes.empty()) {
    throw Error(Code::bad_option, "a batch of values for ring '" + name() +
                                      "' takes no attributes: publish a batch of BatchEvent, each with its own");
  }
  const std::size_t count = values.size() / value_bytes;
  const std::uint64_t record = core::record_bytes(value_bytes);
  if (count == 0) return {Status::ok, next_sequence()};
  if (const Status status = claim_or_wait(count * record, timeout); status != Status::ok) return {status, 0};
  const std::uint64_t timestamp_ns = timestamps_ ? stamp(options.timestamp_ns) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::byte* const to = writer_.stage(i * record, static_cast<std::uint32_t>(value_bytes), options.type, 0, timestamp_ns);
    core::copy_to_shared(to, values.data() + i * value_bytes, value_bytes);
  }
  const std::uint64_t first = writer_.commit_staged(count, count * record);
  wake();
  return {Status::ok, first};
}

bool Publisher::wait_durable(std::uint64_t sequence, std::chrono::nanoseconds timeout) {
  Impl& impl = *impl_;
  // Asked again and again: a journal may be detached, or run again with another policy, while we wait.
  const auto entry = [&]() -> const core::ConsumerEntry& {
    const auto index = impl.journal_entry();
    if (impl.page && index && impl.page->sync() != Sync::none) return impl.registry.entries()[*index];
    throw Error(Code::bad_option, "nothing that ring '" + name() + "' holds ever becomes durable: open it with a journal " +
                                      "that syncs (.journal, --journal DIR --sync every)");
  };
  const auto is_durable = [&] { return core::cursor_of(entry()) >= sequence; };
  const Deadline deadline{timeout};
  const Deadline patience{std::chrono::nanoseconds(kLookAtConsumersEveryNs)};
  Waiter waiter(impl.wait);
  WaitChannel marks = impl.registry.gate_sleepers();
  impl.check_usable();
  while (!is_durable()) {
    if (deadline.passed()) return false;
    impl.check_usable();
    if (impl.page->state() == core::JournalState::detached) impl.throw_journal_stalled();
    if (impl.on_stall == OnStall::fail && patience.passed() && impl.journal_is_gone()) impl.throw_journal_stalled();
    waiter.pause(&marks, is_durable, deadline.remaining_ns(kLongestSleepNs), impl.epoch);
  }
  return true;
}

std::uint64_t Publisher::durable_sequence() const {
  const auto index = impl_->journal_entry();
  if (!impl_->page || !index || impl_->page->sync() == Sync::none) return 0;
  return core::cursor_of(impl_->registry.entries()[*index]);
}

void Publisher::close() {
  impl_->check_usable();
  writer_.set_closed(true);
  writer_.revoke_limit();  // the next claim looks at `closed`
  impl_->closed = true;
  impl_->registry.sleepers().wake_all();
  impl_->registry.gate_sleepers().wake_all();
}

const std::string& Publisher::name() const noexcept { return impl_->ring.directory.name; }
std::uint64_t Publisher::epoch() const noexcept { return impl_->epoch; }

std::uint64_t Claim::commit(std::size_t size_bytes, std::uint32_t type, std::uint64_t timestamp_ns) {
  if (publisher_ == nullptr || size_bytes > payload_.size() || publisher_->writer_.position() != position_)
    return commit_with_attributes(size_bytes, type, timestamp_ns);
  publisher_->impl_->open_again(publisher_->writer_);  // closed since it was claimed
  return std::exchange(publisher_, nullptr)
      ->finish(size_bytes, {.type = type, .timestamp_ns = timestamp_ns}, 0, [](std::byte* /*payload*/) {});
}

}  // namespace ringbolt
