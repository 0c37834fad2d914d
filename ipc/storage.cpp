#include <ringbolt/ipc/descriptor.hpp>
#include <ringbolt/ipc/error.hpp>
#include <ringbolt/ipc/storage.hpp>
#include <ringbolt/ipc/system.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringbolt::ipc {
namespace {

int answer(int result) noexcept { return result == 0 ? 0 : errno; }

class PosixFile final : public StorageFile {
 public:
  explicit PosixFile(int fd) noexcept : fd_(fd) {}
  ~PosixFile() override {
    if (mapped_ != nullptr) sys::munmap(mapped_, mapped_bytes_);
  }

  int write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    while (!bytes.empty()) {
      const ssize_t written = sys::pwrite(fd_.get(), bytes.data(), bytes.size(), offset);
      if (written < 0) return errno;
      if (written == 0) return ENOSPC;
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    return 0;
  }

  int read(std::span<std::byte> bytes, std::uint64_t offset, std::size_t& got) override {
    got = 0;
    while (got < bytes.size()) {
      const ssize_t count = sys::pread(fd_.get(), bytes.data() + got, bytes.size() - got, offset + got);
      if (count < 0) return errno;
      if (count == 0) break;
      got += static_cast<std::size_t>(count);
    }
    return 0;
  }

  // The file's length does not change after `allocate`, so the data alone is enough. Never repeated: see storage.hpp.
  int sync() override { return answer(sys::fdatasync(fd_.get())); }

  int allocate(std::uint64_t bytes, bool zeroed) override {
    const int result = sys::fallocate(fd_.get(), bytes);
    if (result != 0 && errno != EOPNOTSUPP) return errno;
    if (result != 0) {  // no promise of space on such a file system: write it
      if (sys::ftruncate(fd_.get(), bytes) != 0) return errno;
      zeroed = true;
    }
    if (!zeroed) return 0;
    const std::vector<std::byte> zeros(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, std::uint64_t{1} << 20)));
    for (std::uint64_t offset = 0; offset < bytes; offset += zeros.size()) {
      const auto part =
          std::span(zeros).first(static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), bytes - offset)));
      if (const int error = write(part, offset); error != 0) return error;
    }
    if (sys::fsync(fd_.get()) != 0) return errno;
    // What was written in one piece lies in large folios, and a small write would then cost a sync of all of one.
    sys::drop_from_page_cache(fd_.get());
    return 0;
  }

  int size(std::uint64_t& bytes) override {
    struct stat status {};
    if (sys::fstat(fd_.get(), &status) != 0) return errno;
    bytes = static_cast<std::uint64_t>(status.st_size);
    return 0;
  }

  std::span<const std::byte> map(int& error) override {
    error = 0;
    if (mapped_ == nullptr) {
      std::uint64_t bytes = 0;
      if (error = size(bytes); error != 0) return {};
      if (bytes == 0) return {};
      void* const address = sys::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd_.get(), 0);
      if (address == MAP_FAILED) {
        error = errno;
        return {};
      }
      sys::madvise(address, bytes, MADV_DONTFORK);
      mapped_ = address;
      mapped_bytes_ = bytes;
    }
    return {static_cast<const std::byte*>(mapped_), static_cast<std::size_t>(mapped_bytes_)};
  }

 private:
  Descriptor fd_;
  void* mapped_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
};

class PosixStorage final : public Storage {
 public:
  PosixStorage(Descriptor directory, std::string path) : directory_(std::move(directory)), path_(std::move(path)) {}

  int create(const std::string& name, std::unique_ptr<StorageFile>& file) override {
    return open_with(name, O_RDWR | O_CREAT | O_EXCL, file);
  }
  int open(const std::string& name, bool writable, std::unique_ptr<StorageFile>& file) override {
    return open_with(name, writable ? O_RDWR : O_RDONLY, file);
  }
  int rename(const std::string& from, const std::string& to) override {
    return answer(sys::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()));
  }
  int remove(const std::string& name) override { return answer(sys::unlinkat(directory_.get(), name.c_str(), 0)); }
  int sync_directory() override { return answer(sys::fsync(directory_.get())); }

  int list(std::vector<std::string>& names) override {
    names.clear();
    const int copy = sys::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return errno;
    DIR* const entries = sys::fdopendir(copy);
    if (entries == nullptr) {
      const int error = errno;
      sys::close(copy);
      return error;
    }
    errno = 0;
    while (const dirent* entry = sys::readdir(entries)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    const int error = errno;
    sys::closedir(entries);
    return error;
  }

  std::string path(const std::string& name) const override { return path_ + "/" + name; }

 private:
  int open_with(const std::string& name, int flags, std::unique_ptr<StorageFile>& file) {
    // O_NONBLOCK: where somebody has put a pipe, open(2) would wait for its other end.
    const int fd = sys::openat(directory_.get(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (fd < 0) return errno;
    Descriptor owned(fd);
    struct stat status {};
    if (sys::fstat(fd, &status) != 0) return errno;
    if (!S_ISREG(status.st_mode)) return EINVAL;
    file = std::make_unique<PosixFile>(owned.release());
    return 0;
  }

  Descriptor directory_;
  std::string path_;
};

[[noreturn]] void throw_cannot_open(const std::string& path, int error) {
  const std::string what = "cannot open journal directory " + path + ": " + std::strerror(error);
  if (error == ENOENT) throw Error(Code::not_found, what + ": give an existing directory, or one in an existing one", error);
  if (error == ENOTDIR || error == ELOOP)
    throw Error(Code::bad_option, what + ": a journal is a directory: choose another place", error);
  if (error == EACCES || error == EPERM || error == EROFS)
    throw Error(Code::not_allowed, what + ": choose a directory that this user may write", error);
  throw Error(error == ENOSPC ? Code::no_space : Code::system, what, error);
}

}  // namespace

std::unique_ptr<Storage> open_directory(const std::string& path, bool create) {
  if (create && sys::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) throw_cannot_open(path, errno);
  const int fd = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw_cannot_open(path, errno);
  return std::make_unique<PosixStorage>(Descriptor(fd), path);
}

}  // namespace ringbolt::ipc
