#include "scenario/support_block.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <ringbolt/ipc/descriptor.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringbolt::scenario {
namespace {

using ipc::Descriptor;

constexpr std::uint32_t kLargestWrite = 1 << 20;
constexpr std::uint32_t kSector = 512;
constexpr std::uint64_t kLogBytes = std::uint64_t{512} << 20;  // of addresses; memory only as far as it is used
constexpr std::uint64_t kLogEntries = 1 << 20;

template <class T>
std::span<T> share(std::uint64_t count) {
  void* const memory =
      ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for a disk");
  return {static_cast<T*>(memory), static_cast<std::size_t>(count)};
}

template <class T>
void unshare_memory(std::span<T> memory) {
  ::munmap(memory.data(), memory.size_bytes());
}

bool has_events(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at + sizeof kDiskTag <= bytes.size(); at += sizeof kDiskTag) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if (word == kDiskTag) return true;
  }
  return false;
}

// One that may fail: takes its turn from what is left of them.
bool take_one(Count& left) {
  std::uint64_t seen = left;
  while (seen != 0 && !left.compare_exchange_weak(seen, seen - 1)) {
  }
  return seen != 0;
}

// The process that is the disk. Its file system is one file, which is its root.
class Server {
 public:
  Server(int fuse, std::span<std::byte> disk, std::span<std::byte> log_data, std::span<DiskLogEntry> log,
         DiskControl& control)
      : fuse_(fuse), disk_(disk), log_data_(log_data), log_(log), control_(control), request_(kLargestWrite + 65'536) {}

  void run() {
    for (;;) {
      const ssize_t got = ::read(fuse_, request_.data(), request_.size());
      if (got < 0 && errno == ENODEV) return;  // unmounted
      if (got < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT)
        fail("cannot read what the kernel asks of a disk");
      if (got >= static_cast<ssize_t>(sizeof header_)) answer();
    }
  }

 private:
  template <class T>
  [[nodiscard]] T body() const {
    T value{};
    std::memcpy(&value, request_.data() + sizeof header_, sizeof value);
    return value;
  }

  void answer() {
    std::memcpy(&header_, request_.data(), sizeof header_);
    switch (header_.opcode) {
      case FUSE_INIT: return init();
      case FUSE_GETATTR: return attributes();
      case FUSE_SETATTR: return attributes();
      case FUSE_OPEN: return open();
      case FUSE_READ: return read();
      case FUSE_WRITE: return write();
      case FUSE_FSYNC: return flush();
      case FUSE_STATFS: return reply(fuse_statfs_out{});
      case FUSE_FLUSH:
      case FUSE_RELEASE: return reply_error(0);
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT: return;  // nobody waits for an answer
      default: return reply_error(ENOSYS);
    }
  }

  void send(int error, std::span<const std::byte> data) const {
    fuse_out_header out{};
    out.len = static_cast<std::uint32_t>(sizeof out + data.size());
    out.error = -error;
    out.unique = header_.unique;
    const std::array<iovec, 2> parts{{{&out, sizeof out}, {const_cast<std::byte*>(data.data()), data.size()}}};
    // ENOENT: whoever asked has gone.
    if (::writev(fuse_, parts.data(), 2) < 0 && errno != ENOENT && errno != ENODEV) fail("cannot answer for a disk");
  }
  void reply_error(int error) const { send(error, {}); }
  template <class T>
  void reply(const T& value) const {
    send(0, std::as_bytes(std::span(&value, 1)));
  }

  void init() const {
    const auto in = body<fuse_init_in>();
    fuse_init_out out{};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = std::min<std::uint32_t>(FUSE_KERNEL_MINOR_VERSION, in.minor);
    out.max_readahead = in.max_readahead;
    out.flags = in.flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES);
    out.max_background = 16;
    out.congestion_threshold = 12;
    out.max_write = kLargestWrite;
    out.max_pages = kLargestWrite / 4'096;
    out.time_gran = 1;
    reply(out);
  }

  void attributes() const {
    fuse_attr_out out{};
    out.attr_valid = 3'600;
    out.attr.ino = FUSE_ROOT_ID;
    out.attr.size = disk_.size();
    out.attr.blocks = disk_.size() / kSector;
    out.attr.mode = S_IFREG | 0600;
    out.attr.nlink = 1;
    out.attr.blksize = 4'096;
    reply(out);
  }

  void open() const {
    fuse_open_out out{};
    out.open_flags = FOPEN_DIRECT_IO;  // no second cache
    reply(out);
  }

  void read() {
    const auto in = body<fuse_read_in>();
    ++control_.reads;
    const std::uint64_t from = std::min<std::uint64_t>(in.offset, disk_.size());
    send(0, disk_.subspan(from, std::min<std::uint64_t>(in.size, disk_.size() - from)));
  }

  void write() {
    const auto in = body<fuse_write_in>();
    const auto data = std::span<const std::byte>(request_).subspan(sizeof header_ + sizeof in, in.size);
    if (in.offset + in.size > disk_.size()) return reply_error(ENOSPC);
    const bool event = has_events(data);
    if (event && take_one(control_.fail_writes)) return fail_with_eio();
    const auto place = disk_.subspan(in.offset, in.size);
    unflushed_.push_back({in.offset, {place.begin(), place.end()}});
    only_events_ = only_events_ && event;
    std::ranges::copy(data, place.begin());
    note({DiskLogEntry::Kind::write, event, false, in.size, in.offset, control_.log_bytes}, data);
    ++control_.writes;
    control_.write_bytes += in.size;
    fuse_write_out out{};
    out.size = in.size;
    reply(out);
  }

  void flush() {
    if (control_.hold_flushes != 0) {
      ++control_.held;
      while (control_.hold_flushes != 0) breathe();
    }
    const bool events = only_events_ && !unflushed_.empty();
    if (events && take_one(control_.fail_flushes)) {
      lose_unflushed();
      return fail_with_eio();
    }
    note({DiskLogEntry::Kind::flush, false, false, 0, 0, 0}, {});
    begin_unflushed();
    ++control_.flushes;
    reply_error(0);
  }

  void lose_unflushed() {
    for (auto write = unflushed_.rbegin(); write != unflushed_.rend(); ++write)
      std::ranges::copy(write->before, disk_.begin() + static_cast<std::ptrdiff_t>(write->offset));
    for (std::uint64_t entry = control_.log_entries; entry-- > 0 && log_[entry].kind == DiskLogEntry::Kind::write;)
      log_[entry].dropped = true;
    begin_unflushed();
  }

  void begin_unflushed() {
    unflushed_.clear();
    only_events_ = true;
  }

  void fail_with_eio() {
    ++control_.faults;
    if (const std::uint64_t victim = control_.kill; victim != 0) ::kill(static_cast<pid_t>(victim), SIGKILL);
    reply_error(EIO);
  }

  void note(const DiskLogEntry& entry, std::span<const std::byte> data) {
    const std::uint64_t at = control_.log_entries;
    if (at == log_.size() || entry.data + data.size() > log_data_.size()) {
      control_.log_full = 1;
      return;
    }
    if (!data.empty()) std::ranges::copy(data, log_data_.begin() + static_cast<std::ptrdiff_t>(entry.data));
    log_[at] = entry;
    control_.log_bytes += data.size();
    control_.log_entries = at + 1;
  }

  struct Before {
    std::uint64_t offset;
    std::vector<std::byte> before;
  };

  int fuse_;
  std::span<std::byte> disk_;
  std::span<std::byte> log_data_;
  std::span<DiskLogEntry> log_;
  DiskControl& control_;
  std::vector<std::byte> request_;
  fuse_in_header header_{};
  std::vector<Before> unflushed_;
  bool only_events_ = true;
};

}  // namespace

std::string Disk::why_not() {
  if (!Descriptor(::open("/dev/fuse", O_RDWR | O_CLOEXEC)))
    return std::string("cannot open /dev/fuse: ") + std::strerror(errno);
  return {};
}

Disk::Disk(std::string path, std::uint64_t bytes)
    : path_(std::move(path)),
      bytes_(bytes),
      now_(share<std::byte>(bytes)),
      log_data_(share<std::byte>(kLogBytes)),
      log_(share<DiskLogEntry>(kLogEntries)) {
  Descriptor fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  static_cast<void>(Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)));  // what it is mounted over
  const std::string options = "fd=" + std::to_string(fuse.get()) + ",rootmode=100600,user_id=0,group_id=0,allow_other";
  if (::mount("disk", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    fail("cannot mount a disk at " + path_ + ": " + std::strerror(errno));
  server_ = std::make_unique<Process>("disk", [this, fd = fuse.get()] { serve(fd); });
}

Disk::~Disk() {
  ::umount2(path_.c_str(), MNT_DETACH);
  server_.reset();
  unshare_memory(now_);
  unshare_memory(log_data_);
  unshare_memory(log_);
}

void Disk::serve(int fuse) { Server(fuse, now_, log_data_, log_, *control_).run(); }

void Disk::begin_log() {
  beginning_.assign(now_.begin(), now_.end());
  control_->log_entries = 0;
  control_->log_bytes = 0;
}

std::uint64_t Disk::next_events(std::uint64_t from) const noexcept {
  while (from < log_entries() && !log_[from].event) ++from;
  return from;
}

std::uint64_t Disk::next_flush(std::uint64_t from) const noexcept {
  while (from < log_entries() && log_[from].kind != DiskLogEntry::Kind::flush) ++from;
  return from;
}

}  // namespace ringbolt::scenario
