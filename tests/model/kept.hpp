// Orders that are stronger than the explorer can show a need for, each with the reason why a weaker one would do as well.
// They cost nothing on x86-64. Which of them weaker processors could be spared is not decided yet.
#pragma once

#include <array>

namespace ringbolt::model {

struct Kept {
  const char* file;
  const char* code;  // a piece of the line
  const char* why;
};

inline constexpr std::array kKept{
    Kept{"gates.hpp", "entry.state.compare_exchange", "[W3] and [W4] follow [E1] before anything is written over"},
    Kept{"gates.hpp", "state_of(entry.state.load_acquire())", "a change makes another round, which begins with [W4]"},
    Kept{"gates.hpp", "entry.gate.load_acquire()",
         "the limit is at most the intent, which is made of gates seen before [W4]"},
    Kept{"gates.hpp", "state_of(entries_[i].state.load_acquire())", "a change makes another round, which begins with [W4]"},
    Kept{"gates.hpp", "entry.gate.store_release(gate)", "the addition to `changes` behind it releases it"},
    Kept{"gates.hpp", "entry.state.store_release(state_word", "the addition to `changes` behind it releases it"},
    Kept{"parking.hpp", "fence_request_->load_acquire()", "that it was asked is all that counts"},
    Kept{"parking.hpp", "fence_request_->store_release(1)", "that it was asked is all that counts"},
    Kept{"parking.hpp", "fence_ack_->store_release(epoch)",
         "the wake-up behind the answer ends every sleep that began before it"},
    Kept{"parking.hpp", "fence_ack_->load_acquire()", "the wake-up behind the answer ends every sleep that began before it"},
    Kept{"takeover.hpp", "candidate.position.load_acquire()", "the kernel's lock orders a successor behind the dead"},
    Kept{"takeover.hpp", "candidate.sequence.load_acquire()", "the kernel's lock orders a successor behind the dead"},
    Kept{"locate.hpp", "record_at(hint).sequence.load_acquire()", "what it says is believed only after [R1]"},
    Kept{"locate.hpp", "checkpoint.sequence.load_acquire()", "what it says is believed only after [R1]"},
};

}  // namespace ringbolt::model
