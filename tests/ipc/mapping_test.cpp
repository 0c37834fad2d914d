// The data region mapped twice back to back: one memory, in which every record is contiguous.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ringbolt/ipc/mapping.hpp>

#include <algorithm>
#include <cstring>
#include <set>

#include "support.hpp"

namespace ringbolt::test {
namespace {

constexpr std::uint64_t kPage = 4'096;

class Mapping : public testing::Test {
 protected:
  Mapping() : fd_(::memfd_create("ring", MFD_CLOEXEC)) { EXPECT_EQ(::ftruncate(fd_, 16 * kPage), 0); }
  ~Mapping() override { ::close(fd_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  ipc::ForkGuard guard_;
  int fd_;
};

TEST_F(Mapping, TheTwoHalvesAreOneMemory) {
  const ipc::DoubleMapping mapping(fd_, kPage, 8 * kPage, kPage, ipc::Access::read_write, "test", guard_);
  std::byte* const data = mapping.data();
  for (std::uint64_t at = 0; at < 8 * kPage; at += 509) {
    data[at] = static_cast<std::byte>(at);
    EXPECT_EQ(data[at + 8 * kPage], static_cast<std::byte>(at));
    data[at + 8 * kPage] = static_cast<std::byte>(at + 1);
    EXPECT_EQ(data[at], static_cast<std::byte>(at + 1));
  }
  std::byte first{};
  ASSERT_EQ(::pread(fd_, &first, 1, kPage), 1);
  EXPECT_EQ(first, data[0]) << "the mapping must begin at its offset";
}

TEST_F(Mapping, IsAligned) {
  const std::uint64_t huge = std::uint64_t{2} << 20;
  for (int i = 0; i < 8; ++i) {
    const ipc::DoubleMapping mapping(fd_, 0, 16 * kPage, huge, ipc::Access::read_write, "test", guard_);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping.data()) % huge, 0U);
  }
}

TEST_F(Mapping, LeavesNothingMappedBehind) {
  std::size_t before = 0;
  const auto mappings = [] {
    FILE* const maps = std::fopen("/proc/self/maps", "r");
    std::size_t count = 0;
    for (int c = std::fgetc(maps); c != EOF; c = std::fgetc(maps)) count += c == '\n' ? 1 : 0;
    std::fclose(maps);
    return count;
  };
  const auto map_many = [&] {
    for (int i = 0; i < 50; ++i) {
      ipc::ForkGuard guard;
      const ipc::DoubleMapping mapping(fd_, 0, 8 * kPage, kPage, ipc::Access::read_write, "test", guard);
      const ipc::FileMapping file(fd_, kPage, ipc::Access::read_only, "test", guard);
      EXPECT_THROW(ipc::DoubleMapping(-1, 0, 8 * kPage, kPage, ipc::Access::read_write, "test", guard), Error);
      EXPECT_THROW(ipc::FileMapping(-1, kPage, ipc::Access::read_only, "test", guard), Error);
    }
  };
  map_many();
  before = mappings();
  map_many();
  EXPECT_LE(mappings(), before + 4) << "a mapping was forgotten";
}

TEST_F(Mapping, ThatIsReadOnlyCannotBeWritten) {
  const int readable = ::open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), O_RDONLY | O_CLOEXEC);
  const ipc::DoubleMapping mapping(readable, 0, 8 * kPage, kPage, ipc::Access::read_only, "test", guard_);
  EXPECT_EQ(::mprotect(mapping.data(), kPage, PROT_READ | PROT_WRITE), -1);
  EXPECT_EQ(::mprotect(mapping.data() + 8 * kPage, kPage, PROT_READ | PROT_WRITE), -1);
  EXPECT_THROW(ipc::DoubleMapping(readable, 0, 8 * kPage, kPage, ipc::Access::read_write, "test", guard_), Error);
  ::close(readable);
}

using Wrapping = IpcTest;

// Sizes that are no divisor of the ring: sooner or later a record begins at every place near its end.
TEST_F(Wrapping, RecordsOfAnySizeSurviveTheEndOfTheRing) {
  auto publisher = Publisher::open("orders", {.capacity_bytes = kSmall});
  auto in_place = Consumer::attach("orders", {.policy = Policy::gate});
  auto copying = Consumer::attach("orders", {.policy = Policy::gate, .read = Read::copy});
  const std::size_t most = publisher.largest_payload_bytes();
  std::set<std::uint64_t> wraps;
  std::uint64_t position = 0;
  for (std::size_t size = 0; wraps.size() < 300; size = (size + 4'099) % (most + 1)) {
    const std::uint64_t sequence = publish_numbered(publisher, 1, size);
    const std::uint64_t end = position + core::record_bytes(size);
    if (position / kSmall != end / kSmall) wraps.insert(kSmall - position % kSmall);
    position = end;
    ASSERT_EQ(poll_sequences(in_place), sequences(sequence, sequence));
    ASSERT_EQ(poll_sequences(copying), sequences(sequence, sequence));
  }
  EXPECT_TRUE(std::ranges::any_of(wraps, [](std::uint64_t before_end) { return before_end <= 32; }))
      << "none whose header is cut by the end";
}

}  // namespace
}  // namespace ringbolt::test
