// What the journal costs a disk, counted at the disk itself, and what a disk that stands still costs the publisher.
#include <ringbolt/ipc/journal_reader.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "scenario/support_block.hpp"
#include "scenario/support_disk.hpp"

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kDiskBytes = std::uint64_t{32} << 20;
constexpr std::uint64_t kSegmentBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kEventBytes = 400;
constexpr std::uint64_t kCommits = 1'000;  // all in one segment
constexpr std::uint64_t kBursts = 20;
constexpr std::uint64_t kQuietNs = 100'000'000;
constexpr std::uint64_t kStoppedDiskBytes = std::uint64_t{512} << 20;  // as far as it is used

using Payload = std::array<std::byte, kEventBytes>;

// An event that the disk knows as one, wherever it is cut into sectors.
Payload tagged_payload() {
  Payload payload{};
  for (std::size_t at = 0; at < payload.size(); at += sizeof kDiskTag) std::memcpy(payload.data() + at, &kDiskTag, 8);
  return payload;
}

class CountedDisk : public Scene {
 protected:
  void SetUp() override {
    std::string why = enter_own_mounts();
    if (why.empty()) why = Disk::why_not();
    if (!why.empty()) GTEST_SKIP() << why;
    disk_ = std::make_unique<Disk>(directory() + "/disk", kDiskBytes);
    make_ext4(disk_->path());
    files_ = std::make_unique<FileSystem>(disk_->path(), directory() + "/mounted");
  }
  void TearDown() override {
    files_.reset();
    disk_.reset();
  }

  // With a journal that is beyond its first segment, which was not made ahead, and has made the next one.
  Publisher open() {
    Publisher publisher = Publisher::open(
        "ring",
        {.journal = {.directory = files_->path() + "/journal", .sync = Sync::every, .segment_bytes = kSegmentBytes}});
    for (std::uint64_t bytes = 0; bytes < kSegmentBytes + kSegmentBytes / 16; bytes += core::record_bytes(kEventBytes))
      publisher.publish(payload_);
    publisher.wait_durable(publisher.next_sequence() - 1);
    settle();
    return publisher;
  }
  // Until ext4 has written all that it put off, and the disk has been quiet for a while.
  void settle() const {
    files_->sync();
    std::uint64_t seen = 0;
    std::uint64_t since_ns = now_ns();
    await("the disk to be quiet", [&] {
      const std::uint64_t now = disk_->control().writes + disk_->control().flushes;
      if (now != seen) since_ns = now_ns();
      seen = now;
      return now_ns() - since_ns > kQuietNs;
    });
  }
  static std::uint64_t syncs() { return stat_ring("ring").journal->syncs; }

  const Payload payload_ = tagged_payload();
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<FileSystem> files_;
};

TEST_F(CountedDisk, IsWrittenAndFlushedOncePerCommit) {
  Publisher publisher = open();
  const DiskControl& control = disk_->control();
  const std::uint64_t writes = control.writes;
  const std::uint64_t bytes = control.write_bytes;
  const std::uint64_t flushes = control.flushes;
  const std::uint64_t reads = control.reads;
  for (std::uint64_t i = 0; i < kCommits; ++i) publisher.publish_durable(payload_);
  const auto mean = [](std::uint64_t count) { return static_cast<double>(count) / static_cast<double>(kCommits); };
  const double writes_each = mean(control.writes - writes);
  const double flushes_each = mean(control.flushes - flushes);
  std::printf(
      "%llu commits of %llu bytes, inside one segment: %.3f writes of %.0f bytes in all, %.3f flushes, %.3f reads each\n",
      static_cast<unsigned long long>(kCommits), static_cast<unsigned long long>(kEventBytes), writes_each,
      mean(control.write_bytes - bytes), flushes_each, mean(control.reads - reads));
  EXPECT_LE(writes_each, 1.1);
  EXPECT_LE(flushes_each, 1.05);
  EXPECT_GE(flushes_each, 1.0);
  EXPECT_LE(mean(control.reads - reads), 0.05);
}

// Whatever is published while a sync is under way shares the next one.
TEST_F(CountedDisk, IsFlushedOnceForAllThatCameDuringAFlush) {
  Publisher publisher = open();
  DiskControl& control = disk_->control();
  double before = 0;
  for (const std::uint64_t burst : {std::uint64_t{1}, std::uint64_t{8}, std::uint64_t{64}}) {
    const std::uint64_t syncs_before = syncs();
    for (std::uint64_t i = 0; i < kBursts; ++i) {
      const std::uint64_t held = control.held;
      control.hold_flushes = 1;
      publisher.publish(payload_);
      await("the journal to wait for a flush", [&] { return control.held > held; });
      for (std::uint64_t event = 1; event < burst; ++event) publisher.publish(payload_);
      control.hold_flushes = 0;
      publisher.wait_durable(publisher.next_sequence() - 1);
    }
    const double each = static_cast<double>(kBursts * burst) / static_cast<double>(syncs() - syncs_before);
    std::printf("%llu events published during a flush: %.2f events per sync\n", static_cast<unsigned long long>(burst - 1),
                each);
    EXPECT_GT(each, before);
    EXPECT_LE(syncs() - syncs_before, burst == 1 ? kBursts : 2 * kBursts);
    before = each;
  }
}

// The same without a hand on the disk; what comes out is only said.
TEST_F(CountedDisk, IsSharedMoreTheMoreIsPublished) {
  Publisher publisher = open();
  for (const std::uint64_t burst : {std::uint64_t{1}, std::uint64_t{8}, std::uint64_t{64}}) {
    const std::uint64_t syncs_before = syncs();
    const std::uint64_t began_ns = now_ns();
    for (std::uint64_t i = 0; i < kBursts; ++i) {
      for (std::uint64_t event = 0; event < burst; ++event) publisher.publish(payload_);
      publisher.wait_durable(publisher.next_sequence() - 1);
    }
    const double events = static_cast<double>(kBursts * burst);
    std::printf("bursts of %llu: %.2f events per sync, %.0f durable events per second\n",
                static_cast<unsigned long long>(burst), events / static_cast<double>(syncs() - syncs_before),
                events * 1e9 / static_cast<double>(now_ns() - began_ns));
    EXPECT_LE(syncs() - syncs_before, kBursts * burst);
  }
}

class StoppedDisk : public Scene {
 protected:
  void SetUp() override {
    if (const std::string why = enter_own_mounts(); !why.empty()) GTEST_SKIP() << why;
    const std::string image = directory() + "/image";
    make_empty_disk(image, kStoppedDiskBytes);
    make_ext4(image);
    files_ = std::make_unique<FileSystem>(image, directory() + "/mounted");
  }
  void TearDown() override { files_.reset(); }

  Publisher open(std::uint64_t capacity_bytes) {
    return Publisher::open("ring", {.capacity_bytes = capacity_bytes,
                                    .prefault = true,
                                    .journal = {.directory = files_->path() + "/journal", .interval = 1ms}});
  }
  static std::uint64_t times_blocked() {
    for (const ConsumerStat& consumer : stat_ring("ring").consumers) {
      if (consumer.name == kJournalConsumer) return consumer.blocked_count;
    }
    fail("the journal is not among the consumers");
  }

  std::unique_ptr<FileSystem> files_;
};

TEST_F(StoppedDisk, IsNoticedByThePublisherOnlyWhenTheRingIsFull) {
  constexpr std::uint64_t kRingBytes = 1 << 20;
  constexpr std::uint64_t kRoom = kRingBytes / core::record_bytes(sizeof(std::uint64_t));
  Publisher publisher = open(kRingBytes);
  publisher.publish_durable(std::uint64_t{1});
  for (int round = 0; round < 3; ++round) {
    files_->freeze();
    const std::uint64_t blocked = times_blocked();
    for (std::uint64_t i = 1; i < kRoom; ++i) publisher.publish(publisher.next_sequence());
    EXPECT_EQ(times_blocked(), blocked);
    while (publisher.try_publish(publisher.next_sequence())) {
    }
    EXPECT_EQ(publisher.publish_for(std::as_bytes(std::span("none")), 20ms).status, Status::timed_out);
    EXPECT_EQ(times_blocked(), blocked + 1);
    EXPECT_LE(publisher.next_sequence() - publisher.durable_sequence(), kRoom + 2);

    files_->thaw();
    publisher.publish_durable(publisher.next_sequence());
    EXPECT_EQ(publisher.durable_sequence() + 1, publisher.next_sequence());
  }
  JournalReader reader = JournalReader::open(files_->path() + "/journal");
  Event event;
  std::uint64_t next = 1;
  for (; reader.next(event) == Status::ok; ++next) {
    std::uint64_t number = 0;
    ASSERT_EQ(event.payload.size(), sizeof number);
    std::memcpy(&number, event.payload.data(), sizeof number);
    ASSERT_EQ(event.sequence, next);
    ASSERT_EQ(number, next);
  }
  EXPECT_EQ(next, publisher.next_sequence());
}

// `publish` beside a journal whose disk stands still, and beside a gating consumer that does, slice by slice in turn. How
// they compare is only said.
TEST_F(StoppedDisk, CostsThePublisherWhatAConsumerThatStandsStillCosts) {
  constexpr std::uint64_t kRingBytes = 16 << 20;
  constexpr std::uint64_t kSlice = 512;
  constexpr int kFillings = 6;
  using Event64 = std::array<std::byte, 64>;
  constexpr std::uint64_t kSlices = kRingBytes / core::record_bytes(sizeof(Event64)) / kSlice;
  Publisher journalled = open(kRingBytes);
  Publisher plain = Publisher::open("plain", {.capacity_bytes = kRingBytes, .prefault = true});
  Consumer consumer = Consumer::attach("plain", {.policy = Policy::gate});
  const Event64 payload{};
  std::array<std::vector<std::uint64_t>, 2> took_ns;
  const auto slice = [&](Publisher& publisher, std::vector<std::uint64_t>& into) {
    for (std::uint64_t i = 0; i < kSlice; ++i) {
      const std::uint64_t began_ns = now_ns();
      publisher.publish(payload);
      into.push_back(now_ns() - began_ns);
    }
  };
  for (int filling = 0; filling < kFillings; ++filling) {
    files_->freeze();
    for (std::uint64_t i = 0; i < kSlices; ++i) {
      const std::size_t first = i % 2;
      slice(first == 0 ? journalled : plain, took_ns.at(first));
      slice(first == 0 ? plain : journalled, took_ns.at(1 - first));
    }
    files_->thaw();
    journalled.wait_durable(journalled.next_sequence() - 1);
    while (consumer.try_poll([](const Event& /*event*/) {}, kSlice).status == Status::ok) {
    }
  }
  const auto at = [&](std::size_t whose, double share) {
    auto& all = took_ns.at(whose);
    const auto place = all.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(all.size()));
    std::ranges::nth_element(all, place);
    return static_cast<double>(*place);
  };
  for (const double share : {0.5, 0.999}) {
    std::printf("%.1f %%: %.0f ns beside a stopped disk, %.0f ns beside a stopped consumer: %.3f\n", 100 * share,
                at(0, share), at(1, share), at(0, share) / at(1, share));
  }
  EXPECT_EQ(times_blocked(), 0U);
}

}  // namespace
}  // namespace ringbolt::scenario
