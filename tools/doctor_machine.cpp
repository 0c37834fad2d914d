// Findings about the machine and about the directory that rings are in, of facts alone.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>

#include "doctor.hpp"
#include "text.hpp"

namespace ringbolt::command {
namespace {

constexpr std::uint64_t kSmallestRing = std::uint64_t{1} << 20;  // about: with its registry
constexpr std::uint64_t kDefaultRing = std::uint64_t{17} << 20;  // about: with its registry
constexpr std::uint64_t kFilesOfARing = 8;
constexpr uid_t kFirstLogin = 1000;  // smaller numbers are those of services, whom logind leaves alone

// `0-3, 8`.
std::string list_text(const std::vector<unsigned>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ", ";
    text += last == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last;
  }
  return text;
}

// Clocks that a process reads without a system call.
bool is_fast(const std::string& clock) {
  constexpr std::array fast{"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "xen", "arch_sys_counter"};
  return std::ranges::find(fast, clock) != fast.end();
}

void look_at_cpus(const std::vector<CpuFacts>& cpus, std::vector<Finding>& findings) {
  std::map<std::string, std::vector<unsigned>> saving;
  std::map<std::vector<unsigned>, std::vector<unsigned>> cores;
  for (const CpuFacts& cpu : cpus) {
    if (!cpu.governor.empty() && cpu.governor != "performance") saving[cpu.governor].push_back(cpu.number);
    if (!cpu.siblings.empty()) cores[cpu.siblings].push_back(cpu.number);
  }
  for (const auto& [governor, numbers] : saving) {
    findings.push_back({.kind = FindingIs::cpu_governor,
                        .level = Level::note,
                        .what = fmt::format("CPU {} has the frequency governor '{}'", list_text(numbers), governor),
                        .advice = "after a pause the first events take longer; for steady latency: "
                                  "`cpupower frequency-set --governor performance`"});
  }
  std::string pairs;
  for (const auto& [siblings, numbers] : cores) {
    if (numbers.size() > 1) pairs += (pairs.empty() ? "" : "; ") + list_text(numbers);
  }
  if (pairs.empty()) return;
  findings.push_back({.kind = FindingIs::sibling_cpus,
                      .level = Level::note,
                      .what = fmt::format("CPUs share cores: {}", pairs),
                      .advice =
                          "two processes that spin on the two halves of a core slow each other down; pin a publisher and "
                          "its consumers to CPUs of different cores (`taskset`)"});
}

}  // namespace

const char* level_word(Level level) noexcept {
  switch (level) {
    case Level::wrong: return "wrong";
    case Level::slow: return "slow";
    case Level::note: break;
  }
  return "note";
}

const char* finding_word(FindingIs kind) noexcept {
  switch (kind) {
    case FindingIs::dead_gate: return "dead_gate";
    case FindingIs::dead_publisher: return "dead_publisher";
    case FindingIs::waits_for_absent: return "waits_for_absent";
    case FindingIs::abandoned_ring: return "abandoned_ring";
    case FindingIs::half_made_ring: return "half_made_ring";
    case FindingIs::unreadable_ring: return "unreadable_ring";
    case FindingIs::no_room: return "no_room";
    case FindingIs::directory_rights: return "directory_rights";
    case FindingIs::ring_rights: return "ring_rights";
    case FindingIs::remove_ipc: return "remove_ipc";
    case FindingIs::memory_not_locked: return "memory_not_locked";
    case FindingIs::huge_pages_not_granted: return "huge_pages_not_granted";
    case FindingIs::option_not_granted: return "option_not_granted";
    case FindingIs::barriers_refused: return "barriers_refused";
    case FindingIs::slow_clock: return "slow_clock";
    case FindingIs::cpu_governor: return "cpu_governor";
    case FindingIs::sibling_cpus: return "sibling_cpus";
    case FindingIs::inotify_full: return "inotify_full";
    case FindingIs::journal_behind: return "journal_behind";
    case FindingIs::journal_stalled: return "journal_stalled";
    case FindingIs::journal_away: return "journal_away";
    case FindingIs::journal_detached: return "journal_detached";
    case FindingIs::journal_torn: return "journal_torn";
    case FindingIs::journal_damaged: return "journal_damaged";
    case FindingIs::journal_unread: break;
  }
  return "journal_unread";
}

std::vector<Finding> find_in_machine(const MachineFacts& machine, const DirectoryFacts& directory) {
  std::vector<Finding> findings;
  if (machine.logs_users_out && machine.removes_ipc && !machine.lingers && directory.is_shm && machine.user >= kFirstLogin) {
    findings.push_back(
        {.kind = FindingIs::remove_ipc,
         .what =
             fmt::format("systemd removes this user's files below /dev/shm, and {} with them, when its last session ends",
                         printable(directory.path)),
         .advice =
             "let the user linger (`loginctl enable-linger`), set RemoveIPC=no in /etc/systemd/logind.conf, or run what "
             "uses rings as a system user"});
  }
  if (machine.watches_most != 0 && machine.watches >= machine.watches_most) {
    findings.push_back(
        {.kind = FindingIs::inotify_full,
         .what = fmt::format("this user has {} inotify instances, and may have {}", thousands(machine.watches),
                             thousands(machine.watches_most)),
         .advice = "no other consumer can be waited for by a descriptor (`fd()`): raise fs.inotify.max_user_instances with "
                   "`sysctl`"});
  }
  if (!machine.has_barriers) {
    findings.push_back({.kind = FindingIs::barriers_refused,
                        .level = Level::slow,
                        .what = "membarrier(2) is refused to this process",
                        .advice = "as long as a consumer sleeps here, its publisher pays for a fence with each event; allow "
                                  "membarrier in the container's seccomp profile"});
  }
  if (!machine.clock_source.empty() && !is_fast(machine.clock_source)) {
    findings.push_back(
        {.kind = FindingIs::slow_clock,
         .level = Level::slow,
         .what = fmt::format("the kernel keeps time by '{}', which costs a system call to read", machine.clock_source),
         .advice = "each stamp takes that long: see in the kernel's log why it does not trust the tsc, or make rings with "
                   "`--timestamps off`"});
  }
  look_at_cpus(machine.cpus, findings);
  return findings;
}

std::vector<Finding> find_in_directory(const DirectoryFacts& directory, uid_t user) {
  std::vector<Finding> findings;
  const std::string path = printable(directory.path);
  const bool full = (directory.all_bytes != 0 && directory.free_bytes < kSmallestRing) ||
                    (directory.all_files != 0 && directory.free_files < kFilesOfARing);
  if (full || (directory.all_bytes != 0 && directory.free_bytes < kDefaultRing)) {
    const bool no_files = directory.all_files != 0 && directory.free_files < kFilesOfARing;
    findings.push_back(
        {.kind = FindingIs::no_room,
         .level = full ? Level::wrong : Level::note,
         .what = no_files
                     ? fmt::format("the file system of {} has no room for more files", path)
                     : fmt::format("the file system of {} has {} free of {}: {}", path, size_text(directory.free_bytes),
                                   size_text(directory.all_bytes),
                                   full ? "no ring can be made there" : "too little for a ring of the default capacity"),
         .advice = "remove rings that nobody needs (`ringbolt ls`), or enlarge the mount (in a container: --shm-size)"});
  }
  if (!directory.is_there) return findings;
  if (directory.owner != user && directory.owner != 0 && user != 0) {
    findings.push_back({.kind = FindingIs::directory_rights,
                        .level = Level::note,
                        .what = fmt::format("{} belongs to user {}", path, directory.owner),
                        .advice = "no ring can be made there by this user: choose a directory with RINGBOLT_DIR"});
  }
  const bool sticky = (directory.mode & S_ISVTX) != 0;
  const mode_t wanted = (directory.mode | 0700U) & ~(sticky ? 0U : 0022U);
  if (directory.mode != wanted) {
    const bool too_few = (directory.mode & 0700U) != 0700U;
    findings.push_back(
        {.kind = FindingIs::directory_rights,
         .what = fmt::format("{} has the mode {:04o}: {}", path, directory.mode,
                             too_few ? "its owner cannot use it" : "others could put rings of theirs in the place of these"),
         .advice = fmt::format("so rings there are refused: `chmod {:04o} {}`", wanted, path),
         .mend = directory.owner == user ? Mend::set_mode : Mend::none,
         .path = directory.path,
         .mode = wanted});
  }
  for (const std::string& name : directory.leftovers) {
    findings.push_back(
        {.kind = FindingIs::half_made_ring,
         .what = fmt::format("{}/{} was left by a process that died while it made or removed a ring", path, name),
         .advice = "it takes up memory until a ring of that name is made: `ringbolt doctor --fix` removes it",
         .mend = Mend::sweep,
         .path = directory.path + "/" + name});
  }
  return findings;
}

}  // namespace ringbolt::command
