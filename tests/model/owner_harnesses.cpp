// Who owns an entry of the registry: names that are read while they are written, and the lock byte as the kernel gives it, to
// one at a time, and back at a death.
#include <ringbolt/core/ownership.hpp>

#include "harnesses.hpp"
#include "kernel.hpp"
#include "small_ring.hpp"

namespace ringbolt::model {
namespace {

constexpr core::NameWords kLong{1, 2};
constexpr core::NameWords kOther{3, 4};
constexpr core::NameWords kHalf{1, 4};
constexpr std::uint64_t kCommitted = 3;

core::RegistryHeader registry;
core::ConsumerEntry entry;
LockByte byte;

// Away, with what it committed.
void begin(const core::NameWords& name) {
  std::memset(static_cast<void*>(&registry), 0, sizeof registry);
  std::memset(static_cast<void*>(&entry), 0, sizeof entry);
  byte = LockByte{};
  core::write_name(entry, name);
  entry.cursor_sequence.store_relaxed(kCommitted);
  entry.state.store_relaxed(core::state_word(1, core::EntryState::away));
}

void own_as(const core::NameWords& name) {
  core::write_name(entry, name);
  core::set_state(entry, core::generation_of(core::life_of(entry)) + 1, core::EntryState::joining);
}

[[nodiscard]] bool take_own() {
  return core::take_if(entry, byte, [](const core::ConsumerEntry& seen) { return core::is_called(seen, kLong); });
}
[[nodiscard]] bool take_as_stranger() {
  if (!core::take_if(entry, byte, [](const core::ConsumerEntry&) { return true; })) return false;
  core::free_entry(entry);
  core::wipe(entry);
  return true;
}

// The entry goes to another name. Whoever looks for one that is half of each finds nobody.
void looking_for_a_name(Scene& scene) {
  begin(kOther);
  scene.thread([] {
    if (take_as_stranger()) own_as(kLong);
  });
  scene.thread([] { promise(!core::is_called(entry, kHalf), "a name is found that nobody has"); });
}

// What a consumer does from its attachment until it leaves; its commit is one more than what it found.
void live() {
  core::set_state(entry, core::generation_of(core::life_of(entry)) + 1, core::EntryState::gating);
  const std::uint64_t life = core::life_of(entry);
  core::store_cursor(entry, core::cursor_of(entry) + 1);
  promise(core::life_of(entry) == life, "a gate is taken from a consumer that lives");
  core::set_state(entry, core::generation_of(life), core::EntryState::away);
  byte.unlock();
}

// A name comes back while a stranger takes the entry, since it has been away for longest.
void claiming(Scene& scene) {
  begin(kLong);
  scene.thread([] {
    if (!take_own()) return;
    promise(core::cursor_of(entry) == kCommitted, "a name resumes behind what another one committed");
    live();
  });
  scene.thread([] {
    if (!take_as_stranger()) return;
    promise(core::cursor_of(entry) == 0, "a new owner starts with what another one committed");
    own_as(kOther);
    live();
  });
}

// A consumer dies, and its name comes back while the publisher reclaims.
void reclaiming(Scene& scene) {
  begin(kLong);
  const auto resume = [] {
    if (!take_own()) return;
    promise(core::cursor_of(entry) == newest(entry.cursor_sequence), "a name resumes before what it committed");
    live();
  };
  scene.mortal_thread(resume);
  scene.thread(resume);
  scene.thread([] {
    if (core::state_of(core::life_of(entry)) != core::EntryState::gating || byte.is_held() || !byte.try_lock()) return;
    static_cast<void>(core::release_gate(entry));
    promise(core::state_of(newest(entry.state)) != core::EntryState::gating, "a dead consumer's gate stays");
    byte.unlock();
  });
}

// Whoever comes after a name does not take the commits of a stranger in its entry for that one's.
void following(Scene& scene) {
  begin(kLong);
  scene.thread([] {
    if (!take_as_stranger()) return;
    own_as(kOther);
    core::store_cursor(entry, kCommitted + 1);
  });
  scene.thread([] {
    const std::uint64_t committed = core::cursor_of(entry);
    promise(entry.lineage.load_acquire() != 0 || committed <= kCommitted, "a stranger's commit is followed");
  });
}

constexpr std::array kHarnesses{
    Harness{"looking for a name", 2, looking_for_a_name},
    Harness{"claiming an entry", 2, claiming},
    Harness{"reclaiming an entry", 1, reclaiming},
    Harness{"following a name", 2, following},
};

}  // namespace

std::span<const Harness> owner_harnesses() { return kHarnesses; }

}  // namespace ringbolt::model
