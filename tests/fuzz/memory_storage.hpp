// A journal's directory on the heap: each file is a block of exactly its size, so that AddressSanitizer sees the first byte
// read beyond it. Copied as a value. Nothing fails here, and nothing is lost: the journal's own tests have disks that do.
#pragma once

#include <ringbolt/ipc/storage.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/target.hpp"

namespace ringbolt::fuzz {

class MemoryStorage final : public ipc::Storage {
 public:
  using Files = std::map<std::string, std::shared_ptr<Bytes>>;

  MemoryStorage() = default;
  explicit MemoryStorage(const std::map<std::string, Bytes>& files) {
    for (const auto& [name, bytes] : files) files_[name] = std::make_shared<Bytes>(bytes);
  }
  [[nodiscard]] std::map<std::string, Bytes> contents() const {
    std::map<std::string, Bytes> all;
    for (const auto& [name, bytes] : files_) all[name] = *bytes;
    return all;
  }
  [[nodiscard]] Bytes& file(const std::string& name) { return *files_.at(name); }

  int create(const std::string& name, std::unique_ptr<ipc::StorageFile>& file) override {
    if (files_.contains(name)) return EEXIST;
    files_[name] = std::make_shared<Bytes>();
    return open(name, true, file);
  }
  int open(const std::string& name, bool /*writable*/, std::unique_ptr<ipc::StorageFile>& file) override {
    const auto found = files_.find(name);
    if (found == files_.end()) return ENOENT;
    file = std::make_unique<File>(found->second);
    return 0;
  }
  int rename(const std::string& from, const std::string& to) override {
    const auto found = files_.find(from);
    if (found == files_.end()) return ENOENT;
    files_[to] = found->second;
    files_.erase(from);
    return 0;
  }
  int remove(const std::string& name) override { return files_.erase(name) == 1 ? 0 : ENOENT; }
  int sync_directory() override { return 0; }
  int list(std::vector<std::string>& names) override {
    names.clear();
    for (const auto& [name, bytes] : files_) names.push_back(name);
    return 0;
  }
  [[nodiscard]] std::string path(const std::string& name) const override { return "memory/" + name; }

 private:
  class File final : public ipc::StorageFile {
   public:
    explicit File(std::shared_ptr<Bytes> bytes) : bytes_(std::move(bytes)) {}
    int write(std::span<const std::byte> bytes, std::uint64_t offset) override {
      if (offset > kMost || bytes.size() > kMost - offset) return EFBIG;
      if (bytes_->size() < offset + bytes.size()) resize(offset + bytes.size());
      std::ranges::copy(bytes, bytes_->begin() + static_cast<std::ptrdiff_t>(offset));
      return 0;
    }
    int read(std::span<std::byte> bytes, std::uint64_t offset, std::size_t& got) override {
      got = offset >= bytes_->size() ? 0 : std::min<std::uint64_t>(bytes.size(), bytes_->size() - offset);
      if (got != 0) std::memcpy(bytes.data(), bytes_->data() + offset, got);
      return 0;
    }
    int sync() override { return 0; }
    int allocate(std::uint64_t bytes, bool /*zeroed*/) override {
      if (bytes > kMost) return ENOSPC;
      resize(bytes);
      return 0;
    }
    int size(std::uint64_t& bytes) override {
      bytes = bytes_->size();
      return 0;
    }
    std::span<const std::byte> map(int& error) override {
      error = 0;
      return *bytes_;
    }

   private:
    static constexpr std::uint64_t kMost = std::uint64_t{16} << 20;
    void resize(std::uint64_t bytes) {
      Bytes exact(bytes);  // no spare room behind it
      std::ranges::copy(std::span(*bytes_).first(std::min<std::size_t>(bytes, bytes_->size())), exact.begin());
      bytes_->swap(exact);
    }
    std::shared_ptr<Bytes> bytes_;
  };

  Files files_;
};

}  // namespace ringbolt::fuzz
