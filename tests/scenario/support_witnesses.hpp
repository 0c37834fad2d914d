// The consumers of a world that live through all that happens in it, and see its whole stream.
#pragma once

#include "scenario/support_world.hpp"

namespace ringbolt::scenario {

inline constexpr std::uint64_t kStuckAfterNs = 60'000'000'000;

// For how long has this not moved?
class Progress {
 public:
  std::uint64_t still_ns(const Count& beats) {
    const std::uint64_t now = now_ns();
    if (const std::uint64_t seen = beats; seen != seen_ || since_ns_ == 0) {
      seen_ = seen;
      since_ns_ = now;
    }
    return now - since_ns_;
  }

 private:
  std::uint64_t seen_ = 0;
  std::uint64_t since_ns_ = 0;
};

class Witnesses {
 public:
  // They are attached when this returns.
  explicit Witnesses(World& world) : world_(world) {
    for (std::size_t i = 0; i < World::kWitnesses; ++i) {
      processes_.push_back(std::make_unique<Process>("witness", [this, i] { world_.witness(i); }));
      Scene::await("the witnesses to attach", [&] { return world_.board().witnesses.at(i).phase != 0; });
    }
  }

  void watch() {
    for (std::size_t i = 0; i < World::kWitnesses; ++i) {
      require(progress_.at(i).still_ns(world_.board().witnesses.at(i).beats) < kStuckAfterNs,
              "witness " + std::to_string(i) + " is stuck");
    }
  }

  // When everybody else is gone: the stream ends, they read to its end, and nothing is left behind.
  void finish() {
    world_.finish();
    for (const auto& process : processes_) {
      Scene::await("the witnesses to reach the end", [&] { return process->ended(); });
      process->finish();
    }
    world_.check_remains();
  }

 private:
  World& world_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::array<Progress, World::kWitnesses> progress_;
};

}  // namespace ringbolt::scenario
