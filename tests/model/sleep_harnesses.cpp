// Sleeping and waking, and what is durable: the channels of `ipc/parking.hpp` as production has them, under a kernel that
// loses no wake-up and does no more than it must.
#include "harnesses.hpp"
#include "kernel.hpp"
#include "small_ring.hpp"

namespace ringbolt::model {
namespace {

constexpr std::uint64_t kEpoch = 7;
constexpr std::uint64_t kPieces = 2;

core::RegistryHeader registry;
core::Word64 done;  // pieces of work; relaxed, since being woken is all that is promised here

ipc::WaitChannel sleepers() { return {registry.waiters, registry.wake, &registry.fence_request, &registry.fence_ack}; }

void begin(Scene& scene, bool grants_barriers, bool waker_fences) {
  std::memset(static_cast<void*>(&registry), 0, sizeof registry);
  done.store_relaxed(0);
  kernel = {.grants_barriers = grants_barriers};
  scene.thread([waker_fences] {
    bool fences = waker_fences;
    for (std::uint64_t piece = 1; piece <= kPieces; ++piece) {
      done.store_relaxed(piece);
      if (!core::anyone_asleep(registry.waiters, fences)) continue;
      ipc::WaitChannel channel = sleepers();
      if (channel.answer_fence_request(kEpoch)) fences = true;
      channel.wake_all();
    }
  });
  scene.thread([] {
    for (std::uint64_t piece = 1; piece <= kPieces; ++piece) {
      const auto ready = [piece] { return done.load_relaxed() >= piece; };
      const auto ready_now = [piece] { return done.load_relaxed() >= piece; };  // [S3]
      while (!ready()) sleepers().park(ready_now, ipc::kLongestSleepNs, kEpoch);
    }
  });
}

void sleep_and_wake(Scene& scene) { begin(scene, true, false); }

// The sleeper's barrier is refused: it asks the waker to fence, and sleeps short until that has answered.
void sleep_without_barriers(Scene& scene) { begin(scene, false, false); }

// The waker's process could not register for barriers and has fenced from the start. The answer was given then.
void sleep_before_a_fencing_waker(Scene& scene) {
  begin(scene, false, true);
  registry.fence_ack.store_relaxed(kEpoch);
}

// Somebody sleeps on a descriptor, and hears the bell. Another one falls asleep on the futex, once, and shares the flag.
void sleep_on_a_descriptor(Scene& scene) {
  std::memset(static_cast<void*>(&registry), 0, sizeof registry);
  done.store_relaxed(0);
  kernel = {};
  const auto with_bell = [] { return sleepers().with_bell(registry.bell, {0, "events"}); };
  scene.thread([with_bell] {
    for (std::uint64_t piece = 1; piece <= kPieces; ++piece) {
      done.store_relaxed(piece);
      if (core::anyone_asleep(registry.waiters, false)) with_bell().wake_all();
    }
  });
  scene.thread([with_bell] {
    for (std::uint64_t piece = 1; piece <= kPieces; ++piece) {
      const auto ready = [piece] { return done.load_relaxed() >= piece; };
      const auto ready_now = [piece] { return done.load_relaxed() >= piece; };  // [S3]
      while (!ready()) {
        const std::uint64_t heard = kernel.rings;  // [B1]
        take_over();
        if (with_bell().listen(ready_now, kEpoch) != 0) wait_until([heard] { return kernel.rings != heard; });
      }
    }
  });
  scene.thread([] { registry.waiters.store_relaxed(1); });
}

SmallRing ring;
std::array<core::Word64, kPieces> file;

// The journal writes what it reads, syncs, and tells. Who waits until an event is durable finds it in the file.
void durable_mark(Scene& scene) {
  ring.begin(scene);
  ring.gate_at(1);
  for (std::uint64_t i = 0; i < kPieces; ++i) ring.publish();
  for (core::Word64& word : file) word.store_relaxed(0);
  kernel = {};
  scene.thread([] {
    core::Reader reader(ring.view(), place_of(1));
    reader.gate_with(ring.entries[0].state, 1);
    core::Record record;
    while (reader.peek(record) == core::ReadStatus::event) {
      const auto* payload = reinterpret_cast<const core::Word64*>(record.payload);
      plain_write(&file[record.sequence - 1], payload->load_relaxed());
      reader.advance(record);
      core::store_cursor(ring.entries[0], record.sequence);
      core::store_gate(ring.entries[0], reader.place().position);
      ipc::WaitChannel channel{ring.registry.gate_waiters, ring.registry.gate_wake, nullptr, nullptr};
      if (core::anyone_asleep(ring.registry.gate_waiters, false)) channel.wake_all();
    }
  });
  scene.thread([] {
    for (std::uint64_t sequence = 1; sequence <= kPieces; ++sequence) {
      const auto is_durable = [sequence] { return core::cursor_of(ring.entries[0]) >= sequence; };
      ipc::WaitChannel channel{ring.registry.gate_waiters, ring.registry.gate_wake, nullptr, nullptr};
      while (!is_durable()) channel.park(is_durable, ipc::kLongestSleepNs, kEpoch);
      promise(plain_read(&file[sequence - 1]) == payload_word(sequence, 0), "an event is called durable and is not written");
    }
  });
}

constexpr std::array kHarnesses{
    Harness{"sleep and wake", 4, sleep_and_wake},
    Harness{"sleep without barriers", 2, sleep_without_barriers},
    Harness{"sleep before a fencing waker", 3, sleep_before_a_fencing_waker},
    Harness{"sleep on a descriptor", 3, sleep_on_a_descriptor},
    Harness{"durable mark", 2, durable_mark},
};

}  // namespace

std::span<const Harness> sleep_harnesses() { return kHarnesses; }

}  // namespace ringbolt::model
