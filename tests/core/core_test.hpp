// First include of every test of core/: switches the steps on, so that a test can look at shared memory between any two
// stores of the publisher, which is what a successor and the consumers find if it dies there.
#pragma once

#ifndef RINGBOLT_STEPS
#define RINGBOLT_STEPS 1
#endif

#include <functional>
#include <utility>

#include "ring_memory.hpp"

namespace ringbolt::core::test {

// Calls `look` at every step while it lives, but not for steps that happen inside `look`. One at a time.
class AtEachStep {
 public:
  explicit AtEachStep(std::function<void(Step)> look) : look_(std::move(look)) { current() = this; }
  AtEachStep(const AtEachStep&) = delete;
  AtEachStep& operator=(const AtEachStep&) = delete;
  ~AtEachStep() { current() = nullptr; }

  static void reached(Step step) {
    AtEachStep* const self = std::exchange(current(), nullptr);
    if (self == nullptr) return;
    self->look_(step);
    current() = self;
  }

 private:
  static AtEachStep*& current() {
    static AtEachStep* hook = nullptr;
    return hook;
  }
  std::function<void(Step)> look_;
};

// Whether the record that `planned` describes is published once `step` was reached.
constexpr bool is_published_at(Step step) { return step == Step::committed || step == Step::hinted; }

// The answer of a reader that the publisher may overrun, which begins at `place` and copies. `buffer` keeps the payload.
inline ReadStatus read_copy(const TestRing& ring, Place place, Record& record, std::vector<std::uint64_t>& buffer) {
  buffer.resize(largest_payload_bytes(ring.capacity()) / 8 + 1);
  return Reader(ring.view(), place).copy(record, reinterpret_cast<std::byte*>(buffer.data()));
}

// What must hold of a ring at any instant at which nobody writes, given everything that was published to it so far:
// readers, the search for a start and the search for the end agree with the publisher's memory.
void expect_sound(const TestRing& ring, const Log& log);

// Just the part about the searches.
void expect_searches_agree(const TestRing& ring, const Log& log);

// Reads everything from `from` on, up to the end that the log knows; each event must be what was published.
void expect_readable_from(const TestRing& ring, const Log& log, Place from);
// The same as the consumer of entry 0, for which the publisher waits.
void expect_readable_by_gate(const TestRing& ring, const Log& log, Place from);

}  // namespace ringbolt::core::test
