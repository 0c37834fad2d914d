// Steps of the protocol that are left out, made in the wrong order, or made on old knowledge: whatever the orders are, some
// harness must break a promise then. The code is named by a piece of its lines, which stay as they are: the explorer makes
// the accesses there go wrong.
#pragma once

#include <array>

#include "explorer.hpp"

namespace ringbolt::model {

struct LogicMutant {
  const char* what;
  Slip slip;
  const char* file;
  const char* code;  // a piece of every line that it is about
  const char* kept;  // null: a harness must catch it; otherwise why none can
};

inline constexpr std::array kLogicMutants{
    LogicMutant{"no zero behind a record [W1]", Slip::skipped, "core/writer.hpp", "(next).store_relaxed(0)", nullptr},
    LogicMutant{"the sequence word [W2] before the header", Slip::late, "core/writer.hpp", "header.type.store_relaxed",
                nullptr},
    LogicMutant{"the first word of a batch before the others", Slip::late, "core/writer.hpp",
                "sequence_word(place).store_relaxed", nullptr},
    LogicMutant{"no intent [W3]", Slip::skipped, "core/writer.hpp", "header_->intent.store_relaxed", nullptr},
    LogicMutant{"no fence [W4]", Slip::skipped, "core/writer.hpp", "fence_seq_cst();", nullptr},
    LogicMutant{"the anchor's position before its sequence [A1]", Slip::late, "core/writer.hpp",
                "anchor.sequence.store_relaxed", nullptr},
    LogicMutant{"a successor announces less than its predecessor", Slip::outdated, "core/writer.hpp",
                "intent_(header.intent.load_relaxed())", nullptr},
    LogicMutant{"the checkpoint's position before its sequence [C1]", Slip::late, "core/writer.hpp",
                "checkpoint.sequence.store_relaxed",
                "a pair that does not belong together is refused by [R1], or by [R4] where the number fits by chance"},
    LogicMutant{"no fence [R3]", Slip::skipped, "core/ring.hpp", "fence_acquire();", nullptr},
    LogicMutant{"no second look at the intent [R4]", Slip::outdated, "core/ring.hpp", "header->intent.load_relaxed()",
                nullptr},
    LogicMutant{"no second look at the own entry [E2]", Slip::outdated, "core/reader.hpp", "own_state_->load_relaxed()",
                nullptr},
    LogicMutant{"eviction without the compare [E1]", Slip::unchecked, "core/gates.hpp", "entry.state.compare_exchange",
                nullptr},
    LogicMutant{"a join that is not counted [J1]", Slip::skipped, "core/gates.hpp", "registry.changes.fetch_add", nullptr},
    LogicMutant{"a join that is counted before it is entered [J1]", Slip::late, "core/gates.hpp",
                "entry.state.store_release(state_word", nullptr},
    LogicMutant{"no look at the intent after joining [J3]", Slip::outdated, "core/gates.hpp",
                "ring.header->intent.load_relaxed()", nullptr},
    LogicMutant{"a stranger in an entry under the last owner's lineage", Slip::skipped, "core/ownership.hpp",
                "entry.lineage.store_relaxed(", nullptr},
    LogicMutant{"the mark of what is written is not moved [T1]", Slip::skipped, "core/turn.hpp",
                "written_sequence.store_release", nullptr},
    LogicMutant{"no second look at that mark [T2]", Slip::outdated, "core/turn.hpp", "written_sequence.load_acquire",
                nullptr},
    LogicMutant{"no flag before sleeping [S1]", Slip::skipped, "ipc/parking.hpp", "flag_->store_relaxed(1)", nullptr},
    LogicMutant{"no fence where the barrier is refused [S2]", Slip::skipped, "ipc/parking.hpp", "core::fence_seq_cst();",
                nullptr},
    LogicMutant{"no second look before sleeping [S3]", Slip::outdated, "tests/model/sleep_harnesses.cpp", "// [S3]",
                nullptr},
    LogicMutant{"no look at the flag [S4]", Slip::outdated, "core/wake.hpp", "flag.load_relaxed()", nullptr},
    LogicMutant{"no fence in front of [S4] where it is owed", Slip::skipped, "core/wake.hpp", "fence_seq_cst();", nullptr},
    LogicMutant{"the flag is cleared after the futex word is changed", Slip::late, "ipc/parking.hpp",
                "flag_->store_relaxed(0)", nullptr},
    LogicMutant{"the futex word is not changed", Slip::skipped, "ipc/parking.hpp", "futex_->fetch_add(1)", nullptr},
    LogicMutant{"no bell is set before sleeping on a descriptor", Slip::skipped, "ipc/parking.hpp",
                "bell_word_->store_relaxed(1)", nullptr},
    LogicMutant{"no look at the futex word behind the bell [B2]", Slip::outdated, "ipc/parking.hpp",
                "futex_->load_relaxed() != sleep.seen", nullptr},
    LogicMutant{"no look at the bell [B3]", Slip::outdated, "ipc/parking.hpp", "bell_word_->load_relaxed() == 0", nullptr},
    LogicMutant{"the bell is cleared after it was rung", Slip::late, "ipc/parking.hpp", "bell_word_->store_relaxed(0)",
                nullptr},
};

}  // namespace ringbolt::model
