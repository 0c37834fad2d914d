// What a disk can do to a journal while it runs: be full, stand still, lose its power, allow no writing, be taken away. The
// publisher waits or is told, those who read the ring go on, and it heals by itself when the cause goes, with nothing lost.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <ringbolt/ipc/descriptor.hpp>

#include "scenario/support_disk.hpp"
#include "scenario/support_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Shape kShape{.usual_bytes = 200};
constexpr std::uint64_t kSome = 5'000;  // events; some rings full
constexpr std::uint64_t kSegmentBytes = 65'536;
constexpr std::uint64_t kPowerCuts = 8;

struct Board {
  Count published;
  Count durable;  // told the publisher
  Count gated;    // newest event that a consumer has handled
  Count lossy;
  Count audited;
  Count committed_durably;
  Count over;
};

// A file that takes all the room that is left.
class Ballast {
 public:
  explicit Ballast(const std::string& directory) : path_(directory + "/ballast") {
    const ipc::Descriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    off_t end = 0;
    for (off_t bytes = 1 << 20; bytes >= 4'096; bytes /= 2) {
      while (::fallocate(file.get(), 0, end, bytes) == 0) end += bytes;
    }
    require(file && errno == ENOSPC, "cannot fill " + directory);
  }
  ~Ballast() { ::unlink(path_.c_str()); }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

 private:
  std::string path_;
};

class JournalLuck : public Scene {
 protected:
  void SetUp() override {
    const std::string why = enter_own_mounts();
    if (!why.empty()) GTEST_SKIP() << why;
  }
  void TearDown() override {
    if (!memory_.empty()) ::umount2(memory_.c_str(), MNT_DETACH);
  }

  [[nodiscard]] std::string new_ext4(std::uintmax_t bytes) {
    const std::string image = disk() + "/image";
    ipc::Descriptor(::open(image.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    fs::resize_file(image, bytes);
    make_ext4(image);
    return image;
  }
  // A file system in memory, of so many bytes.
  [[nodiscard]] std::string new_memory(const char* size) {
    const std::string path = directory() + "/memory";
    fs::create_directory(path);
    require(::mount("none", path.c_str(), "tmpfs", 0, size) == 0, "cannot mount a file system in memory");
    return memory_ = path;
  }

  [[nodiscard]] static PublisherOptions options(const std::string& place, Sync sync, OnStall on_stall = OnStall::wait) {
    return {.capacity_bytes = core::kMinCapacityBytes,
            .journal = {.directory = place + "/journal",
                        .sync = sync,
                        .interval = 2ms,
                        .segment_bytes = kSegmentBytes,
                        .on_stall = on_stall}};
  }
  // Until it is told that this is over; then it closes the stream.
  void publish(const PublisherOptions& options);
  // Reads to the end of the stream; nothing is lost unless `may_lose`.
  void consume(const ConsumerOptions& options, Count& handled, bool may_lose = false);
  // What the journal still has, up to `last`, is whole.
  static void check_journal(const std::string& place, std::uint64_t last);
  [[nodiscard]] static JournalStat journal_stat() { return stat_ring("ring").journal.value(); }

  void fill_and_wait(const std::string& place, Sync sync);
  void fill_and_fail(const std::string& place, Sync sync);
  void cut_power_once(FileSystem& files, FileSystem::Lost lost);

  Shared<Board> board_;
  std::string memory_;
};

void JournalLuck::publish(const PublisherOptions& options) {
  Publisher publisher = Publisher::open("ring", options);
  Source source(publisher, kShape, 1);
  while (board_->over == 0) {
    board_->published = source.publish();
    if (board_->published % 20 == 0) breathe();  // a disk is small
  }
  publisher.close();
}

void JournalLuck::consume(const ConsumerOptions& options, Count& handled, bool may_lose) {
  Consumer consumer = Consumer::attach("ring", options);
  Ledger ledger(kShape);
  while (ledger.read_some(consumer)) handled = ledger.next() - 1;
  require(may_lose || ledger.lost() == 0, "events were lost");
  handled = ledger.next() - 1;
}

void JournalLuck::check_journal(const std::string& place, std::uint64_t last) {
  JournalReader reader = JournalReader::open(place + "/journal");
  Ledger ledger(kShape);
  Event event;
  Status status = Status::ok;
  while ((status = reader.next(event)) == Status::ok) ledger.event(event);
  EXPECT_EQ(status, Status::empty) << reader.last_gap().first << " to " << reader.last_gap().last;
  EXPECT_EQ(ledger.next(), last + 1);
}

void JournalLuck::fill_and_wait(const std::string& place, Sync sync) {
  create_ring("ring", options(place, sync));
  static_cast<void>(Publisher::open("ring", options(place, sync)));  // the journal is there, and cursors go beside it
  std::vector<std::unique_ptr<Process>> all;
  all.push_back(start("gate", [&] { consume({.name = "billing", .policy = Policy::gate}, board_->gated); }));
  all.push_back(start("journal", [&] { consume({.name = "audit"}, board_->audited); }));
  all.push_back(start("lossy", [&] { consume({.policy = Policy::lossy}, board_->lossy, true); }));
  await("three consumers", [] { return stat_ring("ring").consumers.size() == 4; });  // and the journal
  all.push_back(start("publisher", [&] { publish(options(place, sync)); }));
  // From all, since a cursor that is made on a full disk is refused.
  await("events", [&] { return board_->audited > kSome && board_->gated > kSome && board_->lossy != 0; });
  std::uint64_t stands_at = 0;
  {
    const Ballast ballast(place);
    await("the journal to stall", [] { return journal_stat().state == "stalled"; });
    await("the publisher to wait, and the consumers to have everything", [&] {
      stands_at = board_->published;
      pass_ns(20'000'000);
      return board_->published == stands_at && board_->gated >= stands_at && board_->lossy >= stands_at &&
             board_->audited >= stands_at;
    });
    const JournalStat stat = journal_stat();
    EXPECT_EQ(stat.error, ENOSPC);
    EXPECT_GT(stat.failures, 0U);
    EXPECT_GT(stat.lag_events, 0U);
  }
  await("it to heal", [&] { return board_->audited > stands_at + kSome; });
  board_->over = 1;
  for (const auto& process : all) {
    await("everybody to reach the end", [&] { return process->ended(); });
    process->finish();
  }
  EXPECT_EQ(board_->gated, board_->published);
  EXPECT_EQ(board_->audited, board_->published);
  check_journal(place, board_->published);
}

void JournalLuck::fill_and_fail(const std::string& place, Sync sync) {
  Publisher publisher = Publisher::open("ring", options(place, sync, OnStall::fail));
  Source source(publisher, kShape, seed());
  for (std::uint64_t i = 0; i < kSome; ++i) source.publish();
  std::uint64_t last = 0;
  {
    const Ballast ballast(place);
    await("the ring to be full", [&] { return source.try_publish().status == Status::journal_stalled; });
    last = publisher.next_sequence() - 1;
    EXPECT_EQ(source.publish_for(10s).status, Status::journal_stalled);
    const auto refusal = error_of([&] { source.publish(); });
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code(), Code::journal_stalled);
    EXPECT_EQ(refusal->system_errno(), ENOSPC) << refusal->what();
    if (sync != Sync::none) {
      EXPECT_EQ(error_of([&] { publisher.wait_durable(last); }).value().code(), Code::journal_stalled);
      EXPECT_LT(publisher.durable_sequence(), last);
    }
    EXPECT_EQ(publisher.next_sequence(), last + 1) << "something was published that was refused";
  }
  await("it to heal", [&] { return source.try_publish().status == Status::ok; });
  for (std::uint64_t i = 0; i < kSome; ++i) source.publish();
  last = publisher.next_sequence() - 1;
  EXPECT_TRUE(sync == Sync::none || publisher.wait_durable(last));
  await("everything to be written", [&] { return journal_stat().written_sequence == last; });
  check_journal(place, last);
}

TEST_F(JournalLuck, AFullDiskMakesThePublisherWaitAndHeals) {
  const FileSystem files(new_ext4(64 << 20), directory() + "/mounted");
  fill_and_wait(files.path(), Sync::every);
}
TEST_F(JournalLuck, AFullDiskMakesThePublisherWaitAndHealsWhereNothingIsSynced) {
  fill_and_wait(new_memory("size=64m"), Sync::none);
}
TEST_F(JournalLuck, AFullDiskIsToldThePublisherAndHeals) {
  const FileSystem files(new_ext4(64 << 20), directory() + "/mounted");
  fill_and_fail(files.path(), Sync::interval);
}
TEST_F(JournalLuck, AFullDiskIsToldThePublisherAndHealsWhereNothingIsSynced) {
  fill_and_fail(new_memory("size=64m"), Sync::none);
}

// Nothing reaches the disk, and no call returns. Who comes after what is durable sees nothing above it.
TEST_F(JournalLuck, AFrozenDiskShowsNobodyWhatIsNotDurable) {
  FileSystem files(new_ext4(64 << 20), directory() + "/mounted");
  const auto publisher = start("publisher", [&] {
    Publisher mine = Publisher::open("ring", options(files.path(), Sync::every, OnStall::fail));
    Source source(mine, kShape, 1);
    for (std::uint64_t i = 0; i < kSome; ++i) board_->published = source.publish();
    require(mine.wait_durable(kSome), "it does not become durable");
    board_->durable = kSome;
    await("the disk to stand still", [&] { return board_->over == 1; });
    while (mine.durable_sequence() != 0) {
      const PublishResult result = source.try_publish();
      if (result.status == Status::journal_stalled) break;  // the ring has been full for a second
      if (result) board_->published = result.sequence;
    }
    require(!mine.wait_durable(mine.next_sequence() - 1, 20ms), "it is durable on a disk that stands still");
    board_->over = 2;
    require(mine.wait_durable(mine.next_sequence() - 1), "it does not become durable");
    board_->durable = mine.next_sequence() - 1;
    mine.close();
  });
  await("a ring", [&] { return board_->durable != 0; });
  const auto lossy =
      start("lossy", [&] { consume({.policy = Policy::lossy, .start = Start::latest}, board_->lossy, true); });
  const auto careful = start("after durable", [&] {
    Consumer mine = Consumer::attach("ring", {.policy = Policy::lossy, .start = Start::latest, .after = durable});
    Ledger ledger(kShape);
    bool more = true;
    while (more) {
      more = ledger.read_some(mine);
      const std::uint64_t shown = ledger.next() == 0 ? 0 : ledger.next() - 1;
      board_->gated = shown;
      require(shown <= journal_stat().durable_sequence, "shown is " + std::to_string(shown));
    }
  });
  await("two consumers", [] { return stat_ring("ring").consumers.size() == 3; });
  // Thawed before the processes are waited for, also when this fails.
  struct Frozen {
    FileSystem& files;
    explicit Frozen(FileSystem& all) : files(all) { files.freeze(); }
    ~Frozen() { files.thaw(); }
    Frozen(const Frozen&) = delete;
    Frozen& operator=(const Frozen&) = delete;
  };
  std::uint64_t durable_before = 0;
  {
    const Frozen frozen(files);
    durable_before = journal_stat().durable_sequence;
    board_->over = 1;
    await("the publisher to be told", [&] { return board_->over == 2; });
    await("the ring's consumer to go on", [&] { return board_->lossy == board_->published; });
    EXPECT_GT(board_->published, durable_before + 100);
    EXPECT_LE(journal_stat().durable_sequence, durable_before);
    EXPECT_LE(board_->gated, durable_before);
  }
  for (const Process* process : {publisher.get(), lossy.get(), careful.get()})
    await("everybody to reach the end", [&] { return process->ended(); });
  publisher->finish();
  lossy->finish();
  careful->finish();
  EXPECT_EQ(board_->gated, board_->published);
}

// What was told durable, and what somebody who comes after that was shown, is there after the power has gone; so is a cursor
// that was committed durably.
void JournalLuck::cut_power_once(FileSystem& files, FileSystem::Lost lost) {
  const auto publisher = start("publisher", [&] {
    PublisherOptions mine_options = options(files.path(), random().one_in(4) ? Sync::every : Sync::interval);
    mine_options.journal.interval = std::chrono::nanoseconds(1'000'000 + random().below(30'000'000));
    Publisher mine = Publisher::open("ring", mine_options);
    board_->published = mine.next_sequence() - 1;
    Source source(mine, kShape, 1);
    for (;;) {
      board_->published = source.publish();
      board_->durable = mine.durable_sequence();
    }
  });
  const std::uint64_t before = board_->durable;
  await("events", [&] { return board_->durable > before + 100; });
  const auto billing = start("billing", [&] {
    Random random(seed());
    Consumer mine = Consumer::attach("ring", {.name = "billing", .after = durable});
    const auto failure = error_of([&] {
      Event event;
      while (mine.next_for(event, 10s) == Status::ok) {
        require(event.sequence > board_->committed_durably, "billing is shown again what it committed durably");
        check_event(event, kShape);
        board_->gated = event.sequence;
        mine.commit(event.sequence);
        if (!random.one_in(100)) continue;
        mine.commit_durable();
        board_->committed_durably = event.sequence;
      }
    });
    require(!failure || failure->system_errno() == EIO, failure ? failure->what() : "");  // the power is off
  });
  const std::uint64_t committed = board_->committed_durably;
  await("a durable commit", [&] { return board_->committed_durably > committed; });
  pass_ns(random().below(20'000'000));
  // Of a sync that is under way at that moment the kernel itself may say too much.
  const std::uint64_t told = board_->durable;
  const std::uint64_t shown = board_->gated;
  const std::uint64_t kept = board_->committed_durably;
  files.cut_power(lost);
  pass_ns(random().below(3'000'000));
  for (Process* process : {publisher.get(), billing.get()}) {
    process->send(SIGKILL);
    static_cast<void>(process->wait());
  }
  fs::remove_all(directory() + "/ring");
  files.unmount();
  files.mount();
  const Publisher next = Publisher::open("ring", options(files.path(), Sync::every));
  EXPECT_GT(next.next_sequence(), told);
  EXPECT_GT(next.next_sequence(), shown);
  const Consumer again = Consumer::attach("ring", {.name = "billing", .after = durable});
  EXPECT_GT(again.next_sequence(), kept);
  EXPECT_LE(again.next_sequence(), board_->gated + 1);
  board_->committed_durably = kept;
  board_->published = board_->durable = next.next_sequence() - 1;
}

TEST_F(JournalLuck, APowerCutTakesNothingThatWasToldDurable) {
  for (std::uint64_t cuts = 0; another(cuts, kPowerCuts);) {
    FileSystem files(new_ext4(64 << 20), directory() + "/mounted");  // a new one before it is full
    for (Count* count : {&board_->published, &board_->durable, &board_->gated, &board_->committed_durably}) *count = 0;
    for (std::uint64_t i = 0; i < kPowerCuts; ++i, ++cuts) {
      cut_power_once(files, random().one_in(4) ? FileSystem::Lost::data_only : FileSystem::Lost::data_and_names);
      if (HasFailure()) return;
    }
    remove_ring("ring", true);
  }
}

// Whoever would write is told before anything else happens; whoever reads, reads.
TEST_F(JournalLuck, OnAReadOnlyFileSystemItIsReadAndNotWritten) {
  FileSystem files(new_ext4(64 << 20), directory() + "/mounted");
  const auto writable = [&](bool yes) {
    return ::mount(nullptr, files.path().c_str(), nullptr, yes ? MS_REMOUNT : MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  };
  {
    Publisher publisher = Publisher::open("ring", options(files.path(), Sync::every));
    Source source(publisher, kShape, 1);
    for (std::uint64_t i = 0; i < kSome; ++i) source.publish();
    publisher.wait_durable(kSome);
    EXPECT_FALSE(writable(false)) << "the kernel let go of a file system that is written to";
  }
  ASSERT_TRUE(writable(false));
  const auto refusal = error_of([&] { static_cast<void>(Publisher::open("ring", options(files.path(), Sync::every))); });
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code(), Code::not_allowed) << refusal->what();
  EXPECT_EQ(refusal->system_errno(), EROFS) << refusal->what();
  EXPECT_EQ(error_of([] { static_cast<void>(Consumer::attach("ring", {.name = "billing"})); }).value().code(),
            Code::not_allowed);
  {
    Consumer consumer = Consumer::attach("ring");
    Ledger ledger(kShape);
    while (ledger.next() <= kSome) require(ledger.read_some(consumer), "the stream is closed");
    EXPECT_EQ(ledger.lost(), 0U);
    EXPECT_NE(consumer.counters().turns_to_journal, 0U);
  }
  check_journal(files.path(), kSome);
  ASSERT_TRUE(writable(true));
  Publisher publisher = Publisher::open("ring", options(files.path(), Sync::every));
  EXPECT_EQ(publisher.next_sequence(), kSome + 1);
}

}  // namespace
}  // namespace ringbolt::scenario
