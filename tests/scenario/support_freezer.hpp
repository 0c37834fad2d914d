// The kernel's freezer, of cgroup version 2 or 1: processes in it stand still wherever they are, also in the kernel, until
// they are thawed.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "scenario/support.hpp"

namespace ringbolt::scenario {

class Freezer {
 public:
  // Why this machine has none that we may use; empty: it has.
  [[nodiscard]] static std::string why_not();

  Freezer();
  ~Freezer();  // thaws, and removes it when the processes in it have ended
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;

  // False: it has ended.
  [[nodiscard]] bool put_in(pid_t pid) const;
  void take_out(pid_t pid) const;
  void freeze() const;  // returns when all in it stand still
  void thaw() const;    // and when all go on

 private:
  void set(bool frozen) const;
  [[nodiscard]] bool is(bool frozen) const;

  std::string directory_;
  std::string home_;  // where the processes of this test are otherwise
  bool version_2_ = false;
  int janitor_pipe_ = -1;
};

}  // namespace ringbolt::scenario
