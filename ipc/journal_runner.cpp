#include <linux/magic.h>
#include <pthread.h>
#include <unistd.h>

#include <ringbolt/core/locate.hpp>
#include <ringbolt/core/takeover.hpp>
#include <ringbolt/core/turn.hpp>
#include <ringbolt/core/wake.hpp>
#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/cursor_file.hpp>
#include <ringbolt/ipc/journal_runner.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/log.hpp>
#include <ringbolt/ipc/retention.hpp>
#include <ringbolt/ipc/start.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <system_error>

namespace ringbolt::ipc {
namespace {

constexpr std::uint64_t kLongestPauseNs = 100'000'000;
constexpr std::uint64_t kFirstRetryNs = 5'000'000;
constexpr std::uint64_t kLongestRetryNs = 500'000'000;
constexpr std::uint64_t kLookAtDirectoryEveryNs = 100'000'000;
constexpr std::uint64_t kRemoveOldEveryNs = 1'000'000'000;  // and with each new segment
constexpr std::uint64_t kLongestEndNs = 2'000'000'000;      // of recording what is published, when told to stop

bool survives_power_cut(const std::string& directory) {
  struct statfs system {};
  return sys::statfs(directory.c_str(), &system) != 0 || (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC);
}

// A directory is as durable as its name in the one above.
void sync_name_of(const std::string& directory) {
  const std::string parent = std::filesystem::path(directory).parent_path();
  const Descriptor fd(sys::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && sys::fsync(fd.get()) == 0) return;
  if (errno == EACCES) return;  // then somebody else made it, long ago
  throw Error(Code::system, "cannot sync " + parent + ": " + std::strerror(errno) + ": check the disk", errno);
}

std::string words(const std::array<std::uint64_t, 2>& id) { return std::to_string(id[0]) + "-" + std::to_string(id[1]); }

}  // namespace

JournalOptions checked_options(const JournalOptions& options) {
  const auto refuse = [&](const char* why) {
    const char* const directory = options.directory.c_str();  // up to a zero byte, where the sentence would end
    throw Error(Code::bad_option, std::string("cannot keep a journal in '") + directory + "': " + why);
  };
  if (options.directory.empty()) refuse("no directory is given");
  if (options.directory.find('\0') != std::string::npos) refuse("its name has a zero byte in it");
  if (options.segment_bytes < core::kMinSegmentBytes) refuse("a segment has at least 4096 bytes");
  if (options.interval.count() <= 0) refuse("the interval is not above zero");
  if (options.keep_age.count() < 0) refuse("the age to keep is negative");
  JournalOptions checked = options;
  std::error_code failure;
  checked.directory = std::filesystem::absolute(options.directory, failure).lexically_normal();
  while (checked.directory.size() > 1 && checked.directory.back() == '/') checked.directory.pop_back();
  return checked;
}

JournalStore::JournalStore(const JournalOptions& options, ForkGuard& guard)
    : directory(options.directory), storage(open_directory(directory, true)) {
  if (options.sync != Sync::none && !survives_power_cut(directory)) {
    throw Error(Code::bad_option,
                "cannot keep a durable journal in " + directory +
                    ", which is in memory: choose a directory on a disk, or the policy none (--sync none)");
  }
  const std::string path = storage->path("lock");
  lock =
      Descriptor(guard.open_guarded(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!lock) throw_refused("cannot open " + path, errno, "choose a directory that this user may write");
  if (!try_lock_byte(lock.get(), 0)) {
    throw Error(Code::in_use, "the journal in " + directory + " is written by another process: stop that one first");
  }
  log = std::make_unique<JournalLog>(*storage, LogOptions{.segment_bytes = (options.segment_bytes + 7) / 8 * 8,
                                                          .syncs = options.sync != Sync::none,
                                                          .zero_ahead = options.sync != Sync::none});
  if (log->recovered().empty) sync_name_of(directory);
}

JournalRunner::JournalRunner(std::string_view ring, const JournalOptions& options, std::unique_ptr<JournalStore> store,
                             bool own_process, std::unique_ptr<ForkGuard> guard)
    : options_(options),
      guard_(std::move(guard)),
      store_(std::move(store)),
      directory_(RingDirectory::open(ring)),
      events_(directory_, Access::read_only, *guard_),
      registry_(directory_, Access::read_write, *guard_) {
  check_ring();
  page_ = JournalPageFile::open(directory_, Access::read_write, *guard_);
  check_journal();
  fence_each_gate_ = !register_for_barriers();
  join(own_process);
  page_->set_journal_id(store_->log->id());
  page_->page().pid.store_relaxed(static_cast<std::uint64_t>(::getpid()));  // relaxed: for people
  tell(core::JournalState::running);
  move_gate();
}

JournalRunner::~JournalRunner() {
  if (entry_ == nullptr || guard_->inherited()) return;
  tell(core::JournalState::away);
  registry_.let_go(claim_.index);  // the gate stays where it is
}

void JournalRunner::check_ring() const {
  if (registry_.header().ring_id == events_.header().ring_id && registry_.entries().size() == events_.consumer_slots())
    return;
  throw Error(Code::damaged, "the files `events` and `consumers` in " + directory_.path +
                                 " are of two different rings: remove it with `ringbolt rm --force`");
}

// Is it the journal that this ring has had?
void JournalRunner::check_journal() const {
  if (!page_) return;
  if (page_->directory() != options_.directory) {
    throw Error(Code::options_differ, "ring '" + directory_.name + "' has its journal in " + page_->directory() +
                                          " and not in " + options_.directory +
                                          ": leave the directory out, or remove the ring first");
  }
  const std::uint64_t recorded = core::written_of(page_->page());
  const auto id = page_->journal_id();
  const bool empty = store_->log->recovered().empty;
  if (recorded == 0 || (!empty && (id == JournalId{} || id == store_->log->id()))) return;
  throw Error(Code::other_ring, "the journal in " + store_->directory + " is " + (empty ? "empty" : "another one") +
                                    ", and that of ring '" + directory_.name + "' had recorded events up to " +
                                    std::to_string(recorded) +
                                    ": is the right disk mounted there? To begin a new journal, remove the ring");
}

// Where the journal goes on; its gate stands there afterwards. A death before the epoch has begun leaves a gate that the
// publisher may take away, if there was none before.
void JournalRunner::join(bool own_process) {
  bool gated = false;
  claim_ = registry_.claim_journal(gated);
  core::ConsumerEntry& entry = registry_.entries()[claim_.index];
  try {
    core::Place place = gated ? resume_at_gate() : place_in_ring();
    if (!page_) {
      JournalPageFile::make(directory_, events_.header().ring_id, options_, own_process, {});
      page_ = JournalPageFile::open(directory_, Access::read_write, *guard_);
      check_journal();
    }
    if (options_.sync == Sync::none && page_->sync() != Sync::none)
      entry.lineage.fetch_add(1);  // who comes after what is durable is told that nothing will be
    page_->set_options(options_, own_process);
    const core::RingView view = events_.view();
    if (!gated) {
      while (!core::join_gate(registry_.header(), entry, claim_.generation, place.position, view))
        place = find_start(view, Start::earliest, {}, directory_.name).place;  // overtaken: what is lost becomes a gap
    }
    begin_epoch(place);
    entry.options.store_release(core::kEntryInPlace |
                                core::kEntryJournal);  // from here on only a detach takes the gate away
    RINGBOLT_STEP(journal_gate_kept);
    core::Reader reader(view, place);
    reader.gate_with(entry.state, claim_.generation);
    recorder_ = std::make_unique<Recorder>(reader, *store_->log, options_);
    gate_ = place;
  } catch (...) {
    if (gated) {
      registry_.let_go(claim_.index);
    } else {
      registry_.leave(claim_);
    }
    throw;
  }
  entry_ = &entry;
}

// Of a journal that has no gate in this ring yet, or was detached.
core::Place JournalRunner::place_in_ring() {
  const core::RingView view = events_.view();
  const Recovered& found = store_->log->recovered();
  const auto& ring_id = events_.header().ring_id;
  const bool empty = found.empty;
  const std::uint64_t next = store_->log->staged_sequence() + 1;
  const std::uint64_t end = find_start(view, Start::latest, {}, directory_.name).place.sequence;
  if (!empty && found.ring_id != ring_id && view.first_sequence != next) {
    throw Error(Code::other_ring,
                "the journal in " + store_->directory + " ends with event " + std::to_string(next - 1) + " of ring " +
                    words(found.ring_id) + ", and ring '" + directory_.name + "' is another one, which begins with event " +
                    std::to_string(view.first_sequence) +
                    ": choose another directory, or remove the ring and let its publisher go on from the journal");
  }
  if (!empty && next > end) {
    throw Error(Code::other_ring, "the journal in " + store_->directory + " is ahead of ring '" + directory_.name +
                                      "', by " + std::to_string(next - end) + " events: choose another directory");
  }
  return find_start(view, empty ? Start::earliest : Start::at(next), {}, directory_.name).place;
}

// A gate that a journal left holds everything from it on. The event at it says its own number.
core::Place JournalRunner::resume_at_gate() {
  const core::RingView view = events_.view();
  const core::ConsumerEntry& entry = registry_.entries()[claim_.index];
  core::Place place{entry.gate.load_acquire(), 0};
  place.sequence = view.record_at(place.position).sequence.load_acquire();
  if (place.sequence == 0) {
    const core::Place end = find_start(view, Start::latest, {}, directory_.name).place;
    // Where the stream has gone on meanwhile, there is an event at the gate now.
    place.sequence = end.position == place.position ? end.sequence : view.record_at(place.position).sequence.load_acquire();
  }
  if (place.position % core::kRecordAlignment != 0 || view.overrun(place.position) ||
      place.sequence > core::kLargestSequence) {
    place.sequence = 0;  // it never held
  }
  const bool fresh = store_->log->recovered().empty;
  const std::uint64_t next = fresh ? place.sequence : store_->log->staged_sequence() + 1;
  core::Reader reader(view, place);
  core::Record record;
  while (reader.place().sequence < next && reader.peek(record) == core::ReadStatus::event) reader.advance(record);
  if (place.sequence == 0 || reader.place().sequence != next) {
    throw Error(Code::other_ring,
                "the journal in " + store_->directory + " ends with event " + std::to_string(next - 1) + ", and ring '" +
                    directory_.name + "' holds for it events from " + std::to_string(place.sequence) +
                    " on: put the right directory back, or give up what is missing with `ringbolt journal --detach`");
  }
  return reader.place();
}

void JournalRunner::begin_epoch(core::Place place) {
  JournalLog& log = *store_->log;
  const bool fresh = log.recovered().empty;
  const std::uint64_t unrecorded = fresh ? 0 : place.sequence - (log.staged_sequence() + 1);
  if (const int error = log.begin_epoch(events_.header().ring_id, place.sequence); error != 0) {
    throw Error(error == ENOSPC || error == EDQUOT ? Code::no_space : Code::system,
                "cannot begin to write the journal in " + store_->directory + ": " + std::strerror(error) +
                    ": make room there, or choose another directory",
                error);
  }
  if (unrecorded == 0) return;
  page_->page().unrecorded_events.fetch_add(unrecorded);
  registry_.entries()[claim_.index].lineage.fetch_add(1);  // whoever comes after it is told
}

void JournalRunner::give_up(const char* why) noexcept {
  error_ = EUCLEAN;
  tell(core::JournalState::stalled);
  log(LogLevel::error, directory_.name, why);
}

// To whoever listens in this process; what others see is on the page.
void JournalRunner::log_state(core::JournalState state) {
  const int error = state == core::JournalState::stalled ? error_ : 0;
  if (error == std::exchange(logged_error_, error) || !logs()) return;
  if (error == 0) {
    log(LogLevel::info, directory_.name, "the journal in " + store_->directory + " goes on");
  } else {
    log(LogLevel::error, directory_.name,
        "the journal in " + store_->directory + " does not get on: " + std::strerror(error) +
            ": make room or mend the disk, and it goes on by itself");
  }
}

bool JournalRunner::directory_is_there(std::uint64_t now_ns) {
  struct stat lock {};
  // Cheap, and always: what is written to a file without a name, nobody would ever find.
  if (sys::fstat(store_->lock.get(), &lock) == 0 && lock.st_nlink == 0) return directory_there_ = false;
  if (now_ns - looked_ns_ < kLookAtDirectoryEveryNs) return directory_there_;
  looked_ns_ = now_ns;
  struct stat named {};
  directory_there_ = sys::stat(store_->storage->path("lock").c_str(), &named) == 0 && named.st_ino == lock.st_ino &&
                     named.st_dev == lock.st_dev;
  return directory_there_;
}

Recorder::Did JournalRunner::one_round(std::uint64_t now_ns) {
  if (!directory_is_there(now_ns)) {
    error_ = ENOENT;
    return Recorder::Did::failed;
  }
  const Recorder::Did did = recorder_->round(now_ns);
  error_ = did == Recorder::Did::failed ? recorder_->error() : store_->log->background_failure();
  return did;
}

void JournalRunner::tell(core::JournalState state) {
  core::JournalPage& page = page_->page();
  const JournalLog& log = *store_->log;
  if (error_ != 0)
    page.error.store_relaxed(static_cast<std::uint64_t>(error_));  // relaxed: for people, like all but two below
  if (recorder_) {
    page.failures.store_relaxed(recorder_->failures());
    page.syncs.store_relaxed(recorder_->syncs());
  }
  page.epoch.store_relaxed(log.epoch());
  page.oldest_sequence.store_relaxed(log.first_sequence());
  page.durable_sequence.store_release(log.durable_sequence());
  RINGBOLT_STEP(durable_told);
  core::store_written(page, log.written_sequence());
  RINGBOLT_STEP(written_told);
  page.state.store_release(static_cast<std::uint64_t>(state));
  RINGBOLT_STEP(state_told);
}

void JournalRunner::move_gate() {
  const core::Place& safe = recorder_->safe();
  const std::uint64_t durable = store_->log->durable_sequence();
  // Relaxed: only this thread writes it.
  if (safe == gate_ && entry_->cursor_sequence.load_relaxed() == durable) return;
  gate_ = safe;
  core::store_cursor(*entry_, durable);
  RINGBOLT_STEP(durable_stored);
  core::store_gate(*entry_, safe.position);
  RINGBOLT_STEP(journal_gate_moved);
  if (core::anyone_asleep(registry_.header().gate_waiters, fence_each_gate_)) registry_.gate_sleepers().wake_all();
}

void JournalRunner::remove_old(std::uint64_t now_ns) {
  const Keep keep{options_.keep_bytes, static_cast<std::uint64_t>(options_.keep_age.count()), options_.keep_unread};
  if (keep.bytes == 0 && keep.age_ns == 0) return;
  const bool rolled = segments_seen_ != store_->log->segments_begun();
  if (!rolled && now_ns - retained_ns_ < kRemoveOldEveryNs) return;  // a cursor may have moved, or a durable point
  segments_seen_ = store_->log->segments_begun();
  retained_ns_ = now_ns;
  const std::uint64_t needed = std::min(keep_from(store_->directory, keep), store_->log->safe_sequence() + 1);
  Removed removed{};
  if (const int error = remove_old_segments(*store_->storage, keep, needed, wall_ns(), removed); error != 0) error_ = error;
  if (removed.segments != 0) store_->log->oldest_is(removed.first_sequence_now);
}

void JournalRunner::run(const std::function<bool()>& stop) {
  Waiter waiter(Wait::park);
  WaitChannel sleepers = registry_.sleepers();
  std::uint64_t retry_ns = kFirstRetryNs;
  std::uint64_t stop_by_ns = ~std::uint64_t{0};
  for (;;) {
    const bool stopping = stop();
    const std::uint64_t now = monotonic_ns();
    if (stopping && stop_by_ns == ~std::uint64_t{0}) stop_by_ns = now + kLongestEndNs;
    const Recorder::Did did = one_round(now);
    const bool failed = did == Recorder::Did::failed;
    tell(failed ? core::JournalState::stalled : core::JournalState::running);
    log_state(failed ? core::JournalState::stalled : core::JournalState::running);
    move_gate();
    if (failed) {
      if (stopping || directory_.removed() || !directory_.still_there()) break;
      sleep_ns(retry_ns);
      retry_ns = std::min(2 * retry_ns, kLongestRetryNs);
      continue;
    }
    retry_ns = kFirstRetryNs;
    if (now >= stop_by_ns) break;
    if (did == Recorder::Did::recorded) {
      waiter.reset();
      remove_old(now);
      continue;
    }
    if (stopping) break;
    remove_old(now);
    if (directory_.removed() || !directory_.still_there()) break;
    waiter.pause(
        &sleepers, [&] { return recorder_->published() || stop(); }, std::min(recorder_->due_in_ns(now), kLongestPauseNs),
        events_.header().epoch.load_acquire());
  }
  if (recorder_->finish() == Recorder::Did::failed) error_ = recorder_->error();
  static_cast<void>(store_->log->note_durable_point());
  tell(core::JournalState::running);
  move_gate();
}

JournalThread::JournalThread(std::unique_ptr<JournalRunner> runner, const ForkGuard& guard, WaitChannel wake)
    : runner_(std::move(runner)), guard_(&guard), wake_(wake) {
  try {
    thread_ = std::make_unique<std::thread>(sys::start_thread([this] {
      try {
        runner_->run([this] { return stop_.load(); });
      } catch (const std::exception& error) {
        runner_->give_up(error.what());
      }
    }));
  } catch (const std::system_error& refused) {
    throw Error(Code::system, std::string("cannot start a thread for the journal: ") + refused.what() +
                                  ": check the process's limits (`ulimit -u`)");
  }
  ::pthread_setname_np(thread_->native_handle(), "rb-journal");
}

JournalThread::~JournalThread() {
  if (guard_->inherited()) {  // a forked child has no such threads: leave alone what they may have held at that moment
    static_cast<void>(thread_.release());
    static_cast<void>(runner_.release());
    return;
  }
  stop_.store(true);
  wake_.wake_all();
  thread_->join();
}

}  // namespace ringbolt::ipc

namespace ringbolt {

using namespace ipc;  // NOLINT(google-build-using-namespace): this file is the door in front of it

void run_journal(std::string_view ring, const JournalOptions& options, const std::function<bool()>& stop) {
  const JournalOptions checked = checked_options(options);
  auto guard = std::make_unique<ForkGuard>();
  static_cast<void>(RingDirectory::open(ring));  // before a directory is made for a ring that is not there
  auto store = std::make_unique<JournalStore>(checked, *guard);
  JournalRunner(ring, checked, std::move(store), true, std::move(guard)).run(stop);
}

void detach_journal(std::string_view ring) {
  ForkGuard guard;
  const RingDirectory directory = RingDirectory::open(ring);
  Registry registry(directory, Access::read_write, guard);
  const auto page = JournalPageFile::open(directory, Access::read_write, guard);
  const auto index = registry.find(kJournalConsumer);
  if (!page || !index)
    throw Error(Code::not_found, "ring '" + directory.name + "' has no journal: there is nothing to detach");
  if (!registry.try_hold(*index)) {
    throw Error(Code::in_use, "the journal of ring '" + directory.name + "' is running, in process " +
                                  std::to_string(page->page().pid.load_relaxed()) +  // relaxed: for people
                                  ": stop it first");
  }
  core::ConsumerEntry& entry = registry.entries()[*index];
  std::uint64_t seen = entry.state.load_acquire();
  static_cast<void>(core::state_of(seen) == core::EntryState::gating &&
                    core::change_state(entry, seen, core::EntryState::away));
  page->page().state.store_release(static_cast<std::uint64_t>(core::JournalState::detached));
  registry.let_go(*index);
  registry.gate_sleepers().wake_all();
}

}  // namespace ringbolt
