// What a number is worth nothing without: the machine it was measured on, where the processes ran, and what disturbed them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ringbolt::bench {

struct Machine {
  std::string cpu_model;
  std::string kernel;
  std::string compiler;
  std::string clocksource;
  std::string governor;      // of `first_cpu`; empty where the system does not tell, as most virtual machines do not
  std::string commit;        // of the source, "+" behind it where that was changed; empty where git does not tell
  bool virtualised = false;  // the processor says that a hypervisor runs this system
  std::vector<int> cpus;     // that this process may use
  int first_cpu = 0;         // where the two sides are pinned
  int second_cpu = 0;        // the same as `first_cpu` where there is only one
  std::string siblings;      // of `first_cpu`, as the system tells; a virtual machine's may say nothing true
  double load_average = 0;   // over the last minute, before the run
};

// `wanted` is empty or names the two CPUs to pin to. Throws std::runtime_error if this process may not use one of them.
[[nodiscard]] Machine look_at_machine(const std::vector<int>& wanted);

// Pins the calling process. Throws std::runtime_error.
void pin_to(int cpu);

// Time that the hypervisor gave to others while one of the two CPUs had something to run, in ticks of 10 ms.
[[nodiscard]] std::uint64_t stolen_ticks(const Machine& machine);

}  // namespace ringbolt::bench
