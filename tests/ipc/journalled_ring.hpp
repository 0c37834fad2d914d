// What the tests of a ring with a journal share: a place on a disk, and reading a stream of numbers to its end.
#pragma once

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>

#include "journal_files.hpp"
#include "support.hpp"

namespace ringbolt::test {

// A place for journals that a power cut would leave: the tests' rings are in memory.
class JournalledRing : public IpcTest {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::current_path() / "journal-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    disk_ = name;
    struct statfs system {};
    ASSERT_EQ(::statfs(disk_.c_str(), &system), 0);
    if (system.f_type == TMPFS_MAGIC) GTEST_SKIP() << disk_ << " is in memory: nothing durable can be kept there";
  }
  void TearDown() override { std::filesystem::remove_all(disk_); }

  [[nodiscard]] std::string directory(const char* name = "j") const { return disk_ + "/" + name; }
  [[nodiscard]] PublisherOptions journalled(Sync sync = Sync::every) const {
    return {.capacity_bytes = kSmall, .journal = {.directory = directory(), .sync = sync, .segment_bytes = 64 << 10}};
  }
  static void publish_numbers(Publisher& publisher, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) publisher.publish(publisher.next_sequence());
  }
  // The machine restarts: what was in memory is gone.
  void lose_ring(std::string_view ring) const { std::filesystem::remove_all(ring_path(ring)); }

  // Everything up to `last`, each event its own number; what was lost is in `gaps`.
  static std::uint64_t read_up_to(Consumer& consumer, std::uint64_t last, std::vector<Gap>* gaps = nullptr) {
    struct Handler {
      std::uint64_t count = 0;
      std::uint64_t next = 0;
      std::vector<Gap>* gaps = nullptr;
      void operator()(const Event& event) {
        EXPECT_TRUE(next == 0 || event.sequence == next) << event.sequence << " after " << next - 1;
        EXPECT_EQ(event.as<std::uint64_t>(), event.sequence);
        next = event.sequence + 1;
        ++count;
      }
      void operator()(const Gap& gap) {
        ASSERT_NE(gaps, nullptr) << "events " << gap.first << " to " << gap.last << " were lost";
        gaps->push_back(gap);
        next = gap.last + 1;
      }
    } handler{.gaps = gaps};
    while (consumer.next_sequence() <= last && consumer.wait_for(kLong) == Status::ok)
      consumer.poll(handler, std::min<std::uint64_t>(64, last + 1 - consumer.next_sequence()));
    EXPECT_EQ(consumer.next_sequence(), last + 1);
    return handler.count;
  }

  std::string disk_;
};

}  // namespace ringbolt::test
