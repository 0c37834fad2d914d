// One history of a journal on a simulated disk, drawn from a seed: several lives of its writer, with faults, process crashes
// and power cuts, also while it recovers. At each call that changes something, images of what a power cut would leave are
// drawn, recovered by the production code, and held against what was published.
#pragma once

#include <ringbolt/ipc/journal_log.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "branch.hpp"
#include "random.hpp"
#include "sim_disk.hpp"

namespace ringbolt::ipc::test {

struct Totals {
  std::uint64_t histories = 0;
  std::uint64_t lives = 0;
  std::uint64_t images = 0;
  std::uint64_t torn = 0;              // images whose tail did not hold together
  std::uint64_t cuts_in_recovery = 0;  // images of moments in recovery, or while an epoch was begun
  std::uint64_t second_cuts = 0;       // images of images
  std::uint64_t syncs_failed = 0;
  std::uint64_t other_faults = 0;
  std::uint64_t rolls = 0;
  std::uint64_t kills = 0;
  std::uint64_t power_cuts = 0;
};

class History final : private SimDisk::Watcher {
 public:
  History(std::uint64_t seed, Totals& totals);
  ~History() override;

  // Empty, or the promise that was broken, and how.
  [[nodiscard]] std::string run();

 private:
  enum class End : std::uint8_t { clean, kill, power_cut };

  void before(Call call) override;
  void draw_images();
  void check_image();
  void break_promise(const std::string& what);
  [[nodiscard]] bool broken() const noexcept { return !violation_.empty(); }

  [[nodiscard]] bool open();
  void adopt(const Recovered& recovered);
  [[nodiscard]] bool begin_epoch(const Recovered& recovered);
  void live();
  [[nodiscard]] bool act();
  [[nodiscard]] bool publish(std::uint64_t events);
  [[nodiscard]] int hand_over(std::uint64_t sequence);
  [[nodiscard]] bool begin_again();
  void observe();
  void plan_fault();
  void end(bool alive);
  void end_cleanly();
  void crash();
  void cut_power();

  Random random_;
  Totals* totals_;
  LogOptions options_;
  // Short lives, events as long as a control record, one event left out now and then: what an earlier life left behind the
  // tail is often in the right place with the right number, and only its epoch tells.
  bool hasty_;
  bool faults_;
  std::uint64_t images_each_;    // at a call
  std::uint64_t most_in_group_;  // events
  std::uint64_t sync_one_in_;    // groups
  Branch branch_;
  std::array<SimDisk, 2> disks_;
  std::size_t disk_ = 0;
  SimDisk image_;
  SimDisk second_image_;
  std::unique_ptr<JournalLog> log_;
  bool opening_ = false;       // recovery, or the beginning of an epoch
  bool new_ring_ = true;       // the ring did not survive
  std::uint64_t written_ = 0;  // what a process crash keeps
  std::string violation_;
};

}  // namespace ringbolt::ipc::test
