#include <sys/stat.h>
#include <unistd.h>

#include <ringbolt/core/takeover.hpp>
#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/page_size.hpp>
#include <ringbolt/ipc/publisher.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/ring_directory.hpp>

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr std::uint64_t kLookAtConsumersEveryNs = 1'000'000;  // for the dead and the evictable, while one is in the way
constexpr std::uint64_t kLongestGateSleepNs = 2'000'000;      // death wakes nobody: bounds how long it goes unnoticed

// A ring whose lease this process holds.
struct Held {
  RingDirectory directory;
  Descriptor lease;
};

void check_owner(const RingDirectory& directory) {
  struct stat status {};
  ::fstat(directory.fd.get(), &status);
  if (status.st_uid == ::geteuid() || ::geteuid() == 0) return;
  throw Error(Code::not_allowed, "ring " + directory.path + " belongs to user " + std::to_string(status.st_uid) +
                                     ": only its owner can publish to it; consumers may be other users");
}

std::uint64_t pid_of_publisher(const RingDirectory& directory) {
  ForkGuard guard;
  return EventsFile(directory, Access::read_only, guard).header().publisher_pid.load_relaxed();  // relaxed: for people
}

// Takes the lease, waiting for it as long as `deadline` allows. Empty if the ring vanished meanwhile.
std::optional<Descriptor> take_lease(const RingDirectory& directory, const Deadline& deadline, bool standby) {
  Descriptor lease = directory.open_file("lease", O_RDWR);
  if (!lease) {
    if (errno == ENOENT && !directory.still_there()) return std::nullopt;
    throw Error(
        errno == ENOENT ? Code::damaged : Code::not_allowed,
        "cannot open " + directory.file("lease") + ": " + std::strerror(errno) + ": only the ring's owner can publish to it",
        errno);
  }
  while (!try_lock_byte(lease.get(), kPublisherByte)) {
    if (!standby || deadline.passed()) {
      throw Error(
          Code::in_use,
          "ring '" + directory.name + "' has a live publisher, process " + std::to_string(pid_of_publisher(directory)) +
              (standby ? ", and it outlived the time to stand by" : ": stop it first, or stand by for its end (--standby)"));
    }
    if (!directory.still_there()) return std::nullopt;
    sleep_ns(deadline.remaining_ns(kShortSleepNs));
  }
  RINGBOLT_STEP(lease_taken);
  if (!directory.still_there()) return std::nullopt;
  return lease;
}

Held hold_ring(std::string_view name, const PublisherOptions& options) {
  const Deadline deadline{options.standby};
  for (;;) {
    try {
      RingDirectory directory = RingDirectory::open(name);
      check_owner(directory);
      if (auto lease = take_lease(directory, deadline, options.standby.count() > 0))
        return {std::move(directory), std::move(*lease)};
    } catch (const Error& error) {
      if (error.code() != Code::not_found || !options.create) throw;
      if (auto lease = make_ring(name, options)) return {RingDirectory::open(name), std::move(*lease)};
    }
  }
}

void check_options(const core::EventsHeader& header, const PublisherOptions& options, const std::string& name) {
  std::string differences;
  const auto differs = [&](const char* what, std::uint64_t has, std::uint64_t wanted) {
    differences += std::string(differences.empty() ? "" : ", ") + what + " " + std::to_string(has) + " and not " +
                   std::to_string(wanted);
  };
  const bool stamped = (header.options & core::kOptionTimestamps) != 0;
  if (options.capacity_bytes != 0 && options.capacity_bytes != header.capacity_bytes)
    differs("capacity_bytes", header.capacity_bytes, options.capacity_bytes);
  if (options.timestamps && *options.timestamps != stamped)
    differs("timestamps", stamped ? 1 : 0, *options.timestamps ? 1 : 0);
  if (options.consumer_slots != 0 && options.consumer_slots != header.consumer_slots)
    differs("consumer_slots", header.consumer_slots, options.consumer_slots);
  if (options.first_sequence != 0 && options.first_sequence != header.first_sequence)
    differs("first_sequence", header.first_sequence, options.first_sequence);
  if (options.huge_pages && (header.options & core::kOptionHugePages) == 0) differs("huge_pages", 0, 1);
  if (differences.empty()) return;
  throw Error(Code::options_differ, "ring '" + name + "' exists with " + differences +
                                        ": leave these options out, or remove the ring first (`ringbolt rm`)");
}

}  // namespace

struct Publisher::Impl {
  explicit Impl(Held held, const PublisherOptions& options)
      : directory(std::move(held.directory)),
        lease(std::move(held.lease)),
        events(directory, Access::read_write, guard),
        registry(directory, Access::read_write, guard),
        gating(registry.entries().size()),
        wait(options.wait) {
    guard.add_descriptor(lease.get());
    guard.raise_in_child(
        registry.header().waiters);  // the first commit in a forked child ends in wake_sleepers, which throws
  }

  void check_usable() {
    if (guard.inherited()) {
      throw Error(Code::forked,
                  "the publisher of ring '" + directory.name +
                      "' was opened before a fork and is used in the child: open one there after the parent's has ended");
    }
    if (registry.header().removed.load_acquire() != 0 && directory.removed()) {
      throw Error(Code::removed,
                  "ring '" + directory.name + "' was removed while it was published to: open it again to make a new one");
    }
  }

  // Who is in the way of a claim that ends at `needed`: whose gate does not allow it.
  [[nodiscard]] bool in_the_way(std::uint32_t index, std::uint64_t needed) const {
    return core::beyond(needed, registry.entries()[index].gate.load_acquire() + events.capacity());
  }
  // Whom to blame for an entry that is in the way: itself, or the one it follows and has caught up with, or whom that follows.
  [[nodiscard]] std::uint32_t root_of(std::uint32_t index) const {
    const auto entries = registry.entries();
    for (std::size_t depth = 0; depth < entries.size(); ++depth) {
      const std::uint64_t gate = entries[index].gate.load_acquire();
      std::uint32_t ahead = index;
      for (const core::Word64& word : entries[index].followed) {
        const std::uint64_t other = word.load_relaxed();  // relaxed: only statistics and who is evicted first depend on it
        if (other != 0 && other <= entries.size() && !core::beyond(entries[other - 1].gate.load_acquire(), gate)) {
          ahead = static_cast<std::uint32_t>(other - 1);
          break;
        }
      }
      if (ahead == index) return index;
      index = ahead;
    }
    return index;
  }

  void begin_blocked(const core::Writer& writer, std::uint64_t needed) {
    const std::uint64_t now = monotonic_ns();
    if (blocked_at_position != writer.position()) {
      blocked_at_position = writer.position();
      blocked_since_ns = now;
      accounted_ns = now;
      looked_ns = now;
      blamed.reset();
      for (const std::uint32_t index : writer.gates().gating()) {
        if (!in_the_way(index, needed)) continue;
        blamed = root_of(index);
        registry.entries()[*blamed].blocked_count.fetch_add(1);
        break;
      }
    }
  }
  void account_blocked() {
    const std::uint64_t now = monotonic_ns();
    if (blamed) registry.entries()[*blamed].blocked_ns.fetch_add(now - accounted_ns);
    accounted_ns = now;
  }
  void end_blocked() {
    if (blocked_at_position == core::kNoPosition) return;
    account_blocked();
    blocked_at_position = core::kNoPosition;
  }

  // Releases the gates of the dead and of those whose budget is spent. True if one was: then begin again at [W3].
  bool clear_the_way(const core::Writer& writer, std::uint64_t needed) {
    const std::uint64_t now = monotonic_ns();
    if (now - looked_ns < kLookAtConsumersEveryNs) return false;
    looked_ns = now;
    account_blocked();
    bool cleared = false;
    for (const std::uint32_t index : writer.gates().gating()) {
      if (!in_the_way(index, needed)) continue;
      cleared |= registry.reclaim_if_dead(index) || evict_if_spent(index, now - blocked_since_ns);
    }
    return cleared;
  }
  bool evict_if_spent(std::uint32_t index, std::uint64_t blocked_ns) {
    core::ConsumerEntry& entry = registry.entries()[index];
    const std::uint64_t state = entry.state.load_acquire();
    const std::uint64_t budget_ns = entry.budget_ns.load_relaxed();  // relaxed: ordered by the state
    if (core::state_of(state) != core::EntryState::gating || budget_ns == 0 || blocked_ns < budget_ns ||
        root_of(index) != index)
      return false;
    if (!core::change_state(entry, state, core::EntryState::evicted)) return false;  // [E1] pairs with [E2]
    entry.evictions.fetch_add(1);
    return true;
  }

  ForkGuard guard;
  RingDirectory directory;
  Descriptor lease;
  EventsFile events;
  Registry registry;
  std::vector<std::uint32_t> gating;  // memory for core::Gates
  Descriptor alive;
  Wait wait;
  std::uint64_t epoch = 0;
  // While a consumer is in the way.
  std::uint64_t blocked_at_position = core::kNoPosition;
  std::uint64_t blocked_since_ns = 0;
  std::uint64_t accounted_ns = 0;
  std::uint64_t looked_ns = 0;
  std::optional<std::uint32_t> blamed;
};

Publisher::Publisher(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Publisher::Publisher(Publisher&&) noexcept = default;
Publisher& Publisher::operator=(Publisher&&) noexcept = default;
Publisher::~Publisher() = default;

Publisher Publisher::open(std::string_view name, const PublisherOptions& options) {
  auto impl = std::make_unique<Impl>(hold_ring(name, options), options);
  Publisher publisher(std::move(impl));
  Impl& self = *publisher.impl_;
  core::EventsHeader& header = self.events.header();
  core::RegistryHeader& registry = self.registry.header();
  check_options(header, options, self.directory.name);
  if (registry.ring_id != header.ring_id || registry.slots != header.consumer_slots) {
    throw Error(Code::damaged, "the files `events` and `consumers` in " + self.directory.path +
                                   " are of two different rings: remove it with `ringbolt rm --force`");
  }
  const core::StreamEnd end = core::find_stream_end(self.events.view());
  if (!end.valid) {
    throw Error(Code::damaged,
                "the end of the stream in " + self.directory.file("events") +
                    " cannot be found, its records do not hold together: remove the ring with `ringbolt rm --force`");
  }
  RINGBOLT_STEP(end_found);

  // The alive file is in place before its epoch is: whoever reads the new epoch finds it. A death in between leaves a file
  // that nobody asks for, and the next successor puts its own over it.
  const std::uint64_t last_epoch = header.epoch.load_acquire();
  self.epoch = last_epoch + 1;
  self.alive = make_alive_file(self.directory, self.epoch);
  self.guard.add_descriptor(self.alive.get());
  RINGBOLT_STEP(alive_file_named);
  header.publisher_pid.store_relaxed(static_cast<std::uint64_t>(::getpid()));  // relaxed: for people
  header.epoch.store_release(self.epoch);
  RINGBOLT_STEP(epoch_stored);
  if (last_epoch != 0) ::unlinkat(self.directory.fd.get(), ("alive." + std::to_string(last_epoch)).c_str(), 0);

  publisher.writer_ = core::Writer(header, self.events.data(), self.events.capacity(),
                                   core::Gates(registry, self.registry.entries(), self.gating), end.end);
  publisher.waiters_ = &registry.waiters;
  publisher.timestamps_ = (header.options & core::kOptionTimestamps) != 0;
  publisher.last_timestamp_ns_ = end.newest_timestamp_ns;
  publisher.fence_each_commit_ = !register_for_barriers() || registry.fence_request.load_acquire() != 0;
  if (publisher.fence_each_commit_) registry.fence_ack.store_release(self.epoch);
  publisher.writer_.set_closed(false);
  header.granted.store_release(apply_memory_options(header, self.events.data(), self.directory.fd.get()));
  RINGBOLT_STEP(taken_over);
  self.registry.sleepers().wake_all();  // the dead publisher may have committed and not woken
  return publisher;
}

bool Publisher::wait_for_room(std::uint64_t record_bytes, std::chrono::nanoseconds timeout) {
  const Status first = look_for_room(record_bytes);
  if (first == Status::ok) return true;
  if (first == Status::too_large) {
    throw Error(Code::event_too_large, "an event of " + std::to_string(record_bytes) +
                                           " bytes, header included, is too large for ring '" + impl_->directory.name +
                                           "': at most a quarter of its capacity, " +
                                           std::to_string(core::largest_record_bytes(capacity_bytes())) +
                                           " bytes; create the ring with a larger capacity");
  }
  const Deadline deadline{timeout};
  Waiter waiter(impl_->wait);
  WaitChannel gates = impl_->registry.gate_sleepers();
  while (!deadline.passed()) {
    waiter.pause(
        &gates, [&] { return writer_.refill(record_bytes); }, deadline.remaining_ns(kLongestGateSleepNs), impl_->epoch);
    if (look_for_room(record_bytes) == Status::ok) return true;
  }
  return false;
}

Status Publisher::look_for_room(std::uint64_t record_bytes) {
  if (record_bytes > core::largest_record_bytes(capacity_bytes())) return Status::too_large;
  impl_->check_usable();
  const std::uint64_t needed = writer_.position() + record_bytes + sizeof(std::uint64_t);
  bool room = writer_.refill(record_bytes);
  if (!room) {
    impl_->begin_blocked(writer_, needed);
    if (impl_->clear_the_way(writer_, needed)) room = writer_.refill(record_bytes);
  }
  if (!room) return Status::full;
  impl_->end_blocked();
  return Status::ok;
}

std::uint64_t Publisher::stamp() noexcept {
  const std::uint64_t now = wall_ns();
  if (now > last_timestamp_ns_)
    last_timestamp_ns_ = now;  // the clock may be set back; stamps are searched, so they never decrease
  return last_timestamp_ns_;
}

void Publisher::wake_sleepers() {
  if (impl_->guard.inherited()) impl_->check_usable();
  core::RegistryHeader& registry = impl_->registry.header();
  if (registry.fence_request.load_acquire() != 0) {  // a sleeper cannot order its flag against us: from now on we do
    fence_each_commit_ = true;
    registry.fence_ack.store_release(impl_->epoch);
  }
  impl_->registry.sleepers().wake_all();
}

std::uint64_t Publisher::publish_batch(std::span<const BatchEvent> events) {
  std::uint64_t bytes = 0;
  for (const BatchEvent& event : events) bytes += core::record_bytes(event.payload.size());
  if (events.empty()) return next_sequence();
  claim_or_wait(bytes, kForever);
  return finish_batch(events, bytes);
}

PublishResult Publisher::try_publish_batch(std::span<const BatchEvent> events) {
  std::uint64_t bytes = 0;
  for (const BatchEvent& event : events) bytes += core::record_bytes(event.payload.size());
  if (events.empty()) return {Status::ok, next_sequence()};
  if (const Status status = try_room(bytes); status != Status::ok) return {status, 0};
  return {Status::ok, finish_batch(events, bytes)};
}

std::uint64_t Publisher::finish_batch(std::span<const BatchEvent> events, std::uint64_t bytes) {
  const std::uint64_t timestamp_ns = timestamps_ ? stamp() : 0;
  std::uint64_t offset = 0;
  for (const BatchEvent& event : events) {
    std::byte* const to =
        writer_.stage(offset, static_cast<std::uint32_t>(event.payload.size()), event.type, 0, timestamp_ns);
    core::copy_to_shared(to, event.payload.data(), event.payload.size());
    offset += core::record_bytes(event.payload.size());
  }
  const std::uint64_t first = writer_.commit_staged(events.size(), bytes);
  wake();
  return first;
}

std::uint64_t Publisher::publish_batch_of(std::span<const std::byte> values, std::size_t value_bytes, EventOptions options) {
  const std::size_t count = values.size() / value_bytes;
  const std::uint64_t record = core::record_bytes(value_bytes);
  if (count == 0) return next_sequence();
  claim_or_wait(count * record, kForever);
  const std::uint64_t timestamp_ns = timestamps_ ? stamp() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::byte* const to = writer_.stage(i * record, static_cast<std::uint32_t>(value_bytes), options.type, 0, timestamp_ns);
    core::copy_to_shared(to, values.data() + i * value_bytes, value_bytes);
  }
  const std::uint64_t first = writer_.commit_staged(count, count * record);
  wake();
  return first;
}

void Publisher::close() {
  impl_->check_usable();
  writer_.set_closed(true);
  impl_->registry.sleepers().wake_all();
  impl_->registry.gate_sleepers().wake_all();
}

const std::string& Publisher::name() const noexcept { return impl_->directory.name; }
std::uint64_t Publisher::epoch() const noexcept { return impl_->epoch; }

std::uint64_t Claim::commit(std::size_t size_bytes, EventOptions options) {
  if (publisher_ == nullptr || size_bytes > payload_.size() || publisher_->writer_.position() != position_) {
    throw Error(
        Code::bad_option,
        "a claim is committed once, with at most the bytes that were claimed, and before the next event is published");
  }
  return std::exchange(publisher_, nullptr)->finish(size_bytes, options);
}

void create_ring(std::string_view name, const PublisherOptions& options) {
  if (make_ring(name, options)) return;
  throw Error(Code::already_exists,
              "ring '" + std::string(name) + "' exists already: remove it first (`ringbolt rm`), or publish to it as it is");
}

}  // namespace ringbolt
