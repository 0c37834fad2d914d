// Knows every event that was published, and what each consumer may see next. Production code is asked for nothing here.
#pragma once

#include <ringbolt/ipc/consumer.hpp>
#include <ringbolt/ipc/event.hpp>
#include <ringbolt/ipc/journal.hpp>
#include <ringbolt/ipc/stat.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace ringbolt::sim {

// How a consumer of a run attaches, the same in all its lives.
struct ConsumerPlan {
  std::string name{};
  Policy policy = Policy::lossy;
  std::uint64_t budget_ns = 0;
  std::vector<std::string> after{};
  bool gate_on_commit = false;
  Read read = Read::automatic;
  Start start = Start::resume;
  std::uint64_t slow_ns = 0;        // how long it may think about an event
  std::uint64_t commit_one_in = 1;  // events
  std::uint64_t leave_one_in = 0;   // reads; 0: never
};

// What is known of one consumer over all its lives. Sequences.
struct Follower {
  ConsumerPlan plan;
  std::uint64_t next = 0;     // what it must see next; 0: not known
  std::uint64_t place = 0;    // `next_sequence` when it had attached
  bool fresh = false;         // has seen nothing in this life
  bool known = false;         // it has a cursor: the last commit is one of [sure, most]
  std::uint64_t sure = 0;     // a commit of it has returned
  std::uint64_t most = 0;     // a commit of it has begun
  std::uint64_t on_disk = 0;  // the disk may still have this one, of an earlier beginning
  std::uint64_t durable = 0;  // `commit_durable` of it has returned
  bool ahead = false;         // a power cut took back what it had committed, perhaps
  std::uint64_t cut_at = 0;   // the first event that it took back
  bool anew = false;          // it was told so, and begins again
  bool lost_power = false;    // since it was last attached
};

struct Totals {
  std::uint64_t runs = 0;
  std::uint64_t events = 0;
  std::uint64_t seen = 0;
  std::uint64_t gaps = 0;
  std::uint64_t evictions = 0;
  std::uint64_t kills = 0;
  std::uint64_t stops = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t faults = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t resumes = 0;
  std::uint64_t turns = 0;
  std::uint64_t points = 0;
};

class Oracle {
 public:
  Oracle(std::uint64_t seed, bool journal, bool syncs, Totals& totals)
      : seed_(seed), journal_(journal), syncs_(syncs), totals_(totals) {}

  // ---- the publisher
  // It is about to publish `count` events from there on; each is drawn anew at each attempt.
  void attempt(std::uint64_t sequence, std::span<const std::uint32_t> sizes);
  [[nodiscard]] std::vector<std::byte> payload(std::uint64_t sequence) const;
  [[nodiscard]] std::uint32_t type(std::uint64_t sequence) const { return static_cast<std::uint32_t>(token(sequence)); }
  void published(std::uint64_t first, std::uint64_t count);
  void not_published() noexcept { high_ = settled_; }
  void opened(std::uint64_t next_sequence);
  void told_durable(std::uint64_t sequence);
  [[nodiscard]] std::uint64_t newest() const noexcept { return settled_; }
  [[nodiscard]] std::uint64_t highest() const noexcept { return high_; }
  [[nodiscard]] bool ring_lost() const noexcept { return ring_lost_; }

  // ---- consumers
  void attached(Follower& who, const Consumer& consumer);
  void saw(Follower& who, const Event& event, std::span<const std::byte> payload);
  void told_gap(Follower& who, const Gap& gap);
  void counted(const Follower& who, const Consumer& consumer);
  void saw_durable(std::uint64_t sequence) noexcept { durable_ = std::max(durable_, sequence); }
  // Also of one that has seen nothing: its cursor stands where it first started.
  [[nodiscard]] bool may_be_ahead(const Follower& who) const noexcept { return ring_lost_ || who.ahead || !who.known; }

  // ---- everybody
  void watch(std::vector<Follower>& all) noexcept { followers_ = &all; }
  void power_cut();
  void check(const RingStat& stat, std::uint64_t at_least);
  void check_record(const Event& event);
  void require(bool holds, const std::string& what) {
    if (!holds && violation_.empty()) violation_ = what;
  }
  [[nodiscard]] bool broken() const noexcept { return !violation_.empty(); }
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }

 private:
  struct Content {
    std::uint64_t token = 0;
    std::uint32_t size = 0;
  };
  [[nodiscard]] std::uint64_t token(std::uint64_t sequence) const { return content_.at(sequence).token; }
  void first_of_a_life(Follower& who, std::uint64_t sequence);

  std::uint64_t seed_;
  bool journal_;
  bool syncs_;
  Totals& totals_;
  std::map<std::uint64_t, Content> content_;  // by sequence
  std::uint64_t attempts_ = 0;
  std::uint64_t settled_ = 0;  // published, and whoever did knows it
  std::uint64_t high_ = 0;     // may be published
  std::uint64_t seen_ = 0;     // newest event that anyone saw
  std::uint64_t durable_ = 0;  // somebody was told that it is
  bool ring_lost_ = true;      // and nobody has opened a new one
  std::vector<Follower>* followers_ = nullptr;
  std::string violation_;
};

}  // namespace ringbolt::sim
