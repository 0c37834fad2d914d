// One run, drawn from a seed: a ring, perhaps with a journal; two publishers, one of them standing by; consumers of all
// policies; somebody who asks for statistics. First a storm, as heavy as the seed says, then calm, in which all have to catch up.
#pragma once

#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/publisher.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "disk.hpp"
#include "machine.hpp"
#include "oracle.hpp"

namespace ringbolt::sim {

class World {
 public:
  // `directory` is empty, and is left empty.
  World(std::uint64_t seed, std::string directory, Totals& totals);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Empty, or the promise that was broken and what came before it.
  [[nodiscard]] std::string run();
  [[nodiscard]] std::uint64_t hash() const noexcept { return trace_.hash(); }

 private:
  enum Who : std::size_t { first_publisher, second_publisher, journal, observer, first_consumer };

  void plan_consumers();
  [[nodiscard]] Fate draw_fate();
  void start(std::size_t who);
  void died(std::size_t who);
  void cut_power();
  void play(bool storm);
  void end();
  [[nodiscard]] bool everyone_is_done() const;

  // ---- what processes do (roles.cpp)
  void publish_for_a_life();
  void publish_one(Publisher& publisher);
  void publish_batch(Publisher& publisher);
  void publish_in_place(Publisher& publisher, std::uint32_t size);
  void record_for_a_life();
  void observe_for_a_life();
  void consume_for_a_life(std::size_t index);
  [[nodiscard]] Status read_one(Consumer& consumer, Follower& who);
  [[nodiscard]] Status read_many(Consumer& consumer, Follower& who);
  void commit(Consumer& consumer, Follower& who, std::uint64_t sequence);
  void begin_commit(Follower& who, std::uint64_t sequence) const;
  void handle(Follower& who, const Event& event);
  [[nodiscard]] bool expected(const Error& error, std::size_t who);
  [[nodiscard]] std::uint32_t draw_size();
  void fail(const std::string& what);
  void fail_if_broken();
  void note(const char* what, std::uint64_t a = 0, std::uint64_t b = 0);

  Random random_;
  std::string directory_;
  Totals& totals_;
  Trace trace_;
  bool has_journal_;
  Sync sync_;
  JournalOptions journal_options_;
  PublisherOptions publisher_options_;
  std::uint64_t events_;       // of the storm
  std::uint64_t kill_one_in_;  // of the times that fate is asked; 0: never
  std::uint64_t stop_one_in_;
  std::uint64_t cut_one_in_;
  std::uint64_t fault_one_in_;  // disk calls
  bool storm_ = true;
  bool power_fails_ = false;
  std::size_t victim_ = Machine::kNobody;
  bool ended_ = false;  // the stream is closed, for good
  std::uint64_t published_ = 0;
  std::uint64_t calm_events_ = 0;
  Oracle oracle_;
  std::vector<Follower> consumers_;
  std::vector<std::string> names_;       // of processes
  std::vector<std::uint64_t> start_at_;  // virtual time; ~0: runs, or not again
  std::vector<bool> done_;
  Machine machine_;
  Disk disk_;
};

}  // namespace ringbolt::sim
