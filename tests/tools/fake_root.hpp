// A machine made of files, for what reads proc, sys and etc.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace ringbolt::command::test {

// With nothing wrong in it. Gone when this goes out of scope.
class FakeRoot {
 public:
  FakeRoot() {
    path_ = std::filesystem::temp_directory_path() / "ringbolt-root-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    put("proc/sys/fs/inotify/max_user_instances", "128\n");
    put("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3\n");
    put("proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax locked memory         unlimited  unlimited  bytes\n");
    for (int i = 0; i < 4; ++i) put_cpu(i, "performance", std::to_string(i));
  }
  ~FakeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  void put(const std::string& file, const std::string& content) const {
    const std::filesystem::path path = std::filesystem::path(path_) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  void put_cpu(int number, const std::string& governor, const std::string& siblings) const {
    const std::string cpu = "sys/devices/system/cpu/cpu" + std::to_string(number);
    put(cpu + "/cpufreq/scaling_governor", governor + "\n");
    put(cpu + "/topology/thread_siblings_list", siblings + "\n");
  }
  // A process with so many inotify instances, and another descriptor.
  void put_process(int pid, int watches) const {
    const std::filesystem::path fds = std::filesystem::path(path_) / "proc" / std::to_string(pid) / "fd";
    std::filesystem::create_directories(fds);
    std::filesystem::create_symlink("/dev/null", fds / "0");
    for (int i = 1; i <= watches; ++i) std::filesystem::create_symlink("anon_inode:inotify", fds / std::to_string(i));
  }

 private:
  std::string path_;
};

}  // namespace ringbolt::command::test
