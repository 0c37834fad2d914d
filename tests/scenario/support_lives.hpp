// One stream after the other by publishers with a journal, which die, and what must be in the journal after that: every
// event that was reported durable, as it was published, and behind it a beginning of what else was published.
#pragma once

#include <ringbolt/ringbolt.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "scenario/support_block.hpp"

namespace ringbolt::scenario {

// What the lives of a stream tell the test, also when they are killed.
struct LifeBoard {
  static constexpr std::size_t kLives = 4'096;
  static constexpr std::size_t kClaims = 1 << 16;
  struct Claim {
    Count sequence;     // up to this event everything was reported durable
    Count log_entries;  // that the disk had written down soon after
  };

  Count published;  // nothing beyond it
  Count durable;    // newest that was reported
  Count lives;
  std::array<Count, kLives> first;  // of each life
  Count claims;
  std::array<Claim, kClaims> claim;
};

class Lives {
 public:
  // `ring` and the journal that belongs to it. With a disk, claims are noted with what it has written down.
  Lives(std::string ring, JournalOptions journal, const Disk* disk = nullptr)
      : ring_(std::move(ring)), journal_(std::move(journal)), disk_(disk) {}

  [[nodiscard]] LifeBoard& board() noexcept { return *board_; }
  [[nodiscard]] const JournalOptions& journal() const noexcept { return journal_; }
  void set_sync(Sync sync) noexcept { journal_.sync = sync; }

  // In a process of its own: opens, publishes so many events, some of them durable, at its own pace, and waits for its end.
  void live(std::uint64_t seed, std::uint64_t events);
  Publisher open();
  std::uint64_t publish(Publisher& publisher, std::uint32_t payload_bytes);
  void claim(std::uint64_t durable);

  // Opens the journal that is in `directory` now for `ring`, a new one, and publishes an event. What is wrong with what it
  // finds; empty: nothing is.
  [[nodiscard]] std::string check(const std::string& ring, const std::string& directory, std::uint64_t durable,
                                  std::uint64_t published);
  // What was reported durable when so many entries were written down.
  [[nodiscard]] std::uint64_t durable_at(std::uint64_t log_entries) const;

 private:
  void publish_as_the_last_that_could(Publisher& publisher) const;
  [[nodiscard]] bool right(const Event& event) const;
  [[nodiscard]] std::string read(const std::string& directory, std::uint64_t durable, std::uint64_t published,
                                 std::uint64_t& newest) const;

  std::string ring_;
  JournalOptions journal_;
  const Disk* disk_;
  Shared<LifeBoard> board_;
};

// As a power cut does it, and the death of whoever publishes: no process has it open.
void forget_ring(const std::string& directory, const std::string& ring);

}  // namespace ringbolt::scenario
