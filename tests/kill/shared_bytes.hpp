// The bytes that an operation shares with other processes: all files below a directory. The test maps them too, asks after each
// instruction whether they have changed, and copies what a kill at this instant would leave behind.
#pragma once

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace ringbolt::kill {

class SharedBytes {
 public:
  explicit SharedBytes(std::string directory);
  ~SharedBytes();
  SharedBytes(const SharedBytes&) = delete;
  SharedBytes& operator=(const SharedBytes&) = delete;

  // Have they changed since the last call, to what was never seen before? With `files_too` it is looked whether there are other
  // files; without, only stores to those there are can be seen, which is what an instruction that is no system call can do.
  [[nodiscard]] bool changed(bool files_too);
  // As they were at the last call, without anybody who holds a lock on them.
  void copy_to(const std::string& directory) const;

 private:
  struct File {
    ino_t inode = 0;
    std::size_t bytes = 0;
    const std::byte* mapped = nullptr;
    std::vector<std::byte> seen;
  };
  void unmap(File& file) noexcept;
  // True if there are others than before.
  bool look_for_files();
  [[nodiscard]] bool look_at_bytes();
  [[nodiscard]] std::size_t hash() const;

  std::string directory_;
  std::map<std::string, File> files_;  // by path below the directory; directories have inode 0
  std::unordered_set<std::size_t> known_;
};

}  // namespace ringbolt::kill
