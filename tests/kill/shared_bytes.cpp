#include "kill/shared_bytes.hpp"

#include "scenario/support.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace ringbolt::kill {

namespace fs = std::filesystem;
using scenario::fail;

SharedBytes::SharedBytes(std::string directory) : directory_(std::move(directory)) { static_cast<void>(changed(true)); }

SharedBytes::~SharedBytes() {
  for (auto& [path, file] : files_) unmap(file);
}

void SharedBytes::unmap(File& file) noexcept {
  if (file.mapped != nullptr) ::munmap(const_cast<std::byte*>(file.mapped), file.bytes);
  file.mapped = nullptr;
}

bool SharedBytes::look_for_files() {
  std::map<std::string, File> now;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory_)) {
    File& file = now[entry.path().lexically_relative(directory_)];
    struct stat status {};
    if (!entry.is_regular_file() || ::stat(entry.path().c_str(), &status) != 0) continue;
    file.inode = status.st_ino;
    file.bytes = static_cast<std::size_t>(status.st_size);
  }
  const bool same = now.size() == files_.size() && std::ranges::equal(now, files_, [](const auto& a, const auto& b) {
                      return a.first == b.first && a.second.inode == b.second.inode && a.second.bytes == b.second.bytes;
                    });
  if (same) return false;
  for (auto& [path, file] : files_) unmap(file);
  files_ = std::move(now);
  for (auto& [path, file] : files_) {
    if (file.bytes == 0) continue;
    const int fd = ::open((directory_ + "/" + path).c_str(), O_RDONLY | O_CLOEXEC);
    void* const memory = fd < 0 ? MAP_FAILED : ::mmap(nullptr, file.bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) ::close(fd);
    if (memory == MAP_FAILED) {  // a thread of the process has taken it away again
      file.bytes = 0;
      continue;
    }
    file.mapped = static_cast<const std::byte*>(memory);
  }
  return true;
}

bool SharedBytes::look_at_bytes() {
  bool changed = false;
  for (auto& [path, file] : files_) {
    if (file.seen.size() == file.bytes && (file.bytes == 0 || std::memcmp(file.seen.data(), file.mapped, file.bytes) == 0))
      continue;
    file.seen.assign(file.mapped, file.mapped + file.bytes);
    changed = true;
  }
  return changed;
}

std::size_t SharedBytes::hash() const {
  std::size_t result = 0;
  const auto mix = [&result](std::string_view bytes) {
    result = result * 0x9e3779b97f4a7c15 + std::hash<std::string_view>{}(bytes);
  };
  for (const auto& [path, file] : files_) {
    mix(path);
    mix({reinterpret_cast<const char*>(file.seen.data()), file.seen.size()});
  }
  return result;
}

bool SharedBytes::changed(bool files_too) {
  const bool others = files_too && look_for_files();
  if (!look_at_bytes() && !others) return false;
  return known_.insert(hash()).second;
}

void SharedBytes::copy_to(const std::string& directory) const {
  fs::remove_all(directory);
  fs::create_directory(directory);
  for (const auto& [path, file] : files_) {
    const std::string to = directory + "/" + path;
    if (file.inode == 0) {
      fs::create_directory(to);
      continue;
    }
    const int fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const auto written = fd < 0 ? -1 : ::write(fd, file.seen.data(), file.seen.size());
    if (fd >= 0) ::close(fd);
    if (written != static_cast<ssize_t>(file.seen.size())) fail("cannot copy " + path);
  }
}

}  // namespace ringbolt::kill
