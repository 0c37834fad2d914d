// Power cuts on a real file system: ext4 that is shut down while a journal is written to it, and ext4 from every state that a
// disk with a volatile cache could have been left in. What was reported durable is there; and a journal that reports too
// early is caught by the same test.
#include <ringbolt/core/step.hpp>

#include "counts.hpp"
#include "mutants/mutated.hpp"
#include "scenario/support_disk.hpp"
#include "scenario/support_lives.hpp"

#include <algorithm>
#include <filesystem>

namespace ringbolt::scenario {
namespace {

constexpr std::uint64_t kCuts = 110;
constexpr std::uint64_t kLivesOfAJournal = 10;
constexpr std::uint64_t kImages = 130;
constexpr std::uint64_t kImageLives = 8;
constexpr std::uint64_t kDiskBytes = std::uint64_t{24} << 20;
constexpr std::uint64_t kEventsOfALife = 1'200;
constexpr std::uint64_t kMutantTries = 40;  // until one is caught

class PowerCut : public Scene {
 protected:
  void SetUp() override {
    std::string why = enter_own_mounts();
    if (why.empty()) why = Disk::why_not();
    if (!why.empty()) GTEST_SKIP() << why;
  }
  void TearDown() override { mutants::switch_on(""); }

  static void expect_loss(const std::string& wrong) {
    std::printf("caught: %s\n", wrong.c_str());
    EXPECT_NE(wrong.find("durable"), std::string::npos);
  }

  JournalOptions journal(const std::string& in) {
    return {.directory = in,
            .sync = random().one_in(2) ? Sync::every : Sync::interval,
            .interval = std::chrono::microseconds(200 + random().below(3'000)),
            .segment_bytes = std::uint64_t{16'384} << random().below(4)};
  }
  std::unique_ptr<Process> begin_life(Lives& lives) {
    const std::uint64_t lived = lives.board().lives;
    auto process = start("publisher", [&lives, seed = random().next()] { lives.live(seed, kEventsOfALife); });
    await("a publisher to open its journal", [&] { return lives.board().lives > lived; });
    return process;
  }
  void let_it_publish(Lives& lives) {
    const std::uint64_t until = lives.board().published + random().below(kEventsOfALife / 2);
    await("the publisher to publish", [&] { return lives.board().published >= until; });
    pass_ns(random().below(1'000'000));
  }

  std::uint64_t moment(const Disk& disk, const LifeBoard& board);
  std::string power_cuts(std::uint64_t cuts);
  std::string crash_images(std::uint64_t images);
};

// What is wrong after one of them; empty: nothing.
std::string PowerCut::power_cuts(std::uint64_t cuts) {
  const std::string image = directory() + "/image";
  make_empty_disk(image, kDiskBytes);
  make_ext4(image);
  FileSystem files(image, directory() + "/mounted");
  std::unique_ptr<Lives> lives;
  std::uint64_t durable = 0;
  for (std::uint64_t cut = 0; cut < cuts; ++cut) {
    const std::string place = files.path() + "/journal-" + std::to_string(cut / kLivesOfAJournal);
    if (cut % kLivesOfAJournal == 0) {
      if (lives) std::filesystem::remove_all(lives->journal().directory);
      forget_ring(directory(), "ring");
      lives = std::make_unique<Lives>("ring", journal(place));
    }
    lives->set_sync(random().one_in(2) ? Sync::every : Sync::interval);
    const auto publisher = begin_life(*lives);
    let_it_publish(*lives);
    // What it says afterwards does not count: a sync that ext4 is in the middle of may succeed and be lost, where it has yet
    // to mark space as written.
    const std::uint64_t reported = lives->board().durable;
    files.cut_power(random().one_in(2) ? FileSystem::Lost::data_only : FileSystem::Lost::data_and_names);
    if (random().one_in(2)) pass_ns(random().below(5'000'000));
    publisher->die();
    files.unmount();
    forget_ring(directory(), "ring");
    files.mount();
    const LifeBoard& board = lives->board();
    if (std::string wrong = lives->check("ring", place, reported, board.published); !wrong.empty())
      return "after cut " + std::to_string(cut) + ": " + wrong;
    durable += reported;
  }
  test::print_counts({{"power cuts of ext4", cuts}, {"durable events looked for", durable}});
  return {};
}

// Most of them between a write of events and its flush, others at any instant or soon after something was reported durable.
std::uint64_t PowerCut::moment(const Disk& disk, const LifeBoard& board) {
  const std::uint64_t any = random().below(disk.log_entries());
  switch (random().below(8)) {
    case 0: return any;
    case 1:
      return std::min(board.claim.at(random().below(board.claims)).log_entries + random().below(3), disk.log_entries());
    case 2: return disk.next_flush(any);
    default: return disk.next_flush(disk.next_events(any));
  }
}

// Likewise. Several lives on one disk, some of them with a ring that is lost too; so images of recoveries are among them.
std::string PowerCut::crash_images(std::uint64_t images) {
  Disk disk(directory() + "/disk", kDiskBytes);
  make_ext4(disk.path());
  Lives lives("ring", journal(directory() + "/mounted/journal"), &disk);
  {
    const FileSystem files(disk.path(), directory() + "/mounted");
    disk.begin_log();
    for (std::uint64_t life = 0; life < kImageLives; ++life) {
      lives.set_sync(random().one_in(2) ? Sync::every : Sync::interval);
      const auto publisher = begin_life(lives);
      let_it_publish(lives);
      publisher->die();
      if (random().one_in(2)) forget_ring(directory(), "ring");
    }
  }
  const LifeBoard& board = lives.board();
  std::vector<std::uint64_t> cuts;
  for (std::uint64_t i = 0; i < images; ++i) cuts.push_back(moment(disk, board));
  std::ranges::sort(cuts);
  CrashImages crash(disk);
  for (const std::uint64_t cut : cuts) {
    const std::string image = directory() + "/image";
    crash.make(cut, random(), image);
    forget_ring(directory(), "ring");
    FileSystem files(image, directory() + "/image-mounted");
    if (std::string wrong = lives.check("ring", files.path() + "/journal", lives.durable_at(cut), ~std::uint64_t{0});
        !wrong.empty())
      return "after " + std::to_string(cut) + " writes and flushes: " + wrong;
    files.unmount();
  }
  test::print_counts({{"block images of ext4", images}});
  std::printf("%llu writes and flushes: %llu writes left out, %llu torn; %llu durable events\n",
              static_cast<unsigned long long>(disk.log_entries()), static_cast<unsigned long long>(crash.writes_left_out()),
              static_cast<unsigned long long>(crash.torn()), static_cast<unsigned long long>(board.durable));
  if (crash.writes_left_out() < images / 4 || crash.torn() < images / 16)
    return "too little was lost for this to show anything";
  return {};
}

TEST_F(PowerCut, TakesNoDurableEventBack) { EXPECT_EQ(power_cuts(scaled(kCuts)), ""); }

TEST_F(PowerCut, ShowsAJournalThatAcknowledgesBeforeTheSync) {
  mutants::switch_on("acknowledge_before_sync");  // in the processes that are started, too
  expect_loss(power_cuts(kMutantTries));
}

TEST_F(PowerCut, LeavesNoImageWithoutWhatWasDurable) { EXPECT_EQ(crash_images(scaled(kImages)), ""); }

TEST_F(PowerCut, LeavesImagesThatShowAJournalThatAcknowledgesBeforeTheSync) {
  mutants::switch_on("acknowledge_before_sync");  // in the processes that are started, too
  expect_loss(crash_images(kMutantTries));
}

}  // namespace
}  // namespace ringbolt::scenario

extern "C" void ringbolt_on_step(ringbolt::core::Step /*step*/) {}
