// A way for messages from one process to others: Ringbolt's, and those of its peers. A lane runs a whole slice of messages at a
// time, so that nothing virtual lies between two of them; `lane_loops.hpp` has the loops, the same for all.
//
// A lane is made before the processes that use it are started, is used by them once, and goes with its memory, files and
// daemons. Every receiver checks every payload and counts; `slice.cpp` counts once more what they counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringbolt::bench {

enum class Stamp : std::uint8_t {
  none,
  scheduled,  // when the message should have been sent: a sender that is late is no excuse
  sent,       // just before the call that sends it; for one that may find the receiver asleep
};

// What goes over a lane in a slice.
struct Plan {
  std::size_t payload_bytes = 64;  // a multiple of 8; at least 16 where it carries a stamp
  std::uint64_t capacity_bytes = std::uint64_t{1} << 20;
  std::size_t receivers = 1;
  std::uint64_t warm_up =
      0;  // events before those that are measured, as fast as they go; a lap, so that all pages are mapped
  std::uint64_t events = 0;
  std::uint64_t interval_ns = 0;  // from one to the next; 0: as fast as it goes
  Stamp stamp = Stamp::none;
  bool asleep = false;  // a receiver with nothing to do sleeps in the kernel until it is woken; otherwise it never does
  std::uint32_t watchdog_seconds = 60;  // no slice takes as long
};

// What a receiver found. Written by it alone, read after its end.
struct alignas(128) Tally {
  std::uint64_t received = 0;
  std::uint64_t lost = 0;   // as the lane itself reports it
  std::uint64_t ended = 0;  // ticks, at the last one
};

inline constexpr std::size_t kMostReceivers = 4;

// What a slice leaves, in memory that its processes share.
struct SliceMemory {
  std::uint64_t begun = 0;  // ticks, before the first is sent
  Tally tallies[kMostReceivers];
  std::uint64_t trips = 0;  // of a ping-pong
};

// Where a side of a lane meets the others once it is ready, and where it notes what it measures.
struct Side {
  const Plan& plan;
  SliceMemory& memory;
  std::uint64_t* latencies = nullptr;  // ticks, one for each event of the first receiver, where stamped
  std::uint64_t* calls = nullptr;      // ticks, how long each `send` took, where stamped as `sent`
  const std::function<void()>& meet;
};

class Lane {
 public:
  virtual ~Lane() = default;
  // Each runs in a process of its own, or in a thread where the lane is one between threads.
  virtual void send(const Side& side) = 0;
  virtual void receive(const Side& side, std::size_t index) = 0;
  // Both ends of a ping-pong, in which `back` is a lane of the same kind.
  virtual void ping(Lane& back, const Side& side) = 0;
  virtual void pong(Lane& back, const Side& side) = 0;
};

// How to make one, and what it can do.
struct LaneKind {
  std::string name;
  std::function<std::unique_ptr<Lane>(const Plan&)> make;
  bool spins = true;    // receivers that never sleep
  bool sleeps = false;  // receivers that are woken
  bool floods = true;   // holds the sender back when it is full; otherwise only for messages far apart
  std::size_t most_receivers = 1;
  bool one_process = false;             // the sides are threads
  double slowness = 1;                  // a slice has so many times fewer events
  std::vector<std::size_t> payloads{};  // the only ones that it takes; empty: any
};

}  // namespace ringbolt::bench
