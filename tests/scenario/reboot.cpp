// The machine starts anew: rings, which are in memory, are gone, journals and the cursors beside them are still there. The
// next publisher goes on with the sequence behind the journal, and every name behind its last commit; or it is told why it
// cannot.
#include <signal.h>

#include "scenario/support_stream.hpp"

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace ringbolt::scenario {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint64_t kLive = 1'000;  // events behind the reboot
constexpr Shape kShape{.usual_bytes = 200};

struct Board {
  Count ready;
  Count committed;
  Count received;
};

// A million lines, each another, made of a package manager's log.
class RealFile {
 public:
  explicit RealFile(const std::string& path) {
    std::vector<std::string> sample;
    for (const char* const part : {"/tools/sample/dpkg_install.inc", "/tools/sample/dpkg_upgrade.inc"}) {
      std::ifstream in(RINGBOLT_SOURCE_DIR + std::string(part));
      for (std::string line; std::getline(in, line);) sample.push_back(line);
    }
    require(!sample.empty(), "there is no sample to make a file of");
    {
      std::ofstream out(path);
      for (std::uint64_t i = 0; i < kMillion; ++i) out << i << ' ' << sample[i % sample.size()] << '\n';
    }
    std::ostringstream all;
    all << std::ifstream(path).rdbuf();
    text_ = all.str();
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = text_.find('\n', at);
      lines_.emplace_back(text_.data() + at, end - at);
      at = end + 1;
    }
    require(lines_.size() == kMillion, "the file has " + std::to_string(lines_.size()) + " lines");
  }
  // What event `sequence` is; behind the file it is about itself.
  [[nodiscard]] std::string line(std::uint64_t sequence) const {
    return sequence <= lines_.size() ? std::string(lines_[sequence - 1]) : "live " + std::to_string(sequence);
  }

 private:
  std::string text_;
  std::vector<std::string_view> lines_;
};

class Reboot : public Scene {
 protected:
  void SetUp() override {
    if (!disk_syncs()) GTEST_SKIP() << "there is no disk: " << disk() << " is in memory";
    journal_ = disk() + "/journal";
  }

  [[nodiscard]] PublisherOptions options(Sync sync = Sync::every) const {
    return {.capacity_bytes = core::kMinCapacityBytes,
            .journal = {.directory = journal_, .sync = sync, .segment_bytes = 65'536}};
  }
  // Every process that had the ring open is gone.
  void reboot() const { fs::remove_all(directory() + "/ring"); }

  static void publish_until(Publisher& publisher, std::uint64_t last, Sync sync = Sync::every) {
    Source source(publisher, kShape, last);
    while (publisher.next_sequence() <= last) source.publish();
    if (sync != Sync::none) require(publisher.wait_durable(last), "it does not become durable");
  }
  // What this consumer is handed until event `last`.
  static void read_until(Consumer& consumer, std::uint64_t from, std::uint64_t last) {
    Ledger ledger(kShape, from);
    while (ledger.next() <= last) require(ledger.read_some(consumer, last + 1 - ledger.next()), "the stream is closed");
    require(ledger.lost() == 0, "events were lost");
  }
  // `billing` has committed event `sequence`, durably.
  static void commit_as_billing(std::uint64_t sequence, Policy policy = Policy::automatic) {
    Consumer billing = Consumer::attach("ring", {.name = "billing", .policy = policy, .start = Start::earliest});
    Event event;
    while (event.sequence < sequence) require(billing.next_for(event, 10s) == Status::ok, "billing gets nothing");
    billing.commit_durable();
  }
  [[nodiscard]] static std::optional<Error> refusal() {
    return error_of([] { static_cast<void>(Consumer::attach("ring", {.name = "billing"})); });
  }
  // The journal as it is now, to be found again after a power cut. Cursors are files of their own.
  void keep_copy() { fs::copy(journal_, disk() + "/older", fs::copy_options::recursive); }
  void lose_to_copy() {
    for (const auto& entry : fs::directory_iterator(journal_)) {
      if (!entry.is_directory()) fs::remove(entry.path());
    }
    for (const auto& entry : fs::directory_iterator(disk() + "/older")) {
      if (!entry.is_directory()) fs::copy_file(entry.path(), fs::path(journal_) / entry.path().filename());
    }
  }

  std::string journal_;
  Shared<Board> board_;
};

TEST_F(Reboot, BillingGoesOnAfterItsLastCommitAMillionEventsLater) {
  const RealFile file(disk() + "/million.log");
  const std::uint64_t stops_at = kMillion / 4 + random().below(kMillion / 2);
  const PublisherOptions million{.capacity_bytes = std::uint64_t{1} << 20,
                                 .journal = {.directory = journal_, .segment_bytes = std::uint64_t{8} << 20}};
  {
    const auto publisher = start("publisher", [&] {
      Publisher mine = Publisher::open("ring", million);
      ++board_->ready;
      for (std::uint64_t i = 1; i <= kMillion; ++i) mine.publish(file.line(i));
      require(mine.wait_durable(kMillion), "it does not become durable");
      ++board_->ready;
      await("the end", [] { return false; });
    });
    await("the ring", [&] { return board_->ready != 0; });
    const auto billing = start("billing", [&] {
      Consumer mine = Consumer::attach("ring", {.name = "billing"});
      Event event;
      while (event.sequence < stops_at) require(mine.next_for(event, 10s) == Status::ok, "billing gets nothing");
      mine.commit_durable();
      board_->committed = event.sequence;
      while (mine.next_for(event, 10s) == Status::ok) {  // and reads on, without a commit
      }
    });
    await("billing to commit", [&] { return board_->committed != 0; });
    await("the file to be published", [&] { return board_->ready == 2; });
    billing->die();
    publisher->die();
  }
  ASSERT_EQ(board_->committed, stops_at);
  reboot();

  const auto publisher = start("publisher", [&] {
    Publisher mine = Publisher::open("ring", million);
    require(mine.next_sequence() == kMillion + 1, "the new ring goes on at " + std::to_string(mine.next_sequence()));
    ++board_->ready;
    await("billing to reach the end of the journal", [&] { return board_->received >= kMillion; });
    for (std::uint64_t i = 1; i <= kLive; ++i) mine.publish(file.line(kMillion + i));
    mine.close();
  });
  await("the new ring", [&] { return board_->ready == 3; });
  const auto billing = start("billing", [&] {
    Consumer mine = Consumer::attach("ring", {.name = "billing"});
    std::uint64_t expected = stops_at + 1;
    const auto take = [&](const Event& event) {
      if (event.sequence != expected || event.text() != file.line(expected)) {
        fail("event " + std::to_string(event.sequence) + ", " + std::string(event.text()) + ", where " +
             std::to_string(expected) + " should come, " + file.line(expected));
      }
      ++expected;
    };
    PollResult result;
    while ((result = mine.try_poll(take)).status != Status::closed) {
      require(result.status == Status::ok || result.status == Status::empty, status_name(result.status));
      board_->received = expected - 1;
      if (result.count == 0) static_cast<void>(mine.wait_for(100ms));
    }
    require(expected == kMillion + kLive + 1, "billing ends before " + std::to_string(expected));
    require(mine.counters().turns_to_journal != 0 && !mine.in_journal(), "billing did not turn back to the ring");
  });
  await("billing to reach the end", [&] { return billing->ended(); });
  billing->finish();
  publisher->finish();
  EXPECT_EQ(stat_ring("ring").first_sequence, kMillion + 1);
}

TEST_F(Reboot, ACursorOfWhatAPowerCutTookBackIsToldSo) {
  {
    Publisher publisher = Publisher::open("ring", options());
    publish_until(publisher, 1'000);
    keep_copy();
    publish_until(publisher, 2'000);
    commit_as_billing(1'500);
  }
  reboot();
  lose_to_copy();

  {
    Publisher publisher = Publisher::open("ring", options());
    ASSERT_EQ(publisher.next_sequence(), 1'001U);
    const auto beyond = refusal();
    ASSERT_TRUE(beyond);
    EXPECT_EQ(beyond->code(), Code::cursor_ahead);
    EXPECT_NE(std::string(beyond->what()).find("1500"), std::string::npos) << beyond->what();
    // Other events have those numbers now.
    publish_until(publisher, 2'000);
    EXPECT_EQ(refusal().value().code(), Code::cursor_ahead);
  }
  reboot();
  {
    // Also where they are in the journal alone.
    Publisher publisher = Publisher::open("ring", options());
    ASSERT_EQ(publisher.next_sequence(), 2'001U);
    const auto other = refusal();
    ASSERT_TRUE(other);
    EXPECT_EQ(other->code(), Code::cursor_ahead);
    {
      Consumer billing = Consumer::attach("ring", {.name = "billing", .start = Start::at(1'001)});
      read_until(billing, 1'001, 1'200);
    }
    Consumer billing = Consumer::attach("ring", {.name = "billing"});
    EXPECT_EQ(billing.next_sequence(), 1'201U);
    read_until(billing, 1'201, 2'000);
  }
}

// Under policy none a power cut takes any part of what was not on the disk yet.
TEST_F(Reboot, ACursorOfWhatWasNeverSyncedIsToldSo) {
  std::uint64_t cut = 0;
  {
    Publisher publisher = Publisher::open("ring", options(Sync::none));
    publish_until(publisher, 300, Sync::none);
    await("the journal to write", [] { return stat_ring("ring").journal->written_sequence == 300; });
    commit_as_billing(299);
  }
  reboot();
  {
    JournalReader reader = JournalReader::open(journal_);
    Event event;
    while (event.sequence < 200) ASSERT_EQ(reader.next(event), Status::ok);
    const JournalPlace place = reader.place();
    fs::resize_file(place.file, place.offset);  // zeros from event 200 on
    fs::resize_file(place.file, 65'536);
    fs::remove(journal_ + "/durable");  // which a clean end had written
    cut = 200;
  }
  Publisher publisher = Publisher::open("ring", options(Sync::none));
  EXPECT_EQ(publisher.next_sequence(), cut);
  EXPECT_EQ(refusal().value().code(), Code::cursor_ahead);
  Consumer billing = Consumer::attach("ring", {.name = "billing", .start = Start::earliest});
  publish_until(publisher, cut + 10, Sync::none);
  read_until(billing, 1, cut + 10);
}

// Who does not read the journal loses what only the journal has, and is told exactly that.
TEST_F(Reboot, WhoDoesNotReadTheJournalIsToldTheGap) {
  std::uint64_t published = 0;
  for (const Policy policy : {Policy::gate, Policy::lossy}) {
    const std::uint64_t first = published + 1;
    const std::uint64_t committed = published + 50;
    {
      Publisher publisher = Publisher::open("ring", options());
      ASSERT_EQ(publisher.next_sequence(), first);
      publish_until(publisher, committed);
      Consumer billing = Consumer::attach("ring", {.name = "billing", .policy = policy, .start = Start::at(first)});
      read_until(billing, first, committed);
    }
    {
      Publisher publisher = Publisher::open("ring", options());
      publish_until(publisher, first + 999);
    }
    reboot();
    published = first + 999;
    Publisher publisher = Publisher::open("ring", options());
    Consumer billing = Consumer::attach("ring", {.name = "billing", .policy = policy});
    Event event;
    ASSERT_EQ(billing.try_next(event), Status::gap);
    EXPECT_EQ(billing.last_gap().first, committed + 1);
    EXPECT_EQ(billing.last_gap().last, published);
    publish_until(publisher, ++published);
    ASSERT_EQ(billing.next_for(event, 10s), Status::ok);
    EXPECT_EQ(event.sequence, published);
    check_event(event, kShape);
  }
}

TEST_F(Reboot, APublisherWithoutTheOptionGetsItsJournalAgain) {
  {
    Publisher publisher = Publisher::open("ring", options());
    publish_until(publisher, 100);
  }
  const auto killed = start("publisher", [] {
    Publisher publisher = Publisher::open("ring");
    publish_until(publisher, 200);
    ::raise(SIGKILL);
  });
  EXPECT_EQ(killed->wait(), -SIGKILL);
  {
    Publisher publisher = Publisher::open("ring");
    EXPECT_EQ(publisher.next_sequence(), 201U);
    publish_until(publisher, 300);  // waits until it is durable
    const RingStat stat = stat_ring("ring");
    EXPECT_EQ(stat.journal.value().directory, journal_);
    EXPECT_EQ(stat.journal->sync, "every");
    EXPECT_EQ(stat.journal->state, "running");
  }
  // But not one that was given up.
  detach_journal("ring");
  Publisher publisher = Publisher::open("ring");
  EXPECT_EQ(stat_ring("ring").journal.value().state, "detached");
}

}  // namespace
}  // namespace ringbolt::scenario
