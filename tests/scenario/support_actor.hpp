// Processes that are started, killed or left to end, and started again, at random instants.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "scenario/support.hpp"

namespace ringbolt::scenario {

// Where a life is. Its process writes it, and whoever kills it reads it.
enum class Phase : std::uint64_t { starting, opening, running };
inline constexpr std::size_t kPhases = 3;

class Actor {
 public:
  // `body` gets a seed. With `phase` many lives end soon: just after their start, or while they open what they use.
  Actor(std::string name, std::uint64_t longest_life_ns, std::uint64_t longest_absence_ns,
        std::function<void(std::uint64_t)> body, Count* phase = nullptr)
      : name_(std::move(name)),
        life_ns_(longest_life_ns),
        absence_ns_(longest_absence_ns),
        body_(std::move(body)),
        phase_(phase) {}

  // Starts it or kills it, when it is time to. True: a life has ended by SIGKILL.
  bool look(Random& random);
  // At the next look, whatever its instant of death was to be.
  void hasten() noexcept {
    next_ns_ = 0;
    waits_for_opening_ = false;
  }
  // Whoever is spared lives on until this is taken back.
  void spare(bool spared) noexcept { spared_ = spared; }
  void end();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Process* process() noexcept { return process_.get(); }
  // Of this life, or where the last one died.
  [[nodiscard]] Phase phase() const noexcept { return static_cast<Phase>(phase_->load()); }

 private:
  void begin(Random& random, std::uint64_t now);
  [[nodiscard]] bool time_to_die(Random& random, std::uint64_t now);
  int reap();

  std::string name_;
  std::uint64_t life_ns_;
  std::uint64_t absence_ns_;
  std::function<void(std::uint64_t)> body_;
  Count* phase_;
  std::unique_ptr<Process> process_;
  std::uint64_t next_ns_ = 0;  // when it is started, or killed
  bool waits_for_opening_ = false;
  bool spared_ = false;
};

}  // namespace ringbolt::scenario
