// Opening a ring to publish: make it, or take it over. No time-out decides anything: whoever holds the lease is the publisher.
#include <ringbolt/core/takeover.hpp>
#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/publisher_impl.hpp>
#include <ringbolt/ipc/removal.hpp>
#include <ringbolt/ipc/system.hpp>

#include <cerrno>
#include <cstring>

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

namespace {

constexpr std::chrono::milliseconds kLocksOfTheDead{500};

void check_owner(const RingDirectory& directory) {
  struct stat status {};
  if (sys::fstat(directory.fd.get(), &status) != 0)
    throw_refused("cannot look at " + directory.path, errno, "only the ring's owner can publish to it");
  if (status.st_uid == ::geteuid() || ::geteuid() == 0) return;
  throw Error(Code::not_allowed, "ring " + directory.path + " belongs to user " + std::to_string(status.st_uid) +
                                     ": only its owner can publish to it; consumers may be other users");
}

// For the message that refuses a second publisher.
std::string publisher_process(const RingDirectory& directory) {
  try {
    ForkGuard guard;
    const EventsFile events(directory, Access::read_only, guard);
    return "process " + std::to_string(events.header().publisher_pid.load_relaxed());  // relaxed: for people
  } catch (const Error&) {
    return "an unknown process";
  }
}

// Takes the lease, waiting for it as long as `deadline` allows. Empty if the ring vanished meanwhile.
std::optional<Descriptor> take_lease(const RingDirectory& directory, const Deadline& deadline, bool standby,
                                     ForkGuard& guard) {
  Descriptor lease = directory.open_file("lease", O_RDWR, guard);
  if (!lease) {
    if (errno == ENOENT && !directory.still_there()) return std::nullopt;
    const std::string what = "cannot open " + directory.file("lease");
    if (errno != ENOENT && errno != ELOOP) throw_refused(what, errno, "only the ring's owner can publish to it");
    throw Error(Code::damaged, what + ": " + std::strerror(errno) + ": remove the ring with `ringbolt rm --force`", errno);
  }
  while (!try_lock_byte(lease.get(), kPublisherByte)) {
    if (!standby || deadline.passed()) {
      throw Error(Code::in_use, "ring '" + directory.name + "' has a live publisher, " + publisher_process(directory) +
                                    (standby ? ", and it outlived the time to stand by"
                                             : ": stop it first, or stand by for its end (--standby)"));
    }
    if (!directory.still_there()) return std::nullopt;
    sleep_ns(deadline.remaining_ns(kShortSleepNs));
  }
  RINGBOLT_STEP(lease_taken);
  if (!directory.still_there()) return std::nullopt;
  return lease;
}

}  // namespace

namespace {

// A ring that is made anew goes on where its journal ends.
std::optional<HeldRing> make_after_journal(std::string_view name, const PublisherOptions& options, ForkGuard& guard,
                                           OpenJournal& journal) {
  if (options.journal.directory.empty()) return make_ring(name, options, guard, {});
  PublisherOptions chosen = options;
  chosen.journal = journal.options;
  journal.open();
  if (const Recovered& known = journal.store->log->recovered(); !known.empty) {
    if (options.first_sequence != 0 && options.first_sequence != known.next_sequence) {
      throw Error(Code::options_differ, "ring '" + std::string(name) + "' cannot begin with event " +
                                            std::to_string(options.first_sequence) + ": its journal in " +
                                            journal.options.directory + " goes on with " +
                                            std::to_string(known.next_sequence) + "; leave the first sequence out");
    }
    chosen.first_sequence = known.next_sequence;
  }
  const Recovered& found = journal.store->log->recovered();
  JournalExtent extent{{}, found.first_sequence, found.empty ? 1 : found.next_sequence};
  if (!found.empty || journal.keeps_open) extent.id = journal.store->log->id();
  return make_ring(name, chosen, guard, extent);
}

}  // namespace

HeldRing ipc::hold_ring(std::string_view name, const PublisherOptions& options, ForkGuard& guard, OpenJournal& journal) {
  journal.keeps_open = !options.journal.own_process;
  if (!options.journal.directory.empty()) journal.options = checked_options(options.journal);
  const Deadline deadline{options.standby};
  for (;;) {
    try {
      RingDirectory directory = RingDirectory::open(name);
      check_owner(directory);
      if (auto lease = take_lease(directory, deadline, options.standby.count() > 0, guard))
        return {std::move(directory), std::move(*lease)};
    } catch (const Error& error) {
      if (error.code() != Code::not_found || !options.create) throw;
      try {
        if (auto made = make_after_journal(name, options, guard, journal)) return std::move(*made);
      } catch (const Error& busy) {  // another one is making the ring after the same journal
        if (busy.code() != Code::in_use || deadline.passed()) throw;
        sleep_ns(deadline.remaining_ns(kShortSleepNs));
      }
    }
  }
}

namespace {

// What is set and differs from the ring as it is.
void check_options(const core::EventsHeader& header, const PublisherOptions& options, const RingDirectory& directory) {
  std::string differences;
  const auto compare = [&](const char* what, bool set, std::uint64_t has, std::uint64_t wanted) {
    if (!set || has == wanted) return;
    differences += std::string(differences.empty() ? "" : ", ") + what + " " + std::to_string(has) + " and not " +
                   std::to_string(wanted);
  };
  const auto has = [&](std::uint32_t bit) { return (header.options & bit) != 0 ? 1U : 0U; };
  compare("capacity_bytes", options.capacity_bytes != 0, header.capacity_bytes, options.capacity_bytes);
  compare("timestamps", options.timestamps.has_value(), has(core::kOptionTimestamps),
          options.timestamps.value_or(true) ? 1 : 0);
  compare("consumer_slots", options.consumer_slots != 0, header.consumer_slots, options.consumer_slots);
  compare("first_sequence", options.first_sequence != 0, header.first_sequence, options.first_sequence);
  compare("huge_pages", options.huge_pages, has(core::kOptionHugePages), 1);
  compare("prefault", options.prefault, has(core::kOptionPrefault), 1);
  compare("lock_memory", options.lock_memory, has(core::kOptionLockMemory), 1);
  compare("numa_node", options.numa_node >= 0, static_cast<std::uint64_t>(header.numa_node),
          static_cast<std::uint64_t>(options.numa_node));
  struct stat registry {};
  if (sys::fstatat(directory.fd.get(), "consumers", &registry, AT_SYMLINK_NOFOLLOW) != 0)
    throw_refused("cannot look at " + directory.file("consumers"), errno, "only the ring's owner can publish to it");
  if (options.mode != 0 && (registry.st_mode & 0777) != registry_mode(options.mode)) {
    differences += (differences.empty() ? "" : ", ") + std::string("other rights than the mode that is asked for");
  }
  compare("group", !options.group.empty(), registry.st_gid, options.group.empty() ? 0 : group_id(options.group));
  if (differences.empty()) return;
  throw Error(Code::options_differ, "ring '" + directory.name + "' exists with " + differences +
                                        ": leave these options out, or remove the ring first (`ringbolt rm`)");
}

}  // namespace

namespace {

// The journal that the options ask for, or that this ring's publisher ran before. Empty: none, or somebody else's to run.
std::unique_ptr<JournalRunner> open_journal(OpenJournal& journal, const RingDirectory& directory,
                                            std::optional<JournalPageFile>& page, ForkGuard& guard) {
  page = JournalPageFile::open(directory, Access::read_only, guard);
  const bool asked = !journal.options.directory.empty();
  if (!asked) {
    const bool ours = page && page->page().own_process.load_relaxed() == 0 &&  // relaxed: it stands alone
                      page->state() != core::JournalState::detached;
    if (!ours) return nullptr;
    const OnStall on_stall = journal.options.on_stall;
    journal.options = page->options();
    journal.options.on_stall = on_stall;
  }
  if (page && page->directory() != journal.options.directory) {
    throw Error(Code::options_differ, "ring '" + directory.name + "' has its journal in " + page->directory() +
                                          " and not in " + journal.options.directory +
                                          ": leave the directory out, or remove the ring first");
  }
  if (journal.options.own_process) {
    journal.store.reset();  // it was opened to learn where the ring begins
    return nullptr;
  }
  // Whoever took the lease of a dead publisher may be here before the kernel has let go of its other locks.
  const Deadline deadline{kLocksOfTheDead};
  std::unique_ptr<JournalRunner> runner;
  while (!runner) {
    try {
      if (!journal.guard) journal.guard = std::make_unique<ForkGuard>();
      journal.open();
      runner = std::make_unique<JournalRunner>(directory.path, journal.options, std::move(journal.store), false,
                                               std::move(journal.guard));
      runner->call_ring(directory.name);
    } catch (const Error& error) {
      if (error.code() != Code::in_use || deadline.passed()) throw;
      sleep_ns(kShortSleepNs);
    }
  }
  if (!page) page = JournalPageFile::open(directory, Access::read_only, guard);
  return runner;
}

void tell_how_it_opened(const core::EventsHeader& header, const std::string& ring, std::uint64_t next, bool barriers) {
  if (!logs()) return;
  const std::uint64_t epoch = header.epoch.load_relaxed();  // relaxed, like the next: this thread wrote it
  if (epoch > 1) {
    log(LogLevel::info, ring,
        "this process goes on with event " + std::to_string(next) +
            ", where another publisher has ended or died; it is number " + std::to_string(epoch));
  }
  if (const std::uint64_t refused = header.options & ~header.granted.load_relaxed(); refused != 0) {
    std::string names;
    for (const auto& [name, bit] : kMemoryOptions) {
      if ((refused & bit) != 0) names += (names.empty() ? "" : ", ") + std::string(name);
    }
    log(LogLevel::warning, ring,
        "the ring was made to have " + names + ", and this machine does not grant it: the ring works without; check the " +
            "machine's huge pages, and the limit on locked memory (`ulimit -l`)");
  }
  if (!barriers) {
    log(LogLevel::warning, ring,
        "the system refuses membarrier(2), so each commit has a fence of its own: allow it, perhaps in a seccomp profile");
  }
}

}  // namespace

Publisher Publisher::open(std::string_view name, const PublisherOptions& options) {
  if (!options.share.socket.empty()) return open_share(name, options);
  Publisher publisher(std::make_unique<Impl>(name, options));
  Impl& self = *publisher.impl_;
  core::EventsHeader& header = self.events.header();
  core::RegistryHeader& registry = self.registry.header();
  check_options(header, options, self.ring.directory);
  if (registry.ring_id != header.ring_id || registry.slots != header.consumer_slots) {
    throw Error(Code::damaged, "the files `events` and `consumers` in " + self.ring.directory.path +
                                   " are of two different rings: remove it with `ringbolt rm --force`");
  }
  const core::StreamEnd end = core::find_stream_end(self.events.view());
  if (!end.valid) {
    throw Error(Code::damaged,
                "the end of the stream in " + self.ring.directory.file("events") +
                    " cannot be found, its records do not hold together: remove the ring with `ringbolt rm --force`");
  }
  RINGBOLT_STEP(end_found);

  // The alive file is in place before its epoch is: whoever reads the new epoch finds it. A death in between leaves a file
  // that nobody asks for, and the next successor puts its own over it.
  const std::uint64_t last_epoch = header.epoch.load_acquire();
  self.epoch = last_epoch + 1;
  self.alive = make_alive_file(self.ring.directory, self.epoch, self.guard);
  RINGBOLT_STEP(alive_file_named);
  header.publisher_pid.store_relaxed(static_cast<std::uint64_t>(::getpid()));  // relaxed: for people
  header.epoch.store_release(self.epoch);
  RINGBOLT_STEP(epoch_stored);
  if (last_epoch != 0) sweep_alive_files(self.ring.directory.fd.get(), self.epoch);
  RINGBOLT_STEP(epoch_before_unlinked);

  publisher.writer_ = core::Writer(header, self.events.data(), self.events.capacity(),
                                   core::Gates(registry, self.registry.entries(), self.gating), end.end);
  publisher.waiters_ = &registry.waiters;
  publisher.timestamps_ = (header.options & core::kOptionTimestamps) != 0;
  publisher.last_timestamp_ns_ = end.newest_timestamp_ns;
  const bool barriers = register_for_barriers();
  publisher.fence_each_commit_ = !barriers || registry.fence_request.load_acquire() != 0;
  if (publisher.fence_each_commit_) registry.fence_ack.store_release(self.epoch);
  publisher.writer_.set_closed(false);
  header.granted.store_release(apply_memory_options(header, self.events.data(), self.ring.directory.fd.get()));
  RINGBOLT_STEP(taken_over);
  RINGBOLT_PROBE(takeover, self.ring.directory.name.c_str(), self.epoch, end.end.sequence);
  tell_how_it_opened(header, self.ring.directory.name, end.end.sequence, barriers);
  if (auto runner = open_journal(self.opened_journal, self.ring.directory, self.page, self.guard))
    self.journal = std::make_unique<JournalThread>(std::move(runner), self.guard, self.registry.sleepers());
  self.registry.sleepers().wake_all();  // the dead publisher may have committed and not woken
  return publisher;
}

void create_ring(std::string_view name, const PublisherOptions& options) {
  if (!options.share.socket.empty()) {
    throw Error(Code::bad_option, "a share lives as long as its publisher: open '" + std::string(name) +
                                      "' to publish instead of creating it");
  }
  ForkGuard guard;
  OpenJournal journal;
  journal.keeps_open = false;
  if (!options.journal.directory.empty()) journal.options = checked_options(options.journal);
  if (make_after_journal(name, options, guard, journal)) return;
  throw Error(Code::already_exists,
              "ring '" + std::string(name) + "' exists already: remove it first (`ringbolt rm`), or publish to it as it is");
}

}  // namespace ringbolt
