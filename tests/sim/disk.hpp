// The disk of the simulated machine: the journal's files on the simulated disk of tests/journal, and the cursors beside them,
// which production code maps, so that they are real files; what of those a power cut would keep is remembered here.
#pragma once

#include <ringbolt/ipc/storage.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "journal/sim_disk.hpp"
#include "machine.hpp"

namespace ringbolt::sim {

class Disk {
 public:
  static Disk* current() noexcept { return instance_; }

  // `directory` is the journal's. `fails` is asked before each call that may fail.
  Disk(std::string directory, std::uint64_t seed, std::function<bool()> fails);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  [[nodiscard]] std::unique_ptr<ipc::Storage> open(const std::string& path);
  // All processes are dead. What is left is what the disk kept.
  void cut_power();
  void write_back() { now().write_back(); }
  void cursor_synced(int fd);
  [[nodiscard]] std::uint64_t random_word() noexcept { return random_.next(); }
  [[nodiscard]] std::uint64_t faults() const noexcept { return faults_; }

  // Before a call: others may run, and it may be made to fail. The answer is what it has to be preceded by.
  void before(ipc::test::Call call);
  void pass(std::uint64_t ns);  // time, in which others may run
  [[nodiscard]] bool in_pieces() noexcept { return random_.one_in(4); }
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) noexcept { return random_.below(limit); }
  [[nodiscard]] ipc::test::SimDisk& now() noexcept { return *disks_.back(); }

 private:
  using Bytes = std::vector<char>;

  static Disk* instance_;
  std::string directory_;
  Random random_;
  std::function<bool()> fails_;
  std::vector<std::unique_ptr<ipc::test::SimDisk>> disks_;  // the last one is in use; dead processes point to the others
  std::map<std::string, Bytes> cursors_;                    // as the disk has them
  std::uint64_t faults_ = 0;
};

}  // namespace ringbolt::sim
