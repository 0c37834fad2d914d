// Asks the system. Nothing here judges, and nothing is changed.
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <ringbolt/ipc/admin.hpp>
#include <ringbolt/ipc/parking.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "doctor.hpp"
#include "journal_place.hpp"

namespace ringbolt::command {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// What stands behind `key` in the line that begins with it.
std::string value_of(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t at = line.find_first_not_of(" \t", key.size());
    return at == std::string::npos ? "" : line.substr(at);
  }
  return {};
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return number;
}

// `0-3,8`, as the kernel writes sets of processors.
std::vector<unsigned> cpu_list(const std::string& text) {
  constexpr unsigned most = 1U << 16;
  std::vector<unsigned> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto first = number_in<unsigned>(part);
    if (!first || *first >= most) continue;
    const std::size_t dash = part.find('-');
    const auto last = dash == std::string::npos ? first : number_in<unsigned>(std::string_view(part).substr(dash + 1));
    for (unsigned cpu = *first; last && cpu <= std::min(*last, most); ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

// Entries of a directory, by name; none where it cannot be read.
std::vector<fs::path> entries_in(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  for (fs::directory_iterator at(directory, ignored), end; !ignored && at != end; at.increment(ignored))
    entries.push_back(at->path());
  std::ranges::sort(entries);
  return entries;
}

bool is_number(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// ---- the machine -------------------------------------------------------------------------------------------------------

std::vector<CpuFacts> read_cpus(const fs::path& root) {
  const std::vector<unsigned> allowed = cpu_list(value_of(root / "proc/self/status", "Cpus_allowed_list:"));
  std::vector<CpuFacts> cpus;
  for (const fs::path& path : entries_in(root / "sys/devices/system/cpu")) {
    const std::string name = path.filename();
    if (!name.starts_with("cpu") || !is_number(name.substr(3))) continue;
    CpuFacts cpu;
    cpu.number = number_in<unsigned>(std::string_view(name).substr(3)).value_or(0);
    if (!allowed.empty() && std::ranges::find(allowed, cpu.number) == allowed.end()) continue;
    cpu.governor = first_line(path / "cpufreq/scaling_governor");
    cpu.siblings = cpu_list(first_line(path / "topology/thread_siblings_list"));
    cpus.push_back(std::move(cpu));
  }
  std::ranges::sort(cpus, {}, &CpuFacts::number);
  return cpus;
}

// `Max locked memory  8388608  8388608  bytes`; empty: unlimited.
std::optional<std::uint64_t> read_locked_most(const fs::path& root) {
  return number_in<std::uint64_t>(value_of(root / "proc/self/limits", "Max locked memory"));
}

// Of all processes of this user; of those whose descriptors cannot be seen there are none.
std::uint64_t count_watches(const fs::path& root, uid_t user) {
  std::uint64_t count = 0;
  for (const fs::path& process : entries_in(root / "proc")) {
    struct stat status {};
    if (!is_number(process.filename()) || ::stat(process.c_str(), &status) != 0 || status.st_uid != user) continue;
    for (const fs::path& fd : entries_in(process / "fd")) {
      std::error_code ignored;
      if (fs::read_symlink(fd, ignored) == "anon_inode:inotify") ++count;
    }
  }
  return count;
}

// The last word is the one of the drop-in whose name comes last, wherever it lies.
bool read_removes_ipc(const fs::path& root) {
  std::map<std::string, fs::path> drop_ins;
  for (const char* place : {"usr/lib", "run", "etc"}) {
    for (const fs::path& file : entries_in(root / place / "systemd/logind.conf.d"))
      if (file.extension() == ".conf") drop_ins[file.filename()] = file;
  }
  std::vector<fs::path> files{root / "usr/lib/systemd/logind.conf", root / "etc/systemd/logind.conf"};
  for (const auto& [name, file] : drop_ins) files.push_back(file);
  bool removes = true;  // unless said
  for (const fs::path& file : files) {
    const std::string said = value_of(file, "RemoveIPC=");
    if (!said.empty()) removes = said == "yes" || said == "true" || said == "on" || said == "1";
  }
  return removes;
}

std::string user_name(uid_t user) {
  std::array<char, 16'384> buffer{};
  struct passwd entry {};
  struct passwd* found = nullptr;
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : std::string();
}

}  // namespace

MachineFacts gather_machine(const std::string& root_path) {
  const fs::path root(root_path);
  std::error_code ignored;
  MachineFacts machine;
  machine.user = ::geteuid();
  machine.cpus = read_cpus(root);
  machine.clock_source = first_line(root / "sys/devices/system/clocksource/clocksource0/current_clocksource");
  machine.shared_huge_pages = first_line(root / "sys/kernel/mm/transparent_hugepage/shmem_enabled");
  machine.locked_most = read_locked_most(root);
  machine.has_barriers = ipc::register_for_barriers() && ipc::barrier_in_all_processes();
  machine.watches_most = number_in<std::uint64_t>(first_line(root / "proc/sys/fs/inotify/max_user_instances")).value_or(0);
  machine.watches = count_watches(root, machine.user);
  machine.logs_users_out = fs::exists(root / "run/systemd/system", ignored);
  machine.removes_ipc = read_removes_ipc(root);
  const std::string user = user_name(machine.user);
  machine.lingers = !user.empty() && fs::exists(root / "var/lib/systemd/linger" / user, ignored);
  return machine;
}

// ---- rings -------------------------------------------------------------------------------------------------------------

DirectoryFacts gather_directory(const std::string& path) {
  DirectoryFacts directory;
  directory.path = path;
  directory.is_shm = path == "/dev/shm" || path.starts_with("/dev/shm/");
  struct stat status {};
  directory.is_there = ::lstat(path.c_str(), &status) == 0;
  directory.owner = status.st_uid;
  directory.mode = status.st_mode & 07777;
  // Where it would be made, what it would be made in counts.
  const std::string counted = directory.is_there ? path : fs::path(path).parent_path().string();
  struct statvfs room {};
  if (::statvfs(counted.c_str(), &room) == 0) {
    directory.free_bytes = std::uint64_t{room.f_bavail} * room.f_frsize;
    directory.all_bytes = std::uint64_t{room.f_blocks} * room.f_frsize;
    directory.free_files = room.f_favail;
    directory.all_files = room.f_files;
  }
  directory.leftovers = list_leftovers(path);
  return directory;
}

namespace {

std::vector<FileFacts> read_files(const std::string& path) {
  std::vector<FileFacts> files;
  for (const char* name : {"", "events", "consumers", "locks", "lease"}) {
    const std::string file = *name == '\0' ? path : path + "/" + name;
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) continue;
    files.push_back({.name = name, .path = file, .owner = status.st_uid, .mode = status.st_mode & 07777});
  }
  return files;
}

void read_journal(RingFacts& ring, const std::string& directory, std::uint64_t most_bytes) {
  std::uint64_t bytes = 0;
  for (const fs::path& file : entries_in(directory)) {
    std::error_code ignored;
    if (file.extension() == ".segment") bytes += fs::file_size(file, ignored);
  }
  if (bytes > most_bytes) {
    ring.unread_bytes = bytes;
    return;
  }
  Progress progress;
  try {
    ring.check =
        verify_journal(directory, [&](std::uint64_t done, std::uint64_t all) { progress.show("reading", done, all); });
  } catch (const Error& error) {
    ring.check_failed = error.what();
  }
}

}  // namespace

RingFacts gather_ring(const std::string& name, std::uint64_t most_bytes) {
  RingFacts ring;
  ring.name = name;
  try {
    ring.stat = stat_ring(name);
    ring.files = read_files(ring.stat->path);
  } catch (const Error& error) {
    if (error.code() == Code::not_found || error.code() == Code::bad_name || error.code() == Code::bad_option) throw;
    ring.code = error.code();
    ring.why = error.what();
    const bool is_path = name.find('/') != std::string::npos;
    ring.files = read_files(is_path ? name : ring_parent_directory() + "/" + name);
  }
  if (ring.stat && ring.stat->journal) read_journal(ring, ring.stat->journal->directory, most_bytes);
  return ring;
}

}  // namespace ringbolt::command
