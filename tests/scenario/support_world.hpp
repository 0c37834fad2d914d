// One ring and everybody who may have to do with it: publishers, one after the other, consumers of every kind, the journal,
// whoever looks after rings. Each role is a loop that goes on until its process is killed, and that knows what it must see;
// what it has seen stands on a board that outlives it.
//
// The oracle: what is in an event follows from its number. A publisher goes on behind what its predecessor acknowledged. A
// consumer receives numbers without hole, or is told the exact one, and only where its policy lets it lose something. A name
// resumes after its last commit.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "scenario/support_actor.hpp"
#include "scenario/support_stream.hpp"

namespace ringbolt::scenario {

enum class Role : std::uint8_t {
  publisher,  // two processes share it: who publishes, and who stands by
  second_publisher,
  gate,      // without a name
  budget,    // gates for a few milliseconds
  lossy,     // without a name
  leader,    // gates
  follower,  // comes after the leader
  named,     // of any policy, resumes
  archive,   // reads the journal
  journal,   // runs it
  admin,     // stat, evict, forget, create, remove
  count
};
inline constexpr std::size_t kRoles = static_cast<std::size_t>(Role::count);
[[nodiscard]] const char* role_name(Role role) noexcept;

// Who runs the journal of a world.
enum class JournalRunBy : std::uint8_t { nobody, publisher, process };

class World {
 public:
  static constexpr const char* kRing = "ring";
  static constexpr std::size_t kWitnesses = 3;
  static constexpr std::uint64_t kCapacityBytes = core::kMinCapacityBytes;
  static constexpr std::uint64_t kLargestBatch = 8;  // events
  static constexpr Shape kShape{.usual_bytes = 200, .largest_bytes = 8'000, .large_every = 200};

  // What a role has done, in all its lives.
  struct RoleBoard {
    Count phase;
    Count beats;       // events handled, or whatever else shows that it goes on
    Count handled;     // newest event that was received, or told lost
    Count committing;  // newest commit that was begun
    Count committed;   // newest commit that has returned
  };
  struct Board {
    std::array<RoleBoard, kRoles> roles;
    std::array<RoleBoard, kWitnesses> witnesses;
    Count acknowledged;  // newest sequence whose publication has returned
    Count published;     // when it is over
    Count no_evictions;  // 1: nobody evicts from outside
    Count gaps;
    Count evictions;  // that were told
    Count breaks;     // followers that were told that their leader is another one
  };

  // Makes the ring, and the journal in `directory`.
  World(JournalRunBy run_by, std::string directory, bool syncs, Random& random);

  [[nodiscard]] bool has(Role role) const noexcept;
  [[nodiscard]] Board& board() noexcept { return *board_; }
  [[nodiscard]] RoleBoard& board_of(Role role) noexcept { return board_->roles.at(static_cast<std::size_t>(role)); }
  // What shows that this role goes on.
  [[nodiscard]] const Count& beats_of(Role role) noexcept;

  // The body of a process of this role.
  void live(Role role, std::uint64_t seed);
  // The bodies of those who are never killed: a gate, a lossy consumer, and a third that reads the journal or follows the first.
  void witness(std::size_t which);
  // When everybody else is gone: publishes a little more, and closes the stream.
  void finish();
  // What must hold of the ring when everybody has left. Throws Failure.
  void check_remains() const;

 private:
  class Life;
  [[nodiscard]] JournalOptions journal(Random& random) const;
  [[nodiscard]] Publisher take_over(Random& random, Count& phase);
  void publish(Role role, std::uint64_t seed);
  void consume(Role role, std::uint64_t seed);
  void administer(std::uint64_t seed);
  void administer_once(Random& random);
  [[nodiscard]] std::uint64_t slowest_archive();

  JournalRunBy run_by_;
  std::string directory_;
  bool syncs_;
  Shared<Board> board_;
};

}  // namespace ringbolt::scenario
