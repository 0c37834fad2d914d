#include "machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ringbolt::bench {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of the first line of /proc/cpuinfo that begins with `key`.
std::string cpuinfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (const std::size_t colon = line.find(": "); line.starts_with(key) && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return {};
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

Machine look_at_machine(const std::vector<int>& wanted) {
  Machine machine;
  machine.cpu_model = cpuinfo("model name");
  if (machine.cpu_model.empty()) machine.cpu_model = "unknown";
  machine.virtualised = (' ' + cpuinfo("flags") + ' ').find(" hypervisor ") != std::string::npos;
  utsname system{};
  uname(&system);
  machine.kernel = fmt::format("{} {}", system.release, system.machine);
#if defined(__clang__)
  machine.compiler = "clang " __clang_version__;
#else
  machine.compiler = "gcc " __VERSION__;
#endif
  machine.clocksource = first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  machine.commit = RINGBOLT_COMMIT;
  machine.cpus = allowed_cpus();
  for (const int cpu : wanted) {
    if (std::find(machine.cpus.begin(), machine.cpus.end(), cpu) == machine.cpus.end()) {
      throw std::runtime_error(
          fmt::format("cannot run on CPU {}: this process may use {}", cpu, fmt::join(machine.cpus, ",")));
    }
  }
  const std::vector<int>& choice = wanted.size() == 2 ? wanted : machine.cpus;
  machine.first_cpu = choice.front();
  machine.second_cpu = choice.size() > 1 ? choice[1] : choice.front();
  machine.siblings =
      first_line(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", machine.first_cpu));
  machine.governor = first_line(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor", machine.first_cpu));
  getloadavg(&machine.load_average, 1);
  return machine;
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::runtime_error(fmt::format("cannot pin to CPU {}: {}", cpu, std::strerror(errno)));
  }
}

std::uint64_t stolen_ticks(const Machine& machine) {
  std::ifstream file("/proc/stat");
  std::uint64_t stolen = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (name != fmt::format("cpu{}", machine.first_cpu) && name != fmt::format("cpu{}", machine.second_cpu)) continue;
    std::uint64_t value = 0;
    for (int field = 0; field < 8; ++field) fields >> value;  // user nice system idle iowait irq softirq steal
    stolen += value;
  }
  return stolen;
}

}  // namespace ringbolt::bench
