// A disk that fails a write or a flush once, under ext4, which drops what it could not write and shows it all the same. What
// is reported durable afterwards is on the disk: by the same process, by the next one, and after a power cut.
#include <unistd.h>

#include <ringbolt/core/step.hpp>

#include "mutants/mutated.hpp"
#include "scenario/support_disk.hpp"
#include "scenario/support_lives.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kDiskBytes = std::uint64_t{24} << 20;
constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 10;
constexpr std::uint32_t kSmallBytes = 600;
constexpr std::uint32_t kLargeBytes = 6'000;  // more than a page, so that what follows does not write all of it again
constexpr std::uint64_t kRounds = 4;
constexpr std::uint64_t kImagesOfARound = 3;
constexpr std::uint64_t kMostUntilItFails = 1'000;

enum class Fails : std::uint8_t { write, flush };
enum class Ring : std::uint8_t { survives, is_lost };

class FailingDisk : public Scene {
 protected:
  void SetUp() override {
    std::string why = enter_own_mounts();
    if (why.empty()) why = Disk::why_not();
    if (!why.empty()) GTEST_SKIP() << why;
  }
  void TearDown() override {
    mutants::switch_on("");
    files_.reset();
    disk_.reset();
  }

  // A new disk with a new journal on it.
  void begin() {
    files_.reset();
    disk_.reset();
    forget_ring(directory(), "ring");
    disk_ = std::make_unique<Disk>(directory() + "/disk", kDiskBytes);
    make_ext4(disk_->path());
    disk_->begin_log();
    files_ = std::make_unique<FileSystem>(disk_->path(), directory() + "/mounted");
    lives_ = std::make_unique<Lives>(
        "ring",
        JournalOptions{.directory = files_->path() + "/journal", .sync = Sync::every, .segment_bytes = kSegmentBytes},
        disk_.get());
  }
  Publisher open_again();
  void publish_durable(Publisher& publisher, std::uint64_t events, std::uint32_t payload_bytes);
  void publish_until_it_fails(Publisher& publisher, Fails fails);

  std::string goes_on(Fails fails);
  std::string starts_again(Fails fails, Ring ring);
  std::string check_images();
  std::string check_mounted_again();

  static void expect_loss(const std::string& wrong) {
    std::printf("caught: %s\n", wrong.c_str());
    EXPECT_NE(wrong.find("durable"), std::string::npos);
  }

  std::unique_ptr<Disk> disk_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<Lives> lives_;
  std::uint64_t failures_ = 0;  // that were survived
};

void FailingDisk::publish_durable(Publisher& publisher, std::uint64_t events, std::uint32_t payload_bytes) {
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::uint64_t sequence = lives_->publish(publisher, payload_bytes);
    publisher.wait_durable(sequence);
    lives_->claim(sequence);
  }
}

// Beyond the first segment, whose space ext4 has yet to mark as written with each sync.
void FailingDisk::publish_until_it_fails(Publisher& publisher, Fails fails) {
  publish_durable(publisher, kSegmentBytes / kSmallBytes + 10, kSmallBytes);
  DiskControl& control = disk_->control();
  const std::uint64_t faults = control.faults;
  (fails == Fails::write ? control.fail_writes : control.fail_flushes) = 1;
  for (std::uint64_t i = 0; control.faults == faults; ++i) {
    require(i < kMostUntilItFails, "the disk was not asked for what it fails");
    publish_durable(publisher, 1, kLargeBytes);
  }
}

// A failure that nobody was told of before the death is told to whoever opens the file next, once.
Publisher FailingDisk::open_again() {
  try {
    return lives_->open();
  } catch (const Error& error) {
    require(error.system_errno() == EIO, error.what());
  }
  return lives_->open();
}

// The power is cut at any moment since the log began, and now, when everything that was not flushed is lost.
std::string FailingDisk::check_images() {
  CrashImages crash(*disk_);
  std::vector<std::uint64_t> cuts;
  const LifeBoard& board = lives_->board();
  for (std::uint64_t i = 0; i < kImagesOfARound; ++i)
    cuts.push_back(board.claim.at(random().below(board.claims)).log_entries);
  cuts.push_back(disk_->log_entries());
  std::ranges::sort(cuts);
  const std::string image = directory() + "/image";
  for (const std::uint64_t cut : cuts) {
    crash.make_worst(cut, image);
    forget_ring(directory(), "image-ring");
    FileSystem files(image, directory() + "/image-mounted");
    std::string wrong = lives_->check("image-ring", files.path() + "/journal", lives_->durable_at(cut), ~std::uint64_t{0});
    if (!wrong.empty()) return "in an image: " + wrong;
    files.unmount();
  }
  return {};
}

std::string FailingDisk::check_mounted_again() {
  forget_ring(directory(), "ring");
  files_->unmount();
  files_->mount();
  const LifeBoard& board = lives_->board();
  return lives_->check("ring", lives_->journal().directory, board.durable, board.published);
}

// The journal goes on in a new segment, and says that there was a failure.
std::string FailingDisk::goes_on(Fails fails) {
  begin();
  std::optional<JournalStat> stat;
  {
    Publisher publisher = lives_->open();
    publish_until_it_fails(publisher, fails);
    publish_durable(publisher, 10, kSmallBytes);
    stat = stat_ring("ring").journal;
  }
  if (std::string wrong = check_images(); !wrong.empty()) return wrong;
  if (std::string wrong = check_mounted_again(); !wrong.empty()) return wrong;
  if (!stat || stat->failures == 0 || stat->error != EIO) return "the failure cannot be seen";
  if (stat->state != "running") return "the journal is " + stat->state;
  failures_ += disk_->control().faults;
  return {};
}

// The process is killed before it learns of the failure. The next one sees in the page cache what the disk does not have.
std::string FailingDisk::starts_again(Fails fails, Ring ring) {
  begin();
  const auto victim = start("publisher", [&] {
    Publisher publisher = lives_->open();
    disk_->control().kill = static_cast<std::uint64_t>(::getpid());
    publish_until_it_fails(publisher, fails);
    fail("the disk did not kill the process");
  });
  require(victim->wait() == -SIGKILL, "the publisher was not killed");
  disk_->control().kill = 0;
  const std::uint64_t published = lives_->board().published;
  if (ring == Ring::is_lost) forget_ring(directory(), "ring");
  {
    Publisher publisher = open_again();
    if (ring == Ring::survives && publisher.next_sequence() != published + 1) return "events are gone from the ring";
    if (std::string wrong = check_images(); !wrong.empty()) return wrong;
    publish_durable(publisher, 10, kSmallBytes);
    if (std::string wrong = check_images(); !wrong.empty()) return wrong;
  }
  failures_ += disk_->control().faults;
  return check_mounted_again();
}

TEST_F(FailingDisk, IsSurvivedWithNothingDurableLost) {
  for (std::uint64_t round = 0; round < scaled(kRounds); ++round) {
    for (const Fails fails : {Fails::write, Fails::flush}) ASSERT_EQ(goes_on(fails), "");
  }
  std::printf("%llu failures\n", static_cast<unsigned long long>(failures_));
}

TEST_F(FailingDisk, IsSurvivedOverARestart) {
  for (std::uint64_t round = 0; round < scaled(kRounds); ++round) {
    for (const Fails fails : {Fails::write, Fails::flush}) {
      for (const Ring ring : {Ring::survives, Ring::is_lost}) ASSERT_EQ(starts_again(fails, ring), "");
    }
  }
  std::printf("%llu failures\n", static_cast<unsigned long long>(failures_));
}

TEST_F(FailingDisk, ShowsAJournalThatBelievesASecondSync) {
  mutants::switch_on("believe_second_sync");  // in the processes that are started, too
  expect_loss(goes_on(Fails::write));
  expect_loss(goes_on(Fails::flush));
}

TEST_F(FailingDisk, ShowsARecoveryThatBelievesThePageCache) {
  mutants::switch_on("no_rewrite_of_tail");  // in the processes that are started, too
  expect_loss(starts_again(Fails::write, Ring::is_lost));
  expect_loss(starts_again(Fails::flush, Ring::is_lost));
}

}  // namespace
}  // namespace ringbolt::scenario

extern "C" void ringbolt_on_step(ringbolt::core::Step /*step*/) {}
