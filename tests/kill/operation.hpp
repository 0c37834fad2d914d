// The operations of production code that a process is stepped through, and what everybody else may find at each instant of them.
#pragma once

#include "kill/oracle.hpp"
#include "kill/stepped.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ringbolt::kill {

enum class Who : std::uint8_t { publisher, consumer, journal, remover };
[[nodiscard]] const char* name_of(Who who) noexcept;

class Operation {
 public:
  struct Facts {
    std::string name;
    Who who = Who::publisher;
    // What others find, from "not yet" to "done": the operation only leads from one to the next.
    std::vector<std::string> outcomes;
    std::uint64_t kills = 100;  // at least so many
    std::uint64_t stops = 0;
  };

  Operation(Facts facts, std::string place) : facts_(std::move(facts)), place_(std::move(place)) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  [[nodiscard]] const Facts& facts() const noexcept { return facts_; }
  // A directory of its own: the ring in it, and all other files that matter.
  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  [[nodiscard]] std::string ring() const { return ring_in(place_); }
  [[nodiscard]] static std::string ring_in(const std::string& place) { return place + "/ring"; }
  [[nodiscard]] Board& board() noexcept { return *board_; }
  [[nodiscard]] Living& living() noexcept { return living_; }

  // Everything as it is before the operation, in the test. What it leaves in `living` outlives the process.
  void prepare();
  // In the process.
  virtual void run(const Window& window) = 0;
  // In the test, while the process waits for it (Window::wait_for_test).
  virtual void help() {}
  // In the test: what is found in `place`, a copy or the place itself, by its number among the outcomes. Throws Failure.
  [[nodiscard]] virtual std::size_t check(const std::string& place, Living& living, std::uint64_t turn) = 0;
  // In the test, while the process is stopped there.
  virtual void check_stopped() = 0;
  // In the test, when the process that was stopped has gone on and ended.
  virtual void check_finished() = 0;
  [[nodiscard]] Expected expected(std::uint64_t most_more, std::uint64_t turn);

 protected:
  virtual void set_up() = 0;
  // A ring in its second lap.
  [[nodiscard]] Publisher make_ring();

 private:
  Facts facts_;
  std::string place_;
  scenario::Shared<Board> board_;
  Living living_;
};

using Operations = std::vector<std::unique_ptr<Operation>>;
// `directory` is in memory, `disk` on a disk.
[[nodiscard]] Operations all_operations(const std::string& directory, const std::string& disk);
void add_publisher_operations(Operations& operations, const std::string& directory);
void add_consumer_operations(Operations& operations, const std::string& directory);
void add_journal_operations(Operations& operations, const std::string& directory, const std::string& disk);
void add_removal_operations(Operations& operations, const std::string& directory);

}  // namespace ringbolt::kill
