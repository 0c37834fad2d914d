// Disks of the tests' own, for the scenarios of the journal: a file with an ext4 in it, on a loop device, mounted where only
// this test and its processes see it. The power can be cut, and the file system frozen.
//
// Nothing is left behind, however the test goes: the mounts go with its last process, a loop device with its last mount, and
// a frozen file system is thawed by a process that outlives the test for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "scenario/support.hpp"

namespace ringbolt::scenario {

// Gives this process mounts of its own. The answer says why this machine cannot run such a test; empty: it can.
[[nodiscard]] std::string enter_own_mounts();

// A new file of so many zeros, which take no space.
void make_empty_disk(const std::string& image, std::uint64_t bytes);
// Makes an ext4 in that file, which is long enough.
void make_ext4(const std::string& image);

class FileSystem {
 public:
  // Mounts the ext4 in `image` at `path`, a directory that is made if it is missing.
  FileSystem(std::string image, std::string path);
  ~FileSystem();  // thaws and unmounts, waiting for nobody
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void mount();
  void unmount();  // nobody uses it any more; waits for those who are still dying

  void sync() const;  // brings everything to the disk

  // From here on nothing reaches the disk. What is lost beside the data that was not synced: what ext4's own journal had not
  // written yet, or only that data.
  enum class Lost : std::uint32_t { data_only = 1, data_and_names = 2 };
  void cut_power(Lost lost) const;

  void freeze();  // whoever writes waits in the kernel
  void thaw();

 private:
  std::string image_;
  std::string path_;
  bool mounted_ = false;
  int thaw_pipe_ = -1;
};

}  // namespace ringbolt::scenario
