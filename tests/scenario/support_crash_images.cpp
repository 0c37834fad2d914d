#include <fcntl.h>
#include <unistd.h>

#include <ringbolt/ipc/descriptor.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "scenario/support_block.hpp"

namespace ringbolt::scenario {
namespace {

constexpr std::uint32_t kSector = 512;

}  // namespace

void CrashImages::keep(std::vector<std::byte>& image, const DiskLogEntry& write, std::uint32_t from,
                       std::uint32_t to) const {
  const auto data = disk_.log_data_.subspan(write.data + from, to - from);
  std::ranges::copy(data, image.begin() + static_cast<std::ptrdiff_t>(write.offset + from));
}

void CrashImages::advance(std::uint64_t entries) {
  require(disk_.control().log_full == 0, "the disk's log is full");
  std::uint64_t last_flush = entries;
  while (last_flush > next_ && disk_.log_[last_flush - 1].kind != DiskLogEntry::Kind::flush) --last_flush;
  for (; next_ < last_flush; ++next_) {
    const DiskLogEntry& entry = disk_.log_[next_];
    if (entry.kind == DiskLogEntry::Kind::write && !entry.dropped) keep(flushed_, entry, 0, entry.bytes);
  }
}

void CrashImages::make(std::uint64_t entries, Random& random, const std::string& to) {
  advance(entries);
  std::vector<std::byte> image = flushed_;
  const std::uint64_t kept_of_four = random.below(5);
  for (std::uint64_t at = next_; at < entries; ++at) {
    const DiskLogEntry& entry = disk_.log_[at];
    if (entry.dropped) continue;
    if (random.below(4) >= kept_of_four) {
      ++left_out_;
    } else if (entry.event && !random.one_in(4)) {
      ++torn_;
      for (std::uint32_t sector = 0; sector < entry.bytes; sector += kSector) {
        if (random.one_in(2)) keep(image, entry, sector, std::min(sector + kSector, entry.bytes));
      }
    } else {
      keep(image, entry, 0, entry.bytes);
    }
  }
  store(image, to);
}

void CrashImages::make_worst(std::uint64_t entries, const std::string& to) {
  advance(entries);
  store(flushed_, to);
}

void CrashImages::store(const std::vector<std::byte>& image, const std::string& to) {
  const ipc::Descriptor file(::open(to.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  for (std::size_t done = 0; done < image.size();) {
    const ssize_t wrote = ::pwrite(file.get(), image.data() + done, image.size() - done, static_cast<off_t>(done));
    if (wrote <= 0) fail("cannot write the image " + to + ": " + std::strerror(errno));
    done += static_cast<std::size_t>(wrote);
  }
}

}  // namespace ringbolt::scenario
