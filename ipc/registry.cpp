#include <ringbolt/ipc/clock.hpp>
#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/locks.hpp>
#include <ringbolt/ipc/page_size.hpp>
#include <ringbolt/ipc/registry.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringbolt::ipc {

using core::ConsumerEntry;
using core::EntryState;
using core::RegistryHeader;

namespace {

constexpr std::int64_t kAttachLockTimeoutNs = 5'000'000'000;

EntryState state_now(const ConsumerEntry& entry) noexcept { return core::state_of(entry.state.load_acquire()); }

core::NameWords words_of(std::string_view name) noexcept {
  core::NameWords words{};
  std::memcpy(words.data(), name.data(), std::min(name.size(), sizeof words));
  return words;
}

// The lock byte of one entry.
struct EntryByte {
  int fd;
  std::uint32_t index;
  [[nodiscard]] bool try_lock() const { return try_lock_byte(fd, index); }
  void unlock() const noexcept { unlock_byte(fd, index); }
};

[[noreturn]] void throw_cannot_open(const RingDirectory& directory, const char* file, int error) {
  const std::string what = "cannot open " + directory.file(file);
  if (error == ENOENT && !directory.still_there())
    throw Error(Code::not_found, what + ": the ring was removed at this moment", error);
  if (error == ENOENT)
    throw Error(Code::damaged, what + ": " + std::strerror(error) + ": remove the ring with `ringbolt rm --force`", error);
  throw_refused(what, error,
                "only a consumer without name that is lossy or latest can do without the registry; for more, the ring's "
                "owner creates it with write permission, e.g. --mode 0660 --group GROUP");
}

// A lock byte held while attaching.
class HeldByte {
 public:
  HeldByte(int fd, std::uint64_t byte, const std::string& what) : fd_(fd), byte_(byte) {
    if (!lock_byte_for(fd, byte, kAttachLockTimeoutNs)) {
      throw Error(Code::in_use,
                  "cannot attach to " + what + ": another process has been attaching for 5 s; if it is stopped, end it");
    }
  }
  ~HeldByte() { unlock_byte(fd_, byte_); }
  HeldByte(const HeldByte&) = delete;
  HeldByte& operator=(const HeldByte&) = delete;

 private:
  int fd_;
  std::uint64_t byte_;
};

std::uint64_t name_byte(std::string_view name) noexcept {
  return kNameLockBase +
         core::fnv1a(reinterpret_cast<const std::uint8_t*>(name.data()), name.size()) % (std::uint64_t{1} << 20);
}

}  // namespace

std::string read_name(const ConsumerEntry& entry) {
  const core::NameWords words = core::name_of(entry);
  const char* bytes = reinterpret_cast<const char*>(words.data());
  return {bytes, ::strnlen(bytes, sizeof words)};
}

const char* policy_name(core::Policy policy) noexcept {
  switch (policy) {
    case core::Policy::automatic: return "automatic";
    case core::Policy::gate: return "gate";
    case core::Policy::lossy: return "lossy";
    case core::Policy::journal: return "journal";
    case core::Policy::latest: return "latest";
  }
  return "unknown";
}

Registry::Registry(const RingDirectory& directory, Access access, ForkGuard& guard)
    : ring_(directory.path), directory_(directory.fd.get()) {
  const int flags = access == Access::read_only ? O_RDONLY : O_RDWR;
  const std::string path = directory.file("consumers");
  const Descriptor fd = directory.open_file("consumers", flags);
  if (fd) locks_ = directory.open_file("locks", flags, guard);
  if (!fd || (!locks_ && access == Access::read_write)) throw_cannot_open(directory, fd ? "locks" : "consumers", errno);
  map(fd.get(), path, access, guard);
}

Registry::Registry(const Descriptor& file, const std::string& path, ForkGuard& guard) : ring_(path) {
  map(file.get(), path, Access::read_write, guard);
}

void Registry::map(int fd, const std::string& path, Access access, ForkGuard& guard) {
  const std::uint64_t bytes = bytes_in(fd, path);
  const std::uint64_t page = file_page_bytes(fd);
  const auto broken = [&](Code code, const char* why) {
    return Error(code, path + " " + why + ": remove the ring with `ringbolt rm --force`");
  };
  if (bytes < page || bytes % page != 0) throw broken(Code::too_short, "is too short");
  file_ = FileMapping(fd, bytes, access, path, guard);
  const RegistryHeader& seen = header();
  if (seen.magic != core::kConsumersMagic) throw broken(Code::damaged, "has a damaged header (no magic number)");
  if (seen.layout_version != core::kLayoutVersion)
    throw broken(Code::wrong_version, "has another layout version than this library");
  if (seen.fingerprint != core::layout_fingerprint() || seen.byte_order != core::kByteOrderMark)
    throw broken(Code::foreign_layout, "was made by a build with another layout");
  slots_ = seen.slots;
  if (seen.checksum != core::fnv1a(reinterpret_cast<const std::uint8_t*>(&seen), offsetof(RegistryHeader, checksum)) ||
      seen.entry_bytes != sizeof(ConsumerEntry) || slots_ == 0 || slots_ > core::kMaxConsumerSlots) {
    throw broken(Code::damaged, "has a damaged header (its checksum does not match)");
  }
  if (bytes < sizeof(RegistryHeader) + std::uint64_t{slots_} * sizeof(ConsumerEntry))
    throw broken(Code::too_short, "is too short for its slots");
}

bool Registry::owner_lives(std::uint32_t index) const { return locks_ && byte_is_locked(locks_.get(), index); }

bool Registry::is_journal(std::uint32_t index) const noexcept {
  return (entries()[index].options.load_relaxed() & core::kEntryJournal) != 0;  // relaxed: never changes for an owned entry
}

bool Registry::try_lock_byte_of(std::uint32_t index) const { return try_lock_byte(locks_.get(), index); }

void Registry::let_go(std::uint32_t index) noexcept { unlock_byte(locks_.get(), index); }

std::optional<std::uint32_t> Registry::find(std::string_view name) const {
  if (name.size() > core::kNameBytes) return std::nullopt;
  const core::NameWords words = words_of(name);
  for (std::uint32_t i = 0; i < slots_; ++i) {
    if (core::is_called(entries()[i], words)) return i;
  }
  return std::nullopt;
}

void Registry::set_free(std::uint32_t index) noexcept {
  core::free_entry(entries()[index]);
  gate_sleepers().wake_all();
}

// Whoever takes a dead owner's byte, to reclaim its gate or its slot, lets go of it as soon as it runs again; an owner that lives
// does not. Where the entry itself says that nobody owns it, there is more patience; not too much, since others may wait for the
// locks that an attach holds meanwhile. It is a guess: an owner in another pid namespace is refused later than another one, and a
// dead one that nobody has reaped, or whose pid is another process's now, finds less patience.
std::optional<std::uint32_t> Registry::hold(std::string_view name, std::string_view refused, std::string_view advice) const {
  const auto all = entries();
  const Deadline patience(std::chrono::milliseconds(20));
  const Deadline much_patience(std::chrono::milliseconds(500));
  const core::NameWords words = words_of(name);
  while (const auto own = find(name)) {
    const ConsumerEntry& entry = all[*own];
    if (core::take_if(entry, EntryByte{locks_.get(), *own}, [&](const auto& now) { return core::is_called(now, words); }))
      return own;
    const EntryState state = state_now(entry);
    const std::uint64_t pid = entry.pid.load_relaxed();  // relaxed: a guess, and for people
    const bool seems_owned = state != EntryState::free && state != EntryState::away && pid != 0 && sys::process_exists(pid);
    if (!(seems_owned ? patience : much_patience).passed()) {
      sys::nanosleep({0, 100'000});
      continue;
    }
    const std::string who = std::string(refused) + "consumer '" + std::string(name) + "' of " + ring_;
    if (!seems_owned) {
      throw Error(Code::in_use,
                  who + " is held in passing by another process, which does not go on: look for one that is stopped");
    }
    throw Error(Code::in_use,
                who + " is attached already, by process " + std::to_string(pid) + ": stop it first" + std::string(advice));
  }
  return std::nullopt;
}

// An entry whose byte this descriptor now holds. It is either the name's own, or free and wiped.
std::uint32_t Registry::take_entry(std::string_view name) {
  if (!name.empty()) {
    if (const auto own = hold(name, "", ", or choose another name")) return *own;
  }
  const auto all = entries();
  // Three rounds, from what nobody misses to what somebody might: free; left by a dead consumer without name; the cursor
  // of the named consumer that has been away for longest.
  const auto take = [&](std::uint32_t index, auto still_wanted) {
    if (is_journal(index) && state_now(all[index]) == EntryState::gating) return false;
    if (!core::take_if(all[index], EntryByte{locks_.get(), index}, still_wanted)) return false;
    set_free(index);
    RINGBOLT_STEP(entry_freed);
    core::wipe(all[index]);
    RINGBOLT_STEP(entry_wiped);
    return true;
  };
  for (std::uint32_t i = 0; i < slots_; ++i) {
    if (take(i, [](const ConsumerEntry& entry) { return state_now(entry) == EntryState::free; })) return i;
  }
  for (std::uint32_t i = 0; i < slots_; ++i) {
    if (take(i, [](const ConsumerEntry& entry) { return read_name(entry).empty(); })) return i;
  }
  // By attach number; relaxed, and copied since others may change it.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> oldest_first;
  for (std::uint32_t i = 0; i < slots_; ++i) oldest_first.emplace_back(all[i].attach_number.load_relaxed(), i);
  std::ranges::sort(oldest_first);
  for (const auto& [number, i] : oldest_first) {
    if (take(i, [](const ConsumerEntry&) { return true; })) return i;
  }
  throw Error(Code::registry_full, "all " + std::to_string(slots_) + " consumer slots of " + ring_ +
                                       " have live owners: detach one, or create the ring with more (--consumers)");
}

EntryClaim Registry::claim(const ConsumerOptions& options, core::Policy policy, std::uint64_t entry_options,
                           std::vector<std::uint32_t>& followed) {
  if (!options.name.empty()) check_name(options.name, "consumer name");
  const std::string what = "ring " + ring_;
  // One attach with `after` at a time, so that two of them cannot close a circle between them.
  std::optional<HeldByte> follow_lock;
  if (!options.after.empty()) follow_lock.emplace(locks_.get(), kFollowLockByte, what);
  std::optional<HeldByte> name_lock;
  if (!options.name.empty()) name_lock.emplace(locks_.get(), name_byte(options.name), what);

  followed = resolve(options.after, options.name);
  EntryClaim claim;
  claim.index = take_entry(options.name);
  ConsumerEntry& entry = entries()[claim.index];
  for (const std::uint32_t other : followed) {
    if (!leads_to(other, claim.index)) continue;
    let_go(claim.index);
    throw Error(Code::cycle, "consumer '" + options.name + "' cannot come after '" + read_name(entries()[other]) +
                                 "', which itself waits for '" + options.name + "': leave one of the two out of `after`");
  }

  claim.cursor = {entry.cursor_position.load_relaxed(), 0};  // relaxed: the byte's lock orders us behind the last owner
  const std::uint64_t started = entry.options.load_relaxed() & core::kEntryStarted;  // relaxed: likewise
  const std::uint64_t last = entry.cursor_sequence.load_acquire();
  if (last != 0 || started != 0) claim.cursor.sequence = last + 1;

  write_owner(entry, options.name, policy, entry_options | started);
  entry.budget_ns.store_relaxed(static_cast<std::uint64_t>(options.budget.count()));
  for (std::size_t i = 0; i < core::kMaxFollowed; ++i) {
    entry.followed[i].store_relaxed(i < followed.size() ? followed[i] + 1 : 0);
  }
  claim.generation = core::generation_of(entry.state.load_acquire()) + 1;
  core::set_state(entry, claim.generation, EntryState::joining);
  RINGBOLT_STEP(entry_joining);
  return claim;
}

// Who this is is written before the entry becomes somebody's: a death in between leaves a free entry free. Relaxed: the state
// behind it releases it.
void Registry::write_owner(ConsumerEntry& entry, std::string_view name, core::Policy policy, std::uint64_t options) {
  core::write_name(entry, words_of(name));
  entry.attach_number.store_relaxed(header().next_attach_number.fetch_add(1) + 1);
  entry.policy.store_relaxed(static_cast<std::uint64_t>(policy));
  entry.options.store_relaxed(options);
  entry.pid.store_relaxed(static_cast<std::uint64_t>(::getpid()));
  entry.attached_ns.store_relaxed(wall_ns());
  RINGBOLT_STEP(owner_written);
}

EntryClaim Registry::claim_journal(bool& gates) {
  const HeldByte name_lock(locks_.get(), name_byte(kJournalConsumer), "ring " + ring_);
  EntryClaim claim;
  claim.index = take_entry(kJournalConsumer);
  ConsumerEntry& entry = entries()[claim.index];
  const std::uint64_t seen = entry.state.load_acquire();
  const std::uint64_t options = entry.options.load_relaxed();  // relaxed: the byte's lock orders us behind the last owner
  gates = core::state_of(seen) == EntryState::gating && (options & core::kEntryBeginning) == 0;
  if (const std::uint64_t last = entry.cursor_sequence.load_acquire(); last != 0) claim.cursor = {0, last + 1};
  write_owner(entry, kJournalConsumer, core::Policy::gate,
              core::kEntryInPlace | core::kEntryJournal | (gates ? 0 : core::kEntryBeginning));
  entry.budget_ns.store_relaxed(0);  // relaxed: the state releases these, or they do not change
  for (core::Word64& word : entry.followed) word.store_relaxed(0);
  claim.generation = core::generation_of(seen);
  if (!gates) core::set_state(entry, ++claim.generation, EntryState::joining);
  return claim;
}

std::vector<std::uint32_t> Registry::resolve(const std::vector<std::string>& after, std::string_view own_name) const {
  if (after.size() > core::kMaxFollowed) {
    throw Error(Code::bad_option, "a consumer can come after at most 8 others, not " + std::to_string(after.size()));
  }
  std::vector<std::uint32_t> followed;
  for (const std::string& name : after) {
    if (!name.empty() && name == own_name) {
      throw Error(Code::cycle, "consumer '" + name + "' cannot come after itself: leave it out of `after`");
    }
    const auto index = name.empty() ? std::nullopt : find(name);
    if (!index) {
      throw Error(Code::not_found, "no consumer '" + name + "' on ring " + ring_ +
                                       " to come after: attach it first; `ringbolt stat` shows those there are");
    }
    const std::uint64_t policy = entries()[*index].policy.load_relaxed();  // relaxed: under the lock that the caller holds
    if (static_cast<core::Policy>(policy) != core::Policy::gate) {
      throw Error(Code::bad_option,
                  "cannot come after '" + name + "', which does not gate and may skip events: attach it with policy gate");
    }
    followed.push_back(*index);
  }
  return followed;
}

// Does `from` wait for `to`, directly or through others? Bounded, whatever the bytes in the registry say.
bool Registry::leads_to(std::uint32_t from, std::uint32_t to) const {
  std::vector<bool> visited(slots_);
  std::vector<std::uint32_t> pending{from};
  while (!pending.empty()) {
    const std::uint32_t index = pending.back();
    pending.pop_back();
    if (index == to) return true;
    if (visited[index] || !owner_lives(index)) continue;  // who is away names anew whom it follows when it returns
    visited[index] = true;
    for (const core::Word64& word : entries()[index].followed) {
      const std::uint64_t next = word.load_relaxed();  // relaxed: written under the lock that the caller holds
      if (next != 0 && next <= slots_) pending.push_back(static_cast<std::uint32_t>(next - 1));
    }
  }
  return false;
}

void Registry::leave(const EntryClaim& claim) noexcept {
  ConsumerEntry& entry = entries()[claim.index];
  const std::uint64_t seen = entry.state.load_acquire();
  const bool never_attached = core::state_of(seen) == EntryState::joining && entry.cursor_sequence.load_acquire() == 0 &&
                              (entry.options.load_relaxed() & core::kEntryStarted) == 0;  // relaxed: the owner's own
  const bool keep = entry.name[0].load_relaxed() != 0 && !never_attached;                 // relaxed: we wrote it
  core::set_state(entry, core::generation_of(seen), keep ? EntryState::away : EntryState::free);
  RINGBOLT_STEP(left);
  constexpr bool fences = true;  // leaving is rare: no need to rely on the sleeper's barrier
  if (core::anyone_asleep(header().gate_waiters, fences)) gate_sleepers().wake_all();
  let_go(claim.index);
}

bool Registry::reclaim_if_dead(std::uint32_t index) {
  if (!locks_) return false;  // whoever knows who lives releases the gate
  // Relaxed: never changes to this for an entry that gates.
  const bool beginning = (entries()[index].options.load_relaxed() & core::kEntryBeginning) != 0;
  if (is_journal(index) && !beginning) return false;
  // Asking costs a third of trying, and a publisher that waits for many consumers asks for all of them again and again.
  if (owner_lives(index) || !try_lock_byte_of(index)) return false;
  const bool changed = core::release_gate(entries()[index]);
  RINGBOLT_STEP(reclaimed);
  let_go(index);
  return changed;
}

}  // namespace ringbolt::ipc
