// The demo from beginning to end: who starts when, who is killed when, and what is said about it.
#pragma once

#include <cstdint>
#include <string>

#include "demo_cast.hpp"
#include "demo_place.hpp"
#include "demo_plan.hpp"
#include "demo_roles.hpp"
#include "demo_screen.hpp"
#include "demo_verdict.hpp"

namespace ringbolt::demo {

class Story {
 public:
  // Forks, so the process must not have started a thread. All of these outlive the Story.
  Story(const Plan& plan, Board& board, const Place& place, Screen& screen, Cheat cheat);

  // Plays it. False if it was interrupted; then there is nothing to judge. Throws Error.
  [[nodiscard]] bool run();
  // After `run`.
  [[nodiscard]] const Facts& facts() const noexcept { return facts_; }

 private:
  // The acts, each of them a step that is looked at some hundred times a second.
  [[nodiscard]] bool raise_the_curtain();
  void late_joins();
  void phoenix_dies();
  void phoenix_returns();
  void publisher_dies();
  void tell_what_is_seen();
  [[nodiscard]] bool is_over();
  void collect();

  void start(Role role);
  [[nodiscard]] bool wait_until_ready(Role role);
  [[nodiscard]] bool breathe();  // a hundredth of a second; false: interrupted
  [[nodiscard]] double now() const noexcept;
  [[nodiscard]] bool is_time(double share) const noexcept { return now() >= share * plan_.seconds(); }
  [[nodiscard]] std::uint64_t published() const noexcept;
  [[nodiscard]] std::uint64_t phoenix_commit() const;
  void tell(const std::string& what) { screen_.tell(now(), what); }

  [[nodiscard]] Frame frame() const;
  [[nodiscard]] Row row_of(Role role) const;
  [[nodiscard]] std::string state_of(Role role, Tone& tone) const;

  const Plan& plan_;
  Screen& screen_;
  Board& board_;
  Stage stage_;
  Cast cast_;
  Facts facts_;
  std::uint64_t began_ns_ = 0;
  double phoenix_dies_ = 0;  // as a share of the time
  double publisher_dies_ = 0;
  double phoenix_died_ = 0;
  bool told_late_ = false;
  bool told_overrun_ = false;
  bool told_return_ = false;
  bool told_take_over_ = false;
  bool told_end_ = false;
};

}  // namespace ringbolt::demo
