// A directory for journals, on the file system that is measured, gone afterwards.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace ringbolt::bench {

class JournalPlace {
 public:
  explicit JournalPlace(const std::string& parent) : path_(parent + "/ringbolt-bench-journal-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("cannot make " + path_ + ": " + std::strerror(errno) + "; choose another with --dir");
  }
  ~JournalPlace() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  JournalPlace(const JournalPlace&) = delete;
  JournalPlace& operator=(const JournalPlace&) = delete;
  [[nodiscard]] std::string at(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ringbolt::bench
