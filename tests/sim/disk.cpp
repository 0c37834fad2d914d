#include "disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>

namespace ringbolt::sim {

using ipc::Storage;
using ipc::StorageFile;
using ipc::test::Call;

namespace {

// A file as one process has it open. A write may come in two pieces, with a death or a power cut between them.
class File final : public StorageFile {
 public:
  File(Disk& disk, std::unique_ptr<StorageFile> file) : disk_(disk), file_(std::move(file)) {}

  int write(std::span<const std::byte> bytes, std::uint64_t offset) override {
    disk_.before(Call::write);
    if (bytes.size() > 1 && disk_.in_pieces()) {
      const std::size_t first = 1 + disk_.below(bytes.size() - 1);
      if (const int error = file_->write(bytes.first(first), offset); error != 0) return error;
      disk_.pass(0);
      bytes = bytes.subspan(first);
      offset += first;
    }
    return file_->write(bytes, offset);
  }
  int read(std::span<std::byte> bytes, std::uint64_t offset, std::size_t& got) override {
    disk_.before(Call::read);
    return file_->read(bytes, offset, got);
  }
  int sync() override {
    disk_.before(Call::sync);
    const int error = file_->sync();
    disk_.pass(50'000 + disk_.below(200'000));
    return error;
  }
  int allocate(std::uint64_t bytes, bool zeroed) override {
    disk_.before(Call::allocate);
    return file_->allocate(bytes, zeroed);
  }
  int size(std::uint64_t& bytes) override { return file_->size(bytes); }
  std::span<const std::byte> map(int& error) override { return file_->map(error); }

 private:
  Disk& disk_;
  std::unique_ptr<StorageFile> file_;
};

class Directory final : public Storage {
 public:
  Directory(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  int create(const std::string& name, std::unique_ptr<StorageFile>& file) override {
    disk_.before(Call::create);
    return wrapped(disk_.now().create(name, file), file);
  }
  int open(const std::string& name, bool writable, std::unique_ptr<StorageFile>& file) override {
    disk_.before(Call::open);
    return wrapped(disk_.now().open(name, writable, file), file);
  }
  int rename(const std::string& from, const std::string& to) override {
    disk_.before(Call::rename);
    return disk_.now().rename(from, to);
  }
  int remove(const std::string& name) override {
    disk_.before(Call::remove);
    return disk_.now().remove(name);
  }
  int sync_directory() override {
    disk_.before(Call::sync_directory);
    return disk_.now().sync_directory();
  }
  int list(std::vector<std::string>& names) override { return disk_.now().list(names); }
  std::string path(const std::string& name) const override { return path_ + "/" + name; }

 private:
  int wrapped(int error, std::unique_ptr<StorageFile>& file) {
    if (error == 0) file = std::make_unique<File>(disk_, std::move(file));
    return error;
  }

  Disk& disk_;
  std::string path_;
};

}  // namespace

Disk* Disk::instance_ = nullptr;

Disk::Disk(std::string directory, std::uint64_t seed, std::function<bool()> fails)
    : directory_(std::move(directory)), random_(seed), fails_(std::move(fails)) {
  disks_.push_back(std::make_unique<ipc::test::SimDisk>(random_.next()));
  std::filesystem::create_directories(directory_);
  instance_ = this;
}

Disk::~Disk() { instance_ = nullptr; }

std::unique_ptr<Storage> Disk::open(const std::string& path) { return std::make_unique<Directory>(*this, path); }

void Disk::pass(std::uint64_t ns) {
  Machine* const machine = Machine::current();
  if (machine == nullptr) return;
  if (ns != 0) machine->sleep(ns);
  machine->point();
}

void Disk::before(Call call) {
  pass(0);
  if (call == Call::read || call == Call::open || call == Call::remove || !fails_()) return;
  ++faults_;
  const bool space = call == Call::create || call == Call::allocate || (call == Call::write && random_.one_in(2));
  now().fail(call, 0, space ? ENOSPC : EIO, 1);
}

void Disk::cursor_synced(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  std::error_code error;
  const std::string path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
  if (error || path.find("/journal/cursors/") == std::string::npos) return;
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  if (::pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return;
  std::string name = std::filesystem::path(path).filename();
  if (name.starts_with('.')) name = name.substr(1, name.size() - 5);  // ".NAME.new" comes to its name at once
  cursors_[name] = std::move(bytes);
}

void Disk::cut_power() {
  auto image = std::make_unique<ipc::test::SimDisk>(random_.next());
  now().cut_power(random_, *image);
  disks_.push_back(std::move(image));
  const std::filesystem::path cursors = directory_ + "/cursors";
  for (auto& [name, kept] : cursors_) {
    const std::filesystem::path file = cursors / name;
    std::ifstream in(file, std::ios::binary);
    Bytes shown((std::istreambuf_iterator<char>(in)), {});
    in.close();
    for (std::size_t at = 0; at < std::min(shown.size(), kept.size()); at += ipc::test::kSectorBytes) {
      const std::size_t end = std::min(at + ipc::test::kSectorBytes, kept.size());
      std::size_t cut = 0;  // what is before it is new
      switch (random_.below(3)) {
        case 0: break;
        case 1: cut = end - at; break;
        default: cut = random_.below(std::min<std::uint64_t>(end - at, 128));
      }
      std::copy_n(shown.begin() + static_cast<std::ptrdiff_t>(at), cut, kept.begin() + static_cast<std::ptrdiff_t>(at));
    }
    std::ofstream(file, std::ios::binary | std::ios::trunc).write(kept.data(), static_cast<std::streamsize>(kept.size()));
  }
}

}  // namespace ringbolt::sim

namespace ringbolt::ipc {

std::unique_ptr<Storage> open_directory(const std::string& path, bool /*create*/) {
  return sim::Disk::current()->open(path);
}

}  // namespace ringbolt::ipc
