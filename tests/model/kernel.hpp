// What the kernel does for a sleeper, as the explorer sees it: barriers in all processes, and futexes whose wake-ups can be
// lost. A sleep without end is one that nobody will end: the explorer finds that all threads wait.
#pragma once

#include <ringbolt/ipc/parking.hpp>

#include <cstddef>

namespace ringbolt::model {

struct Kernel {
  bool grants_barriers = true;
  std::uint64_t wakes = 0;
  std::size_t waker = 0;  // the thread that a short sleep gives time to
};

// That of the present execution; a harness sets it anew.
extern Kernel kernel;

}  // namespace ringbolt::model
